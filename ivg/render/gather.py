"""Rows of a table gathered into planes, and the sum of planes back into rows.

A picture of `C` channels is kept as `C` planes here, so that arithmetic on it runs
over contiguous memory. `gather_planes` and `add_planes` are linear in their floats
and each is made of the transpose of the other, so derivatives of any order and
`vmap` need these two kernels only. Sums run in a fixed order on the CPU: the same
inputs give the same bits. Kernels read raw memory, so the public functions convert
what has another type.
"""

import functools

import jax.numpy as jnp

from ivg.render.linear import choose, cpu_kernels, make_linear
from ivg.typing import Array


def gather_planes(table: Array, index: Array) -> Array:
    """Rows of a table as planes, zero where the index is -1.

    Args:
      table: `[R, C]` floats, or integers.
      index: `[...]` integers in [-1, R).

    Returns:
      `[C, ...]` with `table[index[...], c]` in plane `c`. Linear in the table.
    """
    planes = _gather.bind(table, index.reshape(-1).astype(jnp.int32))
    return planes.reshape(table.shape[1], *index.shape)


def add_planes(table: Array, planes: Array, index: Array) -> Array:
    """A table with planes added to those of its rows that an index names.

    Args:
      table: `[R, C]` floats.
      planes: `[C, ...]` floats, converted to the type of the table.
      index: `[...]` integers in [-1, R); entries at -1 are left out.

    Returns:
      `[R, C]`. Linear in table and planes together. Done in place where nobody
      else needs the table.
    """
    flat = planes.reshape(planes.shape[0], -1).astype(table.dtype)
    return _add.bind(table, flat, index.reshape(-1).astype(jnp.int32))


def list_places(index: Array, size: int) -> Array:
    """The first places of a list at which there is an index, not -1.

    Args:
      index: `[P]` integers.
      size: how many places to list.

    Returns:
      `[size]` int32 places in order, then -1. No gradient.
    """

    def plain(index):
        return jnp.nonzero(index >= 0, size=size, fill_value=-1)[0].astype(jnp.int32)

    index = index.astype(jnp.int32)
    kernel = _kernel("places") if index.size and size else None
    return choose(plain, kernel and functools.partial(kernel, size=size), index)


def _kernel(name):
    return getattr(cpu_kernels("gather_cpu"), name, None)


def _gather_rows(table, index):
    rows = jnp.take(table, jnp.maximum(index, 0), axis=0, mode="clip")
    return jnp.where((index >= 0)[:, None], rows, 0).T


def _add_rows(table, planes, index):
    rows = jnp.where(index < 0, table.shape[0], index)
    return table.at[rows].add(planes.T, mode="drop")


_gather = make_linear(
    "gather",
    2,
    _gather_rows,
    lambda: _kernel("gather"),
    lambda table, index: (*table.shape[:-2], table.shape[-1], index.shape[-1]),
    lambda cotangent, table, index: (
        _add.bind(jnp.zeros(table.shape, table.dtype), cotangent, index),
    ),
)
_add = make_linear(
    "add",
    2,
    _add_rows,
    lambda: _kernel("add"),
    lambda table, planes, index: table.shape,
    lambda cotangent, table, planes, index: (
        cotangent,
        _gather.bind(cotangent, index),
    ),
    num_linear=2,
)

__all__ = ["add_planes", "gather_planes", "list_places"]
