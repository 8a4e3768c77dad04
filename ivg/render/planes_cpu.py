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
def _evaluate(planes, origin, index, out):
    num, kind = planes.shape[1], planes.dtype.type
    for k in range(index.shape[0]):
        for y in range(index.shape[1]):
            faces, start = index[k, y], 0
            while start < faces.shape[0]:
                end, face = _run_end(faces, start), faces[start]
                for a in range(num):
                    row = out[a, k, y]
                    if face < 0:
                        row[start:end] = 0
                        continue
                    dy = kind(y + 0.5) - origin[face, 1]
                    dx = kind(start + 0.5) - origin[face, 0]
                    value = planes[face, a, 2] + planes[face, a, 1] * dy
                    slope = planes[face, a, 0]
                    value += slope * dx
                    for x in range(start, end):
                        row[x] = value + slope * kind(x - start)
                start = end


@ffi.jit
def _sum(values, origin, index, out):
    out[:] = 0
    num, kind = values.shape[0], values.dtype.type
    for k in range(index.shape[0]):
        for y in range(index.shape[1]):
            faces, start = index[k, y], 0
            while start < faces.shape[0]:
                end, face = _run_end(faces, start), faces[start]
                if face >= 0:
                    dy = kind(y + 0.5) - origin[face, 1]
                    dx = kind(start + 0.5) - origin[face, 0]
                    for a in range(num):
                        row, total, first = values[a, k, y], kind(0), kind(0)
                        for x in range(start, end):
                            total += row[x]
                            first += kind(x - start) * row[x]
                        out[face, a, 0] += first + dx * total
                        out[face, a, 1] += dy * total
                        out[face, a, 2] += total
                start = end


@ffi.jit
def _evaluate_kernel(frame, zero):
    planes, p_dims, p_rank = ffi.buffer_at(frame, 0, 0)
    origin, index = ffi.buffer_at(frame, 1, 0)[0], ffi.buffer_at(frame, 2, 0)[0]
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 4)
    faces, num = p_dims[p_rank - 3], dims[rank - 4]
    size = (dims[rank - 3], dims[rank - 2], dims[rank - 1])
    all_planes = ffi.array(planes, (batch, faces, num, 3), zero)
    origins = ffi.array(origin, (batch, faces, 2), zero)
    indices = ffi.array(index, (batch, *size), np.int32(0))
    images = ffi.array(out, (batch, num, *size), zero)
    for i in range(batch):
        _evaluate(all_planes[i], origins[i], indices[i], images[i])


@ffi.jit
def _sum_kernel(frame, zero):
    values, v_dims, v_rank = ffi.buffer_at(frame, 0, 0)
    origin, index = ffi.buffer_at(frame, 1, 0)[0], ffi.buffer_at(frame, 2, 0)[0]
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 3)
    faces, num = dims[rank - 3], dims[rank - 2]
    size = (v_dims[v_rank - 3], v_dims[v_rank - 2], v_dims[v_rank - 1])
    images = ffi.array(values, (batch, num, *size), zero)
    origins = ffi.array(origin, (batch, faces, 2), zero)
    indices = ffi.array(index, (batch, *size), np.int32(0))
    all_planes = ffi.array(out, (batch, faces, num, 3), zero)
    for i in range(batch):
        _sum(images[i], origins[i], indices[i], all_planes[i])


def load() -> None:
    """Compiles the kernels and makes them known to XLA; once per process.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    for kernel in (_evaluate_kernel, _sum_kernel):
        ffi.target(kernel, np.float32)


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
    name = ffi.target(_evaluate_kernel, planes.dtype)
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
    name = ffi.target(_sum_kernel, values.dtype)
    return jax.ffi.ffi_call(name, result)(values, origin, index)


__all__ = ["evaluate", "load", "sum_planes"]
