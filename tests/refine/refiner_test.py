"""The seam, on problems with closed-form answers."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ivg.refine.gradient import gradient_refiner
from ivg.refine.refiner import Refiner, refine
from ivg.typing import Bounds


def quadratic(params, observation):
    return jnp.sum((params["x"] - observation) ** 2) * params["count"]


PARAMS = {"count": jnp.array(1), "x": jnp.array([3.0, -1.0])}
TARGET = jnp.array([1.0, 2.0])


def test_gradient_descent_takes_the_closed_form_path():
    refiner = gradient_refiner(quadratic, optax.sgd(0.1))
    result = refine(refiner, PARAMS, TARGET, 7)
    shrink = 0.8 ** np.arange(8)[:, None]  # each step multiplies the error by 1 - 2 lr
    expected = TARGET + shrink * np.asarray(PARAMS["x"] - TARGET)
    np.testing.assert_allclose(result.trajectory["x"], expected, rtol=1e-6)
    np.testing.assert_allclose(
        result.info["energy"], np.sum((expected - TARGET) ** 2, 1)[:-1], rtol=1e-5
    )
    assert result.params["count"].dtype == PARAMS["count"].dtype


def test_zero_steps_return_the_parameters():
    refiner = gradient_refiner(quadratic, optax.sgd(0.1))
    result = refine(refiner, PARAMS, TARGET, 0)
    chex.assert_trees_all_equal(result.params, PARAMS)
    assert result.trajectory["x"].shape == (1, 2)
    assert result.info["energy"].shape == (0,)


def test_oracle_with_decreasing_steps_leaves_one_in_31():
    """LiDO's z += (z_true - z) / (t + 2): a perfect predictor leaves 1/(T + 1)."""

    def update(step, state, params, observation):
        return state, params + (observation - params) / (step + 2), {}

    result = refine(Refiner(lambda p, o: (), update), jnp.array(5.0), 1.0, 30)
    assert result.params - 1 == pytest.approx(4 / 31, rel=1e-5)


def test_bounds_clip_and_angles_wrap():
    bounds = Bounds(
        {"a": 0.0, "x": 0.0}, {"a": 2 * np.pi, "x": 1.0}, {"a": True, "x": False}
    )
    params = {"a": jnp.array(0.1), "x": jnp.array(0.9)}
    refiner = gradient_refiner(lambda p, o: p["a"] - p["x"], optax.sgd(0.01), bounds)
    result = refine(refiner, params, 0.0, 30)
    assert result.params["x"] == 1
    width = 2 * np.pi  # a step is lr * width^2 in the leaf's own unit
    assert result.params["a"] == pytest.approx((0.1 - 0.3 * width**2) % width, abs=1e-4)


def test_vmap_equals_loop_and_compiles_once():
    refiner = gradient_refiner(quadratic, optax.adam(0.1))
    targets = jax.random.normal(jax.random.key(0), (32, 2))

    @jax.jit
    @chex.assert_max_traces(1)
    def many(targets):
        return jax.vmap(lambda t: refine(refiner, PARAMS, t, 20))(targets)

    batched = many(targets)
    chex.assert_trees_all_close(many(targets), batched)
    for i in range(0, 32, 8):
        one = refine(refiner, PARAMS, targets[i], 20)
        chex.assert_trees_all_close(
            jax.tree.map(lambda x, i=i: x[i], batched.params), one.params, atol=1e-6
        )


def test_gradient_through_the_loop_equals_finite_differences():
    with jax.enable_x64(True):
        start = {"count": jnp.array(1), "x": jnp.array([3.0, -1.0], jnp.float64)}
        target = jnp.array([1.0, 2.0], jnp.float64)

        def final_error(rate):
            refiner = gradient_refiner(quadratic, optax.sgd(rate))
            return jnp.sum(
                (refine(refiner, start, target, 5).params["x"] - target) ** 2
            )

        rate, step = 0.07, 1e-6
        slope = (final_error(rate + step) - final_error(rate - step)) / (2 * step)
        assert float(jax.grad(final_error)(rate)) == pytest.approx(
            float(slope), rel=1e-6
        )
