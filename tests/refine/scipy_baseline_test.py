"""Minimisation block by block, on energies with known minima and on a table-top."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from ivg.refine.scipy_baseline import (
    GRADIENT_FREE_METHODS,
    GRADIENT_METHODS,
    Search,
    cumulative_seconds,
    make_minimizer,
)
from ivg.typing import Bounds

METHODS = (*GRADIENT_METHODS, *GRADIENT_FREE_METHODS)
PARAMS = {"count": jnp.array(2), "x": jnp.array([0.9, -0.4]), "y": jnp.array(0.1)}
TARGET = jnp.array([0.3, 0.2, -0.5])
BOUNDS = Bounds(
    {"count": 0, "x": -1.0, "y": -1.0},
    {"count": 0, "x": 1.0, "y": 1.0},
    {"count": False, "x": False, "y": False},
)
BLOCKS = [
    {"count": False, "x": np.array([True, False]), "y": True},
    {"count": False, "x": False, "y": False},
    {"count": True, "x": np.array([False, True]), "y": False},
]


def quadratic(params, observation):
    x = jnp.append(params["x"], params["y"]) - observation
    return params["count"] * x**2 @ jnp.array([1.0, 2.0, 0.6]) + 0.2 * x[0] * x[2]


def energies(result, energy=quadratic, observation=TARGET):
    return np.asarray(jax.vmap(energy, (0, None))(result.trajectory, observation))


@pytest.mark.parametrize("bounds", [None, BOUNDS], ids=["free", "bounded"])
@pytest.mark.parametrize("method", METHODS)
def test_a_quadratic_is_solved(method, bounds):
    minimize = make_minimizer(quadratic, Search(method, iterations=200))
    result = minimize(PARAMS, TARGET, bounds)
    found = np.append(result.params["x"], result.params["y"])
    np.testing.assert_allclose(found, TARGET, atol=3e-3)
    assert result.params["count"] == 2
    assert result.params["count"].dtype == PARAMS["count"].dtype


@pytest.mark.parametrize("method", METHODS)
def test_blocks(method):
    """Only the block moves; no block raises the energy; the counts are right."""
    calls = []

    def counted(params, observation):
        jax.debug.callback(lambda: calls.append(1))
        return quadratic(params, observation)

    minimize = make_minimizer(counted, Search(method, iterations=12, rounds=2))
    result = minimize(PARAMS, TARGET, BOUNDS, BLOCKS)
    jax.effects_barrier()
    x, y = np.asarray(result.trajectory["x"]), np.asarray(result.trajectory["y"])
    assert x.shape == (7, 2) and y.shape == (7,)
    assert np.all(x[1:4, 1] == [x[0, 1], x[0, 1], x[3, 1]]) and x[3, 1] != x[0, 1]
    assert np.all(x[1:4, 0] == x[1, 0]) and x[1, 0] != x[0, 0]
    assert np.all(y[1:4] == y[1]) and y[1] != y[0]
    energy = energies(result)
    assert np.all(np.diff(energy) <= 0)
    np.testing.assert_allclose(result.info["energy"], energy[:-1], rtol=1e-5)
    evaluations = result.info["num_evaluations"]
    assert sum(evaluations) + 1 == len(calls)
    assert np.all(evaluations[[1, 4]] == 0)
    assert np.all(result.info["num_accepted"] <= evaluations)
    if method in ("TNC", "COBYLA"):
        assert np.all(evaluations <= 13)
    seconds = cumulative_seconds(result.info)
    assert seconds.shape == (7,) and seconds[0] == 0 and np.all(np.diff(seconds) >= 0)


@pytest.mark.parametrize("method", METHODS)
def test_bounds_hold_and_a_start_beyond_them_is_put_onto_them(method):
    visited = []

    def energy(params, observation):
        jax.debug.callback(lambda x: visited.append(x[0]), params)
        return jnp.sum((params - observation) ** 2)

    bounds = Bounds(jnp.array([0.0]), jnp.array([1.0]), False)
    minimize = make_minimizer(energy, Search(method, iterations=60))
    result = minimize(jnp.array([1.2]), jnp.array([-1.0]), bounds)
    jax.effects_barrier()
    assert result.params[0] == pytest.approx(0, abs=1e-4)
    assert visited[0] == pytest.approx(1.2)
    assert min(visited) >= 0 and max(visited[1:]) <= 1


@pytest.mark.parametrize("method", METHODS)
def test_angles_wrap(method):
    turn = 2 * np.pi
    minimize = make_minimizer(
        lambda angle, target: -jnp.cos(angle - target), Search(method, iterations=60)
    )
    result = minimize(jnp.array(0.3), jnp.array(6.0), Bounds(0.0, turn, True))
    assert result.params == pytest.approx(6.0, abs=0.01)
    assert np.all((result.trajectory >= 0) & (result.trajectory < turn))


def test_nothing_better_leaves_the_start():
    minimize = make_minimizer(lambda p, o: jnp.sum(p**2) * jnp.nan, Search("CG", 5))
    result = minimize(jnp.array([1.0, 2.0]), 0.0)
    np.testing.assert_array_equal(result.params, [1, 2])
    assert result.info["num_accepted"] == 0


def test_nelder_mead_is_scipys():
    """One block and no bounds: the same simplex, the same path."""
    start = np.append(PARAMS["x"], PARAMS["y"]).astype(np.float64)
    simplex = np.vstack([start, start + 0.05 * np.eye(3)])
    expected = scipy.optimize.minimize(
        lambda x: float(quadratic({"x": x[:2], "y": x[2], "count": 2}, TARGET)),
        start,
        method="Nelder-Mead",
        options={"maxiter": 25, "initial_simplex": simplex},
    )
    result = make_minimizer(quadratic, Search("Nelder-Mead", 25))(PARAMS, TARGET)
    found = np.append(result.params["x"], result.params["y"])
    np.testing.assert_allclose(found, expected.x, atol=1e-4)
    assert result.info["num_evaluations"] == expected.nfev


def test_compiles_once_for_all_blocks_and_observations():
    @chex.assert_max_traces(1)
    def energy(params, observation):
        return quadratic(params, observation)

    minimize = make_minimizer(energy, Search("TNC", 5))
    for target in (TARGET, TARGET + 0.1):
        minimize(PARAMS, target, BOUNDS, BLOCKS)
        minimize(PARAMS | {"count": jnp.array(3)}, target, BOUNDS, BLOCKS[:1])


def test_refuses_an_unknown_method():
    with pytest.raises(ValueError, match="Newton-CG"):
        make_minimizer(quadratic, Search("Newton-CG", 5))
