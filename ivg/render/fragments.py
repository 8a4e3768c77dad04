"""What the rasterizer found at each pixel, and the interpolation of attributes.

Here the derivatives live: given which face is seen, barycentric coordinates,
depth and every attribute are smooth functions of the vertices.
"""

import jax.numpy as jnp
from flax import struct

from ivg.numerics import safe_divide
from ivg.typing import Array


@struct.dataclass
class Fragments:
    """`K` layers of covered pixels, from front to back.

    Attributes:
      face_index: `[K, H, W]` int32, -1 for background. No gradient.
      barycentrics: `[K, H, W, 3]` perspective-correct, sum to one; zero for
        background.
      depth: `[K, H, W]` metres along the optical axis; zero for background.
    """

    face_index: Array
    barycentrics: Array
    depth: Array


def gather_rows(table: Array, index: Array) -> Array:
    """Rows of a table, zero where the index is -1.

    Args:
      table: `[R, C]`.
      index: `[...]` int32 in [-1, R).

    Returns:
      `[..., C]`. Linear in the table.
    """
    rows = table[jnp.maximum(index, 0)]
    return jnp.where((index >= 0)[..., None], rows, 0)


def barycentric_coordinates(triangle: Array, x: Array, y: Array) -> Array:
    """Perspective-correct barycentric coordinates of points of the image.

    With vertices `p_i = (x_i w_i, y_i w_i, w_i)` and the origin of the image moved
    to the point, `b_i` is proportional to the cross product of the other two. No
    vertex is divided by its depth, so faces that reach behind the camera need no
    care, and moving the origin keeps small faces precise.

    Args:
      triangle: `[..., 3, 3]` vertices in homogeneous pixel coordinates.
      x: `[...]` pixels.
      y: `[...]` pixels.

    Returns:
      `[..., 3]` coordinates that sum to one; zero, with zero gradient, for a face
      seen exactly edge-on.

    Source: Olano and Greer, Triangle scan conversion using 2D homogeneous
    coordinates, 1997, equation (4), without their division by the determinant.
    """
    w = triangle[..., 2]
    u = triangle[..., 0] - x[..., None] * w
    v = triangle[..., 1] - y[..., None] * w
    (u0, u1, u2), (v0, v1, v2) = jnp.moveaxis(u, -1, 0), jnp.moveaxis(v, -1, 0)
    weights = jnp.stack([u1 * v2 - v1 * u2, u2 * v0 - v2 * u0, u0 * v1 - v0 * u1], -1)
    return safe_divide(weights, jnp.sum(weights, -1, keepdims=True))


def make_fragments(vertices: Array, faces: Array, face_index: Array) -> Fragments:
    """Barycentric coordinates and depth of all covered pixels.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      faces: `[F, 3]` int32.
      face_index: `[K, H, W]` int32 from `visibility`.

    Returns:
      `Fragments`, differentiable in the vertices.
    """
    height, width = face_index.shape[-2:]
    corners = gather_rows(vertices[faces].reshape(-1, 9), face_index)
    triangle = corners.reshape(*face_index.shape, 3, 3)
    x = jnp.arange(width, dtype=vertices.dtype)[None, None, :] + 0.5
    y = jnp.arange(height, dtype=vertices.dtype)[None, :, None] + 0.5
    barycentrics = barycentric_coordinates(triangle, x, y)
    depth = jnp.sum(barycentrics * triangle[..., 2], -1)
    return Fragments(face_index, barycentrics, depth)


def interpolate(attributes: Array, faces: Array, fragments: Fragments) -> Array:
    """Vertex attributes at every fragment.

    Args:
      attributes: `[V, A]`.
      faces: `[F, 3]` int32.
      fragments: fragments.

    Returns:
      `[K, H, W, A]`, zero for background. Differentiable in the attributes and in
      the fragments.
    """
    num = attributes.shape[1]
    rows = gather_rows(attributes[faces].reshape(-1, 3 * num), fragments.face_index)
    corners = rows.reshape(*fragments.face_index.shape, 3, num)
    return jnp.sum(fragments.barycentrics[..., None] * corners, -2)


__all__ = [
    "Fragments",
    "barycentric_coordinates",
    "gather_rows",
    "interpolate",
    "make_fragments",
]
