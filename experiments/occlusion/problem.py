"""Pictures of stacks, and estimates that hide some of the objects."""

import math

import jax
import jax.numpy as jnp
from flax import struct

from ivg.data.stacks import hide_behind_block, sample_stack
from ivg.energy.stack import render_stack
from ivg.scene.library import MeshLibrary
from ivg.scene.stack import Stack, depths_of, pose_of, with_pose
from ivg.typing import Array

SIDE_NOISE_M = 0.015
TURN_NOISE_RAD = math.radians(15)


@struct.dataclass
class Problem:
    """A picture, what it shows, and an estimate of that.

    Attributes:
      picture: `[S, S, 3]` as displayed.
      truth: true `Stack`.
      estimate: `Stack` in which the block hides all other objects.
    """

    picture: Array
    truth: Stack
    estimate: Stack


def sample_problem(
    key: Array, library: MeshLibrary, *, num_behind: int, size_px: int, noise: float
) -> Problem:
    """A random stack and a wrong estimate of it.

    Args:
      key: random key, consumed.
      library: from `stack_library`.
      num_behind: objects that the estimate hides (static).
      size_px: side of the picture.
      noise: zero if all but the depths of the hidden objects is known; one to
        move them sideways by up to 1.5 cm and to turn them by up to 15 degrees.

    Returns:
      `Problem`.
    """
    key_truth, key_depth, key_pose = jax.random.split(key, 3)
    truth = sample_stack(key_truth, library, num_behind)
    estimate = disturb(key_pose, hide_behind_block(key_depth, truth), noise)
    return Problem(render_stack(truth, library, size_px), truth, estimate)


def disturb(key: Array, stack: Stack, noise: float) -> Stack:
    """A stack whose objects, but for the block, are moved sideways and turned.

    Args:
      key: random key, consumed.
      stack: objects, the block first.
      noise: share of the greatest disturbance, on each of five axes.

    Returns:
      `Stack`; the depths stay.
    """
    pose = pose_of(stack)
    side, turn = jax.random.uniform(
        key, (2, *pose.position_m.shape), minval=-noise, maxval=noise
    )
    free = jnp.arange(len(side))[:, None] > 0
    side = jnp.where(free, SIDE_NOISE_M * side, 0).at[:, 2].set(0)
    moved = pose.replace(
        position_m=pose.position_m + side,
        turn_rad=jnp.where(free, TURN_NOISE_RAD * turn, 0),
    )
    return with_pose(stack, moved)


def depth_errors(stack: Stack, truth: Stack) -> Array:
    """How far objects are from their true depth.

    Args:
      stack: estimate of `N` objects, the block first.
      truth: true objects.

    Returns:
      `[N - 1]` metres, of all but the block.
    """
    return jnp.abs(depths_of(stack) - depths_of(truth))[1:]


__all__ = [
    "SIDE_NOISE_M",
    "TURN_NOISE_RAD",
    "Problem",
    "depth_errors",
    "disturb",
    "sample_problem",
]
