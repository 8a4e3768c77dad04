"""Pictures on surfaces: bilinear lookup, and mip maps against aliasing.

Texture coordinates are (u, v) with v up; pictures repeat. The first row of a picture
of `S` rows lies at v in [1 - 1/S, 1], and a texel has its own colour at its centre.
The mip maps of a picture are kept as one list of texels, level after level: level `l`
has `(S / 2^l)^2` of them.
"""

import jax.numpy as jnp

from ivg.render.gather import gather_planes
from ivg.typing import Array


def make_mipmaps(texture: Array) -> Array:
    """A picture in all resolutions, each the mean of two by two texels of the last.

    Args:
      texture: `[S, S, C]` with `S` a power of two.

    Returns:
      `[M, C]` texels with `M = (4 S^2 - 1) / 3`: all of the picture, row by row,
      then of its half, down to the mean of all. Linear in the texture.

    Raises:
      ValueError: for another shape.
    """
    size = texture.shape[0]
    if texture.ndim != 3 or texture.shape[1] != size or size & (size - 1) or not size:
        raise ValueError(
            f"a mip map needs [S, S, C], S a power of two, got {texture.shape}"
        )
    levels = [texture]
    while size > 1:
        size //= 2
        blocks = levels[-1].reshape(size, 2, size, 2, -1)
        levels.append(jnp.mean(blocks, (1, 3)))
    return jnp.concatenate([level.reshape(-1, texture.shape[2]) for level in levels])


def sample_bilinear(texture: Array, uv: Array) -> Array:
    """Colour of a picture, linear between texel centres.

    Args:
      texture: `[R, Q, C]`.
      uv: `[2, ...]` texture coordinates; the picture repeats.

    Returns:
      `[C, ...]`. Differentiable in both; the derivative by uv is that of the
      bilinear function, from one side at texel centres.
    """
    rows, columns, channels = texture.shape
    table = texture.reshape(-1, channels)
    return _lookup(table, jnp.zeros(uv.shape[1:], jnp.int32), (rows, columns), uv)


def sample_mipmapped(
    mipmaps: Array, uv: Array, uv_slopes: Array, texture_id: Array | None = None
) -> Array:
    """Colour of a picture, averaged over about a pixel.

    Args:
      mipmaps: `[T, M, C]` from `make_mipmaps`.
      uv: `[2, ...]` texture coordinates.
      uv_slopes: `[2, 2, ...]` change of u and v (first axis) from one pixel to the
        next in x and y (second axis).
      texture_id: `[...]` int32 in [-1, T); the first picture if absent.

    Returns:
      `[C, ...]`, zero where `texture_id` is -1. Linear in the texels, differentiable
      in uv and, through the level, in its slopes.

    Source: Williams, Pyramidal Parametrics, 1983: trilinear, in the level whose
    texels are as large as the longer side of the pixel on the surface. So surfaces
    seen at a grazing angle are blurred rather than jagged.
    """
    size = _size_of_mipmaps(mipmaps.shape[1])
    table = mipmaps.reshape(-1, mipmaps.shape[2])
    if texture_id is None:
        texture_id = jnp.zeros(uv.shape[1:], jnp.int32)
    level = mip_level(uv_slopes, size)
    fine = jnp.floor(level)
    share = level - fine
    total = jnp.zeros((), uv.dtype)
    for step, weight in ((0, 1 - share), (1, share)):
        index = jnp.minimum(fine.astype(jnp.int32) + step, size.bit_length() - 1)
        side = jnp.right_shift(jnp.int32(size), index)
        skipped = 4 * (size * size - side * side) // 3
        start = jnp.where(texture_id < 0, -1, texture_id * mipmaps.shape[1] + skipped)
        total = total + weight * _lookup(table, start, (side, side), uv)
    return total


def mip_level(uv_slopes: Array, size: int) -> Array:
    """The level of detail of a picture that fits the pixels.

    Args:
      uv_slopes: `[2, 2, ...]` change of u and v from pixel to pixel in x and y.
      size: texels along a side of the picture, a power of two.

    Returns:
      `[...]` in [0, log2(size)]: the logarithm to base two of the texels per pixel.
    """
    square = jnp.max(jnp.sum(uv_slopes**2, 0), 0) * float(size * size)
    return 0.5 * jnp.log2(jnp.clip(square, 1.0, float(size * size)))


def _size_of_mipmaps(num_texels: int) -> int:
    return 1 << ((3 * num_texels + 1).bit_length() // 2 - 1)


def _lookup(table: Array, start: Array, shape, uv: Array) -> Array:
    """Bilinear lookup in pictures of given (rows, columns) that start in a table."""
    rows, columns = shape
    (x0, x1), x = _neighbours(uv[0], columns)
    (y0, y1), y = _neighbours(1 - uv[1], rows)

    def texel(row, column):
        return gather_planes(
            table, jnp.where(start < 0, -1, start + row * columns + column)
        )

    upper = texel(y0, x0) * (1 - x) + texel(y0, x1) * x
    lower = texel(y1, x0) * (1 - x) + texel(y1, x1) * x
    return upper * (1 - y) + lower * y


def _neighbours(coordinate, size):
    """The two texels about a coordinate, and the place between them."""
    place = (coordinate - jnp.floor(coordinate)) * size - 0.5
    first = jnp.floor(place)
    index = first.astype(jnp.int32) + size
    return (index % size, (index + 1) % size), place - first


__all__ = ["make_mipmaps", "mip_level", "sample_bilinear", "sample_mipmapped"]
