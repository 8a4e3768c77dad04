"""The evaluation as pictures: errors against operations, and poses.

Drawn without matplotlib's global state.

Source: Jack et al., IGE-Net, Figs. 3 and 4.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from experiments.ige_pose.tables import Size, paper_of
from ivg.scene.skeleton import INPUT_JOINTS, JOINTS, PARENTS
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import INK, PAPER, png_bytes
from ivg.viz.plots import COLOURS, figure_png

_CELL_PX, _FINE = 192, 3
_SIDES = {"left": (31, 111, 180), "right": (224, 123, 0), "middle": INK}
_TRUTH = (190, 194, 198)
_ROUND_RAD = np.radians(70.0)


def sizes_png(sizes: Sequence[Size]) -> bytes:
    """Fig. 4: errors against multiply-adds, the areas of dots as parameters.

    Args:
      sizes: what was trained.

    Returns:
      Content of a PNG file: filled dots are measured, rings the paper's.
    """
    figure = Figure(figsize=(6.4, 4.2), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    groups = {
        "IGE": [s for s in sizes if s.kind == "ige"],
        "base, one block": [s for s in sizes if s.kind == "base" and s.size[1] == 1],
        "base, two blocks": [s for s in sizes if s.kind == "base" and s.size[1] == 2],
    }
    for (name, group), colour in zip(groups.items(), COLOURS, strict=False):
        group = sorted(group, key=lambda s: s.multiply_adds)
        places = [s.multiply_adds for s in group]
        areas = [s.parameters / 4e3 for s in group]
        axes.plot(places, [s.p2 for s in group], color=colour, linewidth=1)
        axes.scatter(places, [s.p2 for s in group], areas, color=colour, alpha=0.6)
        axes.plot([], [], "o-", color=colour, markersize=5, label=name)
        known = [s for s in group if paper_of(s)]
        axes.plot(
            [s.multiply_adds for s in known], [paper_of(s) for s in known],
            "o:", color=colour, markersize=5, fillstyle="none", linewidth=0.8,
            label=f"{name}, paper (Human3.6M)",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("multiply-adds of dense layers")
    axes.set_ylabel("protocol 2, true joints / mm")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25, linewidth=0.6)
    axes.legend(frameon=False, fontsize=8)
    return figure_png(figure)


def poses_png(
    seen: np.ndarray, poses: dict[str, np.ndarray], truths: np.ndarray
) -> bytes:
    """Fig. 3: poses from the camera's side and from another.

    Args:
      seen: `[M, 16, 2]` joints as the networks see them, normalised.
      poses: name of the estimate to `[M, 17, 3]`, scaled as the truth.
      truths: `[M, 17, 3]` in the frame of the camera.

    Returns:
      Content of a PNG file: a row per pose, what is seen, then for each estimate the
      view of the camera over the joints that are seen, and a view from the side over
      the true pose, in grey.
    """
    rows = []
    for index, truth in enumerate(truths):
        dots = seen[index]
        frame = _frame(truth[:, :2] / truth[:, 2:])
        side = _frame(_from_the_side(truth))
        row = [_draw(frame, dots=dots)]
        for values in poses.values():
            pose = values[index]
            row.append(_draw(frame, pose[:, :2] / pose[:, 2:], dots=dots))
            row.append(_draw(side, _from_the_side(pose), _from_the_side(truth)))
        row.append(_draw(side, _from_the_side(truth)))
        rows.append(row)
    labels = ["seen"]
    for name in poses:
        labels += [f"{name}, camera", f"{name}, side"]
    sheet = contact_sheet(
        rows, column_labels=[*labels, "truth, side"], cell_px=_CELL_PX
    )
    return png_bytes(sheet)


def _from_the_side(pose):
    """A pose turned about the vertical through its pelvis, without perspective."""
    x, y, z = (pose - pose[0]).T
    cosine, sine = np.cos(_ROUND_RAD), np.sin(_ROUND_RAD)
    return np.stack([cosine * x + sine * z, y], -1)


def _frame(points):
    """Middle and half width of a square around points."""
    low, high = points.min(0), points.max(0)
    return (low + high) / 2, 0.62 * max(high - low)


def _draw(frame, points=None, behind=None, dots=None) -> np.ndarray:
    side = _CELL_PX * _FINE
    canvas = Image.new("RGB", (side, side), PAPER)
    pen = ImageDraw.Draw(canvas)

    def place(x):
        return side * (0.5 + (np.asarray(x) - frame[0]) / (2 * frame[1]))

    if behind is not None:
        _bones(pen, place(behind), _TRUTH)
    if points is not None:
        _bones(pen, place(points), None)
    if dots is not None:
        for (x, y), joint in zip(place(dots), INPUT_JOINTS, strict=True):
            pen.ellipse((x - 6, y - 6, x + 6, y + 6), outline=_colour(joint), width=3)
    return np.asarray(canvas.resize((_CELL_PX, _CELL_PX), Image.Resampling.LANCZOS))


def _bones(pen, places, colour):
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            line = [tuple(places[parent]), tuple(places[joint])]
            pen.line(line, fill=colour or _colour(joint), width=7)


def _colour(joint):
    return _SIDES.get(JOINTS[joint].split("_")[0], _SIDES["middle"])


__all__ = ["poses_png", "sizes_png"]
