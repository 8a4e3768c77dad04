"""The evaluation as Markdown, beside the paper's own figures.

Source: Rajeswar et al., Pix2Scene, Tables 1 and 2: pictures of 128 by 128 pixels, and
objects of ShapeNet in rooms of several.
"""

from collections.abc import Mapping

from experiments.tables import markdown_table

PAPER_RECONSTRUCTION = {
    "box_translated": (0.087, 0.093, 0.032),
    "box": (0.102, 0.183, 0.022),
    "shape": (0.125, 0.191, 0.038),
}
PAPER_ANGLES = (5.0, 35.0, 55.0, 80.0)
PAPER_SWEEP = {
    "shape": (
        (0.110, 0.156, 0.012), (0.143, 0.191, 0.021), (0.140, 0.189, 0.022),
        (0.161, 0.202, 0.027),
    ),
    "multiple": (
        (0.256, 0.308, 0.070), (0.301, 0.355, 0.091), (0.282, 0.329, 0.088),
        (0.272, 0.316, 0.083),
    ),
}  # fmt: skip
TITLES = {
    "box_translated": "box, translated only",
    "box": "box",
    "shape": "shape",
    "multiple": "several shapes",
    "conditional": "shape, class known",
    "random_lights": "box, lights not known",
}
_KEYS = ("hausdorff_f", "hausdorff_r", "depth_mse")
_HEADS = ("Hausdorff-F", "Hausdorff-R", "MSE of depth")


def reconstruction_table(metrics: Mapping[str, float]) -> str:
    """Table 1.

    Args:
      metrics: with the names of `geometry_metrics`.

    Returns:
      Markdown table with a row per model; the paper's figures are in brackets.
    """
    rows = []
    for name in (name for name in TITLES if f"depth_mse_{name}" in metrics):
        paper = PAPER_RECONSTRUCTION.get(name, (None,) * 3)
        values = [metrics[f"{key}_{name}"] for key in _KEYS]
        cells = [_cell(*pair) for pair in zip(values, paper, strict=True)]
        angle = _number(metrics.get(f"normal_deg_{name}"), 1)
        error = _number(metrics.get(f"image_rmse_{name}"), 3)
        rows.append([TITLES[name], *cells, angle, error])
    return markdown_table(["rooms", *_HEADS, "normals, deg", "RMSE of picture"], rows)


def baseline_table(metrics: Mapping[str, float]) -> str:
    """The model beside what has not looked at the picture, and after refinement.

    Args:
      metrics: with the names of `baseline_metrics` and `gain_metrics`.

    Returns:
      Markdown table with a row per kind of rooms.
    """
    columns = {
        "one mean": "constant", "mean of each pixel": "mean_predictor",
        "untrained encoder": "untrained", "encoder": "", "refined": "refined",
    }  # fmt: skip
    rows = []
    for kind in (kind for kind in TITLES if f"depth_mse_refined_{kind}" in metrics):
        names = [f"{name}_{kind}".strip("_") for name in columns.values()]
        cells = [_number(metrics[f"depth_mse_{name}"], 4) for name in names]
        gain, error = (metrics[f"depth_mse_{x}_{kind}"] for x in ("gain", "gain_error"))
        share = 100 * metrics[f"share_improved_{kind}"]
        better = [f"{gain:.4f} +- {error:.4f}", f"{share:.0f} %"]
        rows.append([TITLES[kind], *cells, *better])
    heads = ["MSE of depth", *columns, "less by refinement", "of pictures"]
    return markdown_table(heads, rows)


def sweep_table(metrics: Mapping[str, float]) -> str:
    """Table 2.

    Args:
      metrics: with the names of `sweep_metrics`.

    Returns:
      Markdown table with a row per kind and angle; the paper's figures are in
      brackets.
    """
    rows = []
    for kind in TITLES:
        angles = [
            float(name.removeprefix(f"depth_mse_{kind}_"))
            for name in metrics
            if name.removeprefix(f"depth_mse_{kind}_").replace(".", "").isdigit()
        ]
        for angle in sorted(angles):
            name = f"{kind}_{angle:g}"
            paper = dict(zip(PAPER_ANGLES, PAPER_SWEEP.get(kind, ()), strict=False))
            values = [metrics[f"{key}_{name}"] for key in _KEYS]
            pairs = zip(values, paper.get(angle, (None,) * 3), strict=True)
            refined = metrics.get(f"depth_mse_refined_{name}")
            row = [TITLES[kind], f"{angle:g}", *(_cell(*pair) for pair in pairs)]
            rows.append([*row, _number(refined, 3)])
    return markdown_table(["rooms", "degrees", *_HEADS, "MSE, refined"], rows)


def time_table(metrics: Mapping[str, float]) -> str:
    """How long surfels take.

    Args:
      metrics: with the names of `time_metrics`.

    Returns:
      Markdown table of one row.
    """
    heads = ["surfels, forward, ms", "and backward, ms", "training step, ms", "share"]
    names = ("ms_surfels_forward", "ms_surfels", "ms_step")
    cells = [_number(metrics[name], 1) for name in names]
    share = 100 * metrics["share_surfels"]
    return markdown_table(heads, [[*cells, f"{share:.1f} %"]])


def _number(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"


def _cell(value: float, paper: float | None) -> str:
    return f"{value:.3f}" if paper is None else f"{value:.3f} ({paper:.3f})"


__all__ = [
    "PAPER_ANGLES",
    "PAPER_RECONSTRUCTION",
    "PAPER_SWEEP",
    "TITLES",
    "baseline_table",
    "reconstruction_table",
    "sweep_table",
    "time_table",
]
