"""Layers equal their plain counterparts, also backwards and in loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ivg.models.layers import (
    PatchHead,
    convolve,
    convolve_depthwise,
    drop_half,
    max_pool,
)
from ivg.models.network import count_parameters, network_from_linen


def random(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def plain(inputs, kernel, stride, padding, groups=1):
    return jax.lax.conv_general_dilated(
        inputs,
        kernel,
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    "batch, size, stride, rows, columns",
    [(2, 3, 1, 6, 5), (19, 3, 2, 7, 8), (2, 6, 6, 15, 12)],
)
def test_convolve(padding, batch, size, stride, rows, columns):
    inputs, kernel = random(batch, rows, columns, 3), random(size, size, 3, 4, seed=1)

    def value_and_slopes(function):
        def total(inputs, kernel):
            outputs = function(inputs, kernel, stride, padding)
            return jnp.sum(jnp.sin(outputs)), outputs

        return jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))(inputs, kernel)

    for a, b in zip(
        jax.tree.leaves(value_and_slopes(convolve)),
        jax.tree.leaves(value_and_slopes(plain)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_convolve_of_many_is_convolve_of_each():
    inputs, kernels = random(2, 1, 5, 5, 2), random(2, 3, 3, 2, 3, seed=1)
    together = jax.vmap(convolve)(inputs, kernels)
    for index in range(2):
        one = convolve(inputs[index], kernels[index])
        np.testing.assert_allclose(together[index], one, atol=1e-5)


@pytest.mark.parametrize("size, stride", [(3, 1), (5, 2), (3, 2)])
def test_depthwise(size, stride):
    inputs, kernel = random(2, 9, 8, 4), random(size, size, 1, 4, seed=1)
    expected = plain(inputs, kernel, stride, "SAME", groups=4)
    actual = jax.jit(convolve_depthwise, static_argnums=2)(inputs, kernel, stride)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("size, stride", [(7, 1), (8, 2), (7, 2), (4, 3)])
def test_gradient_of_depthwise(size, stride):
    x, kernel = random(2, size, size + 1, 3), random(3, 3, 1, 3, seed=1)
    y, back = jax.vjp(lambda x, k: convolve_depthwise(x, k, stride), x, kernel)
    expected, known = jax.vjp(lambda x, k: plain(x, k, stride, "SAME", 3), x, kernel)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    slope = random(*y.shape, seed=2)
    for found, right in zip(back(slope), known(slope), strict=True):
        np.testing.assert_allclose(found, right, atol=1e-4)


@pytest.mark.parametrize("rows, columns", [(6, 8), (7, 5)])
def test_max_pool(rows, columns):
    inputs = random(2, rows, columns, 3)

    def total(function):
        return jax.grad(lambda x: jnp.sum(jnp.sin(function(x))))(inputs)

    def flax_pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    np.testing.assert_array_equal(max_pool(inputs), flax_pool(inputs))
    np.testing.assert_allclose(total(max_pool), total(flax_pool), atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 5), (40, 64), (1,)])
def test_drop_half(shape):
    key = jax.random.key(0)
    outputs = drop_half(key, jnp.ones(shape))
    assert outputs.shape == shape
    assert set(np.unique(outputs)) <= {0, 2}
    np.testing.assert_array_equal(outputs, jax.jit(drop_half)(key, jnp.ones(shape)))
    if outputs.size > 1000:
        np.testing.assert_allclose(outputs.mean(), 1, atol=0.1)
        assert not np.array_equal(outputs[:20], outputs[20:])


def test_head_has_the_parameters_of_the_paper():
    example = jax.ShapeDtypeStruct((1, 16, 16, 512), jnp.float32)
    net = network_from_linen(PatchHead(50, 1), example)
    params = jax.eval_shape(net.init, jax.random.key(0))
    counts = [count_parameters(params[f"Conv_{index}"]) for index in range(3)]
    assert counts == [921_650, 90_050, 90_050]
    assert jax.eval_shape(net.apply, params, example).shape == (1, 1, 1, 50)
