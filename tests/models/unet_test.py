"""The U-Net has the parameters of its paper, and sees near and far."""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.models.network import count_parameters
from ivg.models.unet import unet


def test_parameters_of_the_paper():
    """Its convolutions have 3 x 3 kernels; those on the way up have 2 x 2 there."""
    widths = (64, 128, 256, 512, 1024)
    params = jax.eval_shape(unet(2, widths).init, jax.random.key(0))
    assert count_parameters(params["down_0"]) == 64 * (9 * 3 + 1) + 64 * (9 * 64 + 1)
    assert count_parameters(params["down_4"]) == 4_719_616 + 9_438_208
    assert count_parameters(params["up_3"]) == 4_719_104 + 2_359_808
    assert count_parameters(params["logits"]) == 2 * 65


def test_shapes_and_reach():
    net = unet(4, (12, 6, 8))
    params = net.init(jax.random.key(0))
    pictures = jax.random.normal(jax.random.key(1), (2, 16, 64, 3))
    found = jax.jit(net.apply)(params, pictures)
    assert found.logits.shape == (2, 16, 64, 4)
    assert found.features.shape == (2, 16, 64, 12)
    assert (found.features >= 0).all()

    def one(picture):
        return net.apply(params, picture[None]).features[0, 8, 8].sum()

    reach = np.abs(jax.jit(jax.grad(one))(pictures[0])).sum(-1) > 0
    # Some 23 pixels to each side: two levels of pooling widen the convolutions.
    columns = np.flatnonzero(reach.any(0))
    assert columns[0] == 0 and 15 < columns[-1] < 40


def test_pictures_are_independent():
    net = unet(2, (4, 4))
    params = net.init(jax.random.key(0))
    pictures = jax.random.normal(jax.random.key(1), (3, 8, 8, 3))
    both = jax.jit(net.apply)(params, pictures)
    alone = jax.jit(net.apply)(params, pictures[1:2])
    np.testing.assert_allclose(both.logits[1:2], alone.logits, atol=1e-5)
    assert not jnp.allclose(both.logits[0], both.logits[1])
