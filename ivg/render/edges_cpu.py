"""Which edges pass between neighbouring pixels: Numba kernels for the CPU.

An edge is walked row by row, or column by column if it is flat, in double precision.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ivg.render import ffi
from ivg.render.visibility_cpu import plane_of
from ivg.typing import Array

_EDGE_TOLERANCE = 1e-4


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
def _face_plane(vertices, face):
    """Plane of inverse depth and determinant of a face."""
    i, j, k = face[0], face[1], face[2]
    return plane_of(
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


def _prepare_edges(frame, like):
    _, dims, rank = ffi.buffer_at(frame, 0, 1)
    return ffi.leading_size(dims, rank, 3)


def _edges(frame, like, part):
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
    slot = ffi.array(out, (batch, 2, height, width), np.int32(0))[part]
    best = ffi.array(scratch, (batch, 2, height, width), np.float32(0))[part]
    slot[:] = -1
    best[:] = 0
    _find_edges(
        ffi.array(vertices, (batch, num_v, 3), like)[part],
        ffi.array(faces, (batch, num_f, 3), np.int32(0))[part],
        ffi.array(group, (batch, num_f), np.int32(0))[part],
        ffi.array(edges, (batch, num_e, 4), np.int32(0))[part],
        ffi.array(sharp, (batch, num_e), np.uint8(0))[part],
        ffi.array(mask, (batch, num_e), np.uint8(0))[part],
        ffi.array(near, (batch,), like)[part],
        ffi.array(visible, (batch, layers, height, width), np.int32(0))[part],
        slot,
        best,
    )


def load() -> None:
    """Compiles the kernels and makes them known to XLA; once per process.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    ffi.target(_prepare_edges, _edges, np.float32)


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
    name = ffi.target(_prepare_edges, _edges, vertices.dtype)
    shape = (2, *face_index.shape[1:])
    results = (
        jax.ShapeDtypeStruct(shape, jnp.int32),
        jax.ShapeDtypeStruct(shape, jnp.float32),
    )
    call = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")
    return call(vertices, faces, group, edges, sharp, mask, near, face_index)[0]


__all__ = ["load", "visible_edges"]
