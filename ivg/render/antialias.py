"""Analytic edge antialiasing: a hard render with gradients at occlusion edges.

Where an edge passes between two pixel centres, the pixel in which it passes shows
both surfaces; their shares are linear in where the edge passes. So the picture,
which jumps at edges, becomes continuous in the vertices, and moving an edge moves
the light of the pixels along it.

Few pixels see an edge, so the pairs of pixels that do are listed first, and all
that follows works on the list.
"""

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from ivg.numerics import safe_divide
from ivg.render.gather import add_planes, gather_planes, list_places
from ivg.typing import Array

_USUAL_PAIRS = 8  # that see an edge, at most, per row and column of the picture
_MIDDLE = 0.5001  # so that rounding does not choose the side of an edge exactly at 0.5


def edge_ends(vertices: Array, edges: Array, edge_index: Array, colours: Array):
    """The ends of edges on the image, with the colour of the surface there.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      edges: `[E, 4]` int32.
      edge_index: `[P]` int32, -1 for none.
      colours: `[V, C]` colour of the surface at the vertices.

    Returns:
      `[2, P]` end with the greater depth, pixels; `[2, P]` other end less that one,
      times its depth; `[P]` that depth; `[C, P]` colour at the first end and
      `[C, P]` change of colour to the other. Zero where there is no edge.
    """
    ends = gather_planes(edges[:, :2] + 1, edge_index) - 1
    place, colour = gather_planes(vertices, ends), gather_planes(colours, ends)
    swap = place[2, 0] < place[2, 1]
    p, q = _swap(swap, place[:, 0], place[:, 1])
    first, second = _swap(swap, colour[:, 0], colour[:, 1])
    # An edge whose ends both lie about the camera's plane is never seen.
    point = p[:2] * safe_divide(1.0, jnp.where(p[2] > 1e-12, p[2], 0))
    return point, q[:2] - q[2] * point, q[2], first, second - first


def _swap(condition: Array, first: Array, second: Array) -> tuple[Array, Array]:
    return jnp.where(condition, second, first), jnp.where(condition, first, second)


def crossings(
    vertices: Array, edges: Array, edge_index: Array, pair: Array, colours: Array,
    width: int, num_pixels: int,
) -> tuple[Array, Array]:  # fmt: skip
    """Where edges pass between neighbouring pixel centres, and their colour there.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      edges: `[E, 4]` int32.
      edge_index: `[P]` int32 edge that passes between a pair, -1 for none.
      pair: `[P]` int32 number of each pair in the list `[2, H, W]` of all.
      colours: `[V, C]` colour of the surface at the vertices.
      width: image columns.
      num_pixels: pixels of the image.

    Returns:
      `[P]` place of the crossing, 0 at the first pixel centre and 1 at the second;
      and `[C, P]` the colour of the edge. Differentiable in vertices (the colour
      not through how fast it changes along the edge) and colours.
    """
    point, delta, depth, colour, change = edge_ends(
        vertices, edges, edge_index, colours
    )
    is_steep, pixel = pair < num_pixels, pair % num_pixels
    row, column = pixel // width + 0.5, pixel % width + 0.5
    along, across = _swap(is_steep, *(v.astype(delta.dtype) for v in (column, row)))
    (point_across, point_along), (step_across, step_along) = (
        _swap(is_steep, v[1], v[0]) for v in (point, delta)
    )
    offset = along - point_along
    t = point_across + safe_divide(step_across, step_along) * offset - across
    per_step = jnp.where(depth > 0, safe_divide(depth, step_along), 0)
    return t, colour + change * jax.lax.stop_gradient(per_step * offset)


def _blend(onto, pair, image, vertices, edges, edge_code, colours):
    """Adds to `[H W, C]` pixels what they gain from the edges of the listed pairs."""
    height, width, num = image.shape
    code = jnp.where(pair < 0, -1, edge_code.reshape(-1)[jnp.maximum(pair, 0)])
    t, colour = crossings(
        vertices, edges, code >> 1, pair, vertices if colours is None else colours,
        width, height * width,
    )  # fmt: skip
    first = jnp.where(pair < 0, 0, pair % (height * width))
    second = first + jnp.where(pair < height * width, 1, width)
    inner_first = (code & 1) == 0
    beyond = jnp.where(code < 0, -1, jnp.where(inner_first, second, first))
    blended = jnp.where(code < 0, -1, jnp.where(t < _MIDDLE, first, second))
    if colours is None:
        inner = jnp.where(code < 0, -1, jnp.where(inner_first, first, second))
        colour = gather_planes(image.reshape(-1, num), inner)
    contrast = colour - gather_planes(image.reshape(-1, num), beyond)
    gain = jnp.where(inner_first, t - 0.5, 0.5 - t) * contrast
    return add_planes(onto, gain, blended)


def _blend_first(pairs, image, *args):
    return _blend(image.reshape(-1, image.shape[-1]), pairs, image, *args)


def _blend_all(first, image, vertices, edges, edge_code, colours):
    """Blends all pairs, in blocks as long as the first: memory stays small."""
    size = first.shape[0]
    blocks = -(-edge_code.size // size)
    pairs = list_places(edge_code.reshape(-1), blocks * size).reshape(blocks, size)

    @jax.checkpoint
    def add(total, pair):
        return _blend(total, pair, image, vertices, edges, edge_code, colours), None

    return jax.lax.scan(add, image.reshape(-1, image.shape[-1]), pairs)[0]


@custom_vmap
def _holds(condition: Array) -> Array:
    """The condition itself; for a batch, whether it holds for all of it."""
    return condition


@_holds.def_vmap
def _holds_for_all(axis_size, in_batched, condition):
    del axis_size
    return _holds(jnp.all(condition, 0) if in_batched[0] else condition), False


def antialias(
    image: Array,
    vertices: Array,
    edges: Array,
    edge_code: Array,
    colours: Array | None,
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
      colours: `[V, C]` colour of the surface at the vertices; None to take that of
        the pixel beside the edge, where it is not linear along edges.

    Returns:
      `[H, W, C]`. Differentiable in image and colours and, at edges, in vertices.

    Source: Laine et al., Modular Primitives for High-Performance Differentiable
    Rendering, 2020, section 3.5. They look for the edge among those of the face in
    the nearer pixel and so miss edges of faces narrower than a pixel, and take its
    colour from the pixel centre; here every silhouette edge of the mesh is traced
    through the image, with its own colour.
    """
    size = _USUAL_PAIRS * sum(image.shape[:2])
    pairs = list_places(edge_code.reshape(-1), size + 1)
    blended = jax.lax.cond(
        _holds(pairs[size] < 0),
        jax.checkpoint(_blend_first),
        jax.checkpoint(_blend_all),
        pairs[:size], image, vertices, edges, edge_code, colours,
    )  # fmt: skip
    return blended.reshape(image.shape)


__all__ = ["antialias", "crossings", "edge_ends"]
