"""The evaluation as Markdown, beside the paper's own figures.

Source: Jack et al., IGE-Net, Tables 3, 4 and 5, in per cent on ShapeNet; the paper's
small networks (MobileNetV2).
"""

from collections.abc import Mapping, Sequence

from experiments.ige_voxel.config import FINE_CATEGORIES, LOSSES, ROWS
from experiments.tables import markdown_table
from ivg.scene.shapes.categories import NAMES

# The columns of `ROWS`.
PAPER_ROWS = {
    "plane": (59.6, 49.2, 55.0), "bench": (52.4, 47.3, 52.8),
    "cabinet": (73.6, 70.6, 72.1), "car": (78.4, 74.2, 77.2),
    "telephone": (69.9, 65.4, 70.9), "chair": (57.0, 52.4, 55.0),
    "sofa": (69.6, 65.9, 66.7), "rifle": (60.6, 47.8, 55.0),
    "lamp": (54.0, 47.5, 48.7), "monitor": (58.8, 53.5, 54.7),
    "speaker": (74.5, 72.4, 70.6), "table": (57.4, 52.9, 57.8),
    "watercraft": (61.9, 55.5, 54.8),
}  # fmt: skip
PAPER_MEANS = (63.7, 58.0, 60.8)
PAPER_LOSSES = {
    32: (63.5, 60.7, 58.0, 59.8), 64: (61.5, 56.8, 57.1, 56.9),
    128: (58.9, 51.6, 54.5, 53.9),
}  # fmt: skip
PAPER_FINE = {
    32: {"car": 57.8, "plane": 29.6, "table": 33.6},
    64: {"car": 68.8, "plane": 44.8, "table": 44.0},
    128: {"car": 72.8, "plane": 52.9, "table": 47.8},
    256: {"car": 73.3, "plane": 54.4, "table": 48.2},
}
_TITLES = {
    "ige": "IGE, frustum", "base_frustum": "base, frustum", "base_world": "base, world",
    "iou": "continuous IoU", "ce": "cross-entropy", "balanced": "alpha = 0.7",
    "focal": "gamma = 2",
}  # fmt: skip


def category_table(metrics: Mapping[str, float]) -> str:
    """Table 3.

    Args:
      metrics: with the names of `row_metrics`.

    Returns:
      Markdown table with a row per category; the paper's figures are in brackets.
    """
    rows = [
        [name, *(_cell(metrics.get(f"iou_{row}_{name}"), paper) for row, paper in
                 zip(ROWS, PAPER_ROWS[name], strict=True))]
        for name in NAMES
    ]  # fmt: skip
    means = zip(ROWS, PAPER_MEANS, strict=True)
    rows.append(["mean", *(_cell(metrics[f"iou_{row}"], p) for row, p in means)])
    return markdown_table(["IoU, %", *(_TITLES[row] for row in ROWS)], rows)


def loss_table(
    metrics: Mapping[str, float],
    losses: Sequence[str],
    resolutions: Sequence[int],
    trained: Sequence[int],
) -> str:
    """Table 4.

    Args:
      metrics: with the names of `loss_metrics`.
      losses: those that were trained with.
      resolutions: those that were tested.
      trained: those that were trained at.

    Returns:
      Markdown table with a row per resolution.
    """
    rows = []
    for resolution in resolutions:
        paper = PAPER_LOSSES.get(resolution, (None,) * len(LOSSES))
        known = dict(zip(LOSSES, paper, strict=True))
        title = f"{resolution}" if resolution in trained else f"{resolution}, inferred"
        cells = [
            _cell(metrics.get(f"iou_loss_{loss}_{resolution}"), known[loss])
            for loss in losses
        ]
        rows.append([title, *cells])
    return markdown_table(["mean IoU, %", *(_TITLES[loss] for loss in losses)], rows)


def fine_table(metrics: Mapping[str, float], trained: Sequence[int], side: int) -> str:
    """Table 5.

    Args:
      metrics: with the names of `fine_metrics`.
      trained: resolutions that were trained at.
      side: voxels along each side of the fine grid.

    Returns:
      Markdown table with a row per resolution.
    """
    rows = []
    for resolution in trained:
        paper = PAPER_FINE.get(resolution, {})
        cells = [
            _cell(metrics[f"iou_fine_{resolution}_{c}"], paper.get(c))
            for c in FINE_CATEGORIES
        ]
        rows.append([f"trained at {resolution}, made finer", *cells])
    cells = [f"{metrics[f'iou_fine_descent_{c}']:.1f}" for c in FINE_CATEGORIES]
    rows.append([f"trained at {max(trained)}, descent at {side}", *cells])
    return markdown_table([f"IoU at {side}, %", *FINE_CATEGORIES], rows)


def _cell(value: float | None, paper: float | None) -> str:
    shown = "" if value is None else f"{value:.1f}"
    return shown if paper is None else f"{shown} ({paper})"


__all__ = [
    "PAPER_FINE",
    "PAPER_LOSSES",
    "PAPER_MEANS",
    "PAPER_ROWS",
    "category_table",
    "fine_table",
    "loss_table",
]
