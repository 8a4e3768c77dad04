"""Rotations as unit quaternions in the order wxyz.

A quaternion `a_from_b` maps the coordinates of a vector in frame `b` to those in
frame `a`, and products read like matrices:
`multiply(a_from_b, b_from_c) = a_from_c`. `q` and `-q` are the same rotation.

Azimuth turns about the world's up axis (+y): it takes +z towards +x. Elevation
lifts from the horizontal plane towards +y.
"""

import jax
import jax.numpy as jnp

from ivg.numerics import (
    matmul,
    safe_atan2,
    safe_norm,
    safe_normalize,
    safe_sqrt,
)
from ivg.typing import Array

IDENTITY = (1.0, 0.0, 0.0, 0.0)


def multiply(a_from_b: Array, b_from_c: Array) -> Array:
    """Hamilton product, the rotation `b_from_c` followed by `a_from_b`.

    Args:
      a_from_b: `[4]` quaternion, wxyz.
      b_from_c: `[4]` quaternion, wxyz.

    Returns:
      `[4]` quaternion `a_from_c`; of unit norm if both arguments are.
    """
    w1, v1 = a_from_b[0], a_from_b[1:]
    w2, v2 = b_from_c[0], b_from_c[1:]
    w = w1 * w2 - jnp.sum(v1 * v2)
    return jnp.concatenate([w[None], w1 * v2 + w2 * v1 + jnp.cross(v1, v2)])


def inverse(a_from_b: Array) -> Array:
    """The rotation `b_from_a`.

    Args:
      a_from_b: `[4]` unit quaternion, wxyz.

    Returns:
      `[4]` conjugate quaternion.
    """
    return a_from_b * jnp.array([1, -1, -1, -1], a_from_b.dtype)


def rotate(a_from_b: Array, vector: Array) -> Array:
    """Turns one vector.

    Args:
      a_from_b: `[4]` quaternion, wxyz; normalised here.
      vector: `[3]` in frame `b`.

    Returns:
      `[3]` the vector in frame `a`. Differentiable in both arguments.
    """
    q = safe_normalize(a_from_b)
    t = 2 * jnp.cross(q[1:], vector)
    return vector + q[0] * t + jnp.cross(q[1:], t)


def matrix_from_quaternion(a_from_b: Array) -> Array:
    """Rotation matrix of a quaternion.

    Args:
      a_from_b: `[4]` quaternion, wxyz; normalised here.

    Returns:
      `[3, 3]` matrix with determinant one; the identity for the zero quaternion.
    """
    w, x, y, z = safe_normalize(a_from_b)
    return jnp.stack(
        [
            jnp.stack(
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)]
            ),
            jnp.stack(
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)]
            ),
            jnp.stack(
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]
            ),
        ]
    )


def quaternion_from_matrix(a_from_b: Array) -> Array:
    """Quaternion of a rotation matrix.

    Args:
      a_from_b: `[3, 3]` rotation matrix.

    Returns:
      `[4]` unit quaternion, wxyz, with the largest component positive. Of the
      four equivalent formulas the best conditioned one is taken, so gradients
      are finite for every rotation.

    Source: Shepperd, Quaternion from rotation matrix, J. Guidance 1978.
    """
    m = a_from_b
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    candidates = jnp.stack(  # row i is 4 q_i * q
        [
            jnp.stack(
                [1 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]]
            ),
            jnp.stack(
                [
                    m[2, 1] - m[1, 2],
                    1 + 2 * m[0, 0] - trace,
                    m[0, 1] + m[1, 0],
                    m[0, 2] + m[2, 0],
                ]
            ),
            jnp.stack(
                [
                    m[0, 2] - m[2, 0],
                    m[0, 1] + m[1, 0],
                    1 + 2 * m[1, 1] - trace,
                    m[1, 2] + m[2, 1],
                ]
            ),
            jnp.stack(
                [
                    m[1, 0] - m[0, 1],
                    m[0, 2] + m[2, 0],
                    m[1, 2] + m[2, 1],
                    1 + 2 * m[2, 2] - trace,
                ]
            ),
        ]
    )
    return safe_normalize(candidates[jnp.argmax(jnp.diagonal(candidates))])


def quaternion_from_rotation_vector(rotation_vector: Array) -> Array:
    """Exponential map: axis times angle to quaternion.

    Args:
      rotation_vector: `[3]` axis times angle in radians.

    Returns:
      `[4]` unit quaternion, wxyz. Near zero the Taylor series of
      `sin(a/2)/a` keeps value and gradient exact.
    """
    squared = jnp.sum(rotation_vector**2)
    is_small = squared < 1e-6
    angle = jnp.sqrt(jnp.where(is_small, 1, squared))
    scale = jnp.where(is_small, 0.5 - squared / 48, jnp.sin(angle / 2) / angle)
    w = jnp.where(is_small, 1 - squared / 8, jnp.cos(angle / 2))
    return safe_normalize(jnp.concatenate([w[None], scale * rotation_vector]))


def rotation_vector_from_quaternion(quaternion: Array) -> Array:
    """Logarithm: quaternion to axis times angle.

    Args:
      quaternion: `[4]` unit quaternion, wxyz; either sign.

    Returns:
      `[3]` axis times angle, the angle in [0, pi] radians.
    """
    q = jnp.where(quaternion[0] < 0, -quaternion, quaternion)
    w, v = q[0], q[1:]
    squared = jnp.sum(v**2)
    is_small = squared < 1e-8
    sine = jnp.sqrt(jnp.where(is_small, 1, squared))
    factor = jnp.where(
        is_small,
        2 / jnp.where(is_small, w, 1) * (1 - squared / 3),
        2 * jnp.arctan2(sine, w) / sine,
    )
    return factor * v


def quaternion_from_azimuth(azimuth_rad: Array) -> Array:
    """Rotation about +y that takes +z towards +x.

    Args:
      azimuth_rad: `[]` radians.

    Returns:
      `[4]` unit quaternion, wxyz.
    """
    half = jnp.asarray(azimuth_rad) / 2
    zero = jnp.zeros_like(half)
    return jnp.stack([jnp.cos(half), zero, jnp.sin(half), zero])


def quaternion_from_azimuth_elevation(
    azimuth_rad: Array, elevation_rad: Array
) -> Array:
    """Rotation that points +z along an azimuth and elevation, without roll.

    Args:
      azimuth_rad: `[]` radians about +y, from +z towards +x.
      elevation_rad: `[]` radians above the horizontal plane.

    Returns:
      `[4]` unit quaternion, wxyz; it takes +z to
      `direction_from_azimuth_elevation` of the same angles.
    """
    half = -jnp.asarray(elevation_rad) / 2
    zero = jnp.zeros_like(half)
    pitch = jnp.stack([jnp.cos(half), jnp.sin(half), zero, zero])
    return multiply(quaternion_from_azimuth(azimuth_rad), pitch)


def direction_from_azimuth_elevation(azimuth_rad: Array, elevation_rad: Array) -> Array:
    """Unit vector at an azimuth (from +z towards +x) and elevation (towards +y).

    Args:
      azimuth_rad: `[]` radians.
      elevation_rad: `[]` radians.

    Returns:
      `[3]` unit vector.
    """
    cos_elevation = jnp.cos(elevation_rad)
    return jnp.stack(
        [
            jnp.sin(azimuth_rad) * cos_elevation,
            jnp.sin(elevation_rad) * jnp.ones_like(azimuth_rad),
            jnp.cos(azimuth_rad) * cos_elevation,
        ]
    )


def azimuth_elevation_from_direction(direction: Array) -> tuple[Array, Array]:
    """Azimuth and elevation; inverse of `direction_from_azimuth_elevation`.

    Args:
      direction: `[3]`, any length.

    Returns:
      `([], [])` azimuth in (-pi, pi] and elevation in [-pi/2, pi/2], radians.
      Gradients are zero, not NaN, at the poles.
    """
    x, y, z = direction
    return safe_atan2(x, z), safe_atan2(y, safe_sqrt(x**2 + z**2))


def angle_between(a_from_c: Array, b_from_c: Array) -> Array:
    """Angle of the rotation that takes one orientation to the other.

    Args:
      a_from_c: `[4]` unit quaternion, wxyz.
      b_from_c: `[4]` unit quaternion, wxyz.

    Returns:
      `[]` angle in [0, pi], radians; zero with zero gradient where they agree.
    """
    relative = multiply(inverse(a_from_c), b_from_c)
    return 2 * safe_atan2(safe_norm(relative[1:]), jnp.abs(relative[0]))


def nearest_rotation(matrix: Array) -> tuple[Array, Array]:
    """The rotation that turns most like a matrix, never a mirror.

    Args:
      matrix: `[3, 3]`, such as the covariance `sum_i a_i b_i^T` of points `b_i` that
        are to be turned onto `a_i`.

    Returns:
      `[3, 3]` the rotation `R` with the greatest `trace(R^T matrix)`, and that `[]`.
      Gradients are not finite where two singular values are equal or zero.

    Source: Umeyama, Least-squares estimation of transformation parameters, PAMI 1991.
    """
    u, sizes, vt = jnp.linalg.svd(matrix)
    mirrors = jnp.linalg.det(u) * jnp.linalg.det(vt) < 0
    signs = jnp.ones_like(sizes).at[-1].set(jnp.where(mirrors, -1, 1))
    return matmul(u * signs, vt), jnp.sum(sizes * signs)


def sample_quaternion(key: Array) -> Array:
    """A rotation drawn uniformly from all rotations.

    Args:
      key: a `jax.random` key, consumed.

    Returns:
      `[4]` unit quaternion, wxyz.
    """
    return safe_normalize(jax.random.normal(key, (4,)))


def look_rotation(forward: Array, up: Array) -> Array:
    """Orientation of a camera that looks along `forward`.

    Args:
      forward: `[3]` direction of view in the world, any length.
      up: `[3]` direction shown upwards, not parallel to `forward`.

    Returns:
      `[4]` quaternion `world_from_camera`: the camera's -z is `forward`, its +y
      the part of `up` across it, its +x to the right.
    """
    back = safe_normalize(-forward)
    right = safe_normalize(jnp.cross(up, back))
    return quaternion_from_matrix(
        jnp.stack([right, jnp.cross(back, right), back], axis=1)
    )


__all__ = [
    "IDENTITY",
    "angle_between",
    "azimuth_elevation_from_direction",
    "direction_from_azimuth_elevation",
    "inverse",
    "look_rotation",
    "matrix_from_quaternion",
    "multiply",
    "nearest_rotation",
    "quaternion_from_azimuth",
    "quaternion_from_azimuth_elevation",
    "quaternion_from_matrix",
    "quaternion_from_rotation_vector",
    "rotate",
    "rotation_vector_from_quaternion",
    "sample_quaternion",
]
