"""The evaluation as Markdown, beside the paper's own figures.

Source: Langer et al., Sparse Multi-Object Render-and-Compare, Tables 1 and 2, in per
cent on ScanNet; times on a GPU.
"""

from collections.abc import Mapping

from experiments.multi_sparc.config import ROWS
from experiments.tables import markdown_table
from ivg.scene.indoor import INDOOR_NAMES

# Categories in the order of `INDOOR_NAMES`, their mean, all instances, milliseconds.
# Rows without a counterpart in the paper are not here; the first category of the row
# of joint decoding is missing in the paper.
PAPER_ACCURACY: dict[str, tuple[float | None, ...]] = {
    "joint": (25.8, 34.3, 44.8, 17.0, 19.2, 64.8, 5.8, 35.4, 25.5, 30.3, 40.3, 864),
    "single": (28.3, 35.7, 36.6, 20.3, 23.1, 61.4, 4.8, 37.2, 23.5, 30.2, 38.7, 2320),
    "no_pretraining": (
        20.0, 28.6, 40.1, 13.7, 20.4, 59.9, 0.5, 36.3, 23.0, 26.9, 36.7, 864,
    ),
    "joint_decoding": (
        None, 21.4, 26.7, 9.9, 15.0, 45.7, 3.1, 29.2, 17.5, 20.7, 27.9, 864,
    ),
    "joint_encoding": (
        18.3, 34.3, 36.6, 12.7, 14.2, 52.8, 4.7, 25.7, 17.5, 24.1, 31.9, 656,
    ),
    "confidence_2d": (
        27.5, 31.4, 45.3, 16.0, 20.4, 60.6, 5.8, 38.9, 25.1, 30.1, 38.8, 816,
    ),
    "regression": (7.5, 2.9, 24.6, 1.4, 5.0, 29.9, 13.1, 5.3, 5.6, 10.6, 16.7, 60),
    "correspondence": (
        20.8, 8.6, 26.3, 9.0, 13.1, 39.9, 24.6, 10.6, 12.7, 18.4, 25.0, 53,
    ),
}  # fmt: skip
PAPER_IMAGES = {
    "ap50_3": 11.6, "apmean_3": 3.4, "ap50_5": 27.0, "apmean_5": 11.5, "ap50_7": 36.4,
    "apmean_7": 18.7, "image_accuracy_class": 28.1, "image_accuracy": 31.3,
}  # fmt: skip
TITLES = {
    "joint": "joint (Multi-SPARC)",
    "single": "single-object (SPARC)",
    "no_pretraining": "joint, no pre-training",
    "joint_decoding": "joint decoding, no pre-training",
    "joint_encoding": "joint encoding, no pre-training",
    "confidence_2d": "joint, ranked by 2D confidence",
    "regression": "regression (Mask2CAD)",
    "correspondence": "correspondence (ROCA)",
    "gradient": "gradient render-and-compare",
}


def accuracy_table(metrics: Mapping[str, float]) -> str:
    """Table 1.

    Args:
      metrics: with the names of `accuracy_metrics`.

    Returns:
      Markdown table with a row per method; the paper's figures are in brackets.
    """
    rows = []
    for row in (row for row in ROWS if f"accuracy_{row}" in metrics):
        name, paper = f"accuracy_{row}", PAPER_ACCURACY.get(row, (None,) * 12)
        low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
        values = [metrics.get(f"{name}_{c}") for c in (*INDOOR_NAMES, "class")]
        cells = [_cell(v, p) for v, p in zip(values, paper, strict=False)]
        cells.append(_cell(metrics[name], paper[10]))
        rows.append([TITLES[row], *cells, f"{low:.1f} to {high:.1f}"])
    heads = ["accuracy, %", *INDOOR_NAMES, "class", "instance", "95 % over rooms"]
    return markdown_table(heads, rows)


def gain_table(metrics: Mapping[str, float]) -> str:
    """How much better the joint network is than each other method, on the same rooms.

    Args:
      metrics: with the names of `difference_metrics`.

    Returns:
      Markdown table with a row per method.
    """
    rows = []
    for row in (row for row in ROWS if f"gain_over_{row}" in metrics):
        name = f"gain_over_{row}"
        low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
        rows.append(
            [TITLES[row], f"{metrics[name]:+.1f}", f"{low:+.1f} to {high:+.1f}"]
        )
    return markdown_table(["joint is better than", "points", "95 % over rooms"], rows)


def image_table(metrics: Mapping[str, float]) -> str:
    """Table 2.

    Args:
      metrics: with the names of `picture_metrics`.

    Returns:
      Markdown table of one row; the paper's figures are in brackets.
    """
    heads = ["per image, %"]
    for rho in (3, 5, 7):
        heads += [f"AP50, rho = 0.{rho}", f"APmean, rho = 0.{rho}"]
    cells = [_cell(metrics[name], paper) for name, paper in PAPER_IMAGES.items()]
    return markdown_table([*heads, "class", "instance"], [["joint", *cells]])


def time_table(metrics: Mapping[str, float]) -> str:
    """Times of five objects.

    Args:
      metrics: with the names of `time_metrics`.

    Returns:
      Markdown table of two rows; the paper's figures are in brackets.
    """
    rows = [
        [
            title,
            _cell(metrics[f"ms_{name}_5"], paper),
            f"{metrics[f'ms_pass_{name}_5']:.1f}",
        ]
        for name, title, paper in (
            ("joint", "five objects together", 864),
            ("single", "five objects one by one", 2320),
        )
    ]
    return markdown_table(
        ["ms", "four starts, three updates, score", "one update"], rows
    )


def _cell(value: float | None, paper: float | None) -> str:
    shown = "" if value is None else f"{value:.1f}"
    return shown if paper is None else f"{shown} ({paper})"


__all__ = [
    "PAPER_ACCURACY",
    "PAPER_IMAGES",
    "TITLES",
    "accuracy_table",
    "gain_table",
    "image_table",
    "time_table",
]
