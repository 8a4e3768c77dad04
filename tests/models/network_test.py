"""Networks from Linen modules."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ivg.models.layers import Dropout
from ivg.models.network import count_parameters, network_from_linen


class Module(nn.Module):
    @nn.compact
    def __call__(self, x, scale):
        x = Dropout()(nn.LayerNorm()(nn.Dense(200)(x)))
        return scale * nn.Dense(100)(x)


NET = network_from_linen(Module(), jnp.ones((1, 50)), jnp.ones(()))


def test_first_parameters():
    params = NET.init(jax.random.key(0))
    assert count_parameters(params) == 51 * 200 + 400 + 201 * 100
    np.testing.assert_array_equal(params["LayerNorm_0"]["scale"], 1)
    np.testing.assert_array_equal(params["Dense_0"]["bias"], 0)
    for name, fan_in in (("Dense_0", 50), ("Dense_1", 200)):
        kernel = params[name]["kernel"]
        np.testing.assert_allclose(kernel.std() * fan_in**0.5, 1, rtol=0.05)
        np.testing.assert_allclose(kernel.mean(), 0, atol=0.01)
    same, other = NET.init(jax.random.key(0)), NET.init(jax.random.key(1))
    assert jax.tree.all(jax.tree.map(np.array_equal, params, same))
    assert not np.array_equal(params["Dense_0"]["kernel"], other["Dense_0"]["kernel"])


def test_key_turns_dropout_on():
    params, x = NET.init(jax.random.key(0)), jnp.linspace(0, 1, 100).reshape(2, 50)
    plain = NET.apply(params, x, 2.0)
    np.testing.assert_array_equal(plain, NET.apply(params, x, 2.0))
    np.testing.assert_allclose(plain, jax.jit(NET.apply)(params, x, 2.0), atol=1e-5)
    first, again, second = (
        NET.apply(params, x, 2.0, key=jax.random.key(k)) for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, second)
    assert not np.allclose(first, plain)


def test_no_parameters():
    class Double(nn.Module):
        @nn.compact
        def __call__(self, x):
            return 2 * x

    net = network_from_linen(Double(), jnp.ones(()))
    params = net.init(jax.random.key(0))
    assert params == {} and count_parameters(params) == 0
    assert net.apply(params, 3.0) == 6.0
