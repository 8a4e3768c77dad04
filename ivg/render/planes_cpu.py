"""Affine functions evaluated at pixels, and their transpose: kernels for the CPU.

Neighbouring pixels mostly show the same face, so a row of pixels is taken run by
run: what depends on the face alone is loaded, or stored, once per run.
"""

import jax
import numpy as np

from ivg.render import ffi
from ivg.typing import Array


@ffi.jit
def _run_end(faces, start):
    end = start + 1
    while end < faces.shape[0] and faces[end] == faces[start]:
        end += 1
    return end


@ffi.jit
def _evaluate_row(planes, origin, faces, y, out):
    """`out[a, x]` from the faces at one row of pixels."""
    num, kind, start = planes.shape[1], planes.dtype.type, 0
    while start < faces.shape[0]:
        end, face = _run_end(faces, start), faces[start]
        if face < 0:
            out[:, start:end] = 0
        else:
            dx = kind(start + 0.5) - origin[face, 0]
            dy = kind(y + 0.5) - origin[face, 1]
            for a in range(num):
                row, slope = out[a], planes[face, a, 0]
                value = planes[face, a, 2] + planes[face, a, 1] * dy + slope * dx
                for x in range(start, end):
                    row[x] = value + slope * kind(x - start)
        start = end


@ffi.jit
def _sum_row(values, origin, faces, y, out):
    """Adds one row of pixels of one attribute to `out[f]`."""
    kind, start = values.dtype.type, 0
    while start < faces.shape[0]:
        end, face = _run_end(faces, start), faces[start]
        if face >= 0:
            dx = kind(start + 0.5) - origin[face, 0]
            dy = kind(y + 0.5) - origin[face, 1]
            total, first = kind(0), kind(0)
            for x in range(start, end):
                total += values[x]
                first += kind(x - start) * values[x]
            out[face, 0] += first + dx * total
            out[face, 1] += dy * total
            out[face, 2] += total
        start = end


def _prepare_evaluate(frame, like):
    _, dims, rank = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 4)
    return batch * ffi.num_bands(batch, dims[rank - 3] * dims[rank - 2], dims[rank - 1])


def _evaluate(frame, like, part):
    planes, p_dims, p_rank = ffi.buffer_at(frame, 0, 0)
    origin, index = ffi.buffer_at(frame, 1, 0)[0], ffi.buffer_at(frame, 2, 0)[0]
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 4)
    num_f, num = p_dims[p_rank - 3], dims[rank - 4]
    height, width = dims[rank - 2], dims[rank - 1]
    rows = dims[rank - 3] * height
    bands = ffi.num_bands(batch, rows, width)
    i, band = part // bands, part % bands
    table = ffi.array(planes, (batch, num_f, num, 3), like)[i]
    origins = ffi.array(origin, (batch, num_f, 2), like)[i]
    faces = ffi.array(index, (batch, rows, width), np.int32(0))[i]
    image = ffi.array(out, (batch, num, rows, width), like)[i]
    for row in range(rows * band // bands, rows * (band + 1) // bands):
        _evaluate_row(table, origins, faces[row], row % height, image[:, row])


def _prepare_sum(frame, like):
    """One part for each attribute, so that sums have one order."""
    _, dims, rank = ffi.buffer_at(frame, 0, 1)
    return ffi.leading_size(dims, rank, 3) * dims[rank - 2]


def _sum(frame, like, part):
    values, v_dims, v_rank = ffi.buffer_at(frame, 0, 0)
    origin, index = ffi.buffer_at(frame, 1, 0)[0], ffi.buffer_at(frame, 2, 0)[0]
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 3)
    num_f, num = dims[rank - 3], dims[rank - 2]
    height, width = v_dims[v_rank - 2], v_dims[v_rank - 1]
    rows = v_dims[v_rank - 3] * height
    i, a = part // num, part % num
    image = ffi.array(values, (batch, num, rows, width), like)[i, a]
    origins = ffi.array(origin, (batch, num_f, 2), like)[i]
    faces = ffi.array(index, (batch, rows, width), np.int32(0))[i]
    sums = ffi.array(out, (batch, num_f, num, 3), like)[i, :, a]
    sums[:] = 0
    for row in range(rows):
        _sum_row(image[row], origins, faces[row], row % height, sums)


def load() -> None:
    """Compiles the kernels and makes them known to XLA; once per process.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    ffi.target(_prepare_evaluate, _evaluate, np.float32)
    ffi.target(_prepare_sum, _sum, np.float32)


def evaluate(planes: Array, origin: Array, index: Array) -> Array:
    """See `ivg.render.planes.evaluate_planes`, of which this is one backend.

    Args:
      planes: `[..., F, A, 3]` float32 or float64.
      origin: `[..., F, 2]`, of the same type.
      index: `[..., K, H, W]` int32 in [-1, F).

    Returns:
      `[..., A, K, H, W]`.
    """
    shape = (*planes.shape[:-3], planes.shape[-2], *index.shape[-3:])
    result = jax.ShapeDtypeStruct(shape, planes.dtype)
    name = ffi.target(_prepare_evaluate, _evaluate, planes.dtype)
    return jax.ffi.ffi_call(name, result)(planes, origin, index)


def sum_planes(values: Array, origin: Array, index: Array) -> Array:
    """See `ivg.render.planes.sum_planes`, of which this is one backend.

    Args:
      values: `[..., A, K, H, W]` float32 or float64.
      origin: `[..., F, 2]`, of the same type.
      index: `[..., K, H, W]` int32 in [-1, F).

    Returns:
      `[..., F, A, 3]`.
    """
    shape = (*origin.shape[:-1], values.shape[-4], 3)
    result = jax.ShapeDtypeStruct(shape, values.dtype)
    name = ffi.target(_prepare_sum, _sum, values.dtype)
    return jax.ffi.ffi_call(name, result)(values, origin, index)


__all__ = ["evaluate", "load", "sum_planes"]
