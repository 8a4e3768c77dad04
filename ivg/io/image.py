"""Pictures from and to files. In memory they are linear RGB, float32, in [0, 1]."""

import io
import os
import warnings
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageOps

from ivg.colour import linear_from_srgb, srgb_from_linear
from ivg.io.atomic import write_atomic
from ivg.io.errors import InputError, check_file, one_line

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
_SAVED_AS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def load_image(
    path: str | os.PathLike, *, max_pixels: int = 50_000_000, min_size: int = 16
) -> np.ndarray:
    """A picture from a file.

    Grey, palette, CMYK and 16-bit grey pictures are converted; 16-bit colour keeps
    its upper 8 bits. The orientation that a camera noted is applied. Transparent
    parts are laid over white, in linear light. Of an animation the first frame is
    taken. Values are read as sRGB; colour profiles are ignored.

    Args:
      path: PNG, JPEG, WebP, TIFF, BMP, GIF or PPM file.
      max_pixels: most pixels; more are refused from the header, without decoding.
      min_size: least height and width, pixels.

    Returns:
      `[H, W, 3]` float32 linear RGB in [0, 1].

    Raises:
      InputError: if the file is missing, broken, no picture, too small or too large.
    """
    path = check_file(path, "image")
    shown = repr(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on sizes and odd metadata
        try:
            with Image.open(path, formats=_FORMATS) as image:
                _check_size(shown, image.size, max_pixels, min_size)
                return _linear_from_pillow(ImageOps.exif_transpose(image))
        except InputError:
            raise
        except Image.DecompressionBombError:
            raise InputError(_too_large(shown, "too many", max_pixels)) from None
        except Image.UnidentifiedImageError:
            raise InputError(
                f"{shown} is no picture that can be read: save it as PNG or JPEG"
            ) from None
        except Exception as error:  # decoders raise all kinds for broken files
            raise InputError(
                f"{shown} cannot be decoded ({one_line(error)}): save it again as an "
                "8-bit PNG or JPEG"
            ) from None


def _check_size(shown, size, max_pixels, min_size) -> None:
    width, height = size
    if width * height > max_pixels:
        raise InputError(_too_large(shown, f"{width} x {height}", max_pixels))
    if min(width, height) < min_size:
        raise InputError(
            f"{shown} has {width} x {height} pixels: give a picture of at least "
            f"{min_size} x {min_size}"
        )


def _too_large(shown: str, count: str, max_pixels: int) -> str:
    return f"{shown} has {count} pixels: scale it down to at most {max_pixels:,} pixels"


def _linear_from_pillow(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float32) / 65535
        if values.min() < 0 or values.max() > 1:
            raise ValueError("it holds 32-bit integers")
        return np.repeat(_linear(values)[..., None], 3, -1)
    if image.mode == "F":
        raise ValueError("it holds floats")
    if not image.has_transparency_data:
        return _linear(np.asarray(image.convert("RGB"), np.float32) / 255)
    rgba = np.asarray(image.convert("RGBA"), np.float32) / 255
    rgb, alpha = rgba[..., :3], rgba[..., 3:]
    return _linear(rgb) * alpha + (1 - alpha)


def _linear(srgb: np.ndarray) -> np.ndarray:
    return np.array(linear_from_srgb(jnp.asarray(srgb)), np.float32)


def save_image(path: str | os.PathLike, linear_rgb) -> Path:
    """Writes a picture, whole or not at all.

    Args:
      path: PNG or JPEG file, by its suffix.
      linear_rgb: `[H, W, 3]` float linear RGB; clipped to [0, 1].

    Returns:
      The path.

    Raises:
      InputError: if the suffix is unknown or the file cannot be written.
      ValueError: for a wrong shape or values that are not finite.
    """
    path = Path(path)
    kind = _SAVED_AS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{str(path)!r}: give a picture the suffix .png or .jpg")
    linear_rgb = _check_image(linear_rgb)
    if not np.isfinite(linear_rgb).all():
        raise ValueError("an image to be saved must be finite")
    srgb = np.asarray(srgb_from_linear(jnp.clip(linear_rgb, 0, 1)))
    buffer = io.BytesIO()
    Image.fromarray(np.round(srgb * 255).astype(np.uint8)).save(
        buffer, kind, **({"quality": 95} if kind == "JPEG" else {})
    )
    return write_atomic(path, buffer.getvalue())


def central_square(image: np.ndarray) -> np.ndarray:
    """The largest square in the middle of a picture.

    Args:
      image: `[H, W, C]`.

    Returns:
      `[S, S, C]` with `S = min(H, W)`; a view.
    """
    height, width = image.shape[:2]
    size = min(height, width)
    top, left = (height - size) // 2, (width - size) // 2
    return image[top : top + size, left : left + size]


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture in another resolution: each pixel is the mean of what it covers.

    Args:
      image: `[H, W, 3]` linear RGB, where means are physically right.
      height: rows of the result.
      width: columns of the result.

    Returns:
      `[height, width, 3]` float32. Means are exact for fractional factors too; a
      picture that is enlarged gets blocks.

    Raises:
      ValueError: for a wrong shape or a size below one.
    """
    if height < 1 or width < 1:
        raise ValueError(f"an image needs pixels: got {height} x {width}")
    rows = _average_rows(_check_image(image).astype(np.float64), height)
    columns = _average_rows(rows.swapaxes(0, 1), width)
    return columns.swapaxes(0, 1).astype(np.float32)


def _average_rows(image: np.ndarray, size: int) -> np.ndarray:
    """Means over `size` equal intervals of rows, from the integral over rows."""
    count = image.shape[0]
    integral = np.concatenate([np.zeros_like(image[:1]), np.cumsum(image, 0)])
    edges = np.linspace(0, count, size + 1)
    whole = np.minimum(edges.astype(int), count - 1)
    part = (edges - whole)[:, None, None]
    return np.diff(integral[whole] + part * image[whole], axis=0) * (size / count)


def _check_image(image) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"image must have shape [H, W, 3], got {image.shape}")
    return image


__all__ = [
    "central_square",
    "load_image",
    "resize_image",
    "save_image",
]
