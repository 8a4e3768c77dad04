"""Networks that answer questions of the 3D IQ test."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.iqtt import (
    CPU_SIZES,
    PAPER_SIZES,
    TrunkSizes,
    choice_network,
    feature_count,
    feature_network,
)
from ivg.models.network import count_parameters

pytestmark = pytest.mark.usefixtures("compile_quickly")

SMALL = TrunkSizes(width=2, blocks=(1, 2), stem=3, pools=False, hidden=(8, 4))


def count(network):
    return count_parameters(jax.eval_shape(network.init, jax.random.key(0)))


def test_published_number_of_parameters():
    """torchvision's ResNet-50 has 25,557,032, of which 2,049,000 name classes."""
    network = feature_network(PAPER_SIZES._replace(width=64))
    assert count(network) == 25_557_032 - (2048 + 1) * 1000


def test_paper_sizes():
    assert feature_count(PAPER_SIZES) == 1024
    layers = [(4 * 1024, 2048), (2048, 512), (512, 256), (256, 3)]
    behind = sum((inputs + 1) * outputs for inputs, outputs in layers)
    assert count(choice_network()) == count(feature_network()) + behind


@pytest.mark.parametrize("sizes", [SMALL, SMALL._replace(stem=7, pools=True)])
def test_features(sizes):
    network = feature_network(sizes)
    params = network.init(jax.random.key(0))
    pictures = jax.random.uniform(jax.random.key(1), (5, 16, 16, 3))
    features = network.apply(params, pictures)
    assert features.shape == (5, feature_count(sizes)) and bool((features >= 0).all())
    assert float(jnp.std(features, 0).max()) > 1e-3
    statistics = network.observe(params, pictures)
    alone = network.apply(params, pictures[:1], statistics=statistics)
    np.testing.assert_allclose(alone[0], features[0], rtol=1e-3, atol=1e-4)


def test_choices():
    network = choice_network(SMALL)
    params = network.init(jax.random.key(0))
    pictures = jax.random.uniform(jax.random.key(1), (6, 4, 16, 16, 3))
    logits = network.apply(params, pictures)
    assert logits.shape == (6, 3)
    slope = jax.grad(lambda p: jnp.sum(network.apply(p, pictures) ** 2))(params)
    sizes = [float(jnp.abs(x).max()) for x in jax.tree.leaves(slope)]
    assert np.isfinite(sizes).all() and max(sizes) > 0
    swapped = network.apply(params, pictures[:, jnp.array([0, 2, 1, 3])])
    assert float(jnp.abs(swapped - logits).max()) > 1e-5


def test_sizes_of_the_cpu():
    assert count(feature_network(CPU_SIZES)) < 300_000
    assert feature_count(CPU_SIZES) == 256
