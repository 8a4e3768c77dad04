"""Rows of a table gathered into planes, and the sum of planes back into rows.

A picture of `C` channels is kept as `C` planes here, so that arithmetic on it runs
over contiguous memory. `gather_planes` and `scatter_planes` are linear in their
floats and each is the transpose of the other, so derivatives of any order and
`vmap` need these two kernels only. Sums run in a fixed order on the CPU: the same
inputs give the same bits.
"""

import functools
import warnings

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ivg.typing import Array


def gather_planes(table: Array, index: Array) -> Array:
    """Rows of a table as planes, zero where the index is -1.

    Args:
      table: `[R, C]` floats, or integers.
      index: `[...]` int32 in [-1, R).

    Returns:
      `[C, ...]` with `table[index[...], c]` in plane `c`. Linear in the table.
    """
    planes = _gather.bind(table, index.reshape(-1))
    return planes.reshape(table.shape[1], *index.shape)


def scatter_planes(planes: Array, index: Array, num_rows: int) -> Array:
    """Sums of the entries of planes that share an index; transpose of the gather.

    Args:
      planes: `[C, ...]` floats.
      index: `[...]` int32 in [-1, num_rows); entries at -1 are left out.
      num_rows: rows `R` of the result.

    Returns:
      `[R, C]`. Linear in the planes.
    """
    flat = planes.reshape(planes.shape[0], -1)
    return _scatter.bind(flat, index.reshape(-1), num_rows=num_rows)


def list_places(index: Array, size: int) -> Array:
    """The first places of a list at which there is an index, not -1.

    Args:
      index: `[P]` int32.
      size: how many places to list.

    Returns:
      `[size]` int32 places in order, then -1. No gradient.
    """
    kernels = _cpu_kernels() if index.size and size else None

    def plain(index):
        return jnp.nonzero(index >= 0, size=size, fill_value=-1)[0].astype(jnp.int32)

    if kernels is None:
        return plain(index)
    kernel = functools.partial(kernels.places, size=size)
    return jax.lax.platform_dependent(index, cpu=kernel, default=plain)


@functools.cache
def _cpu_kernels():
    """The module of CPU kernels, or None with a warning where it cannot load."""
    try:
        from ivg.render import gather_cpu

        gather_cpu.load()
        return gather_cpu
    except Exception as error:  # noqa: BLE001 - any failure has the same mend
        warnings.warn(
            f"the CPU kernels of gather cannot load ({error}); slower plain JAX "
            "takes their place",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def _gather_rows(table, index):
    rows = jnp.take(table, jnp.maximum(index, 0), axis=0, mode="clip")
    return jnp.where((index >= 0)[:, None], rows, 0).T


def _scatter_rows(planes, index, *, num_rows):
    rows = jnp.where(index < 0, num_rows, index)
    empty = jnp.zeros((num_rows, planes.shape[0]), planes.dtype)
    return empty.at[rows].add(planes.T, mode="drop")


def _implementation(plain, name):
    """The function behind a primitive: a kernel on the CPU, else plain JAX."""

    def implementation(values, index, **static):
        one = functools.partial(plain, **static)
        for _ in range(values.ndim - 2):
            one = jax.vmap(one)
        has_kernel = values.dtype in (jnp.float32, jnp.float64, jnp.int32)
        kernels = _cpu_kernels() if has_kernel and values.size else None
        if kernels is None:
            return one(values, index)
        kernel = functools.partial(getattr(kernels, name), **static)
        return jax.lax.platform_dependent(values, index, cpu=kernel, default=one)

    return implementation


def _gather_transpose(cotangent, table, index):
    if type(cotangent) is ad.Zero:
        return ad.Zero(table.aval), None
    return _scatter.bind(cotangent, index, num_rows=table.aval.shape[-2]), None


def _scatter_transpose(cotangent, planes, index, *, num_rows):
    if type(cotangent) is ad.Zero:
        return ad.Zero(planes.aval), None
    return _gather.bind(cotangent, index), None


def _make_primitive(name, implementation, shape, transpose):
    """A primitive that is linear in its first argument; the second is an index."""
    primitive = Primitive(f"ivg_{name}_planes")

    def jvp(primals, tangents, **static):
        out = primitive.bind(*primals, **static)
        if type(tangents[0]) is ad.Zero:
            return out, ad.Zero.from_primal_value(out)
        return out, primitive.bind(tangents[0], primals[1], **static)

    def batch(args, axes, **static):
        size = next(
            x.shape[a] for x, a in zip(args, axes, strict=True) if a is not None
        )
        args = [
            batching.bdim_at_front(x, a, size) for x, a in zip(args, axes, strict=True)
        ]
        return primitive.bind(*args, **static), 0

    def abstract(values, index, **static):
        return jax.core.ShapedArray(shape(values, index, **static), values.dtype)

    primitive.def_abstract_eval(abstract)
    primitive.def_impl(jax.jit(implementation, static_argnames=("num_rows",)))
    ad.primitive_jvps[primitive] = jvp
    ad.primitive_transposes[primitive] = transpose
    batching.primitive_batchers[primitive] = batch
    mlir.register_lowering(
        primitive, mlir.lower_fun(implementation, multiple_results=False)
    )
    return primitive


_gather = _make_primitive(
    "gather",
    _implementation(_gather_rows, "gather"),
    lambda table, index: (*table.shape[:-2], table.shape[-1], index.shape[-1]),
    _gather_transpose,
)
_scatter = _make_primitive(
    "scatter",
    _implementation(_scatter_rows, "scatter"),
    lambda planes, _, num_rows: (*planes.shape[:-2], num_rows, planes.shape[-2]),
    _scatter_transpose,
)

__all__ = ["gather_planes", "list_places", "scatter_planes"]
