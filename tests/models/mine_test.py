"""Mutual information of Gaussians with a known correlation."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ivg.models.mine import (
    mutual_information,
    running_information,
    shuffled,
    statistics_network,
)
from ivg.models.network import count_parameters

RHOS = (0.0, 0.5, 0.9)


def pairs(key, rho, count):
    both = jax.random.normal(key, (2, count, 1))
    return both[0], rho * both[0] + jnp.sqrt(1 - rho**2) * both[1]


def known(rho):
    return -0.5 * np.log(1 - rho**2)


def log_ratio(a, b, rho):
    """Of the joint density and the product of both."""
    rest = 1 - rho**2
    square = (rho**2 * (a**2 + b**2) - 2 * rho * a * b) / rest
    return (-0.5 * jnp.log(rest) - 0.5 * square)[:, 0]


@pytest.mark.parametrize("rho", RHOS)
def test_the_true_ratio_gives_the_true_information(rho):
    keys = jax.random.split(jax.random.key(1))
    a, b = pairs(keys[0], rho, 50_000)
    apart = log_ratio(a, shuffled(keys[1], b), rho)
    found = mutual_information(log_ratio(a, b, rho), apart)
    assert float(found) == pytest.approx(known(rho), abs=0.05)


def test_a_trained_network_finds_it():
    network = statistics_network(1, 1, (32, 32))
    optimizer = optax.adam(5e-3)

    def estimate(params, log_mean, key, rho, count):
        keys = jax.random.split(key)
        a, b = pairs(keys[0], rho, count)
        joint = network.apply(params, a, b)
        apart = network.apply(params, a, shuffled(keys[1], b))
        return running_information(joint, apart, log_mean)

    def learn(rho):
        def step(carry, key):
            params, state, log_mean = carry

            def loss(params):
                value, kept = estimate(params, log_mean, key, rho, 256)
                return -value, kept

            slope, log_mean = jax.grad(loss, has_aux=True)(params)
            change, state = optimizer.update(slope, state)
            return (optax.apply_updates(params, change), state, log_mean), None

        params = network.init(jax.random.key(0))
        carry = (params, optimizer.init(params), jnp.zeros(()))
        keys = jax.random.split(jax.random.key(1), 600)
        params, _, log_mean = jax.lax.scan(step, carry, keys)[0]
        return estimate(params, log_mean, jax.random.key(2), rho, 20_000)[0]

    found = jax.jit(jax.vmap(learn))(jnp.array(RHOS))
    np.testing.assert_allclose(found, [known(rho) for rho in RHOS], atol=0.1)


def test_running_mean_and_its_gradient():
    joint, apart = jnp.array([0.3, -0.2]), jnp.array([1.0, -1.0, 0.5])
    before, decay = jnp.log(2.0), 0.9
    mean = decay * 2.0 + (1 - decay) * np.mean(np.exp(apart))

    def value(joint, apart):
        return running_information(joint, apart, before, decay)

    (found, kept), back = jax.vjp(value, joint, apart)
    assert float(found) == pytest.approx(float(mutual_information(joint, apart)))
    assert float(kept) == pytest.approx(np.log(mean))
    of_joint, of_apart = back((jnp.ones(()), jnp.ones(())))
    np.testing.assert_allclose(of_joint, 0.5)
    np.testing.assert_allclose(of_apart, -np.exp(apart) / 3 / mean, rtol=1e-6)


def test_shuffled_moves_every_row():
    rows = jnp.arange(12.0).reshape(6, 2)
    for seed in range(20):
        found = np.asarray(shuffled(jax.random.key(seed), rows))
        assert not np.any(np.all(found == rows, 1))
        np.testing.assert_array_equal(np.sort(found[:, 0]), rows[:, 0])


def test_parameters_of_the_paper():
    network = statistics_network(118, 10)
    params = jax.eval_shape(network.init, jax.random.key(0))
    assert count_parameters(params) == 165_121
    shapes = [jax.ShapeDtypeStruct((4, n), jnp.float32) for n in (118, 10)]
    assert jax.eval_shape(network.apply, params, *shapes).shape == (4,)
