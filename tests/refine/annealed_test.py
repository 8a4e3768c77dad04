"""Annealing: every step follows the energy at its own temperature."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ivg.refine.annealed import annealed_refiner
from ivg.refine.refiner import refine


def test_each_step_has_its_temperature():
    """`tau x^2 / 2` by plain descent: `x` shrinks by `1 - rate tau` in each step."""

    def energy_at(tau):
        return lambda x, scale: tau * scale * jnp.sum(x**2) / 2

    schedule = optax.exponential_decay(0.8, 1, 0.5)
    refiner = annealed_refiner(energy_at, schedule, optax.sgd(0.1))
    found = jax.jit(lambda x: refine(refiner, x, jnp.array(2.0), 4))(jnp.array([3.0]))
    tau = 0.8 * 0.5 ** np.arange(4)
    path = 3 * np.cumprod(np.append(1, 1 - 0.1 * 2 * tau))
    np.testing.assert_allclose(found.trajectory[:, 0], path, rtol=1e-6)
    np.testing.assert_allclose(found.info["temperature"], tau, rtol=1e-6)
    np.testing.assert_allclose(found.info["energy"], tau * path[:-1] ** 2, rtol=1e-6)
