"""What the rasterizer found at each pixel, and the interpolation of attributes.

Here the derivatives live: given which face is seen, barycentric coordinates,
depth and every attribute are smooth functions of the vertices.
"""

import jax.numpy as jnp
from flax import struct

from ivg.numerics import safe_divide
from ivg.render.gather import gather_planes
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


def corner_index(faces: Array, face_index: Array) -> Array:
    """The vertices of the face at each fragment.

    Args:
      faces: `[F, 3]` int32.
      face_index: `[...]` int32, -1 for background.

    Returns:
      `[3, ...]` int32 vertex index, -1 for background.
    """
    return gather_planes(faces + 1, face_index) - 1


def barycentric_coordinates(corners: Array, x: Array, y: Array) -> Array:
    """Perspective-correct barycentric coordinates of points of the image.

    With vertices `p_i = (x_i w_i, y_i w_i, w_i)` and the origin of the image moved
    to the point, `b_i` is proportional to the cross product of the other two. No
    vertex is divided by its depth, so faces that reach behind the camera need no
    care, and moving the origin keeps small faces precise.

    Args:
      corners: `[3, 3, ...]` coordinate by corner: three vertices in homogeneous
        pixel coordinates.
      x: `[...]` pixels.
      y: `[...]` pixels.

    Returns:
      `[3, ...]` coordinates that sum to one; zero, with zero gradient, for a face
      seen exactly edge-on.

    Source: Olano and Greer, Triangle scan conversion using 2D homogeneous
    coordinates, 1997, equation (4), without their division by the determinant.
    """
    w = corners[2]
    (u0, u1, u2), (v0, v1, v2) = corners[0] - x * w, corners[1] - y * w
    weights = u1 * v2 - v1 * u2, u2 * v0 - v2 * u0, u0 * v1 - v0 * u1
    return jnp.stack(weights) * safe_divide(1.0, sum(weights))


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
    corners = gather_planes(vertices, corner_index(faces, face_index))
    x = jnp.arange(width, dtype=vertices.dtype)[None, None, None, :] + 0.5
    y = jnp.arange(height, dtype=vertices.dtype)[None, None, :, None] + 0.5
    barycentrics = barycentric_coordinates(corners, x, y)
    depth = jnp.sum(barycentrics * corners[2], 0)
    return Fragments(face_index, jnp.moveaxis(barycentrics, 0, -1), depth)


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
    corners = gather_planes(attributes, corner_index(faces, fragments.face_index))
    weights = jnp.moveaxis(fragments.barycentrics, -1, 0)
    return jnp.moveaxis(jnp.sum(weights * corners, 1), 0, -1)


__all__ = [
    "Fragments",
    "barycentric_coordinates",
    "corner_index",
    "interpolate",
    "make_fragments",
]
