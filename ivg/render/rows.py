"""Work on a picture in blocks of rows, so that what is in between stays small."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from ivg.geometry.camera import crop_rows
from ivg.render.surface import MeshPlanes
from ivg.scene.graph import Scene
from ivg.typing import Array, PyTree

_BLOCK_PIXELS = 1 << 17  # some planes of this size fit into a cache


def map_rows(function: Callable[[Array, Array], PyTree], face_index: Array) -> PyTree:
    """Applies a function to the rows of a picture, block by block.

    Derivatives work block by block too, and compute what they need again.

    Args:
      function: `(first_row, face_index [K, R, W]) -> pytree` of arrays `[R, ...]`.
      face_index: `[K, H, W]` int32.

    Returns:
      The pytree of arrays `[H, ...]`.
    """
    num_layers, height, width = face_index.shape
    rows = max(_BLOCK_PIXELS // (num_layers * width), 1)
    if rows >= height:
        return function(jnp.zeros((), jnp.int32), face_index)
    blocks = -(-height // rows)
    padding = [(0, 0), (0, blocks * rows - height), (0, 0)]
    padded = jnp.pad(face_index, padding, constant_values=-1)

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def block(first_row):
        index = jax.lax.dynamic_slice_in_dim(padded, first_row, rows, axis=1)
        return function(first_row, index)

    parts = jax.lax.map(block, rows * jnp.arange(blocks, dtype=jnp.int32))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:height], parts)


def crop_scene(
    scene: Scene, planes: MeshPlanes, first_row: Array, height: int
) -> tuple[Scene, MeshPlanes]:
    """A scene and the planes of its mesh as some rows of the picture see them.

    Args:
      scene: scene.
      planes: `mesh_planes` of its mesh.
      first_row: `[]` row of the picture that becomes the first one.
      height: number of rows.

    Returns:
      Both, with the camera and the origins moved.
    """
    camera = crop_rows(scene.camera, first_row, height)
    return scene.replace(camera=camera), planes.replace(
        origin=crop_origin(planes.origin, first_row)
    )


def crop_origin(origin: Array, first_row: Array) -> Array:
    """Places in the picture, counted from another first row.

    Args:
      origin: `[F, 2]` pixels (x, y).
      first_row: `[]` row.

    Returns:
      `[F, 2]` pixels.
    """
    return origin - jnp.array([0.0, 1.0], origin.dtype) * first_row


__all__ = ["crop_origin", "crop_scene", "map_rows"]
