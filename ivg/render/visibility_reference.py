"""Which faces and edges cover each pixel, in pure XLA: any platform, no kernel.

Every face stands for the pixels of its bounding box, every edge for the rows or
columns that it spans. These candidates form one long virtual list (`cumsum` of
their numbers), which a loop works off in chunks of fixed size: there is no
capacity that could overflow. Depth is resolved by scatter-max, then the index by
scatter-min among the candidates at that depth.
"""

import jax
import jax.numpy as jnp

from ivg.typing import Array

_CHUNK = 1 << 15
_EDGE_TOLERANCE = 1e-4
_NO_INDEX = 2**31 - 1


def _for_candidates(counts: Array, most: int, visit, state):
    """Folds `visit(item, place, is_real, state)` over the list of candidates.

    Item `i` appears `counts[i] <= most` times, with places 0, 1, ... Blocks of
    items are so small that their candidates can be counted in int32.
    """
    block = max(1, min(counts.shape[0], _NO_INDEX // max(most, 1)))

    def visit_block(start, state):
        item = start + jnp.arange(block)
        count = jnp.where(item < counts.shape[0], counts[item % counts.shape[0]], 0)
        ends = jnp.cumsum(count)

        def body(carry):
            done, state = carry
            i = done + jnp.arange(_CHUNK)
            local = jnp.minimum(jnp.searchsorted(ends, i, side="right"), block - 1)
            place = i - (ends[local] - count[local])
            item = jnp.minimum(start + local, counts.shape[0] - 1)
            return done + _CHUNK, visit(item, place, i < ends[-1], state)

        return jax.lax.while_loop(lambda c: c[0] < ends[-1], body, (0, state))[1]

    num_blocks = -(-counts.shape[0] // block)
    return jax.lax.fori_loop(
        0, num_blocks, lambda i, s: visit_block(i * block, s), state
    )


def _keep_nearest(depth, index, pixel, z, item, accepted):
    """Puts candidates into flat buffers: nearest first, then the lowest index."""
    z = jax.lax.optimization_barrier(jnp.where(accepted, z, 0))
    pixel = jnp.where(accepted, pixel, depth.shape[0])
    nearest = depth.at[pixel].max(z, mode="drop")
    index = jnp.where(nearest > depth, _NO_INDEX, index)
    wins = accepted & (z == nearest.at[pixel].get(mode="clip"))
    item = jnp.where(wins, item, _NO_INDEX)
    return nearest, index.at[pixel].min(item, mode="drop")


def _clipped_polygon(triangle: Array, near: Array) -> tuple[Array, Array]:
    """Corners `[F, 6, 2]` of the parts of faces beyond the near plane, and a mask.

    They are the vertices, and where the sides meet the near plane.
    """
    other = jnp.roll(triangle, -1, axis=1)
    w, v = triangle[..., 2], other[..., 2]
    crosses = (w >= near) != (v >= near)
    t = jnp.where(crosses, (near - w) / jnp.where(crosses, v - w, 1), 0)
    cut = (triangle + t[..., None] * (other - triangle))[..., :2] / near
    ahead = w >= near
    corner = triangle[..., :2] / jnp.where(ahead, w, 1)[..., None]
    return jnp.concatenate([corner, cut], 1), jnp.concatenate([ahead, crosses], 1)


def _boxes(triangle: Array, near: Array, radius: Array, valid: Array, height, width):
    """First pixel `[F, 2]` and size `[F, 2]` of the bounding boxes on the image."""
    corner, exists = _clipped_polygon(triangle, near)
    size = jnp.array([width, height])
    low = jnp.min(jnp.where(exists[..., None], corner, jnp.inf), 1) - radius
    high = jnp.max(jnp.where(exists[..., None], corner, -jnp.inf), 1) + radius
    slack = jnp.where(radius > 0, 0, 1e-3)  # where sides decide, boxes may be larger
    first = jnp.clip(jnp.ceil(low - slack - 0.5), 0, size).astype(jnp.int32)
    last = jnp.clip(jnp.floor(high + slack - 0.5), -1, size - 1).astype(jnp.int32)
    extent = jnp.where(valid[:, None], jnp.maximum(last - first + 1, 0), 0)
    return first, jnp.where(jnp.all(extent > 0, -1, keepdims=True), extent, 0)


def _planes(triangle: Array) -> tuple[Array, Array]:
    """Inverse depth of each face as `plane . (x, y, 1)`, and its determinant."""
    a, b, c = triangle[:, 0], triangle[:, 1], triangle[:, 2]
    normal = jnp.cross(b - a, c - a)
    determinant = jnp.sum(normal * a, -1)
    safe = jnp.where(determinant == 0, 1, determinant)
    return normal / safe[:, None], determinant


def _inside(
    triangle: Array, determinant: Array, radius: Array, x: Array, y: Array
) -> Array:
    """Whether pixel centres lie in their faces, moved outward, sides included.

    Coordinates are taken from the pixel centre, where they are most precise.
    """
    w = triangle[..., 2]
    u, v = triangle[..., 0] - x[:, None] * w, triangle[..., 1] - y[:, None] * w
    e = jnp.roll(u, -1, 1) * jnp.roll(v, -2, 1) - jnp.roll(v, -1, 1) * jnp.roll(
        u, -2, 1
    )
    turned = jnp.roll(triangle, -1, 1), jnp.roll(triangle, -2, 1)
    across = [turned[0][..., i] * turned[1][..., 2] for i in (0, 1)]
    back = [turned[1][..., i] * turned[0][..., 2] for i in (0, 1)]
    length = jnp.hypot(across[0] - back[0], across[1] - back[1])
    inside = e * jnp.sign(determinant)[:, None] >= -radius * length
    return jnp.all(inside, -1) & (determinant != 0)


def visible_faces(
    vertices: Array, faces: Array, mask: Array, near: Array, radius: Array,
    shape: tuple[int, int, int],
) -> Array:  # fmt: skip
    """See `ivg.render.visibility.visibility`, of which this is one backend.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      faces: `[F, 3]` int32.
      mask: `[F]` bool.
      near: `[]` metres.
      radius: `[]` pixels.
      shape: layers, height and width of the result.

    Returns:
      `[K, H, W]` int32 face index, -1 for background. Each layer is one pass over
      all candidates behind the layer before.
    """
    num_layers, height, width = shape
    valid = mask & jnp.all(jnp.isfinite(vertices)[faces], (1, 2))
    triangle = jnp.where(valid[:, None, None], vertices[faces], 0)
    valid &= jnp.max(triangle[..., 2], 1) > near
    first, extent = _boxes(triangle, near, radius, valid, height, width)
    plane, determinant = _planes(triangle)
    depths = jnp.sort(triangle[..., 2], 1)
    lowest = 1 / jnp.where(valid, depths[:, 2], 1)
    highest = 1 / jnp.maximum(depths[:, 0], near)

    def layer(previous, _):
        depth_before, index_before = previous

        def visit(face, place, is_real, state):
            columns = jnp.maximum(extent[face, 0], 1)
            column = first[face, 0] + place % columns
            row = first[face, 1] + place // columns
            x, y = (v.astype(vertices.dtype) + 0.5 for v in (column, row))
            z = plane[face, 0] * x + plane[face, 1] * y + plane[face, 2]
            pixel = row * width + column
            ahead = z <= 1 / near
            clamped = jnp.clip(z, lowest[face], highest[face])
            ahead = ahead | ((radius > 0) & (depths[face, 0] >= near))
            z = jnp.where(radius > 0, clamped, z)
            before = depth_before.at[pixel].get(mode="clip")
            behind = (z < before) | (
                (z == before) & (face > index_before.at[pixel].get(mode="clip"))
            )
            covers = _inside(triangle[face], determinant[face], radius, x, y)
            seen = is_real & covers & behind & (z > 0) & ahead
            depth, index = state
            return _keep_nearest(depth, index, pixel, z, face, seen)

        empty = (jnp.zeros_like(depth_before), jnp.full_like(index_before, _NO_INDEX))
        counts = extent[:, 0] * extent[:, 1]
        depth, index = _for_candidates(counts, height * width, visit, empty)
        return (depth, index), jnp.where(index == _NO_INDEX, -1, index)

    start = (
        jnp.full(height * width, jnp.inf, vertices.dtype),
        jnp.full(height * width, -1, jnp.int32),
    )
    _, layers = jax.lax.scan(layer, start, length=num_layers)
    return layers.reshape(shape)


def _clip_segments(p: Array, q: Array, near: Array) -> tuple[Array, Array]:
    """Segments `[E, 3]` with ends before the near plane moved onto it."""

    def clip(a, b):
        before = a[:, 2:] < near
        slope = jnp.where(before, b[:, 2:] - a[:, 2:], 1)
        t = jnp.where(before, (near - a[:, 2:]) / jnp.where(slope == 0, 1, slope), 0)
        return jnp.where(before, (a + t * (b - a)).at[:, 2].set(near), a)

    p = clip(p, q)
    return p, clip(q, p)


def _order_along(p: Array, q: Array) -> tuple[Array, Array, Array]:
    """Ends in order of rows (steep edges) or columns, and which edges are steep."""
    delta = q[:, :2] / q[:, 2:] - p[:, :2] / p[:, 2:]
    steep = jnp.abs(delta[:, 1]) >= jnp.abs(delta[:, 0])
    swap = (jnp.where(steep, delta[:, 1], delta[:, 0]) < 0)[:, None]
    return jnp.where(swap, q, p), jnp.where(swap, p, q), steep


def _inner_first(triangle: Array, p: Array, q: Array, steep: Array) -> Array:
    """Whether the face beside an edge lies left of it (above it, for flat ones)."""
    value = jnp.sum(jnp.cross(p, q)[:, None] * triangle, -1)
    furthest = jnp.argmax(jnp.abs(value), -1)
    side = jnp.take_along_axis(value, furthest[:, None], 1)[:, 0]
    return jnp.where(steep, side > 0, side < 0)


def visible_edges(
    vertices: Array, faces: Array, group: Array, edges: Array, sharp: Array,
    mask: Array, near: Array, face_index: Array,
) -> Array:  # fmt: skip
    """See `ivg.render.visibility.edge_visibility`, of which this is one backend.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      faces: `[F, 3]` int32.
      group: `[F]` int32 node of each face.
      edges: `[E, 4]` int32 as in `Mesh.edges`.
      sharp: `[E]` bool as in `Mesh.edge_sharp`.
      mask: `[E]` bool.
      near: `[]` metres.
      face_index: `[K, H, W]` int32; the first layer is used.

    Returns:
      `[2, H, W]` int32 code of the edge, -1 where there is none.
    """
    height, width = face_index.shape[1:]
    finite = jnp.all(jnp.isfinite(vertices), -1)
    vertices = jnp.where(finite[:, None], vertices, 0)
    triangle = vertices[faces]
    plane, determinant = _planes(triangle)
    owner, other = edges[:, 2], edges[:, 3]
    sign = jnp.sign(determinant)
    p, q = vertices[edges[:, 0]], vertices[edges[:, 1]]
    outline = (other < 0) | (sign[owner] != sign[other])
    turned_away = sharp & (other >= 0) & outline & (sign[owner] > 0)
    active = mask & (outline | sharp) & ~turned_away
    active &= jnp.maximum(p[:, 2], q[:, 2]) > near
    active &= jnp.all(finite[edges[:, :2]], -1)
    p, q = (jnp.where(active[:, None], v, 1) for v in (p, q))
    p, q, steep = _order_along(*_clip_segments(p, q, near))
    inner_first = _inner_first(triangle[owner], p, q, steep)
    ends = jnp.stack([p[:, :2] / p[:, 2:], q[:, :2] / q[:, 2:]], 1)
    ends = jnp.where(steep[:, None, None], ends, ends[..., ::-1])  # [E, 2, (u, v)]
    inverse = 1 / jnp.stack([p[:, 2], q[:, 2]], -1)
    num_u = jnp.where(steep, width, height)
    num_v = jnp.where(steep, height, width)
    bounds = jnp.clip(ends[..., 1], 0, num_v[:, None].astype(ends.dtype)) - 0.5
    first, last = jnp.ceil(bounds).astype(jnp.int32).T
    shown = face_index[0]

    def at(face, x, y):
        return plane[face, 0] * x + plane[face, 1] * y + plane[face, 2]

    def visit(edge, place, is_real, state):
        v = first[edge] + place
        (u0, v0), (u1, v1) = (ends[edge, i].T for i in range(2))
        t = (v + 0.5 - v0) / jnp.where(v1 == v0, 1, v1 - v0)
        crossing = u0 + t * (u1 - u0)
        on_image = (crossing >= 0.5) & (crossing < num_u[edge] - 0.5)
        u = jnp.where(on_image, jnp.floor(crossing - 0.5), 0).astype(jnp.int32)
        is_steep = steep[edge]
        row, column = jnp.where(is_steep, v, u), jnp.where(is_steep, u, v)
        second = row + ~is_steep, column + is_steep
        z = inverse[edge, 0] + t * (inverse[edge, 1] - inverse[edge, 0])
        inner = inner_first[edge]
        rows = jnp.where(inner, row, second[0]), jnp.where(inner, second[0], row)
        columns = (
            jnp.where(inner, column, second[1]),
            jnp.where(inner, second[1], column),
        )
        inside, outside = (shown[rows[i], columns[i]] for i in range(2))
        node = group[owner[edge]]
        same = (inside >= 0) & (group[inside] == node)
        same &= outline[edge] | ((outside >= 0) & (group[outside] == node))
        limit = z * (1 + _EDGE_TOLERANCE)
        centre = at(outside, columns[1] + 0.5, rows[1] + 0.5)
        x = jnp.where(is_steep, crossing, v + 0.5)
        y = jnp.where(is_steep, v + 0.5, crossing)
        in_front = (outside < 0) | (centre <= limit) | (at(outside, x, y) <= limit)
        seen = is_real & on_image & same & in_front & (z > 0)
        pixel = (row + jnp.where(is_steep, 0, height)) * width + column
        depth, index = state
        return _keep_nearest(depth, index, pixel, z, 2 * edge + ~inner, seen)

    counts = jnp.where(active, jnp.maximum(last - first, 0), 0)
    empty = (
        jnp.zeros(2 * height * width, vertices.dtype),
        jnp.full(2 * height * width, _NO_INDEX, jnp.int32),
    )
    _, index = _for_candidates(counts, max(height, width), visit, empty)
    return jnp.where(index == _NO_INDEX, -1, index).reshape(2, height, width)


__all__ = ["visible_edges", "visible_faces"]
