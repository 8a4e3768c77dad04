"""Gathering rows into planes, and summing planes into rows: kernels for the CPU.

Indices that know no minus sign spare the check for Python's negative ones, and
let the loops become vector instructions.
"""

import jax
import numpy as np

from ivg.render import ffi
from ivg.typing import Array

_BLOCK = 256


@ffi.jit
def _gather_channel(flat, num_channels, channel, index, plane):
    for i in range(index.shape[0]):
        row = index[i]
        start = np.uint64(row * num_channels + channel)
        plane[i] = flat[start] if row >= 0 else 0


@ffi.jit
def _gather(table, index, planes):
    """Block by block: in pictures, most blocks are empty or of one row."""
    num_channels, size = planes.shape
    flat = table.reshape(-1)
    for start in range(0, size, _BLOCK):
        block = index[start : start + _BLOCK]
        least, largest = block[0], block[0]
        for i in range(block.shape[0]):
            least, largest = min(least, block[i]), max(largest, block[i])
        for channel in range(num_channels):
            plane = planes[channel, start : start + _BLOCK]
            if largest < 0:
                plane[:] = 0
            elif least == largest:
                plane[:] = table[largest, channel]
            else:
                _gather_channel(flat, num_channels, channel, block, plane)


@ffi.jit
def _add(planes, index, table):
    flat, values = table.reshape(-1), planes.reshape(-1)
    num_channels, size = np.uint64(planes.shape[0]), np.uint64(planes.shape[1])
    for i in range(size):
        if index[i] >= 0:
            start = np.uint64(index[i]) * num_channels
            for channel in range(num_channels):
                flat[start + channel] += values[channel * size + i]


def _batch_of_matrices(frame, like):
    _, dims, rank = ffi.buffer_at(frame, 0, 1)
    return ffi.leading_size(dims, rank, 2)


def _gather_rows(frame, like, part):
    table, t_dims, t_rank = ffi.buffer_at(frame, 0, 0)
    index = ffi.buffer_at(frame, 1, 0)[0]
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 2)
    num_rows, num_channels, size = t_dims[t_rank - 2], dims[rank - 2], dims[rank - 1]
    tables = ffi.array(table, (batch, num_rows, num_channels), like)
    rows = ffi.array(index, (batch, size), np.int32(0))
    planes = ffi.array(out, (batch, num_channels, size), like)
    _gather(tables[part], rows[part], planes[part])


def _add_rows(frame, like, part):
    planes, p_dims, p_rank = ffi.buffer_at(frame, 1, 0)
    index = ffi.buffer_at(frame, 2, 0)[0]
    out, dims, rank = ffi.buffer_at(frame, 0, 1)  # the table too: they share memory
    batch = ffi.leading_size(dims, rank, 2)
    num_rows, num_channels, size = dims[rank - 2], dims[rank - 1], p_dims[p_rank - 1]
    values = ffi.array(planes, (batch, num_channels, size), like)
    rows = ffi.array(index, (batch, size), np.int32(0))
    tables = ffi.array(out, (batch, num_rows, num_channels), like)
    _add(values[part], rows[part], tables[part])


def _batch_of_lists(frame, like):
    _, dims, rank = ffi.buffer_at(frame, 0, 1)
    return ffi.leading_size(dims, rank, 1)


def _list_places(frame, like, part):
    index, i_dims, i_rank = ffi.buffer_at(frame, 0, 0)
    out, dims, rank = ffi.buffer_at(frame, 0, 1)
    batch = ffi.leading_size(dims, rank, 1)
    num, size = i_dims[i_rank - 1], dims[rank - 1]
    row = ffi.array(index, (batch, num), like)[part]
    places = ffi.array(out, (batch, size), like)[part]
    count = 0
    for start in range(0, num, _BLOCK):
        block = row[start : start + _BLOCK]
        largest = np.int32(-1)
        for j in range(block.shape[0]):
            largest = max(largest, block[j])
        if largest < 0:
            continue
        for j in range(block.shape[0]):
            if block[j] >= 0 and count < size:
                places[count] = start + j
                count += 1
    places[count:] = -1


def load() -> None:
    """Compiles the kernels and makes them known to XLA; once per process.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    ffi.target(_batch_of_matrices, _gather_rows, np.int32)
    ffi.target(_batch_of_matrices, _add_rows, np.float32)
    ffi.target(_batch_of_lists, _list_places)


def gather(table: Array, index: Array) -> Array:
    """See `ivg.render.gather.gather_planes`, of which this is one backend.

    Args:
      table: `[..., R, C]` float32, float64 or int32.
      index: `[..., P]` int32 in [-1, R).

    Returns:
      `[..., C, P]`.
    """
    shape = (*table.shape[:-2], table.shape[-1], index.shape[-1])
    result = jax.ShapeDtypeStruct(shape, table.dtype)
    word = f"int{8 * table.dtype.itemsize}"  # copied, whatever it means
    name = ffi.target(_batch_of_matrices, _gather_rows, word)
    return jax.ffi.ffi_call(name, result)(table, index)


def add(table: Array, planes: Array, index: Array) -> Array:
    """See `ivg.render.gather.add_planes`, of which this is one backend.

    Args:
      table: `[..., R, C]` float32 or float64.
      planes: `[..., C, P]`, of the same type.
      index: `[..., P]` int32 in [-1, R).

    Returns:
      `[..., R, C]`.
    """
    result = jax.ShapeDtypeStruct(table.shape, table.dtype)
    name = ffi.target(_batch_of_matrices, _add_rows, table.dtype)
    call = jax.ffi.ffi_call(name, result, input_output_aliases={0: 0})
    return call(table, planes, index)


def places(index: Array, *, size: int) -> Array:
    """See `ivg.render.gather.list_places`, of which this is one backend.

    Args:
      index: `[P]` int32.
      size: how many places to list.

    Returns:
      `[size]` int32.
    """
    result = jax.ShapeDtypeStruct((size,), index.dtype)
    name = ffi.target(_batch_of_lists, _list_places)
    call = jax.ffi.ffi_call(name, result, vmap_method="broadcast_all")
    return call(index)


__all__ = ["add", "gather", "load", "places"]
