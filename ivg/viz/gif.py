"""Animations."""

import io
from collections.abc import Sequence

from PIL import Image

from ivg.viz.picture import to_uint8


def gif_bytes(
    frames: Sequence, duration_ms: int = 120, last_duration_ms: int = 1500
) -> bytes:
    """Pictures one after another, for ever.

    Args:
      frames: `[H, W, 3]` pictures of one size.
      duration_ms: how long each is shown, in steps of 10.
      last_duration_ms: how long the last is shown.

    Returns:
      Content of a GIF file; each frame has its own 256 colours. Equal frames in
      a row become one that is shown for longer.

    Raises:
      ValueError: if there is no frame or the sizes differ.
    """
    arrays = [to_uint8(frame) for frame in frames]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) != 1:
        raise ValueError(f"an animation needs frames of one size, got {shapes}")
    pictures = [
        Image.fromarray(array).quantize(256, Image.Quantize.MEDIANCUT)
        for array in arrays
    ]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[duration_ms] * (len(pictures) - 1) + [last_duration_ms],
        loop=0,
        disposal=1,
    )
    return buffer.getvalue()


__all__ = [
    "gif_bytes",
]
