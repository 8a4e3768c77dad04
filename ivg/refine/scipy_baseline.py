"""Refinement by SciPy's minimizers, block by block, in a loop on the host.

The float leaves of the parameters, ravelled, are `P` variables. A block is a subset
of them; the blocks are minimised one after the other, each with all the other
variables held. SciPy sees the variables of one block in steps: one step is a given
share of the width of a variable's bounds. Only the energy runs in JAX. It is a
function of all `P` variables, so it is compiled once for all blocks, all searches
and all observations of one shape.

Source: Romaszko et al., Learning Direct Optimization, section 7.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from ivg.refine.gradient import EnergyFn
from ivg.refine.leaves import float_leaves, is_float, with_float_leaves
from ivg.refine.refiner import Refinement
from ivg.typing import Bounds, PyTree

GRADIENT_METHODS = ("TNC", "CG", "L-BFGS-B")
GRADIENT_FREE_METHODS = ("Nelder-Mead", "COBYLA")
Minimizer = Callable[..., Refinement]


@dataclasses.dataclass(frozen=True)
class Search:
    """How each block is minimised.

    Attributes:
      method: of `scipy.optimize.minimize`; one of `GRADIENT_METHODS` or of
        `GRADIENT_FREE_METHODS`.
      iterations: limit of each minimisation of a block. It counts iterations; for
        "TNC" and "COBYLA" it counts evaluations, as SciPy does ("COBYLA" makes two
        more than there are variables at least).
      rounds: how often all blocks are minimised.
      step: share of the width of its bounds that a variable is first moved by: the
        size of the first simplex, or the length of the first trial of a line search.
      options: further options of the method, over those of this module.
    """

    method: str
    iterations: int
    rounds: int = 1
    step: float = 0.05
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class _Ranges(NamedTuple):
    """`[P]` each: bounds of the variables; infinite ones have unit width."""

    lower: np.ndarray
    upper: np.ndarray
    width: np.ndarray
    periodic: np.ndarray


class _Tally(NamedTuple):
    """What a block has come to: all variables, their energy, and what it took."""

    flat: np.ndarray
    energy: float
    num_evaluations: int
    num_accepted: int


def make_minimizer(energy: EnergyFn, search: Search) -> Minimizer:
    """Makes a function that minimises an energy block by block.

    The best of all evaluated places is kept, so no block raises the energy, and a
    variable outside its block is not changed by a bit. A variable that starts beyond
    its bounds is put onto them when its block is minimised. Periodic variables are
    searched half a period to either side and wrap around. "CG" knows no bounds: for
    it the energy goes on as a constant beyond them.

    Args:
      energy: `(params, observation) -> []`. Gradient methods differentiate it.
      search: how each block is minimised.

    Returns:
      Function `(params, observation, bounds=None, blocks=None) -> Refinement`. Blocks
      are pytrees like `params` of bools that broadcast against its leaves, True for
      the variables of the block; without any, one block has all. Empty blocks cost
      nothing. A step of the trajectory is one block; each of the `rounds` goes
      through the blocks in their order. `info` holds, `[T]` each, `energy` before
      the step, and of the step `seconds` on the host's clock, `num_evaluations`, and
      `num_accepted`: evaluations below all earlier ones. The energy is compiled, and
      evaluated at the start, before the clock starts.

    Raises:
      ValueError: for an unknown method.
    """
    if search.method not in (*GRADIENT_METHODS, *GRADIENT_FREE_METHODS):
        raise ValueError(
            f"method must be one of {GRADIENT_METHODS} or {GRADIENT_FREE_METHODS}, "
            f"got {search.method!r}"
        )

    with_gradient = search.method in GRADIENT_METHODS
    compiled = functools.partial(_with_gradient if with_gradient else _value, energy)

    def minimize(
        params: PyTree,
        observation: PyTree,
        bounds: Bounds | None = None,
        blocks: Sequence[PyTree] | None = None,
    ) -> Refinement:
        params, observation = jax.tree.map(jnp.asarray, (params, observation))
        everything = [jax.tree.map(lambda x: True, params)]
        masks = [_ravel(m, params) for m in (everything if blocks is None else blocks)]
        indices = [np.flatnonzero(mask) for mask in masks] * search.rounds
        ranges = _ravel_bounds(params, bounds)

        def evaluate(flat):
            result = compiled(flat, params, observation)
            if not with_gradient:
                return float(result), None
            return float(result[0]), np.asarray(result[1], np.float64)

        flat = _ravel(params, params)
        last = _Tally(flat, evaluate(flat)[0], 0, 0)
        path, tallies, ticks = [flat], [last], [time.perf_counter()]
        for index in indices:
            if index.size:
                last = _minimize_block(evaluate, last, index, ranges, search)
            else:
                last = last._replace(num_evaluations=0, num_accepted=0)
            path.append(last.flat)
            tallies.append(last)
            ticks.append(time.perf_counter())
        info = {
            "energy": np.array([tally.energy for tally in tallies[:-1]]),
            "seconds": np.diff(ticks),
            "num_evaluations": np.array([t.num_evaluations for t in tallies[1:]]),
            "num_accepted": np.array([t.num_accepted for t in tallies[1:]]),
        }
        trajectory = jax.vmap(lambda x: _unravel(x, params))(jnp.asarray(path))
        return Refinement(_unravel(jnp.asarray(last.flat), params), trajectory, info)

    return minimize


def cumulative_seconds(info: Mapping[str, np.ndarray]) -> np.ndarray:
    """When each place of a trajectory was reached.

    Args:
      info: of a `Refinement` by a minimizer.

    Returns:
      `[T + 1]` seconds, the first zero.
    """
    return np.concatenate([[0.0], np.cumsum(info["seconds"])])


@jax.jit(static_argnames="energy")
def _value(energy: EnergyFn, flat, params: PyTree, observation: PyTree):
    return energy(_unravel(flat, params), observation)


@jax.jit(static_argnames="energy")
def _with_gradient(energy: EnergyFn, flat, params: PyTree, observation: PyTree):
    return jax.value_and_grad(lambda x: energy(_unravel(x, params), observation))(flat)


def _minimize_block(
    evaluate: Callable, start: _Tally, index: np.ndarray, ranges: _Ranges, search
) -> _Tally:
    """Minimises over the variables of one block, counted from the start in steps."""
    lower, upper, width, periodic = (part[index] for part in ranges)
    origin = np.asarray(start.flat, np.float64)[index]
    origin = np.where(periodic, origin, np.clip(origin, lower, upper))
    scale = search.step * width
    low = np.where(periodic, -width / 2, lower - origin) / scale
    high = np.where(periodic, width / 2, upper - origin) / scale
    best = start._replace(num_evaluations=0, num_accepted=0)

    def function(x):
        nonlocal best
        value = origin + scale * np.clip(x, low, high)
        turns = np.floor((value[periodic] - lower[periodic]) / width[periodic])
        value[periodic] -= turns * width[periodic]
        flat = start.flat.copy()
        flat[index] = value
        energy, gradient = evaluate(flat)
        best = best._replace(num_evaluations=best.num_evaluations + 1)
        if energy < best.energy:
            best = _Tally(flat, energy, best.num_evaluations, best.num_accepted + 1)
        if gradient is None:
            return energy
        free = (low <= x) & (x <= high)
        return energy, np.where(free, gradient[index] * scale, 0)

    scipy.optimize.minimize(
        function,
        np.zeros(index.size),
        method=search.method,
        jac=search.method in GRADIENT_METHODS or None,
        bounds=None if search.method == "CG" else scipy.optimize.Bounds(low, high),
        options=_options(search, low, high),
    )
    return best


def _options(search: Search, low: np.ndarray, high: np.ndarray) -> dict:
    """Options of SciPy, for variables of which one step is the unit."""
    own = {"maxiter": search.iterations}
    if search.method == "TNC":
        # Differences of float32 gradients need larger moves than SciPy's 1e-8, and
        # its tolerance of the gradient would grow with them.
        one = np.ones_like(low)
        own = {"maxfun": search.iterations, "scale": one, "offset": 0 * one,
               "accuracy": 1e-5, "gtol": 1e-5, "xtol": 1e-4}  # fmt: skip
    elif search.method == "COBYLA":
        least = low.size + 2  # SciPy warns of fewer
        own = {"maxiter": max(search.iterations, least), "rhobeg": 1.0, "tol": 1e-3}
    elif search.method == "Nelder-Mead":
        own |= {"initial_simplex": _simplex(low, high), "xatol": 1e-3, "fatol": 1e-6}
    return own | dict(search.options)


def _simplex(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """`[K + 1, K]` corners: zero, and one step along each variable within bounds."""
    inward = np.where(high >= np.minimum(1, -low), np.minimum(1, high), -1)
    return np.vstack([np.zeros_like(low), np.diag(np.maximum(inward, low))])


def _ravel(tree: PyTree, params: PyTree) -> np.ndarray:
    """Leaves of a tree like the parameters, for each of the `P` variables."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(params), strict=True)
    parts = [np.broadcast_to(leaf, x.shape).ravel() for leaf, x in pairs if is_float(x)]
    return np.concatenate(parts)


def _unravel(flat, params: PyTree) -> PyTree:
    """The parameters with the `P` variables in place of their float leaves."""
    floats = float_leaves(params)
    parts = jnp.split(flat, np.cumsum([leaf.size for leaf in floats])[:-1])
    shaped = zip(parts, floats, strict=True)
    return with_float_leaves(params, [x.reshape(y.shape) for x, y in shaped])


def _ravel_bounds(params: PyTree, bounds: Bounds | None) -> _Ranges:
    if bounds is None:
        one = np.ones_like(_ravel(params, params), np.float64)
        return _Ranges(-np.inf * one, np.inf * one, one, one < 0)
    sides = (bounds.lower, bounds.upper, bounds.periodic)
    lower, upper, periodic = (_ravel(side, params) for side in sides)
    lower, upper = lower.astype(np.float64), upper.astype(np.float64)
    return _Ranges(lower, upper, upper - lower, periodic.astype(bool))


__all__ = [
    "GRADIENT_FREE_METHODS",
    "GRADIENT_METHODS",
    "Minimizer",
    "Search",
    "cumulative_seconds",
    "make_minimizer",
]
