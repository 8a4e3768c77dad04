"""What the rasterizer found at each pixel, and the interpolation of attributes.

Here the derivatives live: given which face is seen, depth and every attribute are
smooth functions of the vertices.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.numerics import safe_divide
from ivg.render.gather import gather_planes
from ivg.render.planes import evaluate_planes
from ivg.typing import Array

_LEAST_DETERMINANT = 1e-12  # below, second derivatives of its inverse overflow


@struct.dataclass
class Fragments:
    """`K` layers of covered pixels, from front to back.

    Attributes:
      face_index: `[K, H, W]` int32, -1 for background. No gradient.
      origin: `[F, 2]` pixels (x, y) that the planes of each face refer to. No
        gradient.
      depth: `[K, H, W]` metres along the optical axis; zero for background.
    """

    face_index: Array
    origin: Array
    depth: Array


def face_planes(
    vertices: Array, faces: Array, height: int, width: int
) -> tuple[Array, Array]:
    """Barycentric coordinates over depth, as affine functions of the image.

    With vertices `p_i = (x_i w_i, y_i w_i, w_i)` coordinate `b_i / w` is the cross
    product of the other two over the determinant. No vertex is divided by its
    depth, so faces that reach behind the camera need no care. The origin of the
    image is moved to the nearest point in it of a vertex, which keeps small faces
    precise.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      faces: `[F, 3]` int32.
      height: image rows.
      width: image columns.

    Returns:
      `[F, 3, 3]` per corner the slopes in x and y and the value at the origin, and
      `[F, 2]` origins (no gradient). Planes are zero, with zero gradient, for a face
      seen edge-on.

    Source: Olano and Greer, Triangle scan conversion using 2D homogeneous
    coordinates, 1997, equation (4).
    """
    corners, lines, origin = edge_functions(vertices, faces, height, width)
    determinant = jnp.sum(corners[2] * lines[2], 0)
    visible = jnp.abs(determinant) > _LEAST_DETERMINANT
    planes = lines * safe_divide(1.0, jnp.where(visible, determinant, 0))
    return jnp.moveaxis(planes, (0, 1), (2, 1)), origin.T


def edge_functions(
    vertices: Array, faces: Array, height: int, width: int
) -> tuple[Array, Array, Array]:
    """The lines through the sides of faces, as affine functions of the image.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      faces: `[F, 3]` int32.
      height: image rows.
      width: image columns.

    Returns:
      `[3, 3, F]` the three corners with the origin moved, components first;
      `[3, 3, F]` per corner slopes in x and y and value at the origin of the line
      through the other two; and `[2, F]` origins (no gradient). The sum over the
      corners of their depth times their value is the determinant.
    """
    corners = gather_planes(vertices, faces.T)
    origin = _origin(jax.lax.stop_gradient(corners), height, width)
    w = corners[2]
    u, v = corners[0] - origin[0] * w, corners[1] - origin[1] * w
    u1, v1, w1 = (jnp.roll(x, -1, 0) for x in (u, v, w))
    u2, v2, w2 = (jnp.roll(x, -2, 0) for x in (u, v, w))
    lines = v1 * w2 - w1 * v2, w1 * u2 - u1 * w2, u1 * v2 - v1 * u2
    return jnp.stack([u, v, w]), jnp.stack(lines), origin


def _origin(corners: Array, height: int, width: int) -> Array:
    """`[2, F]` the image of the deepest corner, moved into the picture."""
    deepest = jnp.argmax(corners[2], 0)[None, None]
    x, y, w = jnp.take_along_axis(corners, deepest, 1)[:, 0]
    size = jnp.array([width, height], corners.dtype)[:, None]
    return jnp.clip(safe_divide(jnp.stack([x, y]), jnp.maximum(w, 0)), 0, size)


def attribute_planes(attributes: Array, faces: Array, planes: Array) -> Array:
    """Vertex attributes over depth, as affine functions of the image.

    Args:
      attributes: `[V, A]`.
      faces: `[F, 3]` int32.
      planes: `[F, 3, 3]` from `face_planes`.

    Returns:
      `[F, A, 3]` slopes in x and y and value at the origin.
    """
    corners = gather_planes(attributes, faces.T)
    terms = (corners[:, i, :, None] * planes[:, i] for i in range(3))
    return jnp.moveaxis(sum(terms), 0, 1)


def make_fragments(planes: Array, origin: Array, face_index: Array) -> Fragments:
    """Depth of all covered pixels.

    Args:
      planes: `[F, 3, 3]` from `face_planes`.
      origin: `[F, 2]` likewise.
      face_index: `[K, H, W]` int32 from `visibility`.

    Returns:
      `Fragments`, differentiable in the planes.
    """
    total = jnp.sum(planes, 1, keepdims=True)
    inverse_depth = evaluate_planes(total, origin, face_index)[0]
    return Fragments(face_index, origin, safe_divide(1.0, inverse_depth))


def interpolate_over_depth(planes: Array, fragments: Fragments) -> Array:
    """Attributes at every fragment, divided by its depth.

    Enough for directions, and cheaper than `interpolate`.

    Args:
      planes: `[F, A, 3]` from `attribute_planes`, or `[F, 3, 3]` from `face_planes`
        for barycentric coordinates.
      fragments: fragments.

    Returns:
      `[A, K, H, W]`, zero for background. Differentiable in the planes.
    """
    return evaluate_planes(planes, fragments.origin, fragments.face_index)


def interpolate(planes: Array, fragments: Fragments) -> Array:
    """Attributes at every fragment.

    Args:
      planes: `[F, A, 3]` from `attribute_planes`, or `[F, 3, 3]` from `face_planes`
        for barycentric coordinates, which sum to one.
      fragments: fragments.

    Returns:
      `[A, K, H, W]`, zero for background. Differentiable in the planes and in the
      depth of the fragments.
    """
    return interpolate_over_depth(planes, fragments) * fragments.depth


__all__ = [
    "Fragments",
    "attribute_planes",
    "edge_functions",
    "face_planes",
    "interpolate",
    "interpolate_over_depth",
    "make_fragments",
]
