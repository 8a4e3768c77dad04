"""Layers equal their plain counterparts, also backwards and in loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ivg.models.layers import (
    PatchHead,
    drop_half,
    max_pool,
)
from ivg.models.network import count_parameters, network_from_linen


def random(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


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
