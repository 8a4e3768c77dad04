"""Poses before random cameras: batches to train with, and views to test with."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ivg.data.pose_views import (
    PoseView,
    detect_joints,
    human36m_cameras,
    normalized_view,
    sample_view,
)
from ivg.data.poses import sample_pose
from ivg.models.pose_lifting import Sight
from ivg.scene.skeleton import INPUT_JOINTS, OUTPUT_JOINTS
from ivg.typing import Array


class Views(NamedTuple):
    """What is tested, `M` views.

    Attributes:
      sights: `Sight` `[M]` without noise.
      noisy: `Sight` `[M]` as a detector sees them.
      poses_m: `[M, 17, 3]` metres, in the frame of the camera.
    """

    sights: Sight
    noisy: Sight
    poses_m: Array


def procedural_poses(seed: int, num: int) -> np.ndarray:
    """Random poses of random people.

    Args:
      seed: of all of them.
      num: how many.

    Returns:
      `[num, 17, 3]` metres, y up.
    """
    keys = jax.random.split(jax.random.key(seed), num)
    return np.asarray(_sample_poses(keys))


_sample_poses = jax.jit(jax.vmap(sample_pose))


def sight_of(key: Array | None, view: PoseView) -> Sight:
    """What a network sees of a view.

    Args:
      key: random key of the noise, consumed; None for none.
      view: pose and pixels.

    Returns:
      `Sight`.
    """
    if key is not None:
        view = view.replace(pixels=detect_joints(key, view.pixels))
    joints, _ = normalized_view(view)
    return Sight(
        joints[jnp.array(INPUT_JOINTS)], view.lens.radial, view.lens.tangential
    )


@functools.cache
def batch_maker(source: str, batch_size: int, procedural_share: float):
    """Makes the function that draws a training batch.

    Args:
      source: "gt" or "noisy".
      batch_size: `B`.
      procedural_share: how many of a batch come from the second array of poses.

    Returns:
      Function `(key, (poses [N, 17, 3], procedural [M, 17, 3])) -> (Sight, truth)`,
      both `[B]`; the truth `[B, 16, 3]` is about one unit from the camera.
    """
    cameras = human36m_cameras()

    def one(key, poses, procedural):
        key_kind, key_row, key_view, key_noise = jax.random.split(key, 4)
        first, second = (
            x[jax.random.randint(key_row, (), 0, len(x))] for x in (poses, procedural)
        )
        is_second = jax.random.bernoulli(key_kind, procedural_share)
        pose = jnp.where(is_second, second, first)
        view = sample_view(key_view, cameras, pose)
        sight = sight_of(key_noise if source == "noisy" else None, view)
        return sight, normalized_view(view)[1][jnp.array(OUTPUT_JOINTS)]

    def batch(key, data):
        keys = jax.random.split(key, batch_size)
        return jax.vmap(one, (0, None, None))(keys, *data)

    return batch


def make_views(seed: int, poses: np.ndarray, num: int) -> Views:
    """The same views of some poses every time.

    Args:
      seed: of places, cameras and noise.
      poses: `[N, 17, 3]` metres, y up, in the order of their sequences.
      num: `M` of them, evenly spread; all if there are fewer.

    Returns:
      `Views`.
    """
    rows = np.linspace(0, len(poses) - 1, min(num, len(poses))).astype(int)
    keys = jax.random.split(jax.random.key(seed), len(rows))
    return _see(keys, jnp.asarray(poses[rows]))


@jax.jit
@jax.vmap
def _see(key, pose):
    key_view, key_noise = jax.random.split(key)
    view = sample_view(key_view, human36m_cameras(), pose)
    return Views(sight_of(None, view), sight_of(key_noise, view), view.pose)


__all__ = [
    "Views",
    "batch_maker",
    "make_views",
    "procedural_poses",
    "sight_of",
]
