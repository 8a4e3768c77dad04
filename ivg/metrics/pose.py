"""Errors of human poses, and the loss that trains networks to infer them.

A scale is free in all of them: a picture does not say how large a person is.
"""

import jax.numpy as jnp

from ivg.geometry.rotation import nearest_rotation
from ivg.numerics import matmul, safe_divide, safe_norm
from ivg.typing import Array


def best_scale(pose: Array, truth: Array) -> Array:
    """The factor `k` that brings a pose nearest to the true one.

    Points shrink and grow about the origin, the centre of the camera, so that what
    the camera sees stays the same: `k = sum(truth pose) / sum(pose^2)`.

    Args:
      pose: `[J, 3]` in the camera frame.
      truth: `[J, 3]` in the camera frame.

    Returns:
      `[]`; zero for a pose that is zero.

    Source: IGE-Net, Eq. 9: "the optimal scaling factor with respect to the squared
    error".
    """
    return safe_divide(jnp.sum(truth * pose), jnp.sum(pose**2))


def pose_loss(pose: Array, truth: Array) -> Array:
    """Distances of joints from their true places, after the best scale, summed.

    Args:
      pose: `[J, 3]` in the camera frame.
      truth: `[J, 3]` in the camera frame.

    Returns:
      `[]`, in the unit of `truth`; finite gradients where joints agree.

    Source: IGE-Net, Eq. 9, read as a norm for each joint.
    """
    return jnp.sum(safe_norm(best_scale(pose, truth) * pose - truth))


def protocol_1a(pose: Array, truth: Array) -> Array:
    """Mean distance of joints from their true places, after the best scale.

    Args:
      pose: `[J, 3]` in the camera frame.
      truth: `[J, 3]` in the camera frame.

    Returns:
      `[]`, in the unit of `truth`.

    Source: IGE-Net, section 5.3.
    """
    return pose_loss(pose, truth) / len(truth)


def procrustes(pose: Array, truth: Array) -> Array:
    """A pose turned, moved and scaled onto the true one, never mirrored.

    Args:
      pose: `[J, 3]`.
      truth: `[J, 3]`.

    Returns:
      `[J, 3]`, the nearest to `truth` in the sum of squared distances.

    Source: Umeyama, Least-squares estimation of transformation parameters, PAMI 1991.
    """
    middle = jnp.mean(truth, 0)
    from_, to = pose - jnp.mean(pose, 0), truth - middle
    turn, reach = nearest_rotation(matmul(from_.T, to))
    scale = safe_divide(reach, jnp.sum(from_**2))
    return scale * matmul(from_, turn) + middle


def protocol_2(pose: Array, truth: Array) -> Array:
    """Mean distance of joints from their true places, after `procrustes`.

    Args:
      pose: `[J, 3]`.
      truth: `[J, 3]`.

    Returns:
      `[]`, in the unit of `truth`.

    Source: IGE-Net, section 5.3.
    """
    return jnp.mean(safe_norm(procrustes(pose, truth) - truth))


__all__ = [
    "best_scale",
    "pose_loss",
    "procrustes",
    "protocol_1a",
    "protocol_2",
]
