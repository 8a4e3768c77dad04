"""Pictures of rooms: to train with, to test with, and from turned cameras."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.chunks import in_chunks
from experiments.pix2scene.config import Config
from ivg.data.room_views import (
    AZIMUTH_RAD,
    DISTANCE_M,
    ELEVATION_RAD,
    SceneViews,
    octant_lights,
    octant_point,
    sample_view,
    see_room,
    turned_eye,
)
from ivg.data.surfel_rooms import CLASSES, room_library, sample_room_scene
from ivg.typing import Array

SPLITS = ("train", "test", "sweep", "mean")
_AT_ONCE = 1000


def make_views(config: Config, kind: str, split: str) -> SceneViews:
    """Pictures of random rooms, on the host.

    Args:
      config: seed, counts and sizes.
      kind: of rooms, one of `CLASSES`.
      split: "train", "test" or "mean", for the predictor of the mean depth; they
        share no room.

    Returns:
      `SceneViews` with a leading axis `[E]`. Of those to train with, pictures are
      float16, and depth `[E, 0, 0]` and normals `[E, 0, 0, 3]` are left out.
    """
    is_train = split == "train"
    draw = _viewer(kind, config.sizes.pixels, is_train)
    count = config.num_train if is_train else config.num_test
    keys = _keys(config, kind, split, count)
    return in_chunks(draw, keys, chunk=_AT_ONCE, label=f"{kind} {split}")


@functools.cache
def _viewer(kind, pixels, is_compact):
    """The compiled function from random keys to views of rooms."""
    library = room_library(kind)

    def one(key):
        views = sample_view(key, library, kind, pixels)
        return _compact(views) if is_compact else views

    return jax.jit(lambda keys: jax.lax.map(one, keys))


def _compact(views: SceneViews) -> SceneViews:
    return views._replace(
        image=views.image.astype(jnp.float16),
        depth=views.depth[:0, :0],
        normal=views.normal[:0, :0],
    )


def make_sweep(config: Config, kind: str) -> SceneViews:
    """The same rooms from one end of the range of azimuth, and from turned cameras.

    Args:
      config: seed, counts and angles.
      kind: of rooms.

    Returns:
      `SceneViews` with leading axes `[E, A + 1]`, all float32: before the turn and
      after each of `angles_deg`. The elevation is random, the lights stay. Half of the
      turns begin at the other end and go the other way, so that all cameras are where
      training has them.
    """
    library = room_library(kind)
    angles = jnp.deg2rad(jnp.array([0.0, *config.angles_deg]))

    def one(key):
        keys = jax.random.split(key, 4)
        scene = sample_room_scene(keys[0], library, kind)
        lights = octant_lights(keys[1])
        low, high = np.sin(ELEVATION_RAD)
        height = jax.random.uniform(keys[2], minval=low, maxval=high)
        start = jax.random.choice(keys[3], jnp.array(AZIMUTH_RAD))
        eye = octant_point(start, jnp.arcsin(height), DISTANCE_M)

        def see(angle):
            turned = turned_eye(eye, angle * way_to_turn(eye))
            return see_room(scene, library, turned, *lights, config.sizes.pixels)

        return jax.lax.map(see, angles)

    draw = jax.jit(lambda keys: jax.lax.map(one, keys))
    keys = _keys(config, kind, "sweep", config.num_sweep)
    return in_chunks(draw, keys, chunk=_AT_ONCE, label=f"{kind} turned")


def way_to_turn(eye: Array) -> Array:
    """Which way there is more room for a camera.

    Args:
      eye: `[3]` metres.

    Returns:
      `[]` 1 in the half of the octant beside +z, -1 in that beside +x.
    """
    return jnp.where(eye[0] < eye[2], 1.0, -1.0)


def _keys(config: Config, kind: str, split: str, count: int) -> Array:
    number = len(CLASSES) * SPLITS.index(split) + tuple(CLASSES).index(kind)
    key = jax.random.fold_in(jax.random.key(config.seed), number)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count))


__all__ = [
    "SPLITS",
    "make_sweep",
    "make_views",
    "way_to_turn",
]
