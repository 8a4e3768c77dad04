"""Which faces cover each pixel: Numba kernels for the CPU.

Everything per face is computed in double precision. A face is the set of
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

_SMALL_BOX = 48  # pixels up to which each centre is tested


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
def _bounds(a, b, c, rows):
    """Where `a x + b y + c >= 0` on a row: from `s y + t` to `u y + v` of the result.

    A horizontal half plane bounds the rows instead.
    """
    if a == 0:
        if b > 0:
            rows[0] = max(rows[0], -c / b)
        elif b < 0:
            rows[1] = min(rows[1], -c / b)
        elif c < 0:
            rows[0] = np.inf
        return 0.0, -np.inf, 0.0, np.inf
    slope, offset = -b / a, -c / a
    if a > 0:
        return slope, offset, 0.0, np.inf
    return 0.0, -np.inf, slope, offset


@ffi.jit
def _row_range(a, b, c, near, y, x0, x1):
    """First and last column whose centre is within all bounds on this row.

    Bounds of huge faces may exceed the integers, hence the last two lines.
    """
    low, high = x0 + 0.5, x1 + 0.5
    low, high = max(low, a[0] * y + a[1]), min(high, a[2] * y + a[3])
    low, high = max(low, b[0] * y + b[1]), min(high, b[2] * y + b[3])
    low, high = max(low, c[0] * y + c[1]), min(high, c[2] * y + c[3])
    low, high = max(low, near[0] * y + near[1]), min(high, near[2] * y + near[3])
    low, high = min(low, x1 + 1.5), max(high, x0 - 0.5)
    return int(math.ceil(low - 0.5)), int(math.floor(high - 0.5))


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
def _fill_small_nearest(
    face, a, b, c, plane, limits, x0, x1, y0, y1, face_index, inverse_depth
):  # fmt: skip
    """The same for a single layer, without a branch that depends on the pixel."""
    for y in range(y0, y1 + 1):
        py = y + 0.5
        at_a, at_b, at_c = a[1] * py + a[2], b[1] * py + b[2], c[1] * py + c[2]
        at_z = plane[1] * py + plane[2]
        index_row, depth_row = face_index[y], inverse_depth[y]
        for x in range(x0, x1 + 1):
            px = x + 0.5
            inside = (
                (a[0] * px + at_a >= 0)
                & (b[0] * px + at_b >= 0)
                & (c[0] * px + at_c >= 0)
            )
            z = np.float32(plane[0] * px + at_z)
            z = min(max(z, limits[0]), limits[1])
            old = depth_row[x]
            nearer = inside & (z > old)
            depth_row[x] = z if nearer else old
            index_row[x] = face if nearer else index_row[x]


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
    face, a, b, c, plane, limits, near, clipped, x0, x1, rows, face_index,
    inverse_depth,
):  # fmt: skip
    """Fills the rows of a face between the bounds of its half planes."""
    beyond = (-plane[0], -plane[1], 1 / near - plane[2]) if clipped else (0.0, 0.0, 0.0)
    in_a, in_b = _bounds(a[0], a[1], a[2], rows), _bounds(b[0], b[1], b[2], rows)
    in_c = _bounds(c[0], c[1], c[2], rows)
    in_front = _bounds(beyond[0], beyond[1], beyond[2], rows)
    if not rows[0] <= rows[1]:
        return
    y0, y1 = _pixel_range(rows[0], rows[1], face_index.shape[1])
    slope = np.float32(plane[0])
    for y in range(y0, y1 + 1):
        first, last = _row_range(in_a, in_b, in_c, in_front, y + 0.5, x0, x1)
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
def plane_of(ax, ay, aw, bx, by, bw, cx, cy, cw):
    """The plane of a face on the image; callable from kernels.

    Args:
      ax, ay, aw, bx, by, bw, cx, cy, cw: homogeneous pixel coordinates of the three
        vertices.

    Returns:
      `p` with inverse depth `p . (x, y, 1)`, zero for a face seen edge-on, and the
      determinant of the vertices.
    """
    ux, uy, uw, vx, vy, vw = bx - ax, by - ay, bw - aw, cx - ax, cy - ay, cw - aw
    nx, ny, nw = uy * vw - uw * vy, uw * vx - ux * vw, ux * vy - uy * vx
    determinant = nx * ax + ny * ay + nw * aw
    scale = 1 / determinant if determinant != 0 else 0.0
    return (nx * scale, ny * scale, nw * scale), determinant


@ffi.jit
def _find_boxes(vertices, faces, mask, near, radius, height, width, boxes):
    """First and last column and row of every face; none for those not to be seen."""
    points, box = np.empty((3, 3)), np.empty(4)
    for face in range(faces.shape[0]):
        boxes[face, 2], boxes[face, 3] = 0, -1
        if not mask[face]:
            continue
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, aw = float(vertices[i, 0]), float(vertices[i, 1]), float(vertices[i, 2])
        bx, by, bw = float(vertices[j, 0]), float(vertices[j, 1]), float(vertices[j, 2])
        cx, cy, cw = float(vertices[k, 0]), float(vertices[k, 1]), float(vertices[k, 2])
        total = ax + ay + aw + bx + by + bw + cx + cy + cw
        if not (total - total == 0 and max(aw, bw, cw) > near):  # NaN, or before near
            continue
        if min(aw, bw, cw) < near:
            points[0, 0], points[0, 1], points[0, 2] = ax, ay, aw
            points[1, 0], points[1, 1], points[1, 2] = bx, by, bw
            points[2, 0], points[2, 1], points[2, 2] = cx, cy, cw
            _clipped_box(points, near, box)
        else:
            wa, wb, wc = 1 / aw, 1 / bw, 1 / cw
            box[0], box[1] = _extent(ax * wa, bx * wb, cx * wc)
            box[2], box[3] = _extent(ay * wa, by * wb, cy * wc)
        x0, x1 = _pixel_range(box[0] - radius, box[1] + radius, width)
        y0, y1 = _pixel_range(box[2] - radius, box[3] + radius, height)
        if x0 <= x1:
            boxes[face, 0], boxes[face, 1] = x0, x1
            boxes[face, 2], boxes[face, 3] = y0, y1


@ffi.jit
def _rasterize(
    vertices, faces, near, radius, boxes, top, bottom, face_index, inverse_depth
):  # fmt: skip
    """Puts all faces into the rows from `top` to before `bottom`."""
    face_index[:, top:bottom] = -1
    inverse_depth[:, top:bottom] = 0
    rows = np.empty(2)
    for face in range(faces.shape[0]):
        y0, y1 = max(boxes[face, 2], top), min(boxes[face, 3], bottom - 1)
        if y0 > y1:
            continue
        x0, x1 = boxes[face, 0], boxes[face, 1]
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, aw = float(vertices[i, 0]), float(vertices[i, 1]), float(vertices[i, 2])
        bx, by, bw = float(vertices[j, 0]), float(vertices[j, 1]), float(vertices[j, 2])
        cx, cy, cw = float(vertices[k, 0]), float(vertices[k, 1]), float(vertices[k, 2])
        plane, determinant = plane_of(ax, ay, aw, bx, by, bw, cx, cy, cw)
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
        clipped = min(aw, bw, cw) < near
        is_small = not clipped and (x1 - x0 + 1) * (y1 - y0 + 1) <= _SMALL_BOX
        if is_small and face_index.shape[0] == 1:
            _fill_small_nearest(
                face, a, b, c, plane, limits, x0, x1, y0, y1, face_index[0],
                inverse_depth[0],
            )  # fmt: skip
        elif is_small:
            _fill_small(
                face, a, b, c, plane, limits, x0, x1, y0, y1, face_index,
                inverse_depth,
            )  # fmt: skip
        else:
            rows[0], rows[1] = y0 + 0.5, y1 + 0.5
            _fill_rows(
                face, a, b, c, plane, limits, near, clipped, x0, x1, rows,
                face_index, inverse_depth,
            )  # fmt: skip


@ffi.jit
def _extent(a, b, c):
    return min(a, b, c), max(a, b, c)


@ffi.jit
def _visibility_arrays(frame, like):
    vertices, v_dims, v_rank = ffi.buffer_at(frame, 0, 0)
    faces, f_dims, f_rank = ffi.buffer_at(frame, 1, 0)
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 3)
    num_v, num_f = v_dims[v_rank - 2], f_dims[f_rank - 2]
    size = (batch, dims[rank - 3], dims[rank - 2], dims[rank - 1])
    return (
        ffi.array(vertices, (batch, num_v, 3), like),
        ffi.array(faces, (batch, num_f, 3), np.int32(0)),
        ffi.array(ffi.buffer_at(frame, 2, 0)[0], (batch, num_f), np.uint8(0)),
        ffi.array(ffi.buffer_at(frame, 3, 0)[0], (batch,), like),
        ffi.array(ffi.buffer_at(frame, 4, 0)[0], (batch,), like),
        ffi.array(out, size, np.int32(0)),
        ffi.array(ffi.buffer_at(frame, 1, 1)[0], size, np.float32(0)),
        ffi.array(ffi.buffer_at(frame, 2, 1)[0], (batch, num_f, 4), np.int32(0)),
    )


def _prepare_visibility(frame, like):
    vertices, faces, mask, near, radius, out, _, boxes = _visibility_arrays(frame, like)
    batch, _, height, width = out.shape
    bands = ffi.num_bands(batch, height, width)
    if bands > 1:
        for i in range(batch):
            _find_boxes(
                vertices[i], faces[i], mask[i], near[i], radius[i], height, width,
                boxes[i],
            )  # fmt: skip
    return batch * bands


def _visibility(frame, like, part):
    vertices, faces, mask, near, radius, out, scratch, boxes = _visibility_arrays(
        frame, like
    )
    batch, _, height, width = out.shape
    bands = ffi.num_bands(batch, height, width)
    i, band = part // bands, part % bands
    if bands == 1:
        _find_boxes(
            vertices[i], faces[i], mask[i], near[i], radius[i], height, width, boxes[i]
        )
    top, bottom = height * band // bands, height * (band + 1) // bands
    _rasterize(
        vertices[i], faces[i], near[i], radius[i], boxes[i], top, bottom, out[i],
        scratch[i],
    )  # fmt: skip


def load() -> None:
    """Compiles the kernels and makes them known to XLA; once per process.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    ffi.target(_prepare_visibility, _visibility, np.float32)


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
    name = ffi.target(_prepare_visibility, _visibility, vertices.dtype)
    results = (
        jax.ShapeDtypeStruct(shape, jnp.int32),
        jax.ShapeDtypeStruct(shape, jnp.float32),
        jax.ShapeDtypeStruct((faces.shape[0], 4), jnp.int32),
    )
    call = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")
    return call(vertices, faces, mask, near, radius)[0]


__all__ = ["load", "plane_of", "visible_faces"]
