"""Refinement by the gradient of an energy that sharpens as the steps go on."""

from collections.abc import Callable

import optax

from ivg.refine.gradient import EnergyFn, gradient_refiner
from ivg.refine.refiner import Refiner
from ivg.typing import Array, Bounds


def annealed_refiner(
    energy_at: Callable[[Array], EnergyFn],
    schedule: Callable[[Array], Array],
    optimizer: optax.GradientTransformation,
    bounds: Bounds | None = None,
) -> Refiner:
    """Follows the gradient of an energy that has a temperature.

    Args:
      energy_at: temperature `[]` to energy.
      schedule: number of the step to temperature, an optax schedule.
      optimizer: as for `gradient_refiner`.
      bounds: as for `gradient_refiner`.

    Returns:
      `Refiner` that reports `energy` `[]` before the step, at its temperature, and
      that `temperature` `[]`.
    """

    def at(step):
        return gradient_refiner(energy_at(schedule(step)), optimizer, bounds)

    def init(params, observation):
        return at(0).init(params, observation)

    def update(step, state, params, observation):
        state, params, info = at(step).update(step, state, params, observation)
        return state, params, info | {"temperature": schedule(step)}

    return Refiner(init, update)


__all__ = ["annealed_refiner"]
