"""Backbones have the right shapes, sizes and units, and slide."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models import backbones
from ivg.models.network import count_parameters
from ivg.models.patches import normalize_pixels

# Network, features, parameters.
BACKBONES = {
    "vgg16": (backbones.vgg16, 512, 14_714_688),
    "lite0": (backbones.efficientnet_lite0, 152, 692_688),
    "shallow_lite0": (
        functools.partial(backbones.efficientnet_lite0, deep=False),
        40,
        54_048,
    ),
    "small": (backbones.small_cnn, 64, 60_512),
}


@pytest.mark.parametrize("name", BACKBONES)
def test_shapes(name):
    make, features, parameters = BACKBONES[name]
    net = make()
    params = jax.eval_shape(net.init, jax.random.key(0))
    assert count_parameters(params) == parameters
    pixels = jax.ShapeDtypeStruct((2, 40, 136, 3), jnp.float32)
    assert jax.eval_shape(net.apply, params, pixels).shape == (2, 5, 17, features)


def test_classifier_shares_parameters_with_the_backbone():
    key, pixels = jax.random.key(0), jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    whole, part = backbones.efficientnet_lite0_classifier(), BACKBONES["lite0"][0]()
    params = jax.eval_shape(whole.init, key)
    assert count_parameters(params) == 4_631_000
    assert jax.eval_shape(whole.apply, params, pixels).shape == (1, 1000)
    for name, value in jax.eval_shape(part.init, key).items():
        assert params[name] == value
    assert jax.eval_shape(part.apply, params, pixels).shape == (1, 4, 4, 152)


def test_small_cnn_is_small():
    net = backbones.small_cnn()
    params = jax.eval_shape(net.init, jax.random.key(0))
    pixels = jax.ShapeDtypeStruct((1, 384, 384, 3), jnp.float32)
    cost = jax.jit(net.apply).lower(params, pixels).compile().cost_analysis()
    assert 0.3e9 < cost["flops"] < 0.4e9
    with pytest.raises(ValueError, match="three widths"):
        backbones.small_cnn((8, 8))


def test_small_cnn_slides():
    """Away from the borders, features do not know where they are."""
    net = backbones.small_cnn((4, 4, 4, 4))
    params, apply = net.init(jax.random.key(0)), jax.jit(net.apply)
    pixels = jax.random.normal(jax.random.key(1), (1, 128, 128, 3))
    whole, part = apply(params, pixels), apply(params, pixels[:, 16:112, 24:120])
    np.testing.assert_allclose(
        whole[:, 5:11, 6:12], part[:, 3:-3, 3:-3], atol=1e-5, rtol=1e-5
    )


def test_grey_is_zero():
    values = normalize_pixels(jnp.array([0, 127 / 255, 1]))
    np.testing.assert_allclose(values, [-1.27, 0, 1.28], atol=1e-6)


def test_vgg16_takes_pixels_as_torchvision_does():
    """With kernels that copy three channels, the features are the shifted pixels."""
    net, srgb = backbones.vgg16(), np.array([0.9, 0.8, 0.7], np.float32)

    def copy(shape):
        kernel = np.zeros(shape.shape, np.float32)
        if kernel.ndim == 4:
            kernel[1, 1, :3, :3] = np.eye(3)
        return kernel

    params = jax.tree.map(copy, jax.eval_shape(net.init, jax.random.key(0)))
    pixels = jnp.full((1, 8, 8, 3), normalize_pixels(srgb))
    features = jax.jit(net.apply)(params, pixels)[0, 0, 0]
    expected = (srgb - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(features[:3], expected, rtol=1e-5)
    np.testing.assert_array_equal(features[3:], 0)
