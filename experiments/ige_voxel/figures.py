"""Reconstructions as pictures and as meshes.

Source: Jack et al., IGE-Net, Fig. 6.
"""

import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ivg.data.voxel_views import FAR_M, NEAR_M, view_camera, view_scene
from ivg.io.gltf import save_glb
from ivg.models.voxel_networks import PICTURE_PX
from ivg.render.pipeline import render
from ivg.scene.library import get_shape, make_library
from ivg.scene.mesh import Mesh, make_mesh
from ivg.scene.shapes.voxel_surface import frustum_surface
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import png_bytes

GREY, BLUE = (0.35, 0.36, 0.38), (0.06, 0.22, 0.55)
_ROUND_RAD = np.array([1.1, 0.0])  # the other side from which meshes are shown
_BLEND = 0.65


def surface_of(values: np.ndarray, angles: np.ndarray) -> Mesh:
    """The mesh of a grid of a frustum.

    Args:
      values: `[N, N, N]`, positive inside.
      angles: `[2]` azimuth and elevation of the camera, radians.

    Returns:
      `Mesh` in the world; one face without area if nothing is inside.
    """
    camera = view_camera(jnp.asarray(angles), PICTURE_PX)
    mesh = frustum_surface(values, camera, NEAR_M, FAR_M)
    return make_mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])) if mesh is None else mesh


def render_meshes(
    meshes: Sequence[Mesh], angles: np.ndarray, colours: np.ndarray, size_px: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of meshes, all by one program.

    Args:
      meshes: `M`.
      angles: `[M, 2]` azimuth and elevation of the cameras, radians.
      colours: `[M, 3]` linear RGB.
      size_px: side of the pictures.

    Returns:
      `[M, S, S, 3]` linear RGB in [0, 1], and `[M, S, S]` coverage.
    """
    library = make_library({"things": meshes})

    @jax.jit
    def run(rows):
        def one(row):
            index, own_angles, colour = row
            mesh = get_shape(library, index)
            shades = jnp.broadcast_to(colour, mesh.vertices.shape)
            camera = view_camera(own_angles, size_px)
            seen = render(view_scene(mesh, shades, camera))
            return jnp.clip(seen.rgb, 0, 1), seen.alpha

        return jax.lax.map(one, rows)

    rows = jnp.arange(len(meshes)), jnp.asarray(angles), jnp.asarray(colours)
    pictures, coverage = run(rows)
    return np.asarray(pictures), np.asarray(coverage)


def reconstructions_png(
    pictures: np.ndarray,
    angles: np.ndarray,
    grids: dict[str, np.ndarray],
    labels: Sequence[str],
    size_px: int,
) -> bytes:
    """Fig. 6: what is seen, and what is inferred.

    Args:
      pictures: `[M, 128, 128, 3]` uint8.
      angles: `[M, 2]` of the cameras.
      grids: by name `[M, N, N, N]`, positive inside, the truth first.
      labels: names of the rows.
      size_px: side of the pictures.

    Returns:
      Content of a PNG file, a row per thing: the picture, for each grid but the truth
      its outline from the camera (blue) over that of the truth (grey), then all grids
      from another side.
    """
    meshes = {
        name: [surface_of(v, a) for v, a in zip(values, angles, strict=True)]
        for name, values in grids.items()
    }
    every = [mesh for group in meshes.values() for mesh in group]
    count, names = len(pictures), list(grids)
    colours = np.repeat([GREY] + [BLUE] * (len(names) - 1), count, 0)
    same = np.tile(np.asarray(angles), (len(names), 1))
    front, coverage = render_meshes(every, same, colours, size_px)
    other, _ = render_meshes(every, same + _ROUND_RAD, colours, size_px)
    front, other, coverage = (
        x.reshape(len(names), count, *x.shape[1:]) for x in (front, other, coverage)
    )
    rows = []
    for i in range(count):
        truth = 1 - 0.5 * coverage[0, i][..., None] * (1 - np.array(GREY))
        overlays = [
            truth + _BLEND * coverage[k, i][..., None] * (front[k, i] - truth)
            for k in range(1, len(names))
        ]
        rows.append([pictures[i], *overlays, *other[:, i]])
    columns = ["picture", *(f"{n}, camera" for n in names[1:])]
    columns += [f"{n}, side" for n in names]
    sheet = contact_sheet(
        rows, row_labels=list(labels), column_labels=columns, cell_px=size_px
    )
    return png_bytes(sheet)


def save_mesh(
    path: pathlib.Path, values: np.ndarray, angles: np.ndarray, name: str
) -> None:
    """Writes the surface of a grid as GLB, with the camera that saw it.

    Args:
      path: of the file.
      values: `[N, N, N]`, positive inside.
      angles: `[2]` of the camera.
      name: of the node.
    """
    mesh = surface_of(values, angles)
    colours = jnp.full(mesh.vertices.shape, 0.6)
    camera = view_camera(jnp.asarray(angles), PICTURE_PX)
    save_glb(path, view_scene(mesh, colours, camera), [name])


__all__ = [
    "reconstructions_png",
    "render_meshes",
    "save_mesh",
    "surface_of",
]
