"""The stage has the parameters of ResNet-18, and pools as it does."""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.models.network import count_parameters
from ivg.models.resnet import BasicBlock, pool_three, resnet_stage

# As torchvision counts them; a batch norm has two numbers per channel there, a bias
# has one here.
STEM, FIRST, SECOND = 9_408, 147_968, 525_568
NORMS_OF_FIRST, NORMS_OF_SECOND = 4 * 64, 5 * 128


def test_parameters_of_resnet18():
    params = jax.eval_shape(resnet_stage().init, jax.random.key(0))
    stages = [
        {name: part for name, part in params.items() if name.startswith(f"stage_{i}")}
        for i in range(2)
    ]
    assert params["stem"]["kernel"].size == STEM
    assert count_parameters(stages[0]) == FIRST - NORMS_OF_FIRST
    assert count_parameters(stages[1]) == SECOND - NORMS_OF_SECOND
    assert count_parameters(params) == 682_112


def test_features_are_an_eighth_of_the_picture():
    net = resnet_stage()
    params = jax.eval_shape(net.init, jax.random.key(0))
    picture = jax.ShapeDtypeStruct((2, 480, 640, 3), jnp.float32)
    assert jax.eval_shape(net.apply, params, picture).shape == (2, 60, 80, 128)


def test_pool_is_the_maximum_over_windows():
    x = jax.nn.relu(jax.random.normal(jax.random.key(0), (2, 8, 12, 3)))
    expected = jax.lax.reduce_window(
        x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1),
        ((0, 0), (1, 1), (1, 1), (0, 0)),
    )  # fmt: skip
    np.testing.assert_array_equal(pool_three(x), expected)
    slope = jax.grad(lambda x: pool_three(x).sum())(x + 0.1)
    assert jnp.isfinite(slope).all() and float(slope.sum()) == expected.size


def test_a_block_without_weights_passes_what_is_positive():
    x = jax.random.normal(jax.random.key(0), (1, 4, 4, 3))
    params = jax.tree.map(jnp.zeros_like, BasicBlock(3).init(jax.random.key(1), x))
    np.testing.assert_array_equal(BasicBlock(3).apply(params, x), jax.nn.relu(x))
    assert "shortcut" not in params["params"]


def test_a_wider_block_has_a_shortcut_of_its_own():
    x = jnp.ones((1, 6, 4, 3))
    params = BasicBlock(5, 2).init(jax.random.key(1), x)
    assert params["params"]["shortcut"]["kernel"].shape == (1, 1, 3, 5)
    assert BasicBlock(5, 2).apply(params, x).shape == (1, 3, 2, 5)


def test_pictures_are_independent_and_jit_changes_nothing():
    net = resnet_stage((4, 4, 6))
    params = net.init(jax.random.key(0))
    pictures = jax.random.normal(jax.random.key(1), (3, 16, 24, 3))
    both = jax.jit(net.apply)(params, pictures)
    np.testing.assert_allclose(net.apply(params, pictures[1:2]), both[1:2], atol=1e-5)
    assert both.shape == (3, 2, 3, 6) and not jnp.allclose(both[0], both[1])
