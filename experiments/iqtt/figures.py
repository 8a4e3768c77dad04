"""Pictures of the evaluation: questions and answers, reconstructions, accuracies.

Source: Rajeswar et al., Pix2Scene, figures 10 and 11 and table 3.
"""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from experiments.iqtt.asked import PARTS
from experiments.iqtt.config import BASELINES, Config
from experiments.iqtt.tables import PAPER_BASELINES, PAPER_OURS
from ivg.colour import linear_from_srgb
from ivg.data.tetris_views import FAR_M, NEAR_M
from ivg.io.image import save_image
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import enlarge, png_bytes, to_uint8
from ivg.viz.plots import COLOURS, figure_png

_RIGHT, _WRONG, _NONE = (42, 157, 92), (200, 50, 50), (255, 255, 255)
_FRAME_PX = 5
TITLES = {"pix2scene": "pix2scene", "cnn": "CNN", "siamese": "Siamese"}


def questions_png(
    pictures: np.ndarray,
    chosen: np.ndarray,
    answer: np.ndarray | None,
    labels: Sequence[str],
    cell_px: int,
) -> bytes:
    """Figure 10: questions with what a model answers.

    Args:
      pictures: `[Q, 4, P, P, 3]` uint8 sRGB.
      chosen: `[Q]` answers of the model.
      answer: `[Q]` the right ones, or None if nobody knows.
      labels: of the questions.
      cell_px: least side of a picture.

    Returns:
      Content of a PNG file. A choice has a green frame if it is right or nobody knows,
      and a red one if it is wrong; beside it a right answer has a thin green frame.
    """
    rows = []
    for row, four in enumerate(pictures):
        cells = [enlarge(picture, cell_px) for picture in four]
        right = chosen[row] if answer is None else answer[row]
        frames = {0: (_NONE, _FRAME_PX), 1 + int(right): (_RIGHT, 2)}
        colour = _RIGHT if chosen[row] == right else _WRONG
        frames[1 + int(chosen[row])] = (colour, _FRAME_PX)
        rows.append(
            [_framed(c, *frames.get(i, frames[0])) for i, c in enumerate(cells)]
        )
    columns = ["reference", *(f"answer {i}" for i in range(3))]
    sheet = contact_sheet(
        rows, row_labels=labels, column_labels=columns,
        cell_px=cell_px + 2 * _FRAME_PX,
    )  # fmt: skip
    return png_bytes(sheet)


def _framed(picture, colour, width):
    canvas = np.empty([n + 2 * _FRAME_PX for n in picture.shape[:2]] + [3], np.uint8)
    canvas[:] = _NONE
    edge = _FRAME_PX - width
    inner = slice(edge, -edge or None)
    canvas[inner, inner] = colour
    canvas[_FRAME_PX:-_FRAME_PX, _FRAME_PX:-_FRAME_PX] = picture
    return canvas


def reconstructions_png(
    pictures: np.ndarray, image: np.ndarray, depth: np.ndarray, truth: np.ndarray,
    cell_px: int,
) -> bytes:  # fmt: skip
    """Figure 11: pictures after there and back, and their depth.

    Args:
      pictures: `[E, P, P, 3]` uint8 sRGB.
      image: `[E, P, P, 3]` what comes back, linear.
      depth: `[E, P, P]` what was decoded, metres.
      truth: `[E, P, P]` true depth, metres.
      cell_px: least side of a picture.

    Returns:
      Content of a PNG file; dark is near.
    """
    columns = [
        [to_uint8(x) for x in part]
        for part in (pictures, image, _grey(depth), _grey(truth))
    ]
    rows = [[enlarge(x, cell_px) for x in row] for row in zip(*columns, strict=True)]
    labels = ["picture", "again", "depth", "true depth"]
    return png_bytes(contact_sheet(rows, column_labels=labels, cell_px=cell_px))


def _grey(depth):
    share = np.clip((depth - NEAR_M) / (FAR_M - NEAR_M), 0, 1)
    return np.round(255 * np.repeat(share[..., None], 3, -1)).astype(np.uint8)


def accuracy_png(metrics: Mapping[str, float], config: Config) -> bytes:
    """Accuracies over labels, beside the paper's.

    Args:
      metrics: with the names of `test_metrics`.
      config: numbers of labels.

    Returns:
      Content of a PNG file; the paper's are dashed.
    """
    figure = Figure(figsize=(6.0, 3.8), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(1 / 3, color="#c8ccd0", linewidth=1)
    for kind, colour in zip(TITLES, COLOURS, strict=False):
        labels = [*(() if kind in BASELINES else (0,)), *config.labels]
        names = [f"{kind}_{n}" if kind in BASELINES else f"{n}" for n in labels]
        values = [metrics[f"accuracy_{name}"] for name in names]
        errors = [metrics[f"accuracy_{name}_stderr"] for name in names]
        known = {n: v[0] for n, v in PAPER_OURS.items()}
        known = PAPER_BASELINES.get(kind, known)
        at = [_place(n) for n in labels]
        axes.errorbar(
            at, values, errors, fmt="o-", color=colour, label=TITLES[kind], capsize=3
        )
        shared = [n for n in labels if n in known]
        if shared:
            axes.plot(
                [_place(n) for n in shared], [known[n] for n in shared], "--",
                color=colour, linewidth=1, label=f"{TITLES[kind]}, paper",
            )  # fmt: skip
    every = (0, *config.labels)
    axes.set_xticks([_place(n) for n in every], [f"{n:,}" for n in every])
    axes.set(xlabel="labelled questions", ylabel="right answers")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure_png(figure)


def _place(labels):
    """Where a number of labels stands: on a logarithmic axis, none one step before."""
    return np.log10(labels) if labels else 1.6


def save_questions(
    folder: pathlib.Path, pictures: np.ndarray, names: Sequence[str]
) -> None:
    """Writes questions as the files that `--questions` reads.

    Args:
      folder: where to.
      pictures: `[Q, 4, P, P, 3]` uint8 sRGB.
      names: of the questions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, four in zip(names, pictures, strict=True):
        for part, picture in zip(PARTS, four, strict=True):
            linear = linear_from_srgb(picture.astype(np.float32) / 255)
            save_image(folder / f"{name}_{part}.png", linear)


__all__ = [
    "TITLES",
    "accuracy_png",
    "questions_png",
    "reconstructions_png",
    "save_questions",
]
