"""Grids of voxels of meshes: in the world, and in the frustum of a camera.

A voxel is full if a face touches it; then what lies between full voxels along all
three axes is filled too. A frustum is cut by planes through the rows and columns of
pixels and by planes of constant depth. In the coordinates `(x / z, y / z, -1 / z)` of
the camera faces stay triangles and these cells become boxes, so one exact test of
triangles against boxes serves both kinds of grids. NumPy: grids are made once.

Source: Jack et al., IGE-Net, section 6.4; Akenine-Moeller, Fast 3D triangle-box
overlap testing, 2001; Johnston et al., Scaling CNNs for high resolution volumetric
reconstruction from a single image, 2017 (the filling).
"""

import numpy as np

from ivg.geometry.camera import Camera, homogeneous_px
from ivg.scene.mesh import Mesh

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
HALF_EXTENT_M = 0.5
_CHUNK = 1 << 19  # pairs of faces and boxes that are tested at once


def touched_boxes(corners: np.ndarray, planes: Planes) -> np.ndarray:
    """Which boxes of a grid are touched by a triangle.

    Boxes are halved from the whole grid down to single ones, and only those that a
    triangle touches. Triangles may be degenerate; what lies outside counts for
    nothing.

    Args:
      corners: `[F, 3, 3]` triangles, finite.
      planes: along each axis the `N + 1` ascending places between and around boxes;
        `N` is the same power of two for all three.

    Returns:
      `[N, N, N]` bool, exact up to rounding; a face on a plane touches both sides.

    Raises:
      ValueError: if the number of boxes is no power of two, or not the same.
    """
    side = len(planes[0]) - 1
    if side < 1 or side & (side - 1) or any(len(p) != side + 1 for p in planes):
        counts = [len(p) - 1 for p in planes]
        raise ValueError(f"sides must be one power of two, got {counts} boxes")
    face = np.arange(len(corners))
    cell = np.zeros((len(corners), 3), np.int64)
    step = side
    while True:
        keep = _touching(corners, face, cell, planes, step)
        face, cell = face[keep], cell[keep]
        if step == 1:
            break
        step //= 2
        offsets = step * np.indices((2, 2, 2)).reshape(3, 8).T
        cell = (cell[:, None] + offsets).reshape(-1, 3)
        face = np.repeat(face, 8)
    grid = np.zeros((side,) * 3, bool)
    grid[tuple(cell.T)] = True
    return grid


def _touching(corners, face, cell, planes, step):
    """Numbers of the pairs that touch, tested in parts that fit into memory."""
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(face), _CHUNK):
        part = slice(start, start + _CHUNK)
        low, high = (
            np.stack([p[c] for p, c in zip(planes, at.T, strict=True)], -1)
            for at in (cell[part], cell[part] + step)
        )
        found.append(start + _touching_boxes(corners, face[part], low, high))
    return np.concatenate(found)


def _touching_boxes(corners, face, low, high):
    """Separating axes, the cheap ones first: the box, the plane, nine of edges."""
    near = np.arange(len(face))
    least, most = corners.min(1)[face], corners.max(1)[face]
    near = near[np.all((least <= high) & (most >= low), 1)]
    middle, half = (high + low)[near] / 2, (high - low)[near] / 2
    triangle = corners[face[near]] - middle[:, None]
    edges = np.roll(triangle, -1, 1) - triangle
    normal = np.cross(edges[:, 0], edges[:, 1])
    is_near = np.abs(np.sum(normal * triangle[:, 0], 1)) <= np.sum(
        np.abs(normal) * half, 1
    )
    near, half, triangle, edges = (x[is_near] for x in (near, half, triangle, edges))
    is_near = np.ones(len(near), bool)
    for edge in np.moveaxis(edges, 1, 0):
        for axis in range(3):
            is_near &= _overlap(triangle, edge, half, axis)
    return near[is_near]


def _overlap(triangle, edge, half, axis):
    """Whether shadows on the line across an edge and an axis of the box overlap."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    a, b = -edge[:, j], edge[:, i]
    places = a[:, None] * triangle[..., i] + b[:, None] * triangle[..., j]
    reach = np.abs(a) * half[:, i] + np.abs(b) * half[:, j]
    return (places.min(1) <= reach) & (places.max(1) >= -reach)


def fill_between(grid: np.ndarray) -> np.ndarray:
    """Fills what lies between full voxels along each of the three axes.

    Args:
      grid: `[X, Y, Z]` bool.

    Returns:
      `[X, Y, Z]` bool, with the full voxels of `grid` among them. Holes that can be
      seen along no axis are filled as well.

    Source: Johnston et al., 2017, as IGE-Net, section 6.4, uses it.
    """
    filled = np.ones_like(grid)
    for axis in range(3):
        after = np.logical_or.accumulate(grid, axis)
        before = np.flip(np.logical_or.accumulate(np.flip(grid, axis), axis), axis)
        filled &= after & before
    return filled


def world_grid(
    mesh: Mesh, side: int, half_extent_m: float = HALF_EXTENT_M
) -> np.ndarray:
    """The voxels of a mesh in a cube about the origin.

    Args:
      mesh: mesh in its own frame, metres.
      side: `N`, a power of two.
      half_extent_m: of the cube.

    Returns:
      `[N, N, N]` bool along x, y and z.

    Raises:
      ValueError: if `side` is no power of two.
    """
    planes = np.linspace(-half_extent_m, half_extent_m, side + 1)
    return fill_between(touched_boxes(face_corners(mesh), (planes,) * 3))


def frustum_planes(camera: Camera, near_m: float, far_m: float, side: int) -> Planes:
    """Where the cells of a frustum begin and end.

    Args:
      camera: its picture is cut into rows and columns of equal width.
      near_m: depth of the first plane, metres, positive.
      far_m: depth of the last plane, metres; those between are evenly spaced.
      side: `N`.

    Returns:
      Rows and columns in pixels, and `-1 / depth`, `N + 1` of each.
    """
    return (
        np.linspace(0, camera.height, side + 1),
        np.linspace(0, camera.width, side + 1),
        -1 / np.linspace(near_m, far_m, side + 1),
    )


def frustum_grid(
    mesh: Mesh, camera: Camera, near_m: float, far_m: float, side: int
) -> np.ndarray:
    """The voxels of a mesh in the frustum of a camera.

    Args:
      mesh: mesh in the world, metres, in front of the camera.
      camera: camera.
      near_m: depth of the first plane, metres.
      far_m: depth of the last plane, metres.
      side: `N`, a power of two.

    Returns:
      `[N, N, N]` bool: rows downwards, columns to the right, depth away from the
      camera.

    Raises:
      ValueError: if a face reaches behind the camera, or `side` is no power of two.

    Source: IGE-Net, section 6.1 and 6.4. There, grids of the world are sampled at the
    middles of the cells; here faces are tested against the cells themselves.
    """
    places = np.asarray(homogeneous_px(camera, mesh.vertices))
    used = np.asarray(mesh.faces)[np.asarray(mesh.face_mask)]
    return grid_of_places(places, used, frustum_planes(camera, near_m, far_m, side))


def grid_of_places(places: np.ndarray, faces: np.ndarray, planes: Planes) -> np.ndarray:
    """`frustum_grid` of vertices that have been projected.

    Args:
      places: `[V, 3]` from `homogeneous_px`.
      faces: `[F, 3]` int, without padding.
      planes: from `frustum_planes`.

    Returns:
      `[N, N, N]` bool: rows downwards, columns to the right, depth away from the
      camera.

    Raises:
      ValueError: if a face reaches behind the camera.
    """
    corners = np.asarray(places, np.float64)[faces]
    depth = corners[..., 2:]
    if depth.min(initial=np.inf) <= 0:
        raise ValueError("the mesh must be in front of the camera, all of it")
    points = np.concatenate([corners[..., 1::-1] / depth, -1 / depth], -1)
    return fill_between(touched_boxes(points, planes))


def face_corners(mesh: Mesh) -> np.ndarray:
    """Where the corners of all faces are.

    Args:
      mesh: mesh.

    Returns:
      `[F, 3, 3]` metres, without padding.
    """
    used = np.asarray(mesh.faces)[np.asarray(mesh.face_mask)]
    return np.asarray(mesh.vertices, np.float64)[used]


def frustum_points(
    camera: Camera, near_m: float, far_m: float, cells: np.ndarray, side: int
) -> np.ndarray:
    """Points of the frustum of a camera in the camera's frame.

    Args:
      camera: camera.
      near_m: depth of the first plane, metres.
      far_m: depth of the last plane, metres.
      cells: `[P, 3]` row, column and depth in cells; the middle of the first voxel is
        at (0.5, 0.5, 0.5).
      side: `N` cells along each.

    Returns:
      `[P, 3]` metres, x right, y up, z backward.
    """
    share = np.asarray(cells, np.float64) / side
    depth = near_m + share[:, 2] * (far_m - near_m)
    pixels = share[:, 1::-1] * [camera.width, camera.height]
    offset = (pixels - np.asarray(camera.principal_point_px)) / np.asarray(
        camera.focal_px
    )
    return np.stack([offset[:, 0] * depth, -offset[:, 1] * depth, -depth], -1)


def fit_unit(mesh: Mesh) -> Mesh:
    """The mesh about the origin, its bounding box one across from corner to corner.

    Args:
      mesh: mesh of any size.

    Returns:
      `Mesh` in a ball of radius one half.

    Source: the models of ShapeNet are of this size.
    """
    corners = face_corners(mesh).reshape(-1, 3)
    low, high = corners.min(0), corners.max(0)
    extent = max(float(np.linalg.norm(high - low)), 1e-12)
    middle = np.asarray((low + high) / 2, np.float32)
    return mesh.replace(vertices=(mesh.vertices - middle) / extent)


__all__ = [
    "HALF_EXTENT_M",
    "Planes",
    "face_corners",
    "fill_between",
    "fit_unit",
    "frustum_grid",
    "frustum_planes",
    "frustum_points",
    "grid_of_places",
    "touched_boxes",
    "world_grid",
]
