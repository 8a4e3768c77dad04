"""Pictures ready for the screen: uint8 sRGB arrays and encoded bytes.

Functions of this package take pictures as linear RGB floats or as uint8 sRGB.
"""

import io

import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ivg.colour import srgb_from_linear

INK = (33, 37, 41)
PAPER = (255, 255, 255)


def to_uint8(image) -> np.ndarray:
    """A picture as it is shown.

    Args:
      image: `[H, W, 3]` linear RGB floats, clipped to [0, 1], NaN as black; or
        uint8 sRGB, which stays as it is.

    Returns:
      `[H, W, 3]` uint8 sRGB.

    Raises:
      ValueError: for another shape.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"a picture must have shape [H, W, 3], got {image.shape}")
    if image.dtype == np.uint8:
        return image
    clipped = np.clip(np.nan_to_num(image.astype(np.float32), posinf=1), 0, 1)
    return np.round(np.asarray(srgb_from_linear(jnp.asarray(clipped))) * 255).astype(
        np.uint8
    )


def png_bytes(image) -> bytes:
    """A picture as PNG.

    Args:
      image: `[H, W, 3]` picture.

    Returns:
      Content of a PNG file.
    """
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(image)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def enlarge(image, size_px: int) -> np.ndarray:
    """A picture whose shorter side has at least a given length.

    Args:
      image: `[H, W, 3]` picture.
      size_px: least length; a picture that is large enough stays as it is.

    Returns:
      `[H', W', 3]` uint8, interpolated bicubically.
    """
    image = to_uint8(image)
    height, width = image.shape[:2]
    factor = size_px / min(height, width)
    if factor <= 1:
        return image
    size = (round(width * factor), round(height * factor))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def draw_text(
    canvas: Image.Image, position, text: str, *, size_px=16, anchor="lm"
) -> None:
    """Writes a line of text into a Pillow picture.

    Args:
      canvas: picture, changed in place.
      position: (x, y) in pixels.
      text: one line.
      size_px: height of the type.
      anchor: which point of the text is at `position`, in Pillow's letters.
    """
    font = ImageFont.load_default(size_px)
    ImageDraw.Draw(canvas).text(position, text, INK, font, anchor)


__all__ = [
    "INK",
    "PAPER",
    "draw_text",
    "enlarge",
    "png_bytes",
    "to_uint8",
]
