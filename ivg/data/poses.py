"""Random poses of random people, from joint limits.

Angles of a joint are flexion about x, twist about y and abduction about z, in the
frame of its parent; see `ivg.scene.skeleton` for the axes of a resting body. An angle
is drawn around a habit and put back between limits. Legs bend together, as in a
crouch. Left and right have the same law.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.geometry.rotation import (
    matrix_from_quaternion,
    multiply,
    quaternion_from_rotation_vector,
)
from ivg.numerics import turn
from ivg.scene.skeleton import JOINTS, PARENTS
from ivg.typing import Array

# Where a resting joint is from its parent, metres, of a person of 1.7 m.
_LEFT = {
    "hip": (0.10, 0.0, 0.0),
    "knee": (0.0, -0.43, 0.0),
    "ankle": (0.0, -0.42, 0.0),
    "shoulder": (0.19, -0.03, 0.0),
    "elbow": (0.0, -0.28, 0.0),
    "wrist": (0.0, -0.24, 0.0),
}
_MIDDLE = {
    "pelvis": (0.0, 0.0, 0.0),
    "thorax": (0.0, 0.24, 0.0),
    "neck": (0.0, 0.25, 0.0),
    "head_centre": (0.0, 0.11, 0.03),
    "head_top": (0.0, 0.12, 0.0),
}
# Flexion, twist, abduction, degrees: least, habit, deviation, greatest. Of the left
# side; on the right, twist and abduction have the other sign. Positive flexion takes
# up to forward, and down to backward.
_LIMITS = {
    "pelvis": ((-30, 0, 8, 80), (0, 0, 0, 0), (-30, 0, 6, 30)),
    "thorax": ((-20, 8, 14, 70), (-40, 0, 14, 40), (-30, 0, 8, 30)),
    "neck": ((-35, 8, 14, 45), (-70, 0, 22, 70), (-30, 0, 8, 30)),
    "hip": ((-120, -8, 18, 25), (-40, 5, 14, 40), (-20, 5, 9, 60)),
    "knee": ((0, 15, 18, 145), (0, 0, 0, 0), (0, 0, 0, 0)),
    "shoulder": ((-175, -25, 40, 60), (-80, 0, 35, 80), (-15, 25, 28, 150)),
    "elbow": ((-145, -45, 38, 0), (0, 0, 0, 0), (0, 0, 0, 0)),
}
# How far hip and knee bend when the legs are folded, degrees.
_CROUCH = {"hip": -85.0, "knee": 95.0}
_HEIGHT_M, _HEIGHT_DEVIATION, _BONE_DEVIATION = 1.7, 0.06, 0.05


def _rows(names: dict, blank) -> np.ndarray:
    """A table with a row per joint, from one with a row per kind of joint."""
    return np.array([names.get(name.split("_")[-1], blank) for name in JOINTS])


def _rest_offsets() -> np.ndarray:
    rows = []
    for name in JOINTS:
        x, y, z = _MIDDLE.get(name) or _LEFT[name.split("_")[-1]]
        rows.append((-x if name.startswith("right") else x, y, z))
    return np.array(rows, np.float32)


def sample_skeleton(key: Array) -> Array:
    """The bones of a random person; left and right are alike.

    Args:
      key: random key, consumed.

    Returns:
      `[17, 3]` metres, from the parent of each joint to the joint, at rest.
    """
    key_height, key_bones = jax.random.split(key)
    kinds = [name.removeprefix("left_").removeprefix("right_") for name in JOINTS]
    kind_of = np.unique(kinds, return_inverse=True)[1]
    own = jax.random.truncated_normal(key_bones, -2, 2, (len(JOINTS),))[kind_of]
    height = jax.random.truncated_normal(key_height, -2.5, 2.5)
    size = (1 + _HEIGHT_DEVIATION * height) * (1 + _BONE_DEVIATION * own)
    return jnp.asarray(_rest_offsets()) * size[:, None]


def sample_angles(key: Array) -> Array:
    """Random angles of all joints, between their limits.

    Args:
      key: random key, consumed.

    Returns:
      `[17, 3]` radians: flexion, twist and abduction.
    """
    key_crouch, key_angles = jax.random.split(key)
    low, habit, deviation, high = jnp.moveaxis(_table(), -1, 0)
    crouch = jax.random.beta(key_crouch, 0.35, 1.2)
    bend = jnp.asarray(_rows(_CROUCH, 0.0), low.dtype)
    habit = habit.at[:, 0].add(crouch * bend)
    angles = habit + deviation * jax.random.normal(key_angles, habit.shape)
    return jnp.deg2rad(jnp.clip(angles, low, high))


def angle_limits() -> tuple[Array, Array]:
    """The least and greatest angles.

    Returns:
      `([17, 3], [17, 3])` radians, as `sample_angles` has them.
    """
    table = _table()
    return jnp.deg2rad(table[..., 0]), jnp.deg2rad(table[..., 3])


def _table():
    table = _rows(_LIMITS, np.zeros((3, 4))).astype(np.float32)
    for index, name in enumerate(JOINTS):
        if name.startswith("right"):
            low, habit, deviation, high = table[index, 1:].T
            table[index, 1:] = np.stack([-high, -habit, deviation, -low], -1)
    return jnp.asarray(table)


def bend(skeleton: Array, angles_rad: Array) -> Array:
    """Where the joints of a person are.

    Args:
      skeleton: `[17, 3]` metres, as from `sample_skeleton`.
      angles_rad: `[17, 3]` flexion, twist and abduction: the twist comes first, the
        abduction last.

    Returns:
      `[17, 3]` metres, the pelvis at the origin.
    """
    axes = jnp.eye(3)
    parts = jax.vmap(jax.vmap(quaternion_from_rotation_vector))(
        angles_rad[:, :, None] * axes
    )
    own = jax.vmap(lambda q: multiply(multiply(q[2], q[0]), q[1]))(parts)
    places, turns = [], []
    for index, parent in enumerate(PARENTS):
        if parent < 0:
            places.append(jnp.zeros(3))
            turns.append(own[index])
            continue
        matrix = matrix_from_quaternion(turns[parent])
        places.append(places[parent] + turn(skeleton[index], matrix.T))
        turns.append(multiply(turns[parent], own[index]))
    return jnp.stack(places)


def sample_pose(key: Array) -> Array:
    """A random pose of a random person.

    Args:
      key: random key, consumed.

    Returns:
      `[17, 3]` metres, y up, looking about +z, the pelvis at the origin.
    """
    key_person, key_angles = jax.random.split(key)
    return bend(sample_skeleton(key_person), sample_angles(key_angles))


__all__ = [
    "angle_limits",
    "bend",
    "sample_angles",
    "sample_pose",
    "sample_skeleton",
]
