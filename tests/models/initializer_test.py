"""The initialization networks: parts, classes, and what each of them sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.initializer import NO_SHAPE, initializer_network
from ivg.models.network import count_parameters

COUNTS = (2, 4, 3)
SMALL = {
    "width": 3,
    "hidden": 4,
    "lighting_hidden": 5,
    "colour_width": 2,
    "colour_hidden": 4,
}


@pytest.fixture(scope="module")
def small():
    """A small network, its parameters, and one object of each class."""
    net = initializer_network(2, COUNTS, azimuth_bins=6, **SMALL)
    keys = jax.random.split(jax.random.key(1), 3)
    shapes = (3, 16, 16, 2), (3, 128, 128, 3), (3, 3)
    inputs = [jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True)]
    return jax.jit(net.apply), net.init(jax.random.key(0)), *inputs, jnp.arange(3)


def test_parameters_of_the_paper():
    params = jax.eval_shape(initializer_network(512).init, jax.random.key(0))
    outputs = {"shape_0": 6, "shape_1": 15, "shape_2": 8, "camera": 2, "lighting": 3}
    outputs |= dict.fromkeys(["azimuth_0", "azimuth_1", "azimuth_2"], 18)
    outputs |= {"light_azimuth": 18}
    for name, count in outputs.items():
        head, hidden = params[name]["head"], 100 if name == "lighting" else 50
        convs = [count_parameters(head[f"Conv_{index}"]) for index in range(3)]
        assert convs == [921_650, 90_050, 90_050]
        assert count_parameters(params[name]["Dense_0"]) == (50 + 3 + 1) * hidden
        assert count_parameters(params[name]["Dense_1"]) == (hidden + 1) * count
    colours = {"colour_0", "colour_1", "colour_2", "ground_colour"}
    for name in colours:
        assert count_parameters(params[name]["Conv_0"]) == (6 * 6 * 3 + 1) * 27
        assert params[name]["Dense_0"]["kernel"].shape == (21 * 21 * 27 + 3, 40)
        assert count_parameters(params[name]["Dense_1"]) == 41 * 40
        assert count_parameters(params[name]["Dense_2"]) == 41 * 3
    assert set(params) == set(outputs) | colours


def test_votes(small):
    apply, *args = small
    votes = apply(*args)
    assert {name: value.shape[1:] for name, value in vars(votes).items()} == {
        "shape": (4,),
        "azimuth": (6,),
        "colour": (3,),
        "light_azimuth": (6,),
        "lighting": (3,),
        "camera": (2,),
        "ground_colour": (3,),
    }
    missing = np.arange(4) >= np.array(COUNTS)[:, None]
    np.testing.assert_array_equal(votes.shape == NO_SHAPE, missing)
    for name in ("colour", "lighting", "camera", "ground_colour"):
        value = getattr(votes, name)
        assert ((value > 0) & (value < 1)).all()


def test_class_chooses_the_network(small):
    apply, params, *inputs, class_id = small
    votes = apply(params, *inputs, class_id)
    other = {k: jax.tree.map(jnp.zeros_like, v) for k, v in params.items() if "_1" in k}
    changed = apply(params | other, *inputs, class_id)
    for name, value in vars(votes).items():
        same = np.isclose(value, getattr(changed, name)).all(1)
        of_object = name in ("shape", "azimuth", "colour")
        np.testing.assert_array_equal(same, [True, not of_object, True])


def test_dropout(small):
    apply, *args = small
    plain, again = apply(*args), apply(*args)
    ones, others = (apply(*args, key=jax.random.key(k)) for k in (0, 1))
    for name, value in vars(plain).items():
        np.testing.assert_array_equal(value, getattr(again, name))
        assert not np.allclose(getattr(ones, name), getattr(others, name)), name


def test_every_vote_sees_the_detection(small):
    apply, params, features, pixels, detection, class_id = small

    def sums(detection):
        votes = apply(params, features, pixels, detection, class_id)
        return jax.tree.map(lambda x: jnp.sum(jnp.where(x > -1e8, x, 0) ** 2), votes)

    for name, slope in vars(jax.jit(jax.jacrev(sums))(detection)).items():
        assert np.isfinite(slope).all() and np.abs(slope).max() > 0, name
        if name != "colour" and name != "ground_colour":  # these may have dead units
            assert np.abs(slope).min() > 0, name
