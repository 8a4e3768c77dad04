"""Gauss-Newton on problems with known answers."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from ivg.refine.gauss_newton import damped_step, gauss_newton_refiner, linearize
from ivg.refine.refiner import refine
from ivg.typing import Bounds

MATRIX = np.random.default_rng(0).normal(size=(20, 3))
PARAMS = {"count": jnp.array(1), "x": jnp.array([3.0, -1.0]), "y": jnp.array(0.5)}


def linear(params, observation):
    x = jnp.append(params["x"], params["y"])
    return {"all": jnp.asarray(MATRIX, x.dtype) @ x - observation}


def rosenbrock(params, observation):
    x, y = params
    return 10 * (y - x**2), observation - x


def explained(residuals, params, observation, steps, bounds=None, **options):
    refiner = gauss_newton_refiner(residuals, bounds, **options)
    return jax.jit(lambda p, o: refine(refiner, p, o, steps))(params, observation)


def test_linear_least_squares_take_one_step():
    target = np.random.default_rng(1).normal(size=20)
    expected, *_ = np.linalg.lstsq(MATRIX, target)
    result = explained(linear, PARAMS, jnp.asarray(target), 2, damping=0.0)
    found = jnp.append(result.trajectory["x"][1], result.trajectory["y"][1])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert result.params["count"].dtype == PARAMS["count"].dtype
    cost = np.sum((MATRIX @ [3, -1, 0.5] - target) ** 2) / 2
    assert result.info["energy"][0] == pytest.approx(cost, rel=1e-5)
    assert bool(result.info["accepted"][0])


def test_rosenbrock_ends_where_scipy_does():
    start = np.array([-1.2, 1.0])
    found = scipy.optimize.least_squares(
        lambda x: np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]), start, method="lm"
    )
    with jax.enable_x64(True):
        result = explained(rosenbrock, tuple(map(jnp.asarray, start)), 1.0, 40)
    np.testing.assert_allclose(jnp.stack(result.params), found.x, atol=1e-8)
    energy, accepted = result.info["energy"], result.info["accepted"]
    assert np.all(np.diff(energy) <= 0)
    assert np.all((np.diff(energy) < 0) == np.asarray(accepted)[:-1])
    assert not np.all(accepted[:10])
    refused = ~np.asarray(accepted)[:-1]
    assert np.all(np.diff(result.info["damping"])[refused] > 0)


def test_bounds_hold_and_the_rest_finds_its_optimum():
    """As in a box, with one parameter resting at its bound."""
    target = jnp.asarray(MATRIX @ np.array([5.0, 1.0, 0.3]))
    low, high = np.array([-2.0, -2.0, -2.0]), np.array([2.0, 4.0, 2.0])
    expected = scipy.optimize.lsq_linear(MATRIX, np.asarray(target), (low, high)).x
    bounds = Bounds(
        {"count": 0, "x": jnp.array([-2.0, -2.0]), "y": -2.0},
        {"count": 0, "x": jnp.array([2.0, 4.0]), "y": 2.0},
        {"count": False, "x": False, "y": False},
    )
    params = {"count": jnp.array(1), "x": jnp.array([0.5, -1.0]), "y": jnp.array(0.5)}
    result = explained(linear, params, target, 10, bounds)
    found = jnp.append(result.params["x"], result.params["y"])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.all(result.trajectory["x"] <= high[:2] + 1e-6)


def test_angles_wrap():
    bounds = Bounds(0.0, 2 * np.pi, True)

    def pointing(angle, observation):
        return jnp.stack([jnp.cos(angle), jnp.sin(angle)]) - observation

    target = jnp.array([np.cos(6.0), np.sin(6.0)])
    result = explained(pointing, jnp.array(0.3), target, 10, bounds)
    assert result.params == pytest.approx(6.0, abs=1e-3)


def test_units_do_not_matter():
    """One parameter in thousandths: the path is the same."""
    path = explained(rosenbrock, (jnp.array(-1.2), jnp.array(1.0)), 1.0, 5).trajectory
    other = explained(
        lambda p, o: rosenbrock((p[0], p[1] / 1000), o),
        (jnp.array(-1.2), jnp.array(1000.0)), 1.0, 5,
    ).trajectory  # fmt: skip
    np.testing.assert_allclose(path[1], other[1] / 1000, rtol=1e-3, atol=1e-4)


def test_vmap_equals_the_loop():
    starts = 2 * jax.random.normal(jax.random.key(0), (2, 6))
    refiner = gauss_newton_refiner(rosenbrock)
    one = jax.jit(lambda *p: refine(refiner, p, 1.0, 8))
    batched = jax.jit(jax.vmap(lambda *p: refine(refiner, p, 1.0, 8)))(*starts)
    loop = [one(*starts[:, i]) for i in range(6)]
    loop = jax.tree.map(lambda *x: jnp.stack(x), *loop)
    chex.assert_trees_all_close(batched.params, loop.params, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "residuals",
    [
        lambda p, o: jnp.zeros(4) * p["x"][0] + o,
        lambda p, o: jnp.ones(4) * p["x"][0] - o,
        lambda p, o: jnp.ones(4) * (p["x"][0] + p["x"][1] + p["y"]) - o,
        lambda p, o: jnp.log(p["x"] - 1),
        lambda p, o: jnp.exp(100 * p["x"]) - o,
        lambda p, o: jnp.zeros(0) * p["y"],
    ],
    ids=["zero", "one column", "rank one", "nan", "overflow", "nothing"],
)
def test_singular_problems_stay_finite(residuals):
    result = explained(residuals, PARAMS, 2.0, 5)
    chex.assert_tree_all_finite(result.trajectory)
    assert np.all(np.isfinite(result.info["damping"]))


def test_rank_one_is_solved():
    result = explained(
        lambda p, o: jnp.ones(4) * (p["x"][0] + p["x"][1] + p["y"]) - o, PARAMS, 2.0, 5
    )
    total = jnp.sum(result.params["x"]) + result.params["y"]
    assert total == pytest.approx(2.0, abs=1e-4)


def test_resting_parameters_do_not_move():
    local, energy = linearize(lambda x: jnp.asarray(MATRIX) @ x - 1.0, jnp.zeros(3))
    assert energy == local.energy == 10
    free = jnp.array([True, False, True])
    step = damped_step(local, jnp.array(0.0), free)
    expected, *_ = np.linalg.lstsq(MATRIX[:, [0, 2]], np.ones(20))
    np.testing.assert_allclose(step[jnp.array([0, 2])], expected, atol=1e-5)
    assert step[1] == 0


def test_gradient_through_the_loop_equals_finite_differences():
    with jax.enable_x64(True):
        start = jnp.asarray(-1.2), jnp.asarray(1.0)

        @jax.jit
        def end(observation):
            refiner = gauss_newton_refiner(rosenbrock)
            return refine(refiner, start, observation, 3).params[1]

        slope = (end(1 + 1e-6) - end(1 - 1e-6)) / 2e-6
        assert jax.grad(end)(1.0) == pytest.approx(float(slope), rel=1e-5)
