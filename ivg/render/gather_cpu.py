"""Gathering rows into planes, and summing planes into rows: kernels for the CPU.

Neighbours in a picture mostly show the same face, so both work on runs of equal
indices: each run is a short loop over contiguous memory.
"""

import functools

import jax
from numba import carray

from ivg.render import ffi
from ivg.typing import Array


@ffi.jit
def _gather(table, index, planes):
    num_channels, size = planes.shape
    start = 0
    while start < size:
        row = index[start]
        stop = start + 1
        while stop < size and index[stop] == row:
            stop += 1
        for channel in range(num_channels):
            value = table[row, channel] if row >= 0 else table.dtype.type(0)
            for i in range(start, stop):
                planes[channel, i] = value
        start = stop


@ffi.jit
def _scatter(planes, index, table):
    table[:] = 0
    num_channels, size = planes.shape
    start = 0
    while start < size:
        row = index[start]
        stop = start + 1
        while stop < size and index[stop] == row:
            stop += 1
        if row >= 0:
            for channel in range(num_channels):
                total = table[row, channel]
                for i in range(start, stop):
                    total += planes[channel, i]
                table[row, channel] = total
        start = stop


@ffi.jit
def _gather_kernel(frame):
    table, t_dims, t_rank, dtype = ffi.buffer_at(frame, 0, 0)
    index, _, _, _ = ffi.buffer_at(frame, 1, 0)
    out, dims, rank, _ = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 2)
    num_rows, num_channels, size = t_dims[t_rank - 2], dims[rank - 2], dims[rank - 1]
    rows = carray(ffi.as_int32(index), (batch, size))
    for i in range(batch):
        if dtype == ffi.FLOAT64:
            _gather(
                carray(ffi.as_float64(table), (batch, num_rows, num_channels))[i],
                rows[i],
                carray(ffi.as_float64(out), (batch, num_channels, size))[i],
            )
        else:
            _gather(
                carray(ffi.as_float32(table), (batch, num_rows, num_channels))[i],
                rows[i],
                carray(ffi.as_float32(out), (batch, num_channels, size))[i],
            )


@ffi.jit
def _scatter_kernel(frame):
    planes, p_dims, p_rank, dtype = ffi.buffer_at(frame, 0, 0)
    index, _, _, _ = ffi.buffer_at(frame, 1, 0)
    out, dims, rank, _ = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 2)
    num_rows, num_channels, size = dims[rank - 2], dims[rank - 1], p_dims[p_rank - 1]
    rows = carray(ffi.as_int32(index), (batch, size))
    for i in range(batch):
        if dtype == ffi.FLOAT64:
            _scatter(
                carray(ffi.as_float64(planes), (batch, num_channels, size))[i],
                rows[i],
                carray(ffi.as_float64(out), (batch, num_rows, num_channels))[i],
            )
        else:
            _scatter(
                carray(ffi.as_float32(planes), (batch, num_channels, size))[i],
                rows[i],
                carray(ffi.as_float32(out), (batch, num_rows, num_channels))[i],
            )


@functools.cache
def load() -> None:
    """Compiles the kernels and makes them known to XLA; once per process.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    ffi.register("ivg_gather_planes", _gather_kernel)
    ffi.register("ivg_scatter_planes", _scatter_kernel)


def gather(table: Array, index: Array) -> Array:
    """See `ivg.render.gather.gather_planes`, of which this is one backend.

    Args:
      table: `[..., R, C]` float32 or float64.
      index: `[..., P]` int32 in [-1, R).

    Returns:
      `[..., C, P]`.
    """
    shape = (*table.shape[:-2], table.shape[-1], index.shape[-1])
    result = jax.ShapeDtypeStruct(shape, table.dtype)
    return jax.ffi.ffi_call("ivg_gather_planes", result)(table, index)


def scatter(planes: Array, index: Array, *, num_rows: int) -> Array:
    """See `ivg.render.gather.scatter_planes`, of which this is one backend.

    Args:
      planes: `[..., C, P]` float32 or float64.
      index: `[..., P]` int32 in [-1, R).
      num_rows: rows `R` of the result.

    Returns:
      `[..., R, C]`.
    """
    shape = (*planes.shape[:-2], num_rows, planes.shape[-2])
    result = jax.ShapeDtypeStruct(shape, planes.dtype)
    return jax.ffi.ffi_call("ivg_scatter_planes", result)(planes, index)


__all__ = ["gather", "load", "scatter"]
