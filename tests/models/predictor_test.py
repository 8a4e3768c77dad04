"""The Prediction Network has the parameters of the paper's table, and sees z."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.network import count_parameters
from ivg.models.predictor import prediction_network

SMALL = {"trunk": (4, 4, 8), "branch": (4, 4), "colour": (2, 4, 4), "hidden": 8}


@pytest.fixture(scope="module")
def small():
    """A small network, its parameters, and inputs for two objects."""
    net = prediction_network(6, **SMALL)
    patches = jax.random.normal(jax.random.key(1), (2, 64, 64, 9))
    latents = jax.random.normal(jax.random.key(2), (2, 6))
    return jax.jit(net.apply), net.init(jax.random.key(0)), patches, latents


def test_parameters_of_the_paper():
    params = jax.eval_shape(prediction_network(70).init, jax.random.key(0))
    trunk = [count_parameters(params["trunk"][f"Conv_{i}"]) for i in range(3)]
    assert trunk == [2_624, 18_496, 73_856]
    outputs_of = {"position": 2, "size": 1, "azimuth": 360 + 1}  # one more: the turn
    for name, outputs in outputs_of.items():
        branch = params[name]
        convs = [count_parameters(branch[f"Conv_{i}"]) for i in range(2)]
        assert convs == [73_792, 18_464]
        dense = [count_parameters(branch["dense"][f"Dense_{i}"]) for i in range(4)]
        assert sum(dense[:3]) == 93_640
        assert dense[3] == (40 + 70 + 1) * outputs
    assert params["colour"]["dense"]["Dense_0"]["kernel"].shape == (
        8 * 8 * 128 + 70,
        40,
    )
    assert set(params) == {
        *("trunk", "position", "size", "azimuth", "lighting", "camera"),
        *("colour", "ground_colour"),
    }


def test_two_trunks(small):
    """What lighting and camera learn does not reach the features of poses."""
    _, _, patches, latents = small
    net = prediction_network(6, **SMALL, activation=jax.nn.relu, has_two_trunks=True)
    params = net.init(jax.random.key(0))

    def sums(params):
        said = net.apply(params, patches, latents)
        return {name: jnp.sum(value**2) for name, value in vars(said).items()}

    slopes = jax.jit(jax.jacrev(sums))(params)

    def reaches(name, trunk):
        leaves = jax.tree.leaves(slopes[name][trunk])
        return any(np.any(leaf != 0) for leaf in leaves)

    for name in ("position", "size", "azimuth"):
        assert reaches(name, "trunk") and not reaches(name, "shared_trunk")
    for name in ("lighting", "camera"):
        assert reaches(name, "shared_trunk") and not reaches(name, "trunk")


def test_shapes(small):
    apply, *args = small
    shapes = jax.tree.map(jnp.shape, vars(apply(*args)), is_leaf=lambda x: False)
    assert shapes == {
        "position": (2, 2),
        "size": (2,),
        "azimuth": (2, 360),
        "lighting": (2, 5),
        "camera": (2, 2),
        "colour": (2, 3),
        "ground_colour": (2, 3),
    }


def test_dropout(small):
    apply, *args = small
    again = jax.tree.map(np.array_equal, apply(*args), apply(*args))
    assert all(jax.tree.leaves(again))
    ones, others = (apply(*args, key=jax.random.key(k)) for k in (0, 1))
    plain = apply(*args)
    for field in vars(plain):
        assert not np.allclose(getattr(ones, field), getattr(others, field)), field
        assert not np.allclose(getattr(ones, field), getattr(plain, field)), field


def test_objects_are_independent(small):
    apply, params, patches, latents = small
    both = apply(params, patches, latents)
    for index in range(2):
        part = slice(index, index + 1)
        one = apply(params, patches[part], latents[part])
        for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(one), strict=True):
            np.testing.assert_allclose(a[part], b, atol=1e-5)


def test_every_output_sees_the_latents(small):
    apply, params, patches, latents = small

    def sums(latents):
        return jax.tree.map(lambda x: jnp.sum(x**2), apply(params, patches, latents))

    slopes = jax.jit(jax.jacrev(sums))(latents)
    for field, slope in vars(slopes).items():
        assert np.abs(slope).min() > 0, field
