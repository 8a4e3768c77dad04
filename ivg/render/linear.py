"""Primitives that are linear in their first arguments, with a kernel on the CPU.

What such a primitive needs for derivatives of any order and for `vmap` is its
transpose and a leading batch axis; both are given once, here.
"""

import functools
import importlib
import threading
import warnings
from collections.abc import Callable
from types import ModuleType

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_KERNEL_TYPES = (jnp.float32, jnp.float64, jnp.int32)


@functools.cache
def cpu_kernels(name: str) -> ModuleType | None:
    """A module of CPU kernels, or None with a warning where it cannot load.

    Args:
      name: module of `ivg.render` with a function `load` that compiles its kernels.

    Returns:
      The module, or None.
    """
    try:
        module = importlib.import_module(f"ivg.render.{name}")
        module.load()
        return module
    except Exception as error:  # noqa: BLE001 - any failure has the same mend
        warnings.warn(
            f"the CPU kernels of the renderer cannot load ({error}); slower plain "
            "JAX takes their place",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def preload_kernels() -> None:
    """Compiles all CPU kernels in another thread, while the caller goes on.

    Kernels are compiled when first used, and kept on disk; where they never were,
    this takes about 20 seconds. Does nothing on other platforms.
    """
    if jax.default_backend() == "cpu":
        names = ("visibility_cpu", "planes_cpu", "gather_cpu", "edges_cpu")
        threading.Thread(target=lambda: [cpu_kernels(n) for n in names]).start()


def choose(plain: Callable, kernel: Callable | None, *args):
    """Calls the kernel where the program runs on a CPU, else plain JAX.

    Args:
      plain: pure JAX.
      kernel: the same by a CPU kernel, or None if there is none.
      *args: arrays.

    Returns:
      What they return.
    """
    if kernel is None:
        return plain(*args)
    return jax.lax.platform_dependent(*args, cpu=kernel, default=plain)


def make_linear(
    name: str,
    rank: int,
    plain: Callable,
    kernel_of: Callable[[], Callable | None],
    shape: Callable,
    transpose: Callable,
    num_linear: int = 1,
    static: tuple[str, ...] = (),
) -> Primitive:
    """A primitive `(*args, **static)` that is linear in its first arguments.

    Args:
      name: name of the primitive.
      rank: number of axes of the first argument without a batch.
      plain: one example in pure JAX; `vmap` makes it a batch.
      kernel_of: gives the CPU kernel, which takes any leading batch axes, or None.
      shape: `(*args, **static)` to the shape of the result; the arguments may have
        leading batch axes.
      transpose: `(cotangent, *args, **static)` to a tuple of the cotangents of the
        linear arguments, of which only shape and type may be used.
      num_linear: in how many of its arguments, together, it is linear; the others
        have no derivative.
      static: names of the static arguments.

    Returns:
      Primitive.
    """
    primitive = Primitive(f"ivg_{name}")

    def implementation(*args, **options):
        one = functools.partial(plain, **options)
        for _ in range(args[0].ndim - rank):
            one = jax.vmap(one)
        kernel = None
        if args[0].dtype in _KERNEL_TYPES and all(x.size for x in args):
            kernel = kernel_of()
        if kernel is not None:
            kernel = functools.partial(kernel, **options)
        return choose(one, kernel, *args)

    def jvp(primals, tangents, **options):
        out = primitive.bind(*primals, **options)
        if all(type(t) is ad.Zero for t in tangents[:num_linear]):
            return out, ad.Zero.from_primal_value(out)
        moved = [ad.instantiate_zeros(t) for t in tangents[:num_linear]]
        return out, primitive.bind(*moved, *primals[num_linear:], **options)

    def batch(args, axes, **options):
        size = next(
            x.shape[a] for x, a in zip(args, axes, strict=True) if a is not None
        )
        args = [
            batching.bdim_at_front(x, a, size) for x, a in zip(args, axes, strict=True)
        ]
        return primitive.bind(*args, **options), 0

    def back(cotangent, *args, **options):
        nothing = (None,) * (len(args) - num_linear)
        linear = [x.aval for x in args[:num_linear]]
        if type(cotangent) is ad.Zero:
            return *(ad.Zero(aval) for aval in linear), *nothing
        others = args[num_linear:]
        return *transpose(cotangent, *linear, *others, **options), *nothing

    def abstract(*args, **options):
        return jax.core.ShapedArray(shape(*args, **options), args[0].dtype)

    primitive.def_abstract_eval(abstract)
    primitive.def_impl(jax.jit(implementation, static_argnames=static))
    ad.primitive_jvps[primitive] = jvp
    ad.primitive_transposes[primitive] = back
    batching.primitive_batchers[primitive] = batch
    mlir.register_lowering(
        primitive, mlir.lower_fun(implementation, multiple_results=False)
    )
    return primitive


__all__ = ["choose", "cpu_kernels", "make_linear", "preload_kernels"]
