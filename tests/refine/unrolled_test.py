"""Unrolled descent: closed form, outer gradients, weights, independence of batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.refine.refiner import refine
from ivg.refine.unrolled import (
    Descent,
    make_descent,
    outer_loss,
    step_weights,
    unrolled_refiner,
)


def quadratic(y, target):
    return jnp.sum((y - target) ** 2) / 2


def learned(weights):
    """A small energy that is not convex, with weights to learn."""

    def energy(y, x):
        hidden = jax.nn.softplus(weights["first"] @ jnp.concatenate([y, x]))
        return jnp.sum(jnp.sin(weights["second"] @ hidden))

    return energy


def weights():
    rng = np.random.default_rng(3)
    return {
        "first": jnp.asarray(rng.normal(size=(6, 5))),
        "second": jnp.asarray(rng.normal(size=(4, 6))),
    }


def test_a_quadratic_energy_takes_the_closed_form_steps():
    descent = make_descent(rate=0.3, clip=-2.0, momentum=-0.4)
    target = jnp.array([1.0, -4.0, 0.2])
    found = refine(unrolled_refiner(quadratic, descent), jnp.zeros(3), target, 5)
    y, v, path = np.zeros(3), np.zeros(3), [np.zeros(3)]
    for _ in range(5):
        v = 0.4 * v + np.clip(y - np.asarray(target), -2, 2)
        y = y - 0.3 * v
        path.append(y)
    np.testing.assert_allclose(found.trajectory, path, rtol=1e-5)
    np.testing.assert_allclose(found.info["energy"][0], (1 + 16 + 0.04) / 2, rtol=1e-6)


def test_without_momentum_and_bound_a_quadratic_shrinks_by_the_same_factor():
    descent = make_descent(rate=0.25, clip=1e9, momentum=0.0)
    refiner = unrolled_refiner(quadratic, descent)
    found = refine(refiner, jnp.array([4.0]), jnp.zeros(1), 6)
    expected = 4 * 0.75 ** np.arange(7)
    np.testing.assert_allclose(found.trajectory[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["rate", "clip", "momentum", "weight"])
def test_outer_gradients_equal_finite_differences(name):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        y0, x, truth = (jnp.asarray(rng.normal(size=n)) for n in (3, 2, 3))
        first = {"rate": 0.2, "clip": 0.8, "momentum": 0.35, "weight": 0.7}

        def loss(value):
            values = {k: jnp.asarray(v) for k, v in first.items()} | {name: value}
            net = weights()
            net["first"] = net["first"].at[2, 1].set(values.pop("weight"))
            refiner = unrolled_refiner(learned(net), Descent(**values))
            path = refine(refiner, y0, x, 6).trajectory
            return outer_loss(path, lambda y: jnp.sum((y - truth) ** 2))

        value, step = jnp.asarray(first[name]), 1e-6
        slope = jax.jit(jax.grad(loss))(value)
        numeric = (loss(value + step) - loss(value - step)) / (2 * step)
        assert abs(slope) > 1e-3
        np.testing.assert_allclose(slope, numeric, rtol=1e-5)


def test_the_sign_of_bound_and_momentum_does_not_matter():
    def end(sign):
        descent = make_descent(0.3, sign * 0.5, sign * 0.2)
        refiner = unrolled_refiner(learned(weights()), descent)
        return refine(refiner, jnp.ones(3), jnp.ones(2), 4).params

    np.testing.assert_array_equal(end(1), end(-1))


def test_a_sample_does_not_see_its_batch():
    rng = np.random.default_rng(1)
    starts, seen = jnp.asarray(rng.normal(size=(8, 3))), jnp.ones((8, 2))
    refiner = unrolled_refiner(learned(weights()), make_descent(0.1))

    @jax.jit
    @jax.vmap
    def run(y, x):
        return refine(refiner, y, x, 5).params

    others = starts.at[1:].set(1e3 * starts[1:])
    np.testing.assert_allclose(run(starts, seen)[0], run(others, seen)[0], rtol=1e-6)


def test_later_steps_weigh_more():
    weights = step_weights(3)
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(weights[:-1] / weights[1:], 0.9, rtol=1e-6)
    path = jnp.arange(4.0)
    expected = np.dot(weights, np.arange(4))
    np.testing.assert_allclose(outer_loss(path, lambda y: y), expected, rtol=1e-6)
