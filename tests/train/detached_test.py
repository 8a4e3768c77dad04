"""Sums of detached steps against what JAX derives."""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.train.detached import detached_sum


def step(params, carry, given):
    moved = jnp.tanh(params["a"] * carry + params["b"] * given)
    return jnp.sum(moved**2), moved


def test_value_and_gradient():
    params = {"a": jnp.array([0.5, -1.2]), "b": jnp.array(0.7)}
    carry, inputs = jnp.array([0.1, 0.3]), jnp.arange(4.0)

    def plain(params):
        total, own = 0.0, carry
        for given in inputs:
            value, own = step(params, jax.lax.stop_gradient(own), given)
            total += value
        return total

    expected = jax.value_and_grad(plain)(params)

    def found(params, carry, inputs):
        return 3 * detached_sum(step, params, carry, inputs)

    value, slope = jax.jit(jax.value_and_grad(found))(params, carry, inputs)
    np.testing.assert_allclose(value, 3 * expected[0], rtol=1e-6)
    np.testing.assert_allclose(found(params, carry, inputs), value, rtol=1e-6)
    for name, own in expected[1].items():
        np.testing.assert_allclose(slope[name], 3 * own, rtol=1e-5)
