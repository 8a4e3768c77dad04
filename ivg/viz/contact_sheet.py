"""A grid of pictures with names of rows and columns."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ivg.viz.picture import PAPER, draw_text, to_uint8

_GAP = 6
_BAND = 30


def contact_sheet(
    images: Sequence[Sequence],
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    cell_px: int = 192,
) -> np.ndarray:
    """Pictures side by side, each fitted into a square cell.

    Args:
      images: rows of `[H, W, 3]` pictures of any size; None leaves a cell empty.
      row_labels: one per row, written at the left.
      column_labels: one per column, written above.
      cell_px: side of a cell.

    Returns:
      `[H', W', 3]` uint8.

    Raises:
      ValueError: if there is no picture or the number of labels does not fit.
    """
    num_rows = len(images)
    num_columns = max((len(row) for row in images), default=0)
    if not num_columns:
        raise ValueError("a contact sheet needs at least one picture")
    for labels, count in ((row_labels, num_rows), (column_labels, num_columns)):
        if labels is not None and len(labels) != count:
            raise ValueError(f"{count} labels are needed, got {list(labels)}")
    left = _GAP + (9 * max(map(len, row_labels)) + _GAP if row_labels else 0)
    top = _BAND if column_labels else _GAP
    pitch = cell_px + _GAP
    canvas = Image.new(
        "RGB", (left + num_columns * pitch, top + num_rows * pitch), PAPER
    )
    for i, row in enumerate(images):
        for j, image in enumerate(row):
            if image is not None:
                _paste(canvas, image, left + j * pitch, top + i * pitch, cell_px)
    for i, label in enumerate(row_labels or ()):
        draw_text(canvas, (_GAP, top + i * pitch + cell_px / 2), label)
    for j, label in enumerate(column_labels or ()):
        middle = (left + j * pitch + cell_px / 2, _BAND / 2)
        draw_text(canvas, middle, label, anchor="mm")
    return np.asarray(canvas)


def _paste(canvas: Image.Image, image, left: int, top: int, cell_px: int) -> None:
    picture = Image.fromarray(to_uint8(image))
    factor = cell_px / max(picture.size)
    width, height = (max(1, round(x * factor)) for x in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    canvas.paste(
        picture, (left + (cell_px - width) // 2, top + (cell_px - height) // 2)
    )


__all__ = [
    "contact_sheet",
]
