"""Feature energies: closed forms on a network that is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.energy.features import feature_map, make_feature_energy
from ivg.models.unet import unet


def test_scaling():
    highest = jnp.array([1.0, 2.0])
    features = jnp.array([[0.0, 0.0], [1.0, 2.0], [0.5, 2.0]])
    np.testing.assert_allclose(feature_map(features, highest), [-1, 1, 0.5])


def test_of_features_that_are_the_input():
    """The energy is that of the mean channels of the pictures."""
    energy = make_feature_energy(lambda pictures: pictures, jnp.full(3, 2.0))
    rng = np.random.default_rng(0)
    a, b = rng.uniform(size=(2, 4, 5, 3))
    expected = np.mean(((a - b).mean(-1)) ** 2)
    assert float(energy(jnp.asarray(a), jnp.asarray(b))) == pytest.approx(
        expected, rel=1e-5
    )


def test_of_a_unet():
    net = unet(2, (4, 4))
    params = net.init(jax.random.key(0))
    energy = make_feature_energy(lambda x: net.apply(params, x).features, jnp.ones(4))
    pictures = jax.random.uniform(jax.random.key(1), (2, 8, 8, 3))
    assert float(energy(pictures[0], pictures[0])) < 1e-12
    value, slope = jax.value_and_grad(energy)(*pictures)
    assert value > 0 and np.isfinite(slope).all() and np.abs(slope).max() > 0
