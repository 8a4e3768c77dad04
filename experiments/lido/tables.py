"""The evaluation as Markdown, beside the paper's own figures.

Source: Romaszko, Williams and Winn, Learning Direct Optimization for Scene
Understanding, Tables 2 and 3 (its synthetic data set).
"""

from collections.abc import Mapping

from experiments.lido.statistics import METHODS, SIGNIFICANCE, STATES
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
TITLES = {"initial": "initial", "gbo": "GBO", "simplex": "Simplex", "lido": "LiDO"}
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
PAPER_IMAGES = {
    "iou_object": (66.2, 73.1, 74.9, 78.9),
    "iou_ground": (86.4, 88.7, 88.8, 91.3),
    "mse_object": (54.1, 29.2, 26.4, 21.8),
    "mse_ground": (34.1, 12.8, 13.6, 11.9),
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
      Markdown table with a row per set of latents. The paper's figures are in
      brackets; an asterisk marks LiDO where its median error is the lowest and the
      signed-rank test tells it from both others.
    """
    heads = [
        "latents", "unit", "median error at first",
        *(f"{TITLES[m]}, lowered by %" for m in METHODS),
        *(f"{TITLES[m]}, hard cases improved, %" for m in METHODS),
    ]  # fmt: skip
    rows = []
    for name, unit in UNITS.items():
        first = f"{metrics[f'{prefix}initial_{name}']:.3g} ({PAPER_INITIAL[name]})"
        star = _is_best(metrics, name, prefix)
        lowered = [
            f"{metrics[f'{prefix}improvement_{m}_{name}']:.1f}"
            f"{'*' if star and m == 'lido' else ''} ({paper})"
            for m, paper in zip(METHODS, PAPER_IMPROVEMENT[name], strict=True)
        ]
        hard = [
            f"{metrics[f'{prefix}hard_{m}_{name}']:.0f} ({paper})"
            for m, paper in zip(METHODS, PAPER_HARD[name], strict=True)
        ]
        rows.append([name.replace("_", " "), unit, first, *lowered, *hard])
    return markdown_table(heads, rows)


def image_table(metrics: Mapping[str, float], prefix: str = "") -> str:
    """Table 3: masks and intensities.

    Args:
      metrics: with the names of `image_metrics`.
      prefix: with which they begin.

    Returns:
      Markdown table with a row per score; the paper's figures are in brackets.
    """
    rows = [
        [title]
        + [
            f"{metrics[f'{prefix}{score}_{state}']:.1f} ({paper})"
            for state, paper in zip(STATES, PAPER_IMAGES[score], strict=True)
        ]
        for score, title in _SCORES.items()
    ]
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


def _is_best(metrics: Mapping[str, float], name: str, prefix: str) -> bool:
    """Whether LiDO is better than both others, and not by chance."""
    lowered = {m: metrics[f"{prefix}improvement_{m}_{name}"] for m in METHODS}
    return all(
        lowered["lido"] > lowered[other]
        and metrics[f"{prefix}p_lido_{other}_{name}"] < SIGNIFICANCE
        for other in ("gbo", "simplex")
    )


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
