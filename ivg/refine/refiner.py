"""The one seam: explain an observation by improving parameters step by step.

A refiner is a pair of pure functions, like an optax transformation. Each of the
systems in ivg is a choice of refiner; the loop around it is always this `scan`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from ivg.typing import Array, PyTree


class Refiner(NamedTuple):
    """A way to improve parameters.

    Attributes:
      init: `(params, observation) -> state`.
      update: `(step, state, params, observation) -> (state, params, info)`, with
        `step` an int32 count from zero and `info` a dictionary of arrays.
    """

    init: Callable[[PyTree, PyTree], PyTree]
    update: Callable[[Array, PyTree, PyTree, PyTree], tuple[PyTree, PyTree, Any]]


@struct.dataclass
class Refinement:
    """What came out of a refinement of `T` steps.

    Attributes:
      params: the last parameters.
      trajectory: the parameters before the first and after every step; every leaf
        has a leading axis `[T + 1]`.
      info: what `update` reported, with a leading axis `[T]`.
    """

    params: PyTree
    trajectory: PyTree
    info: Any


def refine(
    refiner: Refiner, params: PyTree, observation: PyTree, num_steps: int
) -> Refinement:
    """Improves parameters until they explain an observation, in one `lax.scan`.

    `jit(vmap(refine))` runs many scenes; differentiating through it trains a
    refiner.

    Args:
      refiner: how to improve.
      params: first parameters, any pytree.
      observation: what to explain, any pytree.
      num_steps: number `T` of steps; zero returns the parameters as they are.

    Returns:
      `Refinement`.
    """

    def body(carry, step):
        state, params = carry
        state, params, info = refiner.update(step, state, params, observation)
        return (state, params), (params, info)

    start = (refiner.init(params, observation), params)
    steps = jnp.arange(num_steps, dtype=jnp.int32)
    (_, last), (path, info) = jax.lax.scan(body, start, steps)
    return Refinement(last, prepend(params, path), info)


def prepend(first: PyTree, rest: PyTree) -> PyTree:
    """Puts one pytree before a stack of them.

    Args:
      first: pytree.
      rest: the same pytree with a leading axis `[T]` on every leaf.

    Returns:
      Pytree with a leading axis `[T + 1]`.
    """
    return jax.tree.map(
        lambda a, b: jnp.concatenate([jnp.asarray(a, b.dtype)[None], b]), first, rest
    )


__all__ = ["Refinement", "Refiner", "prepend", "refine"]
