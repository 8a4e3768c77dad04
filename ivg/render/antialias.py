"""Analytic edge antialiasing: a hard render with gradients at occlusion edges.

Where an edge passes between two pixel centres, the pixel in which it passes shows
both surfaces; their shares are linear in where the edge passes. So the picture,
which jumps at edges, becomes continuous in the vertices, and moving an edge moves
the light of the pixels along it.
"""

import jax
import jax.numpy as jnp

from ivg.numerics import safe_divide
from ivg.render.gather import gather_planes
from ivg.typing import Array


def edge_lines(vertices: Array, edges: Array, colours: Array) -> Array:
    """Edges on the image as lines through a point, with a colour along them.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      edges: `[E, 4]` int32.
      colours: `[V, C]` colour of the surface at the vertices.

    Returns:
      `[E, 3 + 2 C]`: the end `(x, y)` with the greater depth, in pixels; the slope,
      `dx/dy` where the edge is steep (`|dy| >= |dx|`) and `dy/dx` where it is flat;
      the colour at that end, and the change of colour per row or column.
      Differentiable in the vertices (not through the change of colour) and colours.
    """
    ends = edges[:, :2].T
    place, colour = gather_planes(vertices, ends), gather_planes(colours, ends)
    swap = place[2, 0] < place[2, 1]
    p, q = _swap(swap, *jnp.moveaxis(place, 1, 0))
    first, second = _swap(swap, *jnp.moveaxis(colour, 1, 0))
    # An edge whose ends both lie about the camera's plane is never seen.
    point = p[:2] * safe_divide(1.0, jnp.where(p[2] > 1e-12, p[2], 0))
    dx, dy = q[:2] - q[2] * point
    steep = jnp.abs(dy) >= jnp.abs(dx)
    along = jnp.where(steep, dy, dx)
    slope = safe_divide(jnp.where(steep, dx, dy), along)
    per_step = jnp.where(q[2] > 0, safe_divide(q[2], along), 0)
    change = (second - first) * jax.lax.stop_gradient(per_step)
    return jnp.concatenate([point, slope[None], first, change]).T


def _swap(condition: Array, first: Array, second: Array) -> tuple[Array, Array]:
    return jnp.where(condition, second, first), jnp.where(condition, first, second)


def crossings(vertices: Array, edges: Array, edge_index: Array, colours: Array):
    """Where edges pass between neighbouring pixel centres, and their colour there.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      edges: `[E, 4]` int32.
      edge_index: `[2, H, W]` int32, -1 for none.
      colours: `[V, C]` colour of the surface at the vertices.

    Returns:
      `[2, H, W]` place of the crossing, 0 at the first pixel centre and 1 at the
      second, 0.5 where no edge passes; and `[C, 2, H, W]` the colour of the edge.
      Differentiable in vertices and colours.
    """
    num = colours.shape[1]
    line = gather_planes(edge_lines(vertices, edges, colours), edge_index)
    height, width = edge_index.shape[1:]
    x = jnp.arange(width, dtype=vertices.dtype)[None, :] + 0.5
    y = jnp.arange(height, dtype=vertices.dtype)[:, None] + 0.5
    offset = jnp.stack([y - line[1, 0], x - line[0, 1]])
    base = jnp.stack([line[0, 0] - x, line[1, 1] - y])
    t = jnp.where(edge_index >= 0, base + line[2] * offset, 0.5)
    colour = line[3 : 3 + num] + line[3 + num :] * jax.lax.stop_gradient(offset)
    return t, colour


def _blend(image, t, edge_colour, inner_first, axis):
    """What `[C, H, W]` pixels gain from edges between neighbours along one axis."""
    size = image.shape[axis]

    def pairs(planes):
        return jax.lax.slice_in_dim(planes, 0, size - 1, axis=axis - 3 + planes.ndim)

    first, second = pairs(image), jax.lax.slice_in_dim(image, 1, size, axis=axis)
    t, edge_colour, inner_first = pairs(t), pairs(edge_colour), pairs(inner_first)
    left = jnp.where(inner_first, edge_colour, first)
    contrast = left - jnp.where(inner_first, second, edge_colour)
    before, after = [(0, 0)] * 3, [(0, 0)] * 3
    before[axis], after[axis] = (0, 1), (1, 0)
    gain_first = jnp.pad(jnp.minimum(t - 0.5, 0) * contrast, before)
    return gain_first + jnp.pad(jnp.maximum(t - 0.5, 0) * contrast, after)


def antialias(
    image: Array, vertices: Array, edges: Array, edge_code: Array, colours: Array
) -> Array:
    """Blends neighbouring pixels where an edge passes between them.

    An edge at `t` between the centres (0 and 1) moves the border between the two
    pixels from 0.5 to `t`: the area between takes the colour of the surface that it
    now belongs to. On the side of the edge's face that is the colour of the face at
    the edge itself, so that the derivative by `t` is the contrast across the edge.

    Args:
      image: `[H, W, C]` hard render, sampled at pixel centres.
      vertices: `[V, 3]` homogeneous pixel coordinates.
      edges: `[E, 4]` int32.
      edge_code: `[2, H, W]` int32 from `edge_visibility`.
      colours: `[V, C]` colour of the surface at the vertices.

    Returns:
      `[H, W, C]`. Differentiable in image and colours and, at edges, in vertices.

    Source: Laine et al., Modular Primitives for High-Performance Differentiable
    Rendering, 2020, section 3.5. They look for the edge among those of the face in
    the nearer pixel and so miss edges of faces narrower than a pixel, and take its
    colour from the pixel centre; here every silhouette edge of the mesh is traced
    through the image, with its own colour.
    """
    edge_index, inner_first = edge_code >> 1, (edge_code & 1) == 0
    t, colour = crossings(vertices, edges, edge_index, colours)
    planes = jnp.moveaxis(image, -1, 0)
    across = _blend(planes, t[0], colour[:, 0], inner_first[0], 2)
    down = _blend(planes, t[1], colour[:, 1], inner_first[1], 1)
    return jnp.moveaxis(planes + across + down, 0, -1)


__all__ = ["antialias", "crossings", "edge_lines"]
