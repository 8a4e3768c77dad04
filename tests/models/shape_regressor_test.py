"""The direct regressor: shapes, parameters, gradients, batches."""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.models.network import count_parameters
from ivg.models.shape_regressor import shape_regressor


def test_shapes_and_number_of_parameters():
    network = shape_regressor(4, 16, (3, 5), 7)
    params = network.init(jax.random.key(0))
    guess = network.apply(params, jnp.zeros((2, 16, 16, 6)))
    assert guess.latents.shape == (2, 4)
    assert guess.shift.shape == (2, 2) and guess.turn.shape == (2, 3)
    convolutions = 9 * 6 * 3 + 3 + 9 * 3 * 5 + 5
    assert count_parameters(params) == convolutions + (4 * 4 * 5 + 1) * 7 + 8 * 9


def test_batches_are_rows_and_gradients_finite():
    network = shape_regressor(2, 8, (3,), 4)
    params = network.init(jax.random.key(0))
    pictures = jax.random.uniform(jax.random.key(1), (3, 8, 8, 6))
    whole = network.apply(params, pictures)
    rows = [network.apply(params, pictures[i : i + 1]) for i in range(3)]
    np.testing.assert_allclose(
        whole.latents, np.concatenate([r.latents for r in rows]), atol=1e-6
    )
    slope = jax.grad(lambda p: jnp.sum(network.apply(p, pictures).turn ** 2))(params)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slope))
