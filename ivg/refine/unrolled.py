"""Descent along a learned energy, whose few steps are trained as a whole.

An outer loss of all steps is differentiated through the descent, hence an energy must
be twice differentiable.

Source: Jack et al., IGE-Net, section 4 and 5.2.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct

from ivg.refine.gradient import EnergyFn
from ivg.refine.refiner import Refiner
from ivg.typing import Array, PyTree


@struct.dataclass
class Descent:
    """What a descent learns; three parameters.

    Attributes:
      rate: `[]` learning rate.
      clip: `[]` bound of each component of the gradient; its absolute value counts.
      momentum: `[]` share of the last step; its absolute value counts.
    """

    rate: Array
    clip: Array
    momentum: Array


def make_descent(
    rate: float = 1.0, clip: float = 1.0, momentum: float = 0.1
) -> Descent:
    """The descent before training.

    Args:
      rate: learning rate.
      clip: bound of each component of the gradient.
      momentum: share of the last step.

    Returns:
      `Descent`.

    Source: IGE-Net, section 5.2.
    """
    return Descent(*(jnp.asarray(x, float) for x in (rate, clip, momentum)))


def unrolled_refiner(energy: EnergyFn, descent: Descent) -> Refiner:
    """Gradient descent with a learned rate, bound and momentum.

    A step is `v <- |m| v + clip(g, -|c|, |c|)`, `y <- y - rate v`. Its inside is
    computed again on the way back (`jax.checkpoint`), so that the memory of training
    does not grow with the size of the energy's layers times the number of steps.

    Args:
      energy: `(params, observation) -> []` of one sample, twice differentiable in the
        params, whose leaves are floats.
      descent: rate, bound and momentum.

    Returns:
      `Refiner` that reports `energy` `[]` before the step.

    Source: IGE-Net, Eq. 3 and section 5.2.
    """
    bound, share = jnp.abs(descent.clip), jnp.abs(descent.momentum)

    def init(params, observation):
        del observation
        return jax.tree.map(jnp.zeros_like, params)

    @jax.checkpoint
    def update(step, state, params, observation):
        del step
        value, slope = jax.value_and_grad(energy)(params, observation)
        state = jax.tree.map(
            lambda v, g: share * v + jnp.clip(g, -bound, bound), state, slope
        )
        params = jax.tree.map(lambda y, v: y - descent.rate * v, params, state)
        return state, params, {"energy": value}

    return Refiner(init, update)


def step_weights(num_steps: int, decay: float = 0.9) -> Array:
    """How much each estimate counts in the outer loss: `decay^(T - t)`, of sum one.

    Args:
      num_steps: `T`.
      decay: factor from a step to the one before.

    Returns:
      `[T + 1]`, from the first estimate to the last.

    Source: IGE-Net, below Eq. 4; the paper does not scale the weights to sum one.
    """
    weights = decay ** jnp.arange(num_steps, -1, -1, dtype=float)
    return weights / jnp.sum(weights)


def outer_loss(
    trajectory: PyTree, loss: Callable[[PyTree], Array], decay: float = 0.9
) -> Array:
    """The loss of all estimates of a descent; it trains energy, descent and start.

    Args:
      trajectory: from `refine`, leaves with an axis `[T + 1]`.
      loss: of one estimate, `[]`.
      decay: factor from a step to the one before.

    Returns:
      `[]` weighted mean.

    Source: IGE-Net, Eq. 4, with the weights that the equation leaves out.
    """
    losses = jax.vmap(loss)(trajectory)
    return jnp.sum(step_weights(len(losses) - 1, decay) * losses)


__all__ = [
    "Descent",
    "make_descent",
    "outer_loss",
    "step_weights",
    "unrolled_refiner",
]
