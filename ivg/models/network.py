"""A network: how to make its parameters, and how to use them."""

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from flax import linen as nn

from ivg.typing import Array, PyTree


class Network(NamedTuple):
    """A pair of pure functions, for batches along the first axis of every input.

    Attributes:
      init: `(key) -> params`, random first parameters.
      apply: `(params, *inputs, key=None) -> outputs`. A key turns dropout on;
        without one the network is deterministic.
    """

    init: Callable[[Array], PyTree]
    apply: Callable[..., Any]


def network_from_linen(
    module: nn.Module, *example_inputs: Array | jax.ShapeDtypeStruct
) -> Network:
    """The functions of a Linen module that has parameters and no other variables.

    Parameters named "kernel" start uniform, with mean zero and variance 1 / fan-in,
    whatever the module says: they are drawn together, for a program with one draw
    per kernel takes XLA up to a minute to compile. Others start as in the module.

    Args:
      module: its dropout draws from the generator "dropout", and is off without.
      *example_inputs: arrays, or only their shapes and types; they settle the shapes
        of the parameters.

    Returns:
      `Network` of the module; `params` is its nested dictionary of arrays.
    """
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in example_inputs]

    @jax.jit
    def init(key):
        own, drawn = jax.random.split(key)
        params = module.lazy_init(own, *shapes).get("params", {})
        return _draw_kernels(drawn, params)

    def apply(params, *inputs, key=None):
        rngs = None if key is None else {"dropout": key}
        return module.apply({"params": params}, *inputs, rngs=rngs)

    return Network(init, apply)


def _draw_kernels(key, params):
    """All kernels, cut from one draw; XLA drops the numbers that they replace."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(params)
    kernels = [path[-1].key == "kernel" for path, _ in leaves]
    sizes = [
        leaf.size * drawn for (_, leaf), drawn in zip(leaves, kernels, strict=True)
    ]
    ends = list(itertools.accumulate(sizes, initial=0))
    draw = jax.random.uniform(key, (ends[-1],), minval=-1, maxval=1)

    def leaf_of(leaf, start, end):
        if start == end:
            return leaf
        width = math.sqrt(3 / math.prod(leaf.shape[:-1]))
        return width * draw[start:end].reshape(leaf.shape)

    values = map(leaf_of, (leaf for _, leaf in leaves), ends, ends[1:])
    return jax.tree.unflatten(structure, values)


def count_parameters(params: PyTree) -> int:
    """How many numbers some parameters hold.

    Args:
      params: pytree of arrays.

    Returns:
      The sum of the sizes of all leaves.
    """
    return sum(leaf.size for leaf in jax.tree.leaves(params))


__all__ = ["Network", "count_parameters", "network_from_linen"]
