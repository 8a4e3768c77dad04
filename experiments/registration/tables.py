"""The comparison as numbers and as Markdown, beside the paper's own.

Source: StillebenDR (Periyasamy and Behnke), Table 1. Its unit is not stated, so only
ratios compare.
"""

from collections.abc import Mapping

import numpy as np

from experiments.registration.evaluate import METHODS, MODES, Distances
from experiments.tables import markdown_table

OURS = "joint"
GROWTH = 1.3  # how much the error may grow with the noise
TITLES = {
    "canonical": "undeformed",
    "cpd": "CLS (3D)",
    "regressor": "regressor (RGB)",
    "joint": "ours (RGB)",
    "newton": "Gauss-Newton (RGB)",
    "features": "features",
    "pixels": "pixels",
    "silhouettes": "silhouettes",
}
MAIN = "canonical", "cpd", "regressor", "joint", "newton"
ABLATION = "joint", "features", "pixels", "silhouettes"
# Mean and deviation of ground truth, then CLS, DeepCPD, ours with known poses, then
# with noise.
PAPER = {
    "camera T1": "34.61 (1.97) | 51.93 (10.45) | 102.17 (47.89) | 122.43 (22.86) "
    "| 168.54 (357.8) | 105.26 (64.21) | 126.65 (28.31)",
    "camera T2": "16.45 (1.61) | 19.87 (4.59) | 18.80 (5.11) | 66.54 (29.73) "
    "| 406.45 (492.03) | 306.96 (127.89) | 89.65 (33.54)",
    "bottle T1": "23.25 (2.34) | 25.92 (5.18) | 45.21 (9.75) | 52.63 (19.45) "
    "| 297.79 (579.49) | 227.90 (146.0) | 75.41 (34.23)",
    "bottle T2": "90.42 (28.54) | 72.33 (11.35) | 88.35 (18.39) | 112.84 (25.78) "
    "| 852.40 (1818) | 289.36 (147.68) | 112.76 (31.76)",
    "spray T1": "29.84 (1.42) | 30.78 (1.89) | 47.87 (12.99) | 77.74 (26.95) "
    "| 1035 (406.69) | 146.89 (117.57) | 89.59 (33.75)",
    "spray T2": "111.94 (14.29) | 121.19 (19.16) | 154.97 (82.34) | 151.21 (79.76) "
    "| 1488 (554.33) | 255.69 (167.32) | 178.42 (88.14)",
    "drill T1": "21.18 (0.949) | 28.86 (1.42) | 52.71 (23.54) | 71.54 (34.56) "
    "| 232.35 (1325) | 92.96 (58.23) | 84.34 (43.56)",
    "drill T2": "63.95 (5.23) | 58.50 (21.51) | 119.88 (107.43) | 134.21 (89.16) "
    "| 215.54 (565.48) | 262.31 (228.40) | 157.27 (96.36)",
}


def registration_metrics(truth: np.ndarray, distances: Distances) -> dict[str, float]:
    """The figures of a comparison.

    Args:
      truth: `[I, M]` metres from the fit to the whole instance to its surface.
      distances: `[I, V, M]` metres for each of `METHODS` and `MODES`, of all
        instances.

    Returns:
      `mean_mm_{method}_{mode}` over all; `ratio_*` of these means; and of how many
      instances the error with noise is at most `GROWTH` times that without, for ours
      and the others. `median_mm_{method}_{mode}` is the median over pictures.
    """
    means = {
        (m, s): 1e3 * np.mean(d, (1, 2))
        for m, of in distances.items()
        for s, d in of.items()
    }
    metrics = {"mean_mm_truth": float(1e3 * np.mean(truth))}
    metrics |= {f"mean_mm_{m}_{s}": float(np.mean(v)) for (m, s), v in means.items()}
    for method, of in distances.items():
        for mode, d in of.items():
            middle = float(1e3 * np.median(np.mean(d, 2)))
            metrics[f"median_mm_{method}_{mode}"] = middle
    ours = metrics[f"mean_mm_{OURS}_known"]
    metrics["ratio_ours_over_canonical_known"] = (
        ours / metrics["mean_mm_canonical_known"]
    )
    metrics["ratio_ours_over_cpd_known"] = ours / metrics["mean_mm_cpd_known"]
    for method in (m for m in METHODS if m != "canonical"):
        grown = means[method, "noisy"] <= GROWTH * means[method, "known"]
        name = "ours" if method == OURS else method
        metrics[f"count_{name}_noisy_within_1p3"] = float(np.sum(grown))
        metrics[f"growth_{name}"] = float(
            np.mean(means[method, "noisy"]) / np.mean(means[method, "known"])
        )
    return metrics


def result_table(
    names: list[str], truth: np.ndarray, distances: Distances, methods=MAIN
) -> str:
    """Table 1: mean and standard deviation of the point distance.

    Args:
      names: of the `I` instances.
      truth: as for `registration_metrics`.
      distances: likewise.
      methods: which columns.

    Returns:
      Markdown table in millimetres, a row per instance and one for all. Deviations are
      over points and views.
    """
    heads = [f"{TITLES[m]}, {s}" for s in MODES for m in methods]
    rows = []
    for i, name in [*enumerate(names), (slice(None), "all")]:
        cells = [distances[m][s][i] for s in MODES for m in methods]
        rows.append([name, *map(_cell, [truth[i], *cells])])
    return markdown_table(["instance", "ground truth", *heads], rows)


def ratio_table(
    names: list[str], metrics: Mapping[str, float], distances: Distances
) -> str:
    """How the error of each method grows with the noise, for each instance.

    Args:
      names: of the instances.
      metrics: from `registration_metrics`.
      distances: as for it.

    Returns:
      Markdown table of error with noise over error without.
    """
    methods = [m for m in METHODS if m != "canonical"]
    rows = []
    for i, name in enumerate(names):
        cells = [distances[m]["noisy"][i].mean() / distances[m]["known"][i].mean()
                 for m in methods]  # fmt: skip
        rows.append([name, *(f"{x:.2f}" for x in cells)])
    counts = ["ours" if m == OURS else m for m in methods]
    total = [f"{metrics[f'count_{n}_noisy_within_1p3']:.0f}" for n in counts]
    rows.append([f"at most {GROWTH}", *total])
    return markdown_table(["instance", *(TITLES[m] for m in methods)], rows)


def paper_table() -> str:
    """The paper's Table 1.

    Returns:
      Markdown table; the unit is not stated.
    """
    heads = ["instance", "ground truth"]
    heads += [f"{m}, {s}" for s in MODES for m in ("CLS", "DeepCPD", "ours")]
    rows = [[name, *row.split(" | ")] for name, row in PAPER.items()]
    return markdown_table(heads, rows)


def _cell(values: np.ndarray) -> str:
    return f"{1e3 * np.mean(values):.2f} ({1e3 * np.std(values):.2f})"


__all__ = [
    "ABLATION",
    "GROWTH",
    "MAIN",
    "OURS",
    "PAPER",
    "TITLES",
    "paper_table",
    "ratio_table",
    "registration_metrics",
    "result_table",
]
