"""How much the errors fall: the figures of LiDO's Tables 2 and 3.

Errors of `M` scenes over `T` steps have the shape `[M, T + 1, N]` for sets of latents
that each of `N` places for objects has, and `[M, T + 1]` for those of the scene. NaN
stands for empty places and for objects that were not found. Methods may differ in
`T`. Within one method the first entry is the initialization.

Source: Romaszko et al., Learning Direct Optimization, sections 9 and 10.
"""

import itertools
from collections.abc import Mapping

import numpy as np
import scipy.stats

SEARCHES = ("gbo", "simplex")
LEARNED = ("lido", "chosen")
METHODS = (*SEARCHES, *LEARNED)
STATES = ("initial", *METHODS)
SIGNIFICANCE = 0.05
_ROUNDING = 1e-6  # of errors of latents that are right, in single precision
# The paper's sets of latents, as named here: as named by `tabletop_errors`.
OBJECT_SETS = {
    "position": "position",
    "colour": "colour",
    "size": "size",
    "azimuth": "azimuth",
}
GLOBAL_SETS = {
    "illumination": "lighting",
    "camera": "camera",
    "ground_colour": "ground",
}
SETS = OBJECT_SETS | GLOBAL_SETS
# To the units of the tables: sizes and overlaps in per cent, squared errors in 1e-3.
_FACTORS = {"size": 100.0, "iou": 100.0, "mse": 1000.0}
Errors = Mapping[str, Mapping[str, np.ndarray]]


def improvement(initial: np.ndarray, final: np.ndarray) -> float:
    """By how much the median error is lower.

    `100 (1 - median(final) / median(initial))`

    Args:
      initial: errors, any shape.
      final: errors of the same shape. Pairs with NaN are left out.

    Returns:
      Per cent, at most 100; negative where the errors grew, NaN without a pair or
      where the first median is zero but for rounding.
    """
    initial, final = finite_pairs(initial, final)
    if not initial.size or np.median(initial) < _ROUNDING:
        return float("nan")
    return float(100 * (1 - np.median(final) / np.median(initial)))


def hard_cases(initial: np.ndarray) -> np.ndarray:
    """The worse half of the initializations.

    Args:
      initial: `[K]` errors, finite.

    Returns:
      `[K]` bool, True for the `K // 2` greatest (for one error, that one); among
      equals the first.
    """
    worst = np.argsort(-initial, kind="stable")[: max(len(initial) // 2, 1)]
    return np.isin(np.arange(len(initial)), worst)


def hard_changes(initial: np.ndarray, final: np.ndarray) -> np.ndarray:
    """By how much the errors of the hard cases fell.

    Args:
      initial: errors, any shape.
      final: errors of the same shape. Pairs with NaN are left out.

    Returns:
      `[K // 2]` differences `initial - final`; positive is an improvement.
    """
    initial, final = finite_pairs(initial, final)
    return (initial - final)[hard_cases(initial)]


def hard_improved(initial: np.ndarray, final: np.ndarray) -> float:
    """The share of the hard cases whose error is lower.

    Args:
      initial: errors, any shape.
      final: errors of the same shape. Pairs with NaN are left out.

    Returns:
      Per cent; NaN without a pair.
    """
    changes = hard_changes(initial, final)
    return float(100 * np.mean(changes > 0)) if changes.size else float("nan")


def paired_p(a: np.ndarray, b: np.ndarray) -> float:
    """Wilcoxon's signed-rank test of two methods on the same cases.

    Args:
      a: errors, any shape.
      b: errors of the same shape. Pairs with NaN are left out.

    Returns:
      Probability of so great a difference if neither method is better, both sides;
      one where all pairs are equal, NaN without a pair.
    """
    a, b = finite_pairs(a, b)
    if not a.size:
        return float("nan")
    if np.all(a == b):
        return 1.0
    return float(scipy.stats.wilcoxon(a, b).pvalue)


def finite_pairs(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of which neither is NaN or infinite.

    Args:
      a: any shape.
      b: the same shape.

    Returns:
      `[K]` and `[K]` float64.
    """
    a, b = (np.ravel(np.asarray(x, np.float64)) for x in (a, b))
    known = np.isfinite(a) & np.isfinite(b)
    return a[known], b[known]


def median_curve(errors: np.ndarray) -> np.ndarray:
    """The median over scenes and objects after each step.

    Args:
      errors: `[M, T + 1]` or `[M, T + 1, N]`.

    Returns:
      `[T + 1]`; NaN where nothing is finite.
    """
    steps = np.moveaxis(np.asarray(errors, np.float64), 1, 0)
    rows = [row[np.isfinite(row)] for row in steps.reshape(len(steps), -1)]
    return np.array([np.median(row) if row.size else np.nan for row in rows])


def in_table_units(name: str, values: np.ndarray) -> np.ndarray:
    """Values in the units of the paper's tables.

    Args:
      name: of `SETS`, "iou" or "mse".
      values: as by `tabletop_errors` or `tabletop_image_metrics`.

    Returns:
      Sizes and overlaps in per cent, squared errors in thousandths, others as they
      are.
    """
    return _FACTORS.get(name, 1.0) * np.asarray(values, np.float64)


def latent_metrics(errors: Errors, prefix: str = "") -> dict[str, float]:
    """The figures of Table 2.

    Args:
      errors: for each of `METHODS`, errors as named by `tabletop_errors`. All start
        from the same initialization.
      prefix: begins the names.

    Returns:
      For each set `s` of `SETS`: `initial_s`, the median error of the first entry
      (size in per cent); `improvement_{method}_s` and `hard_{method}_s` in per cent;
      `p_{learned}_{search}_s` for each of `LEARNED` and `SEARCHES`, over objects or
      scenes.
    """
    metrics = {}
    for name, source in SETS.items():
        ends = {m: _ends(errors[m][source]) for m in METHODS}
        median = median_curve(ends["lido"][0][:, None])[0]
        metrics[f"initial_{name}"] = float(in_table_units(name, median))
        for method, (first, last) in ends.items():
            metrics[f"improvement_{method}_{name}"] = improvement(first, last)
            metrics[f"hard_{method}_{name}"] = hard_improved(first, last)
        for mine, other in itertools.product(LEARNED, SEARCHES):
            p = paired_p(ends[mine][1], ends[other][1])
            metrics[f"p_{mine}_{other}_{name}"] = p
    return {prefix + name: value for name, value in metrics.items()}


def image_metrics(
    scores: Mapping[str, Mapping[str, np.ndarray]], prefix: str = ""
) -> dict[str, float]:
    """The figures of Tables 3 and 4.

    Args:
      scores: for each of `STATES`, what `tabletop_image_metrics` returns, with a
        leading axis over scenes.
      prefix: begins the names.

    Returns:
      `iou_{object,ground}_{state}` in per cent and `mse_{object,ground}_{state}` in
      thousandths, means over objects or scenes without NaN; for each of these scores
      `s`, `p_{learned}_{search}_s` for each of `LEARNED` and `SEARCHES`.
    """
    metrics = {}
    for score, part in itertools.product(("iou", "mse"), ("object", "ground")):
        name = f"{score}_{part}"
        for state in STATES:
            values = in_table_units(score, scores[state][name])
            known = values[np.isfinite(values)]
            mean = np.mean(known) if known.size else np.nan
            metrics[f"{name}_{state}"] = float(mean)
        for mine, other in itertools.product(LEARNED, SEARCHES):
            p = paired_p(scores[mine][name], scores[other][name])
            metrics[f"p_{mine}_{other}_{name}"] = p
    return {prefix + name: value for name, value in metrics.items()}


def time_metrics(
    seconds: Mapping[str, np.ndarray], prefix: str = ""
) -> dict[str, float]:
    """How long the methods take.

    Args:
      seconds: for each of `METHODS`, `[M, T + 1]` seconds since the start of a scene.
      prefix: begins the names.

    Returns:
      `seconds_per_scene_{method}`, the mean of the last entries.
    """
    return {
        f"{prefix}seconds_per_scene_{m}": float(np.mean(np.asarray(seconds[m])[:, -1]))
        for m in METHODS
    }


def evaluation_metrics(
    errors: Errors,
    scores: Mapping[str, Mapping[str, np.ndarray]],
    seconds: Mapping[str, np.ndarray],
    prefix: str = "",
) -> dict[str, float]:
    """All figures of one test set.

    Args:
      errors: as for `latent_metrics`.
      scores: as for `image_metrics`.
      seconds: as for `time_metrics`.
      prefix: begins the names, such as "shifted_".

    Returns:
      What these three return.
    """
    return (
        latent_metrics(errors, prefix)
        | image_metrics(scores, prefix)
        | time_metrics(seconds, prefix)
    )


def _ends(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors before and after."""
    errors = np.asarray(errors)
    return errors[:, 0], errors[:, -1]


__all__ = [
    "GLOBAL_SETS",
    "LEARNED",
    "METHODS",
    "OBJECT_SETS",
    "SEARCHES",
    "SETS",
    "SIGNIFICANCE",
    "STATES",
    "Errors",
    "evaluation_metrics",
    "finite_pairs",
    "hard_cases",
    "hard_changes",
    "hard_improved",
    "image_metrics",
    "improvement",
    "in_table_units",
    "latent_metrics",
    "median_curve",
    "paired_p",
    "time_metrics",
]
