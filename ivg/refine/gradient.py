"""Refinement by the gradient of an energy."""

from collections.abc import Callable

import jax
import optax

from ivg.refine.leaves import from_units, project, to_units
from ivg.refine.refiner import Refiner
from ivg.typing import Array, Bounds, PyTree

EnergyFn = Callable[[PyTree, PyTree], Array]


def gradient_refiner(
    energy: EnergyFn,
    optimizer: optax.GradientTransformation,
    bounds: Bounds | None = None,
) -> Refiner:
    """Follows the gradient of an energy with an optax optimizer.

    With bounds, each float leaf is scaled by the width of its range, and put back
    into it after every step. Integer and boolean leaves stay as they are.

    Args:
      energy: `(params, observation) -> []`, differentiable in the float leaves.
      optimizer: optax transformation; its state starts fresh.
      bounds: ranges of the parameters, or None.

    Returns:
      `Refiner` that reports `energy` `[]` before the step.
    """

    def init(params, observation):
        del observation
        return optimizer.init(to_units(params, bounds))

    def update(step, state, params, observation):
        del step
        units = to_units(params, bounds)

        def of_units(units):
            return energy(from_units(units, params, bounds), observation)

        value, gradient = jax.value_and_grad(of_units)(units)
        change, state = optimizer.update(gradient, state, units)
        units = project(optax.apply_updates(units, change), params, bounds)
        return state, from_units(units, params, bounds), {"energy": value}

    return Refiner(init, update)


__all__ = ["EnergyFn", "gradient_refiner"]
