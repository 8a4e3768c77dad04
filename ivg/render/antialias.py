"""Analytic edge antialiasing: a hard render with gradients at occlusion edges.

Where an edge passes between two pixel centres, the pixel in which it passes shows
both surfaces; their shares are linear in where the edge passes. So the picture,
which jumps at edges, becomes continuous in the vertices, and moving an edge moves
the light of the pixels along it.
"""

import jax.numpy as jnp

from ivg.numerics import safe_divide
from ivg.render.fragments import gather_rows
from ivg.typing import Array


def edge_lines(vertices: Array, edges: Array) -> Array:
    """Edges on the image as lines through a point.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      edges: `[E, 4]` int32.

    Returns:
      `[E, 3]`: a point `(x, y)` of the edge in pixels, the end with
      the greater depth, and its slope: `dx/dy` where the edge is steep
      (`|dy| >= |dx|`), `dy/dx` where it is flat. Differentiable in the vertices.
    """
    p, q = vertices[edges[:, 0]], vertices[edges[:, 1]]
    swap = (p[:, 2] < q[:, 2])[:, None]
    p, q = jnp.where(swap, q, p), jnp.where(swap, p, q)
    point = safe_divide(p[:, :2], p[:, 2:])
    dx, dy = jnp.moveaxis(q[:, :2] - q[:, 2:] * point, -1, 0)
    steep = jnp.abs(dy) >= jnp.abs(dx)
    slope = safe_divide(jnp.where(steep, dx, dy), jnp.where(steep, dy, dx))
    return jnp.concatenate([point, slope[:, None]], -1)


def crossings(vertices: Array, edges: Array, edge_index: Array) -> Array:
    """Where edges pass between neighbouring pixel centres.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      edges: `[E, 4]` int32.
      edge_index: `[2, H, W]` int32 from `edge_visibility`.

    Returns:
      `[2, H, W]` place of the crossing, 0 at the first pixel centre and 1 at the
      second; 0.5 where no edge passes. Differentiable in the vertices.
    """
    line = gather_rows(edge_lines(vertices, edges), edge_index)
    x0, y0, slope = jnp.moveaxis(line, -1, 0)
    height, width = edge_index.shape[1:]
    x = jnp.arange(width, dtype=vertices.dtype)[None, :] + 0.5
    y = jnp.arange(height, dtype=vertices.dtype)[:, None] + 0.5
    beside = (x0 + slope * (y - y0))[0] - x
    below = (y0 + slope * (x - x0))[1] - y
    return jnp.where(edge_index >= 0, jnp.stack([beside, below]), 0.5)


def _blend(image: Array, crossing: Array, axis: int) -> Array:
    """What the pixels gain from their neighbours along one axis."""
    size = image.shape[axis]
    first = jnp.take(image, jnp.arange(size - 1), axis)
    second = jnp.take(image, jnp.arange(1, size), axis)
    t = jnp.take(crossing, jnp.arange(size - 1), axis)[..., None]
    gain_first = jnp.maximum(0.5 - t, 0) * (second - first)
    gain_second = jnp.maximum(t - 0.5, 0) * (first - second)
    before, after = [(0, 0)] * 3, [(0, 0)] * 3
    before[axis], after[axis] = (0, 1), (1, 0)
    return jnp.pad(gain_first, before) + jnp.pad(gain_second, after)


def antialias(image: Array, vertices: Array, edges: Array, edge_index: Array) -> Array:
    """Blends the colours of neighbouring pixels where an edge passes between them.

    Args:
      image: `[H, W, C]` hard render, sampled at pixel centres.
      vertices: `[V, 3]` homogeneous pixel coordinates.
      edges: `[E, 4]` int32.
      edge_index: `[2, H, W]` int32 from `edge_visibility`.

    Returns:
      `[H, W, C]`. Differentiable in the image and, at edges, in the vertices.

    Source: Laine et al., Modular Primitives for High-Performance Differentiable
    Rendering, 2020, section 3.5. They look for the edge among those of the face in
    the nearer pixel and so miss edges of faces narrower than a pixel; here every
    silhouette edge of the mesh is traced through the image.
    """
    t = crossings(vertices, edges, edge_index)
    return image + _blend(image, t[0], 1) + _blend(image, t[1], 0)


__all__ = ["antialias", "crossings", "edge_lines"]
