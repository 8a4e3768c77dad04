"""The sum of losses of several steps that have no gradient from one to the next."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ivg.typing import Array, PyTree


def detached_sum(
    step: Callable[[PyTree, PyTree, PyTree], tuple[Array, PyTree]],
    params: PyTree,
    carry: PyTree,
    inputs: PyTree,
) -> Array:
    """Sums the losses of steps, each of which begins where the one before ended.

    The gradient of each step is taken at once and summed on the way. A gradient through
    a `lax.scan` would keep what is inside all steps until the end, which costs memory
    and, on a CPU, about as much time as it takes to compute it.

    Args:
      step: `(params, carry, input) -> (loss, carry)`, of the same structure.
      params: what to differentiate in.
      carry: what the first step begins with.
      inputs: pytree with a leading axis `[T]` over steps.

    Returns:
      `[]`. Differentiable once, in reverse, in `params` alone, as if every carry were a
      constant.
    """

    def forward(params):
        def body(state, one):
            carry, slope = state
            run = jax.value_and_grad(step, has_aux=True)
            (value, carry), own = run(params, carry, one)
            return (carry, jax.tree.map(jnp.add, slope, own)), value

        start = (carry, jax.tree.map(jnp.zeros_like, params))
        (_, slope), values = jax.lax.scan(body, start, inputs)
        return jnp.sum(values), slope

    @jax.custom_vjp
    def total(params):
        def body(carry, one):
            value, carry = step(params, carry, one)
            return carry, value

        return jnp.sum(jax.lax.scan(body, carry, inputs)[1])

    def backward(slope, factor):
        return (jax.tree.map(lambda x: factor * x, slope),)

    total.defvjp(forward, backward)
    return total(params)


__all__ = ["detached_sum"]
