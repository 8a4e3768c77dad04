"""Solids given by their distance, and watertight meshes of them.

A distance function maps points `[P, 3]` to `[P]`, negative inside. Distances of
rounded solids and of blends are near the surface only as good as meshing needs them.
NumPy: such shapes are made once.

Source of the formulas: Inigo Quilez, distance functions (iquilezles.org).
"""

from collections.abc import Callable, Sequence

import numpy as np
from skimage.measure import marching_cubes

from ivg.scene.mesh import Mesh, make_mesh

DistanceFn = Callable[[np.ndarray], np.ndarray]
Point = Sequence[float]


def rounded_box(centre: Point, half: Point, radius: float) -> DistanceFn:
    """A box with round edges.

    Args:
      centre: of the box.
      half: half of its extent along each axis, the edges included.
      radius: of the edges.

    Returns:
      Distance function.
    """
    middle, inner = np.asarray(centre), np.asarray(half) - radius

    def distance(points):
        q = np.abs(points - middle) - inner
        outside = np.linalg.norm(np.maximum(q, 0), axis=1)
        return outside + np.minimum(q.max(1), 0) - radius

    return distance


def rounded_cone(
    start: Point, end: Point, radii: tuple[float, float], radius: float = 0.0
) -> DistanceFn:
    """A cylinder or the frustum of a cone.

    Args:
      start: middle of one end.
      end: middle of the other.
      radii: at the start and at the end.
      radius: of the round edges.

    Returns:
      Distance function.
    """
    foot, span = np.asarray(start), np.subtract(end, start)
    length = np.linalg.norm(span)
    axis = span / length

    def distance(points):
        along = (points - foot) @ axis
        across = np.linalg.norm(points - foot - along[:, None] * axis, axis=1)
        share = np.clip(along / length, 0, 1)
        wall = across - ((1 - share) * radii[0] + share * radii[1]) + radius
        ends = np.abs(along - length / 2) - length / 2 + radius
        outside = np.hypot(np.maximum(wall, 0), np.maximum(ends, 0))
        return outside + np.minimum(np.maximum(wall, ends), 0) - radius

    return distance


def capsule(start: Point, end: Point, radius: float) -> DistanceFn:
    """All points within a distance of a segment.

    Args:
      start: of the segment.
      end: of the segment.
      radius: distance.

    Returns:
      Distance function.
    """
    foot, axis = np.asarray(start), np.subtract(end, start)

    def distance(points):
        share = np.clip((points - foot) @ axis / (axis @ axis), 0, 1)
        return np.linalg.norm(points - foot - share[:, None] * axis, axis=1) - radius

    return distance


def smooth_union(parts: Sequence[DistanceFn], blend: float) -> DistanceFn:
    """Solids that flow into each other.

    Args:
      parts: solids.
      blend: width of the seams.

    Returns:
      Distance function.
    """

    def distance(points):
        total = parts[0](points)
        for part in parts[1:]:
            other = part(points)
            near = np.maximum(blend - np.abs(total - other), 0) / blend
            total = np.minimum(total, other) - blend * near**2 / 4
        return total

    return distance


def mesh_from_distance(
    distance: DistanceFn, low: Point, high: Point, cell: float
) -> Mesh:
    """The surface of a solid by marching cubes.

    Args:
      distance: of the solid.
      low: a corner of a box around it, metres.
      high: the opposite corner.
      cell: side of a cube, metres.

    Returns:
      `Mesh`, watertight, with smooth normals along the gradient of the distance.

    Raises:
      ValueError: if the solid does not lie in the box.
    """
    axes = [np.arange(a, b + cell, cell) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    values = distance(grid.reshape(-1, 3)).reshape(grid.shape[:3])
    border = [values.take(i, axis) for axis in range(3) for i in (0, -1)]
    if values.min() >= 0 or min(x.min() for x in border) <= 0:
        raise ValueError("the solid must lie within the box, and have an inside")
    vertices, faces, _, _ = marching_cubes(values, 0.0, spacing=(cell,) * 3)
    vertices = vertices.astype(np.float64) + np.array(low)
    normals = distance_gradient(distance, vertices, cell / 10)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return make_mesh(vertices, faces, normals)


def distance_gradient(
    distance: DistanceFn, points: np.ndarray, step: float
) -> np.ndarray:
    """Central differences of a distance.

    Args:
      distance: distance function.
      points: `[P, 3]`.
      step: half of their width.

    Returns:
      `[P, 3]`.
    """
    steps = step * np.eye(3)
    slopes = [distance(points + s) - distance(points - s) for s in steps]
    return np.stack(slopes, 1) / (2 * step)


__all__ = [
    "DistanceFn",
    "capsule",
    "distance_gradient",
    "mesh_from_distance",
    "rounded_box",
    "rounded_cone",
    "smooth_union",
]
