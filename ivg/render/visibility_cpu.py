"""Which faces and edges cover each pixel: Numba kernels for the CPU.

Everything per face or edge is computed in double precision. A face is the set of
pixel centres in four half planes: its three edges and the near plane. On a row of
pixels each half plane bounds x from one side at `slope * y + offset`, and the two
faces beside an edge get bit-equal bounds for it, so that no pixel falls between.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ivg.render import ffi
from ivg.typing import Array

_EDGE_TOLERANCE = 1e-4
_SMALL_BOX = 24  # pixels up to which each centre is tested


@ffi.jit
def _load(vertices, i, point):
    for j in range(3):
        point[j] = vertices[i, j]


@ffi.jit
def _edge_function(p, q, out):
    """Cross product of homogeneous points: the line through them, antisymmetric."""
    out[0] = p[1] * q[2] - p[2] * q[1]
    out[1] = p[2] * q[0] - p[0] * q[2]
    out[2] = p[0] * q[1] - p[1] * q[0]


@ffi.jit
def _clipped_box(points, near, box):
    """Bounding box in pixels of the part of a face beyond the near plane."""
    box[0], box[1], box[2], box[3] = np.inf, -np.inf, np.inf, -np.inf
    for i in range(3):
        p, q = points[i], points[(i + 1) % 3]
        if p[2] >= near:
            _extend(box, p[0] / p[2], p[1] / p[2])
        if (p[2] >= near) != (q[2] >= near):
            t = (near - p[2]) / (q[2] - p[2])
            x, y = p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])
            _extend(box, x / near, y / near)


@ffi.jit
def _extend(box, x, y):
    box[0], box[1] = min(box[0], x), max(box[1], x)
    box[2], box[3] = min(box[2], y), max(box[3], y)


@ffi.jit
def _row_bounds(lines, is_lower, num_lines, y, x0, x1):
    """First and last column whose centre satisfies all bounds on this row.

    Bounds of huge faces may exceed the integers, hence the last two lines.
    """
    low, high = x0 + 0.5, x1 + 0.5
    for i in range(num_lines):
        bound = lines[i, 0] * y + lines[i, 1]
        if is_lower[i]:
            low = max(low, bound)
        else:
            high = min(high, bound)
    low, high = min(low, x1 + 1.5), max(high, x0 - 0.5)
    return int(math.ceil(low - 0.5)), int(math.floor(high - 0.5))


@ffi.jit
def _add_half_plane(a, b, c, lines, is_lower, count, rows):
    """Adds `a x + b y + c >= 0`; horizontal ones bound the rows instead."""
    if a != 0:
        lines[count, 0], lines[count, 1] = -b / a, -c / a
        is_lower[count] = a > 0
        return count + 1
    if b > 0:
        rows[0] = max(rows[0], -c / b)
    elif b < 0:
        rows[1] = min(rows[1], -c / b)
    elif c < 0:
        rows[0] = np.inf
    return count


@ffi.jit
def _insert(face_index, inverse_depth, y, x, z, face):
    """Puts a fragment into the sorted layers of a pixel, if it is near enough."""
    k = face_index.shape[0] - 1
    if not z > inverse_depth[k, y, x]:
        return
    while k > 0 and z > inverse_depth[k - 1, y, x]:
        inverse_depth[k, y, x] = inverse_depth[k - 1, y, x]
        face_index[k, y, x] = face_index[k - 1, y, x]
        k -= 1
    inverse_depth[k, y, x] = z
    face_index[k, y, x] = face


@ffi.jit
def _pixel_range(low, high, size):
    """First and last pixel centre in an interval, on the image; safe for any float."""
    first = math.ceil(min(max(low, 0.0), size + 1.0) - 0.5)
    last = math.floor(max(min(high, float(size)), -1.0) - 0.5)
    return int(first), int(last)


@ffi.jit
def _line(px, py, pw, qx, qy, qw, sign):
    """The line through two homogeneous points, antisymmetric in them."""
    return (
        sign * (py * qw - pw * qy),
        sign * (pw * qx - px * qw),
        sign * (px * qy - py * qx),
    )


@ffi.jit
def _widened(line, radius):
    """The line moved outward by some pixels."""
    return line[0], line[1], line[2] + radius * math.hypot(line[0], line[1])


@ffi.jit
def _fill_small(
    face, a, b, c, plane, limits, x0, x1, y0, y1, face_index, inverse_depth
):  # fmt: skip
    """Tests every centre of a small box against the three edges of a face."""
    for y in range(y0, y1 + 1):
        py = y + 0.5
        for x in range(x0, x1 + 1):
            px = x + 0.5
            inside = (
                a[0] * px + a[1] * py + a[2] >= 0
                and b[0] * px + b[1] * py + b[2] >= 0
                and c[0] * px + c[1] * py + c[2] >= 0
            )
            if inside:
                z = np.float32(plane[0] * px + plane[1] * py + plane[2])
                z = min(max(z, limits[0]), limits[1])
                _insert(face_index, inverse_depth, y, x, z, face)


@ffi.jit
def _fill_span(face, first, last, start, slope, limits, index_row, depth_row):
    """One row of a face into a single layer; a loop that vectorises."""
    for x in range(np.uint64(max(first, 0)), np.uint64(max(last + 1, 0))):
        z = start + slope * np.float32(np.int64(x) - first)
        z = min(max(z, limits[0]), limits[1])
        nearer = z > depth_row[x]
        depth_row[x] = z if nearer else depth_row[x]
        index_row[x] = face if nearer else index_row[x]


@ffi.jit
def _fill_rows(
    face, a, b, c, plane, limits, near, clipped, box, x0, x1, bounds, is_lower, rows,
    face_index, inverse_depth,
):  # fmt: skip
    """Fills the rows of a face between the bounds of its half planes."""
    rows[0], rows[1] = box[2], box[3]
    count = _add_half_plane(a[0], a[1], a[2], bounds, is_lower, 0, rows)
    count = _add_half_plane(b[0], b[1], b[2], bounds, is_lower, count, rows)
    count = _add_half_plane(c[0], c[1], c[2], bounds, is_lower, count, rows)
    if clipped:
        count = _add_half_plane(
            -plane[0], -plane[1], 1 / near - plane[2], bounds, is_lower, count, rows
        )
    if not rows[0] <= rows[1]:
        return
    y0, y1 = _pixel_range(rows[0], rows[1], face_index.shape[1])
    slope = np.float32(plane[0])
    for y in range(y0, y1 + 1):
        first, last = _row_bounds(bounds, is_lower, count, y + 0.5, x0, x1)
        centre = plane[1] * (y + 0.5) + plane[2]
        start = np.float32(plane[0] * (first + 0.5) + centre)
        if face_index.shape[0] == 1:
            _fill_span(
                face, first, last, start, slope, limits, face_index[0, y],
                inverse_depth[0, y],
            )  # fmt: skip
            continue
        for x in range(first, last + 1):
            z = start + slope * np.float32(x - first)
            z = min(max(z, limits[0]), limits[1])
            _insert(face_index, inverse_depth, y, x, z, face)


@ffi.jit
def _plane_of(ax, ay, aw, bx, by, bw, cx, cy, cw):
    """Inverse depth `p . (x, y, 1)` of a face, and its determinant."""
    ux, uy, uw, vx, vy, vw = bx - ax, by - ay, bw - aw, cx - ax, cy - ay, cw - aw
    nx, ny, nw = uy * vw - uw * vy, uw * vx - ux * vw, ux * vy - uy * vx
    determinant = nx * ax + ny * ay + nw * aw
    scale = 1 / determinant if determinant != 0 else 0.0
    return (nx * scale, ny * scale, nw * scale), determinant


@ffi.jit
def _rasterize(vertices, faces, mask, near, radius, face_index, inverse_depth):
    height, width = face_index.shape[1:]
    bounds, is_lower = np.empty((4, 2)), np.empty(4, np.bool_)
    points, box, rows = np.empty((3, 3)), np.empty(4), np.empty(2)
    for face in range(faces.shape[0]):
        if not mask[face]:
            continue
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, aw = float(vertices[i, 0]), float(vertices[i, 1]), float(vertices[i, 2])
        bx, by, bw = float(vertices[j, 0]), float(vertices[j, 1]), float(vertices[j, 2])
        cx, cy, cw = float(vertices[k, 0]), float(vertices[k, 1]), float(vertices[k, 2])
        total = ax + ay + aw + bx + by + bw + cx + cy + cw
        if not (total - total == 0 and max(aw, bw, cw) > near):  # NaN, or before near
            continue
        clipped = min(aw, bw, cw) < near
        if clipped:
            points[0, 0], points[0, 1], points[0, 2] = ax, ay, aw
            points[1, 0], points[1, 1], points[1, 2] = bx, by, bw
            points[2, 0], points[2, 1], points[2, 2] = cx, cy, cw
            _clipped_box(points, near, box)
        else:
            wa, wb, wc = 1 / aw, 1 / bw, 1 / cw
            box[0], box[1] = _extent(ax * wa, bx * wb, cx * wc)
            box[2], box[3] = _extent(ay * wa, by * wb, cy * wc)
        box[0], box[1] = box[0] - radius, box[1] + radius
        box[2], box[3] = box[2] - radius, box[3] + radius
        x0, x1 = _pixel_range(box[0], box[1], width)
        y0, y1 = _pixel_range(box[2], box[3], height)
        if x0 > x1 or y0 > y1:
            continue
        plane, determinant = _plane_of(ax, ay, aw, bx, by, bw, cx, cy, cw)
        if not abs(determinant) > 0:
            continue
        sign = 1.0 if determinant > 0 else -1.0
        a = _line(bx, by, bw, cx, cy, cw, sign)
        b = _line(cx, cy, cw, ax, ay, aw, sign)
        c = _line(ax, ay, aw, bx, by, bw, sign)
        limits = np.float32(0), np.float32(np.inf)
        if radius > 0:
            a, b, c = _widened(a, radius), _widened(b, radius), _widened(c, radius)
            limits = (
                np.float32(1 / max(aw, bw, cw)),
                np.float32(1 / max(min(aw, bw, cw), near)),
            )
        if not clipped and (x1 - x0 + 1) * (y1 - y0 + 1) <= _SMALL_BOX:
            _fill_small(
                face, a, b, c, plane, limits, x0, x1, y0, y1, face_index,
                inverse_depth,
            )  # fmt: skip
        else:
            _fill_rows(
                face, a, b, c, plane, limits, near, clipped, box, x0, x1, bounds,
                is_lower, rows, face_index, inverse_depth,
            )  # fmt: skip


@ffi.jit
def _extent(a, b, c):
    return min(a, b, c), max(a, b, c)


@ffi.jit
def _visibility_batch(vertices, faces, mask, near, radius, face_index, inverse_depth):
    face_index[:] = -1
    inverse_depth[:] = 0
    for i in range(face_index.shape[0]):
        _rasterize(
            vertices[i], faces[i], mask[i], near[i], radius[i], face_index[i],
            inverse_depth[i],
        )  # fmt: skip


@ffi.jit
def _visibility_kernel(frame, zero):
    vertices, v_dims, v_rank = ffi.buffer_at(frame, 0, 0)
    faces, f_dims, f_rank = ffi.buffer_at(frame, 1, 0)
    mask, near = ffi.buffer_at(frame, 2, 0)[0], ffi.buffer_at(frame, 3, 0)[0]
    radius = ffi.buffer_at(frame, 4, 0)[0]
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    scratch = ffi.buffer_at(frame, 1, 1)[0]
    batch = ffi.leading_size(dims, rank, 3)
    num_v, num_f = v_dims[v_rank - 2], f_dims[f_rank - 2]
    size = (batch, dims[rank - 3], dims[rank - 2], dims[rank - 1])
    _visibility_batch(
        ffi.array(vertices, (batch, num_v, 3), zero),
        ffi.array(faces, (batch, num_f, 3), np.int32(0)),
        ffi.array(mask, (batch, num_f), np.uint8(0)),
        ffi.array(near, (batch,), zero),
        ffi.array(radius, (batch,), zero),
        ffi.array(out, size, np.int32(0)),
        ffi.array(scratch, size, np.float32(0)),
    )


@ffi.jit
def _face_plane(vertices, face):
    """Plane of inverse depth and determinant of a face."""
    i, j, k = face[0], face[1], face[2]
    return _plane_of(
        float(vertices[i, 0]), float(vertices[i, 1]), float(vertices[i, 2]),
        float(vertices[j, 0]), float(vertices[j, 1]), float(vertices[j, 2]),
        float(vertices[k, 0]), float(vertices[k, 1]), float(vertices[k, 2]),
    )  # fmt: skip


@ffi.jit
def _clip_segment(p, q, near):
    """Moves the end of a segment that is before the near plane onto it."""
    for a, b in ((p, q), (q, p)):
        if a[2] < near:
            t = (near - a[2]) / (b[2] - a[2])
            a[0] += t * (b[0] - a[0])
            a[1] += t * (b[1] - a[1])
            a[2] = near


@ffi.jit
def _inverse_depth_at(vertices, face, x, y):
    """Inverse depth at a point of the image of the plane of a face."""
    plane, _ = _face_plane(vertices, face)
    return plane[0] * x + plane[1] * y + plane[2]


@ffi.jit
def _try_pair(
    vertices, faces, group, face_index, edge, owner, is_outline, z, x, y, inner,
    outer, slot, best, d, row, column,
):  # fmt: skip
    """Gives a pair of pixels to an edge that passes visibly between them.

    The pixel on the side of the edge's face must show the same node, the other one
    too if the edge is no outline but a crease; and the surface in the other pixel
    must not lie before the edge. Of edges at equal depth the first stays.
    """
    z = np.float32(z)
    if not z > best[d, row, column]:
        return
    inside = face_index[0, inner[0], inner[1]]
    if inside < 0 or group[inside] != group[owner]:
        return
    outside = face_index[0, outer[0], outer[1]]
    if not is_outline and (outside < 0 or group[outside] != group[owner]):
        return
    if outside >= 0:
        limit = z * (1 + _EDGE_TOLERANCE)
        at_centre = _inverse_depth_at(
            vertices, faces[outside], outer[1] + 0.5, outer[0] + 0.5
        )
        if at_centre > limit:
            here = _inverse_depth_at(vertices, faces[outside], x, y)
            if not here <= limit:
                return
    best[d, row, column] = z
    slot[d, row, column] = 2 * edge + (inner[0] != row or inner[1] != column)


@ffi.jit
def _order_along(p, q):
    """Puts the ends in order of rows (steep edges) or columns; tells which."""
    dx, dy = q[0] / q[2] - p[0] / p[2], q[1] / q[2] - p[1] / p[2]
    steep = abs(dy) >= abs(dx)
    if (dy if steep else dx) < 0:
        for i in range(3):
            p[i], q[i] = q[i], p[i]
    return steep


@ffi.jit
def _side_of_face(vertices, face, p, q, line):
    """On which side of the line through p and q the face lies, as a sign."""
    _edge_function(p, q, line)
    side = 0.0
    for i in range(3):
        value = 0.0
        for j in range(3):
            value += line[j] * vertices[face[i], j]
        side = value if abs(value) > abs(side) else side
    return side


@ffi.jit
def _walk_edge(
    vertices, faces, group, face_index, edge, owner, is_outline, p, q, steep,
    inner_first, slot, best,
):  # fmt: skip
    """Visits the pairs of neighbouring pixel centres that an edge passes between.

    A steep edge passes between pixels side by side, once per row; a flat one
    between pixels one above the other, once per column. `v` counts rows
    (columns), `u` runs across.
    """
    across, along = (0, 1) if steep else (1, 0)
    u0, v0 = p[across] / p[2], p[along] / p[2]
    u1, v1 = q[across] / q[2], q[along] / q[2]
    num_u, num_v = face_index.shape[2 - across], face_index.shape[2 - along]
    z0, z1 = 1 / p[2], 1 / q[2]
    if v1 <= 0 or v0 >= num_v:
        return
    first = int(math.ceil(max(v0, 0.0) - 0.5))
    last = int(math.ceil(min(v1, float(num_v)) - 0.5))
    for v in range(first, last):
        t = (v + 0.5 - v0) / (v1 - v0)
        crossing = u0 + t * (u1 - u0)
        if not (crossing >= 0.5 and crossing < num_u - 0.5):
            continue
        u = int(math.floor(crossing - 0.5))
        one, two = ((v, u), (v, u + 1)) if steep else ((u, v), (u + 1, v))
        x, y = (crossing, v + 0.5) if steep else (v + 0.5, crossing)
        _try_pair(
            vertices, faces, group, face_index, edge, owner, is_outline,
            z0 + t * (z1 - z0), x, y,
            one if inner_first else two, two if inner_first else one,
            slot, best, along ^ 1, one[0], one[1],
        )  # fmt: skip


@ffi.jit
def _find_edges(
    vertices, faces, group, edges, sharp, mask, near, face_index, slot, best
):  # fmt: skip
    line = np.empty(3)
    p, q = np.empty(3), np.empty(3)
    sign = np.empty(faces.shape[0], np.int8)
    for face in range(faces.shape[0]):
        _, determinant = _face_plane(vertices, faces[face])
        sign[face] = 1 if determinant > 0 else -1 if determinant < 0 else 0
    for edge in range(edges.shape[0]):
        if not mask[edge]:
            continue
        owner, other = edges[edge, 2], edges[edge, 3]
        is_outline = other < 0 or sign[owner] != sign[other]
        if not (is_outline or sharp[edge]):
            continue
        if is_outline and other >= 0 and sharp[edge] and sign[owner] > 0:
            continue  # the row of the face turned away
        _load(vertices, edges[edge, 0], p)
        _load(vertices, edges[edge, 1], q)
        if not (math.isfinite(p.sum() + q.sum()) and max(p[2], q[2]) > near):
            continue
        _clip_segment(p, q, near)
        steep = _order_along(p, q)
        side = _side_of_face(vertices, faces[owner], p, q, line)
        _walk_edge(
            vertices, faces, group, face_index, edge, owner, is_outline, p, q, steep,
            side > 0 if steep else side < 0, slot, best,
        )  # fmt: skip


@ffi.jit
def _edges_batch(
    vertices, faces, group, edges, sharp, mask, near, face_index, slot, best
):  # fmt: skip
    slot[:] = -1
    best[:] = 0
    for i in range(slot.shape[0]):
        _find_edges(
            vertices[i], faces[i], group[i], edges[i], sharp[i], mask[i], near[i],
            face_index[i], slot[i], best[i],
        )  # fmt: skip


@ffi.jit
def _edges_kernel(frame, zero):
    vertices, v_dims, v_rank = ffi.buffer_at(frame, 0, 0)
    faces, f_dims, f_rank = ffi.buffer_at(frame, 1, 0)
    group = ffi.buffer_at(frame, 2, 0)[0]
    edges, e_dims, e_rank = ffi.buffer_at(frame, 3, 0)
    sharp, mask = ffi.buffer_at(frame, 4, 0)[0], ffi.buffer_at(frame, 5, 0)[0]
    near = ffi.buffer_at(frame, 6, 0)[0]
    visible, i_dims, i_rank = ffi.buffer_at(frame, 7, 0)
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    scratch = ffi.buffer_at(frame, 1, 1)[0]
    batch = ffi.leading_size(dims, rank, 3)
    height, width, layers = dims[rank - 2], dims[rank - 1], i_dims[i_rank - 3]
    num_v, num_f, num_e = v_dims[v_rank - 2], f_dims[f_rank - 2], e_dims[e_rank - 2]
    _edges_batch(
        ffi.array(vertices, (batch, num_v, 3), zero),
        ffi.array(faces, (batch, num_f, 3), np.int32(0)),
        ffi.array(group, (batch, num_f), np.int32(0)),
        ffi.array(edges, (batch, num_e, 4), np.int32(0)),
        ffi.array(sharp, (batch, num_e), np.uint8(0)),
        ffi.array(mask, (batch, num_e), np.uint8(0)),
        ffi.array(near, (batch,), zero),
        ffi.array(visible, (batch, layers, height, width), np.int32(0)),
        ffi.array(out, (batch, 2, height, width), np.int32(0)),
        ffi.array(scratch, (batch, 2, height, width), np.float32(0)),
    )


def load() -> None:
    """Compiles the kernels and makes them known to XLA; once per process.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    for kernel in (_visibility_kernel, _edges_kernel):
        ffi.target(kernel, np.float32)


def visible_faces(
    vertices: Array, faces: Array, mask: Array, near: Array, radius: Array,
    shape: tuple[int, int, int],
) -> Array:  # fmt: skip
    """See `ivg.render.visibility.visibility`, of which this is one backend.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates, float32 or float64.
      faces: `[F, 3]` int32.
      mask: `[F]` bool.
      near: `[]` metres, of the type of the vertices.
      radius: `[]` pixels, of the type of the vertices.
      shape: layers, height and width of the result.

    Returns:
      `[K, H, W]` int32 face index, -1 for background.
    """
    name = ffi.target(_visibility_kernel, vertices.dtype)
    results = (
        jax.ShapeDtypeStruct(shape, jnp.int32),
        jax.ShapeDtypeStruct(shape, jnp.float32),
    )
    call = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")
    return call(vertices, faces, mask, near, radius)[0]


def visible_edges(
    vertices: Array, faces: Array, group: Array, edges: Array, sharp: Array,
    mask: Array, near: Array, face_index: Array,
) -> Array:  # fmt: skip
    """See `ivg.render.visibility.edge_visibility`, of which this is one backend.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates, float32 or float64.
      faces: `[F, 3]` int32.
      group: `[F]` int32 node of each face.
      edges: `[E, 4]` int32 as in `Mesh.edges`.
      sharp: `[E]` bool as in `Mesh.edge_sharp`.
      mask: `[E]` bool.
      near: `[]` metres, of the type of the vertices.
      face_index: `[K, H, W]` int32; the first layer is used.

    Returns:
      `[2, H, W]` int32 code of the edge, -1 where there is none.
    """
    name = ffi.target(_edges_kernel, vertices.dtype)
    shape = (2, *face_index.shape[1:])
    results = (
        jax.ShapeDtypeStruct(shape, jnp.int32),
        jax.ShapeDtypeStruct(shape, jnp.float32),
    )
    call = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")
    return call(vertices, faces, group, edges, sharp, mask, near, face_index)[0]


__all__ = ["load", "visible_edges", "visible_faces"]
