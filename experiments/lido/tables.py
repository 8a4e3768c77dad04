"""The evaluation as Markdown, beside the paper's own figures.

Source: Romaszko, Williams and Winn, Learning Direct Optimization for Scene
Understanding, Tables 2 and 3 (its synthetic data set), and Table 4 (its photographs,
whose latents nobody knows).
"""

from collections.abc import Mapping, Sequence

from experiments.lido.statistics import (
    LEARNED,
    METHODS,
    SEARCHES,
    SIGNIFICANCE,
    STATES,
)
from experiments.tables import markdown_table

UNITS = {
    "position": "px of 256",
    "colour": "RMSE",
    "size": "%",
    "azimuth": "degrees",
    "illumination": "RMSE",
    "camera": "px of 256",
    "ground_colour": "RMSE",
}
TITLES = {
    "initial": "initial",
    "gbo": "GBO",
    "simplex": "Simplex",
    "lido": "LiDO",
    "chosen": "LiDO, shapes tried",
}
PAPER_INITIAL = {
    "position": 3.23, "colour": 0.027, "size": 7.08, "azimuth": 9.15,
    "illumination": 0.23, "camera": 1.47, "ground_colour": 0.021,
}  # fmt: skip
# Of GBO, Simplex and LiDO, in per cent.
PAPER_IMPROVEMENT = {
    "position": (22.9, 21.0, 51.0),
    "colour": (14.0, 12.4, 59.1),
    "size": (9.7, 32.2, 48.7),
    "azimuth": (20.3, 32.6, 33.1),
    "illumination": (11.3, 18.1, 31.6),
    "camera": (0.3, -1.3, 20.7),
    "ground_colour": (68.2, 42.4, 73.6),
}
PAPER_HARD = {
    "position": (76, 71, 92),
    "colour": (70, 67, 95),
    "size": (72, 70, 87),
    "azimuth": (62, 62, 67),
    "illumination": (75, 80, 86),
    "camera": (37, 45, 80),
    "ground_colour": (80, 66, 92),
}
# Of the initialization, GBO, Simplex and LiDO; IoU in per cent, MSE in thousandths.
# For each prefix of our figures: the second test set stands for the photographs.
PAPER_IMAGES = {
    "": {
        "iou_object": (66.2, 73.1, 74.9, 78.9),
        "iou_ground": (86.4, 88.7, 88.8, 91.3),
        "mse_object": (54.1, 29.2, 26.4, 21.8),
        "mse_ground": (34.1, 12.8, 13.6, 11.9),
    },
    "shifted_": {
        "iou_object": (60.9, 63.2, 61.5, 71.4),
        "iou_ground": (87.6, 87.3, 86.1, 91.0),
        "mse_object": (79.1, 42.6, 46.2, 35.9),
        "mse_ground": (69.1, 27.5, 30.5, 19.2),
    },
}
_SCORES = {
    "iou_object": "IoU of objects, %",
    "iou_ground": "IoU of the ground, %",
    "mse_object": "MSE of objects, 1e-3",
    "mse_ground": "MSE of the ground, 1e-3",
}


def latent_table(metrics: Mapping[str, float], prefix: str = "") -> str:
    """Table 2: how much the errors of the latents fall.

    Args:
      metrics: with the names of `latent_metrics`.
      prefix: with which they begin.

    Returns:
      Markdown table with a row per set of latents. Without a prefix, the paper's
      figures are in brackets; an asterisk marks LiDO, and LiDO with shapes tried, where
      the median error is lower than by both searches and the signed-rank test tells it
      from both.
    """
    heads = [
        "latents", "unit", "median error at first",
        *(f"{TITLES[m]}, lowered by %" for m in METHODS),
        *(f"{TITLES[m]}, hard cases improved, %" for m in METHODS),
    ]  # fmt: skip
    rows = [
        [name.replace("_", " "), unit, *_latent_cells(metrics, name, prefix)]
        for name, unit in UNITS.items()
    ]
    return markdown_table(heads, rows)


def _latent_cells(metrics: Mapping[str, float], name: str, prefix: str) -> list[str]:
    def of(figure):
        return metrics[f"{prefix}{figure}_{name}"]

    values = f"{prefix}improvement_{{}}_{name}", f"{prefix}p_{{}}_{{}}_{name}"
    lowered = [
        f"{of(f'improvement_{m}'):.1f}{_star(metrics, m, *values)}" for m in METHODS
    ]
    hard = [f"{of(f'hard_{m}'):.0f}" for m in METHODS]
    first = f"{of('initial'):.3g}"
    if prefix:
        return [first, *lowered, *hard]
    return [
        *_beside([first], [PAPER_INITIAL[name]]),
        *_beside(lowered, PAPER_IMPROVEMENT[name]),
        *_beside(hard, PAPER_HARD[name]),
    ]


def image_table(metrics: Mapping[str, float], prefix: str = "") -> str:
    """Tables 3 and 4: masks and intensities.

    Args:
      metrics: with the names of `image_metrics`.
      prefix: with which they begin, of `PAPER_IMAGES`.

    Returns:
      Markdown table with a row per score; the paper's figures are in brackets, an
      asterisk as in `latent_table`.
    """
    rows = []
    for score, title in _SCORES.items():
        values = f"{prefix}{score}_{{}}", f"{prefix}p_{{}}_{{}}_{score}"
        sign = -1 if "mse" in score else 1
        cells = [
            f"{metrics[f'{prefix}{score}_{state}']:.1f}"
            + _star(metrics, state, *values, sign=sign)
            for state in STATES
        ]
        rows.append([title, *_beside(cells, PAPER_IMAGES[prefix][score])])
    return markdown_table(["score", *(TITLES[state] for state in STATES)], rows)


def time_table(metrics: Mapping[str, float], prefix: str = "") -> str:
    """How long the methods take.

    Args:
      metrics: with the names of `time_metrics`.
      prefix: with which they begin.

    Returns:
      Markdown table with one row.
    """
    times = [f"{metrics[f'{prefix}seconds_per_scene_{m}']:.3g}" for m in METHODS]
    heads = ["", *(TITLES[m] for m in METHODS)]
    return markdown_table(heads, [["seconds per scene", *times]])


def _star(
    metrics: Mapping[str, float], method: str, value: str, chance: str, sign: int = 1
) -> str:
    """An asterisk if a learned method beats both searches, and not by chance.

    Names of figures have gaps for methods; more is better where the sign is one.
    """
    is_best = method in LEARNED and all(
        sign * (metrics[value.format(method)] - metrics[value.format(other)]) > 0
        and metrics[chance.format(method, other)] < SIGNIFICANCE
        for other in SEARCHES
    )
    return "*" if is_best else ""


def _beside(cells: Sequence[str], paper: Sequence[float]) -> list[str]:
    """Cells with the paper's figures, which has none for the last methods."""
    figures = [f" ({figure})" for figure in paper]
    figures += [""] * (len(cells) - len(paper))
    return [ours + theirs for ours, theirs in zip(cells, figures, strict=True)]


__all__ = [
    "PAPER_HARD",
    "PAPER_IMAGES",
    "PAPER_IMPROVEMENT",
    "PAPER_INITIAL",
    "TITLES",
    "UNITS",
    "image_table",
    "latent_table",
    "time_table",
]
