"""Square pieces of pictures, as the input of networks."""

import jax
import jax.numpy as jnp

from ivg.typing import Array

_DIFFERENCE = 3.0


def normalize_pixels(srgb: Array, inside: Array | float = 1.0) -> Array:
    """Pixels as all networks of ivg see them.

    Args:
      srgb: `[...]` sRGB in [0, 1], zero beyond the picture.
      inside: `[...]` share of each pixel that lies within the picture.

    Returns:
      `(255 srgb - 127 inside) / 100`: about zero for mid grey, zero beyond the picture.

    Source: Romaszko et al., Learning Direct Optimization, section 8, with a fixed mean.
    """
    return (255 * srgb - 127 * inside) / 100


def crop_patches(picture: Array, centres_px: Array, size: int) -> Array:
    """Square pieces of a picture, zero where they reach beyond it.

    Args:
      picture: `[H, W, C]`.
      centres_px: `[N, 2]` x and y of the middle of each piece, pixels; rounded.
      size: rows and columns, even.

    Returns:
      `[N, size, size, C]`. Differentiable in the picture.
    """
    height, width = picture.shape[:2]
    padded = jnp.pad(picture, ((size, size), (size, size), (0, 0)))
    middle = jnp.clip(
        jnp.round(centres_px), -size // 2, jnp.array([width, height]) + size // 2
    )
    corner = middle.astype(jnp.int32) + size // 2

    def crop(corner):
        start = (corner[1], corner[0], 0)
        return jax.lax.dynamic_slice(padded, start, (size, size, picture.shape[2]))

    return jax.vmap(crop)(corner)


def halve(picture: Array) -> Array:
    """A picture of half the size, the mean of two by two pixels.

    Args:
      picture: `[..., H, W, C]`, H and W even.

    Returns:
      `[..., H / 2, W / 2, C]`.
    """
    *batch, height, width, channels = picture.shape
    blocks = picture.reshape(*batch, height // 2, 2, width // 2, 2, channels)
    return jnp.mean(blocks, (-4, -2))


def stack_pair(observed: Array, rendered: Array, inside: Array) -> Array:
    """Two pictures and their difference, as a network sees them.

    Args:
      observed: `[..., 3]` sRGB in [0, 1], zero beyond the picture.
      rendered: `[..., 3]` likewise.
      inside: `[..., 1]` share of each pixel that lies within the picture.

    Returns:
      `[..., 9]` normalised pixels, the difference three times as strong: it is small
      where an estimate is good, and tells the most.
    """
    first, second = (normalize_pixels(p, inside) for p in (observed, rendered))
    return jnp.concatenate([first, second, _DIFFERENCE * (first - second)], -1)


__all__ = ["crop_patches", "halve", "normalize_pixels", "stack_pair"]
