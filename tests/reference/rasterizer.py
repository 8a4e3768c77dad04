"""A slow rasterizer in NumPy and float64: each ray against each triangle.

Written without regard to `ivg.render`, by the method of Moeller and Trumbore, so
that the two can be compared.
"""

import numpy as np


def peel(vertices, faces, mask, near, height, width, num_layers=1):
    """All hits of the rays through the pixel centres, from front to back.

    In homogeneous pixel coordinates the ray through a pixel is `depth * (x, y, 1)`.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      faces: `[F, 3]` int.
      mask: `[F]` bool.
      near: least visible depth.
      height: rows.
      width: columns.
      num_layers: number `K` of layers.

    Returns:
      `[K, H, W]` face index, -1 for background, and `[K, H, W]` depth, zero there.
    """
    vertices = np.asarray(vertices, np.float64)
    y, x = np.mgrid[:height, :width] + 0.5
    rays = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3)
    depth = np.full((len(faces), height * width), np.inf)
    for face, corners in enumerate(np.asarray(faces)):
        if mask[face] and np.isfinite(vertices[corners]).all():
            depth[face] = _intersect(rays, vertices[corners])
    depth[~(depth >= near)] = np.inf
    order = np.argsort(depth, axis=0, kind="stable")[:num_layers]
    nearest = np.take_along_axis(depth, order, 0)
    hit = np.isfinite(nearest)
    layers, depths = np.where(hit, order, -1), np.where(hit, nearest, 0)
    missing = ((0, num_layers - len(order)), (0, 0))
    shape = (num_layers, height, width)
    return (
        np.pad(layers, missing, constant_values=-1).reshape(shape),
        np.pad(depths, missing).reshape(shape),
    )


def _intersect(rays, triangle):
    """Distance along each ray from the origin, infinite where it misses."""
    first, second = triangle[1] - triangle[0], triangle[2] - triangle[0]
    across = np.cross(rays, second)
    determinant = across @ first
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = across @ -triangle[0] / determinant
        other = np.cross(-triangle[0], first)
        v = rays @ other / determinant
        t = second @ other / determinant
        inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (determinant != 0)
    return np.where(inside, t, np.inf)
