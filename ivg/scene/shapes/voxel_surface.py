"""Surfaces of grids of voxels by marching cubes, in the world or of a frustum."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from skimage.measure import marching_cubes

from ivg.geometry.camera import Camera
from ivg.geometry.rotation import matrix_from_quaternion
from ivg.scene.mesh import Mesh, make_mesh
from ivg.scene.voxels import HALF_EXTENT_M, frustum_points


def mesh_from_grid(
    values: np.ndarray, place: Callable[[np.ndarray], np.ndarray]
) -> Mesh | None:
    """The surface between positive and negative values.

    Args:
      values: `[N, N, N]`, positive inside, such as logits of occupancy; what is
        outside of the grid counts as outside.
      place: from cells `[P, 3]`, the middle of the first at (0.5, 0.5, 0.5), to
        points `[P, 3]`, metres.

    Returns:
      `Mesh`, closed, with smooth normals; None if nothing is inside.
    """
    values = np.asarray(values, np.float32)
    # Steep logits give steps: a bound makes the surface as smooth as it can be.
    padded = np.pad(np.clip(values, -1, 1), 1, constant_values=-1.0)
    if padded.max() <= 0:
        return None
    cells, faces, _, _ = marching_cubes(padded, 0.0)
    points = place(cells.astype(np.float64) - 0.5)
    a, b, c = (points[faces[:, i]] for i in range(3))
    if np.sum(a * np.cross(b, c)) < 0:
        faces = faces[:, ::-1]
    return make_mesh(points, faces)


def world_surface(
    values: np.ndarray, half_extent_m: float = HALF_EXTENT_M
) -> Mesh | None:
    """The surface of a grid in a cube about the origin.

    Args:
      values: `[N, N, N]` along x, y and z, positive inside.
      half_extent_m: of the cube.

    Returns:
      `Mesh`, or None if nothing is inside.
    """
    side = len(values)
    return mesh_from_grid(values, lambda cells: (2 * cells / side - 1) * half_extent_m)


def frustum_surface(
    values: np.ndarray, camera: Camera, near_m: float, far_m: float
) -> Mesh | None:
    """The surface of a grid in the frustum of a camera.

    Args:
      values: `[N, N, N]` rows, columns and depth, positive inside.
      camera: camera.
      near_m: depth of the first plane, metres.
      far_m: depth of the last plane, metres.

    Returns:
      `Mesh` in the world, or None if nothing is inside.
    """
    turn = np.asarray(matrix_from_quaternion(jnp.asarray(camera.quaternion)))
    middle = np.asarray(camera.position)

    def place(cells):
        own = frustum_points(camera, near_m, far_m, cells, len(values))
        return own @ turn.T + middle

    return mesh_from_grid(values, place)


__all__ = ["frustum_surface", "mesh_from_grid", "world_surface"]
