"""Affine functions of the image, one set per face, evaluated where faces are seen.

An attribute that is linear on a triangle is, divided by depth, affine on the image
(the plane equation of rasterizers). So all that a picture interpolates comes from a
small table: per face and attribute the slopes in x and y and a constant. Both
functions here are linear and each is the transpose of the other, so derivatives of
any order and `vmap` need these two kernels only. Sums run in a fixed order on the
CPU: the same inputs give the same bits.
"""

import jax.numpy as jnp

from ivg.render.linear import cpu_kernels, make_linear
from ivg.typing import Array


def evaluate_planes(planes: Array, origin: Array, index: Array) -> Array:
    """Affine functions of the faces that are seen, at the pixel centres.

    `planes[f, a] . (x - origin[f, 0], y - origin[f, 1], 1)` with `f = index[k, y, x]`.

    Args:
      planes: `[F, A, 3]` slopes per pixel in x and y, and value at the origin.
      origin: `[F, 2]` pixels (x, y), near where the face is seen, so that steep
        functions stay precise. No gradient.
      index: `[K, H, W]` integers in [-1, F).

    Returns:
      `[A, K, H, W]`, zero where the index is -1. Linear in the planes.
    """
    return _evaluate.bind(planes, *_as_kernels_read(origin, index, planes.dtype))


def sum_planes(values: Array, origin: Array, index: Array) -> Array:
    """Sums of pixels over faces, weighted by 1, x and y; transpose of the above.

    Args:
      values: `[A, K, H, W]`.
      origin: `[F, 2]` pixels (x, y). No gradient.
      index: `[K, H, W]` integers in [-1, F).

    Returns:
      `[F, A, 3]`. Linear in the values.
    """
    return _sum.bind(values, *_as_kernels_read(origin, index, values.dtype))


def _as_kernels_read(origin, index, dtype):
    """Kernels read raw memory, so nothing of another type may reach them."""
    return origin.astype(dtype), index.astype(jnp.int32)


def _offsets(origin, index, dtype):
    """`[K, H, W]` x and y from the origin of the face at each pixel."""
    place = origin[jnp.maximum(index, 0)]
    x = jnp.arange(index.shape[2], dtype=dtype) + 0.5 - place[..., 0]
    y = jnp.arange(index.shape[1], dtype=dtype)[:, None] + 0.5 - place[..., 1]
    return x, y


def _plain_evaluate(planes, origin, index):
    x, y = _offsets(origin, index, planes.dtype)
    rows = jnp.moveaxis(planes, 0, -1)[..., jnp.maximum(index, 0)]
    return jnp.where(index >= 0, rows[:, 0] * x + rows[:, 1] * y + rows[:, 2], 0)


def _plain_sum(values, origin, index):
    x, y = _offsets(origin, index, values.dtype)
    rows = jnp.stack([values * x, values * y, values], -1)
    empty = jnp.zeros((origin.shape[0], values.shape[0], 3), values.dtype)
    place = jnp.where(index < 0, origin.shape[0], index)
    return empty.at[place].add(jnp.moveaxis(rows, 0, -2), mode="drop")


def _kernel(name):
    return getattr(cpu_kernels("planes_cpu"), name, None)


_evaluate = make_linear(
    "evaluate_planes",
    3,
    _plain_evaluate,
    lambda: _kernel("evaluate"),
    lambda planes, _, index: (
        *planes.shape[:-3],
        planes.shape[-2],
        *index.shape[-3:],
    ),
    lambda cotangent, _, *place: (_sum.bind(cotangent, *place),),
)
_sum = make_linear(
    "sum_planes",
    4,
    _plain_sum,
    lambda: _kernel("sum_planes"),
    lambda values, origin, _: (*origin.shape[:-1], values.shape[-4], 3),
    lambda cotangent, _, *place: (_evaluate.bind(cotangent, *place),),
)

__all__ = ["evaluate_planes", "sum_planes"]
