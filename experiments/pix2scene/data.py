"""Pictures of rooms: to train with, to test with, and from turned cameras."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.pix2scene.config import Config
from ivg.data.room_views import (
    AZIMUTH_RAD,
    DISTANCE_M,
    ELEVATION_RAD,
    SceneViews,
    octant_lights,
    octant_point,
    room_camera,
    room_lights,
    sample_view,
    see_room,
    turned_eye,
)
from ivg.data.surfel_rooms import CLASSES, room_library, sample_room_scene
from ivg.geometry.camera import Camera
from ivg.scene.appearance import Lights
from ivg.typing import Array, PyTree

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
    library = room_library(kind)

    def one(key):
        size = config.sizes.pixels
        views = sample_view(key, library, kind, size)
        return _compact(views) if split == "train" else views

    count = config.num_train if split == "train" else config.num_test
    return _draw(one, _keys(config, kind, split, count), f"{kind} {split}")


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

    return _draw(one, _keys(config, kind, "sweep", config.num_sweep), f"{kind} turned")


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


def in_parts(
    run: Callable, rows: PyTree, size: int, label: str | None = None
) -> PyTree:
    """A function of many rows, some at a time, on the host.

    Args:
      run: compiled function of a pytree of arrays `[size, ...]`.
      rows: pytree of arrays `[E, ...]`.
      size: rows at a time; the last part is filled up with copies, so that there is
        one program.
      label: on the progress bar; None for no bar.

    Returns:
      Pytree of NumPy arrays `[E, ...]`.
    """
    count, parts = len(jax.tree.leaves(rows)[0]), []
    starts = range(0, count, size)
    for start in tqdm(starts, label, unit=f"x {size}", disable=label is None):
        own = np.minimum(np.arange(start, start + size), count - 1)
        found = run(jax.tree.map(lambda x, own=own: x[own], rows))
        kept = min(size, count - start)
        parts.append(jax.tree.map(lambda x, n=kept: np.asarray(x)[:n], found))
    return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def _draw(one: Callable, keys: Array, label: str) -> PyTree:
    """What a function makes of every key, on the host."""
    run = jax.jit(lambda keys: jax.lax.map(one, keys))
    return in_parts(run, keys, min(_AT_ONCE, len(keys)), label)


def known_cameras(config: Config, views: SceneViews) -> tuple[Camera, Lights]:
    """Camera and lights of one picture.

    Args:
      config: size of pictures.
      views: one view.

    Returns:
      `Camera` and `Lights`, as `render_surfels` takes them.
    """
    camera = room_camera(views.eye, config.sizes.pixels)
    return camera, room_lights(views.light, views.light_rgb)


__all__ = [
    "SPLITS",
    "in_parts",
    "known_cameras",
    "make_sweep",
    "make_views",
    "way_to_turn",
]
