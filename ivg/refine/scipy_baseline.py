"""Refinement by SciPy's minimizers, in a loop on the host."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax.flatten_util import ravel_pytree

from ivg.refine.gradient import EnergyFn
from ivg.refine.leaves import from_units, project, to_units
from ivg.refine.refiner import Refinement, prepend
from ivg.typing import Bounds, PyTree


def minimize_energy(
    energy: EnergyFn,
    params: PyTree,
    observation: PyTree,
    num_steps: int,
    *,
    bounds: Bounds | None = None,
    method: str = "Nelder-Mead",
    on_step: Callable[[int], None] = lambda step: None,
) -> Refinement:
    """Minimises an energy without its gradient, all float leaves at once.

    Args:
      energy: `(params, observation) -> []`.
      params: first parameters, any pytree.
      observation: what to explain.
      num_steps: greatest number of iterations of the method.
      bounds: ranges of the parameters; scale them, and limit the search.
      method: a gradient-free method of `scipy.optimize.minimize` that calls back
        after each iteration, such as "Nelder-Mead" or "Powell".
      on_step: called with the number of finished iterations.

    Returns:
      `Refinement` of as many steps as were made; `info` holds `energy` `[T]` before
      each step and `num_evaluations` `[]`.
    """
    flat, unravel = ravel_pytree(to_units(params, bounds))

    def to_params(x):
        units = project(unravel(jnp.asarray(x, flat.dtype)), params, bounds)
        return from_units(units, params, bounds)

    value = jax.jit(lambda x: energy(to_params(x), observation))
    path: list[np.ndarray] = []

    def callback(x):
        path.append(np.array(x))
        on_step(len(path))

    result = scipy.optimize.minimize(
        lambda x: float(value(x)), np.asarray(flat, np.float64), method=method,
        callback=callback, options={"maxiter": num_steps},
    )  # fmt: skip
    steps = np.stack(path or [result.x])
    trajectory = prepend(params, jax.vmap(to_params)(jnp.asarray(steps, flat.dtype)))
    before = np.concatenate([np.asarray(flat)[None], steps[:-1]])
    info = {
        "energy": jnp.stack([value(x) for x in before]),
        "num_evaluations": jnp.asarray(result.nfev),
    }
    return Refinement(to_params(result.x), trajectory, info)


__all__ = ["minimize_energy"]
