"""Outlines of recovered objects drawn over the picture they explain."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from ivg.viz.picture import PAPER, draw_text, enlarge, to_uint8

BEFORE = (255, 140, 0)
AFTER = (0, 200, 255)


def object_contours(object_index) -> np.ndarray:
    """Pixels at the outlines of objects.

    Args:
      object_index: `[H, W]` int: -1 background, 0 ground, objects from 1.

    Returns:
      `[H, W]` bool: the pixels of objects that have a neighbour (of four) with
      another index. Nothing is drawn at the border of the picture.

    Raises:
      ValueError: for another shape.
    """
    index = np.asarray(object_index)
    if index.ndim != 2:
        raise ValueError(f"object_index must have shape [H, W], got {index.shape}")
    around = np.pad(index, 1, mode="edge")
    neighbours = (
        around[:-2, 1:-1],
        around[2:, 1:-1],
        around[1:-1, :-2],
        around[1:-1, 2:],
    )
    return (index >= 1) & np.any([index != other for other in neighbours], axis=0)


def draw_contours(image, object_index, colour=AFTER, width: float = 2.0) -> np.ndarray:
    """A picture with the outlines of its objects.

    Args:
      image: `[H, W, 3]` picture.
      object_index: `[h, w]` int as for `object_contours`, of the same view; where it
        is coarser than the picture, its steps are smoothed.
      colour: uint8 sRGB of the lines.
      width: of the lines, pixels of the picture.

    Returns:
      `[H, W, 3]` uint8 with smooth lines.
    """
    image = to_uint8(image)
    cover = _line_cover(np.asarray(object_index), image.shape[:2], width)[..., None]
    mixed = image * (1 - cover) + np.array(colour, float) * cover
    return np.round(mixed).astype(np.uint8)


def _line_cover(index: np.ndarray, shape: tuple[int, int], width: float) -> np.ndarray:
    """`[H, W]` share of each pixel under a line, from distances to the outlines."""
    size = (shape[1], shape[0])
    step = max(shape[0] / index.shape[0], 1)
    if step > 1:
        index = _smooth_enlarged(index, size, 0.6 * step)
    elif index.shape != shape:
        coarse = Image.fromarray(index.astype(np.int32))
        index = np.asarray(coarse.resize(size, Image.Resampling.NEAREST))
    contours = object_contours(index)
    if not contours.any():
        return np.zeros(shape)
    distance = ndimage.distance_transform_edt(~contours)
    return np.clip(width / 2 + 0.5 - np.asarray(distance), 0, 1)


def _smooth_enlarged(index: np.ndarray, size, radius: float) -> np.ndarray:
    """Enlarges an index map, label by label, with rounded steps."""
    labels = np.unique(index)
    best, chosen = np.full(size[::-1], -1.0), np.full(size[::-1], labels[0])
    for label in labels:
        mask = Image.fromarray(np.where(index == label, 255, 0).astype(np.uint8))
        large = mask.resize(size, Image.Resampling.BICUBIC)
        score = np.asarray(large.filter(ImageFilter.GaussianBlur(radius)), float)
        chosen = np.where(score > best, label, chosen)
        best = np.maximum(best, score)
    return chosen


def overlay_before_after(
    image,
    before,
    after,
    *,
    size_px: int = 512,
    labels: tuple[str, str] = ("before", "after"),
) -> np.ndarray:
    """The picture with the outlines of the first and of the refined guess.

    Args:
      image: `[H, W, 3]` picture.
      before: `[h, w]` object index of the first guess.
      after: `[h, w]` object index of the refined guess.
      size_px: least length of the shorter side.
      labels: words of the legend below the picture.

    Returns:
      `[H' + 36, W', 3]` uint8.
    """
    large = enlarge(image, size_px)
    width = max(2.0, min(large.shape[:2]) / 256)
    large = draw_contours(large, before, BEFORE, width)
    large = draw_contours(large, after, AFTER, width)
    height, columns = large.shape[:2]
    canvas = Image.new("RGB", (columns, height + 36), PAPER)
    canvas.paste(Image.fromarray(large))
    left = 12
    for label, colour in zip(labels, (BEFORE, AFTER), strict=True):
        y = height + 18
        ImageDraw.Draw(canvas).line([(left, y), (left + 28, y)], colour, 4)
        draw_text(canvas, (left + 36, y), label)
        left += 36 + 10 * len(label) + 32
    return np.asarray(canvas)


__all__ = [
    "AFTER",
    "BEFORE",
    "draw_contours",
    "object_contours",
    "overlay_before_after",
]
