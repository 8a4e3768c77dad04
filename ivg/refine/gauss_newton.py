"""Refinement by Gauss-Newton steps with Levenberg-Marquardt damping.

The energy is half the sum of squared residuals, `|r|^2 / 2`. A step solves
`(J^T J + mu D) s = -J^T r` with `D` the diagonal of `J^T J`. `J` is made column by
column: parameters of scenes are few and residuals (pixels) are many, all columns
share one linearisation, and the products `J^T J` and `J^T r` are all that is kept.
Conjugate gradients would need two renders for each of their iterations instead.

Source: Nielsen, Damping Parameter in Marquardt's Method, 1999 (damping);
Marquardt 1963 (scaling).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct
from jax.flatten_util import ravel_pytree

from ivg.numerics import matmul, safe_divide
from ivg.refine.leaves import from_units, project, to_units
from ivg.refine.refiner import Refiner
from ivg.typing import Array, Bounds, PyTree

ResidualsFn = Callable[[PyTree, PyTree], PyTree]
_NUDGE = 1e-3  # widths of the bounds, to tell which side of a bound is open
_LEAST_CURVATURE = 1e-12  # of the largest one
_MOST_DAMPING = 1e12


@struct.dataclass
class NormalEquations:
    """The energy around one place, to second order.

    Attributes:
      energy: `[]` half the sum of squared residuals.
      gradient: `[P]`, `J^T r`.
      curvature: `[P, P]`, `J^T J`.
    """

    energy: Array
    gradient: Array
    curvature: Array


@struct.dataclass
class GaussNewtonState:
    """What a step hands to the next one.

    Attributes:
      equations: `NormalEquations` at the current parameters.
      damping: `[]` `mu`, relative to the diagonal of `J^T J`.
      growth: `[]` factor by which the damping grows at the next refusal.
    """

    equations: NormalEquations
    damping: Array
    growth: Array


def gauss_newton_refiner(
    residuals: ResidualsFn, bounds: Bounds | None = None, *, damping: float = 1e-3
) -> Refiner:
    """Makes damped Gauss-Newton steps; those that raise the energy are refused.

    `init` evaluates the residuals and their derivative along each of the `P` float
    parameters. A step evaluates the residuals, and the derivatives only if it is
    accepted (under `vmap`, always). A refused step leaves the parameters and raises
    the damping. Parameters at a bound that the energy pushes outward rest
    for that step. The state holds the normal equations of the parameters that
    `update` returned: do not change those in between.

    Args:
      residuals: `(params, observation) -> pytree` of arrays, differentiable in the
        float leaves.
      bounds: ranges of the parameters, or None. As in `gradient_refiner` they scale
        the float leaves and limit the search; angles wrap around.
      damping: first `mu`. Zero takes the full step; rounding sets a floor.

    Returns:
      `Refiner` that reports `energy` `[]` before the step, `damping` `[]` of the
      step and whether it was `accepted` `[]`.

    Source: Nielsen 1999, algorithm 3.2 with Marquardt's scaling.
    """

    def equations(params, observation, known=None):
        flat, unravel = ravel_pytree(to_units(params, bounds))

        def of_flat(flat):
            params_of_flat = from_units(unravel(flat), params, bounds)
            return ravel_pytree(residuals(params_of_flat, observation))[0]

        return linearize(of_flat, flat, known)

    def init(params, observation):
        local, _ = equations(params, observation)
        mu = jnp.full_like(local.energy, damping)
        return GaussNewtonState(local, mu, jnp.full_like(mu, 2.0))

    def update(step, state, params, observation):
        del step
        units = to_units(params, bounds)
        flat, unravel = ravel_pytree(units)
        pushed = unravel(flat - _NUDGE * jnp.sign(state.equations.gradient))
        free = ravel_pytree(project(pushed, params, bounds))[0] != flat
        move = damped_step(state.equations, state.damping, free)
        units = project(unravel(flat + move), params, bounds)
        candidate = from_units(units, params, bounds)
        kept, energy = equations(candidate, observation, state.equations)
        accepted = energy < state.equations.energy
        info = {
            "energy": state.equations.energy,
            "damping": state.damping,
            "accepted": accepted,
        }
        params = jax.tree.map(
            lambda new, old: jnp.where(accepted, new, old), candidate, params
        )
        fall = state.equations.energy - energy
        gain = safe_divide(fall, _promise(state.equations, move))
        mu, growth = _adapt(state, gain, accepted)
        return GaussNewtonState(kept, mu, growth), params, info

    return Refiner(init, update)


def linearize(
    residuals: Callable[[Array], Array],
    at: Array,
    known: NormalEquations | None = None,
) -> tuple[NormalEquations, Array]:
    """The normal equations of residuals at a place.

    Args:
      residuals: from `[P]` parameters to `[M]` residuals.
      at: `[P]` parameters.
      known: equations to return instead, and to make no derivatives, unless the
        energy is lower than theirs.

    Returns:
      `NormalEquations`, and the energy `[]` at this place.
    """
    values, derivative = jax.linearize(residuals, at)
    energy = jnp.sum(values**2) / 2

    def equations():
        columns = jax.vmap(derivative)(jnp.eye(at.shape[0], dtype=at.dtype))
        return NormalEquations(
            energy, matmul(columns, values), matmul(columns, columns.T)
        )

    if known is None:
        return equations(), energy
    return jax.lax.cond(energy < known.energy, equations, lambda: known), energy


def damped_step(local: NormalEquations, damping: Array, free: Array) -> Array:
    """Solves `(J^T J + mu D) s = -J^T r` over the free parameters.

    `D` is the diagonal of `J^T J`, kept above zero, so that parameters without
    influence stay where they are.

    Args:
      local: normal equations.
      damping: `[]` `mu`, not negative.
      free: `[P]` bool, False for parameters that rest.

    Returns:
      `[P]` step; finite if the equations are, whatever their rank.
    """
    diagonal = jnp.diagonal(local.curvature)
    largest = jnp.max(jnp.where(free, diagonal, 0), initial=0)
    floor = jnp.maximum(largest * _LEAST_CURVATURE, jnp.finfo(diagonal.dtype).tiny)
    scale = jax.lax.rsqrt(jnp.maximum(diagonal, floor)) * free
    rounding = diagonal.size * jnp.finfo(diagonal.dtype).eps
    ridge = jnp.where(free, jnp.maximum(damping, rounding), 1)
    matrix = scale[:, None] * local.curvature * scale + jnp.diag(ridge)
    factor = jax.scipy.linalg.cho_factor(matrix)
    return -scale * jax.scipy.linalg.cho_solve(factor, scale * local.gradient)


def _promise(local: NormalEquations, move: Array) -> Array:
    """By how much the energy falls if the residuals are linear."""
    return -matmul(move, local.gradient + matmul(local.curvature, move) / 2)


def _adapt(state: GaussNewtonState, gain: Array, accepted: Array):
    """Nielsen's rule: damping follows the gain smoothly, and grows ever faster."""
    shrink = jnp.clip(1 - (2 * gain - 1) ** 3, 1 / 3, 2)
    least = jnp.finfo(state.damping.dtype).eps
    grown = jnp.maximum(state.damping, least) * state.growth
    mu = jnp.where(accepted, state.damping * shrink, jnp.minimum(grown, _MOST_DAMPING))
    doubled = jnp.minimum(2 * state.growth, _MOST_DAMPING)
    return mu, jnp.where(accepted, 2.0, doubled).astype(mu.dtype)


__all__ = [
    "GaussNewtonState",
    "NormalEquations",
    "ResidualsFn",
    "damped_step",
    "gauss_newton_refiner",
    "linearize",
]
