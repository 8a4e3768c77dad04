"""Similarity transforms `a_from_b`: scale, then rotate, then translate.

A rigid transform is a similarity with scale one. Names read like matrix products:
`compose(a_from_b, b_from_c) = a_from_c`.
"""

import jax.numpy as jnp
from flax import struct

from ivg.geometry import rotation
from ivg.numerics import safe_divide, turn
from ivg.typing import Array


@struct.dataclass
class Transform:
    """A similarity; frame `b` as seen in frame `a`.

    Attributes:
      position: `[3]` metres, the origin of `b` in `a`.
      quaternion: `[4]` wxyz, normalised wherever it is used.
      scale: `[]` factor, positive; one for a rigid transform.
    """

    position: Array
    quaternion: Array
    scale: Array


def make_transform(
    position=(0.0, 0.0, 0.0), quaternion=rotation.IDENTITY, scale=1.0
) -> Transform:
    """A transform from plain numbers; the identity without arguments.

    Args:
      position: `[3]` metres.
      quaternion: `[4]` wxyz.
      scale: `[]` factor.

    Returns:
      `Transform` of float arrays.
    """
    as_float = lambda x: jnp.asarray(x, jnp.result_type(float))  # noqa: E731
    return Transform(as_float(position), as_float(quaternion), as_float(scale))


def compose(a_from_b: Transform, b_from_c: Transform) -> Transform:
    """`b_from_c` followed by `a_from_b`.

    Args:
      a_from_b: outer transform.
      b_from_c: inner transform.

    Returns:
      `Transform` `a_from_c`.
    """
    return Transform(
        transform_point(a_from_b, b_from_c.position),
        rotation.multiply(a_from_b.quaternion, b_from_c.quaternion),
        a_from_b.scale * b_from_c.scale,
    )


def invert(a_from_b: Transform) -> Transform:
    """The transform that undoes `a_from_b`.

    Args:
      a_from_b: transform with a scale other than zero.

    Returns:
      `Transform` `b_from_a`.
    """
    b_from_a = rotation.inverse(a_from_b.quaternion)
    scale = safe_divide(1.0, a_from_b.scale)
    return Transform(
        -scale * rotation.rotate(b_from_a, a_from_b.position), b_from_a, scale
    )


def transform_point(a_from_b: Transform, point: Array) -> Array:
    """One point, from frame `b` to frame `a`.

    Args:
      a_from_b: transform.
      point: `[3]` metres in `b`.

    Returns:
      `[3]` metres in `a`.
    """
    return (
        a_from_b.scale * rotation.rotate(a_from_b.quaternion, point) + a_from_b.position
    )


def matrix_from_transform(a_from_b: Transform) -> Array:
    """Homogeneous matrix of a transform.

    Args:
      a_from_b: transform.

    Returns:
      `[4, 4]` matrix for column vectors.
    """
    return affine_from_trs(a_from_b.position, a_from_b.quaternion, a_from_b.scale)


def affine_from_trs(position: Array, quaternion: Array, scale: Array) -> Array:
    """Homogeneous matrix that scales, rotates, then translates (as in glTF).

    Args:
      position: `[3]` metres.
      quaternion: `[4]` wxyz.
      scale: `[]` or `[3]` factor per axis.

    Returns:
      `[4, 4]` matrix for column vectors.
    """
    linear = rotation.matrix_from_quaternion(quaternion) * scale
    last = jnp.array([[0, 0, 0, 1]], linear.dtype)
    return jnp.concatenate([jnp.concatenate([linear, position[:, None]], 1), last], 0)


def apply_affine(matrix: Array, points: Array) -> Array:
    """Points under a homogeneous matrix.

    Args:
      matrix: `[4, 4]`, last row `0 0 0 1`.
      points: `[V, 3]`.

    Returns:
      `[V, 3]` in full precision.
    """
    return turn(points, matrix[:3, :3].T) + matrix[:3, 3]


__all__ = [
    "Transform",
    "affine_from_trs",
    "apply_affine",
    "compose",
    "invert",
    "make_transform",
    "matrix_from_transform",
    "transform_point",
]
