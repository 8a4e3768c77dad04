"""Views of things: pictures, grids of frustums and of the world, kept on disk."""

import io
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.ige_voxel.config import Config
from experiments.ige_voxel.things import SPLITS, Thing
from ivg.data.voxel_views import (
    FAR_M,
    NEAR_M,
    pack_grid,
    sample_angles,
    sample_palette,
    view_camera,
    view_picture,
)
from ivg.geometry.camera import homogeneous_px
from ivg.io.atomic import write_atomic
from ivg.models.voxel_networks import GRID_SIDE, PICTURE_PX
from ivg.scene.library import make_library
from ivg.scene.voxels import frustum_planes, grid_of_places, world_grid


class Views(NamedTuple):
    """`M` views of things.

    Attributes:
      pictures: `[M, 128, 128, 3]` uint8 sRGB.
      frustum: `[M, N, N, N / 8]` uint8, packed grids of the frustum.
      world: `[T, 32, 32, 4]` uint8, packed grids of the things.
      thing: `[M]` int32, which thing is seen.
      category: `[M]` int32, place in `NAMES`.
      angles: `[M, 2]` azimuth and elevation of the camera, radians.
    """

    pictures: np.ndarray
    frustum: np.ndarray
    world: np.ndarray
    thing: np.ndarray
    category: np.ndarray
    angles: np.ndarray


def make_views(
    config: Config, things: Sequence[Thing], split: str, num: int, side: int
) -> Views:
    """Views of all things.

    Args:
      config: seed.
      things: what is seen.
      split: one of `SPLITS`, for the cameras.
      num: views of each thing; the first ones are the same whatever their number.
      side: voxels along each side of the grids of frustums.

    Returns:
      `Views`, thing after thing.
    """
    shapes = make_library({"things": [thing.mesh for thing in things]}).mesh
    seen = _viewer(shapes.vertices.shape[1], num)
    key = jax.random.fold_in(jax.random.key(config.seed), SPLITS.index(split))
    rows = []
    for index, thing in enumerate(tqdm(things, desc=f"{split} {side}", unit="thing")):
        mesh = jax.tree.map(lambda x, i=index: x[i], shapes)
        tints = np.zeros(mesh.vertices.shape[0], np.int32)
        tints[: len(thing.tints)] = thing.tints
        pictures, angles, places = jax.tree.map(
            np.asarray, seen(jax.random.fold_in(key, index), mesh, tints)
        )
        faces = np.asarray(mesh.faces)[np.asarray(mesh.face_mask)]
        grids = frustum_grids(places, faces, side)
        world = pack_grid(world_grid(thing.mesh, GRID_SIDE))
        rows.append((pictures, pack_grid(grids), world, angles))
    pictures, frustum, world, angles = zip(*rows, strict=True)
    category = np.array([thing.category for thing in things], np.int32)
    return Views(
        np.concatenate(pictures), np.concatenate(frustum), np.stack(world),
        np.repeat(np.arange(len(things), dtype=np.int32), num),
        np.repeat(category, num), np.concatenate(angles),
    )  # fmt: skip


def _viewer(num_vertices: int, num: int):
    """The compiled function that looks at a thing from `num` sides."""

    @jax.jit
    def seen(key, mesh, tints):
        def one(key):
            key_angles, key_colours = jax.random.split(key)
            angles = sample_angles(key_angles)
            camera = view_camera(angles, PICTURE_PX)
            colours = sample_palette(key_colours)[tints]
            picture = view_picture(mesh, colours, camera)
            return picture, angles, homogeneous_px(camera, mesh.vertices)

        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(num))
        return jax.lax.map(one, keys)

    return seen


def frustum_grids(places: np.ndarray, faces: np.ndarray, side: int) -> np.ndarray:
    """The grids of several views of a thing.

    Args:
      places: `[V, K, 3]` its vertices in each view, from `homogeneous_px`.
      faces: `[F, 3]`.
      side: voxels along each side, `N`.

    Returns:
      `[V, N, N, N]` bool.
    """
    planes = frustum_planes(view_camera(jnp.zeros(2), PICTURE_PX), NEAR_M, FAR_M, side)
    return np.stack([grid_of_places(place, faces, planes) for place in places])


def load_views(
    path: pathlib.Path, config: Config, things, split: str, num: int, side: int
) -> Views:
    """Views from a file, which is made if it is not there.

    Args:
      path: of the `.npz` file.
      config: seed.
      things: makes the things, if they are needed.
      split: one of `SPLITS`.
      num: views of each thing.
      side: voxels along each side.

    Returns:
      `Views`.
    """
    if not path.exists():
        views = make_views(config, things(), split, num, side)
        buffer = io.BytesIO()
        np.savez(buffer, **views._asdict())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
    with np.load(path, allow_pickle=False) as data:
        return Views(**{name: data[name] for name in Views._fields})


__all__ = ["Views", "frustum_grids", "load_views", "make_views"]
