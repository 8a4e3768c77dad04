"""Critics: their penalty, the distance that they measure, and who learns from them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ivg.train.adversarial import (
    gradient_penalty,
    interpolate,
    make_adversarial_trainer,
)
from ivg.train.loop import train


def points(seed=0):
    keys = jax.random.split(jax.random.key(seed))
    return {
        "image": jax.random.normal(keys[0], (5, 4, 4, 3)),
        "z": jax.random.normal(keys[1], (5, 7)),
    }


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_penalty_of_a_linear_critic(scale):
    weight = jax.tree.map(lambda x: scale * x[0], points(1))

    def critic(at):
        return sum(
            jnp.sum((at[name] * weight[name]).reshape(5, -1), 1) for name in weight
        )

    length = np.sqrt(sum(np.sum(np.square(w)) for w in weight.values()))
    found = gradient_penalty(critic, points())
    np.testing.assert_allclose(found, (length - 1) ** 2, rtol=1e-5)


def test_penalty_of_a_flat_critic_has_a_finite_gradient():
    def penalty(weight):
        return gradient_penalty(lambda at: at["z"] @ weight, points())

    value, slope = jax.value_and_grad(penalty)(jnp.zeros(7))
    assert float(value) == pytest.approx(1, abs=1e-4)
    assert bool(jnp.all(jnp.isfinite(slope)))


def test_interpolate_goes_the_same_way_in_all_leaves():
    first, second = points(0), points(1)
    between = interpolate(jax.random.key(2), first, second)

    def share(name):
        way = (between[name] - first[name]) / (second[name] - first[name])
        way = np.asarray(way).reshape(5, -1)
        np.testing.assert_allclose(way, way[:, :1].repeat(way.shape[1], 1), atol=1e-3)
        return way[:, 0]

    np.testing.assert_allclose(share("image"), share("z"), atol=1e-3)
    assert np.all((share("z") > 0) & (share("z") < 1)) and np.ptp(share("z")) > 0.1


def judge(critic, rows):
    hidden = jax.nn.leaky_relu(rows @ critic["first"] + critic["bias"], 0.2)
    return hidden @ critic["last"]


def critic_loss(critic, generator, real, key):
    keys = jax.random.split(key)
    made = generator["place"] + jax.random.normal(keys[0], real.shape)
    between = interpolate(keys[1], real, made)
    penalty = gradient_penalty(lambda rows: judge(critic, rows), between)
    gap = jnp.mean(judge(critic, real)) - jnp.mean(judge(critic, made))
    return 10 * penalty - gap, {"gap": 0.95 * critic["gap"] + 0.05 * gap}


def generator_loss(generator, critic, real, key):
    made = generator["place"] + jax.random.normal(key, real.shape)
    return -jnp.mean(judge(critic, made)), jnp.sum(generator["place"] ** 2)


def draw(key, data):
    return data[jax.random.randint(key, (256,), 0, len(data))]


def players(place):
    keys = jax.random.split(jax.random.key(0))
    critic = {
        "first": jax.random.normal(keys[0], (2, 32)) / jnp.sqrt(2),
        "bias": jnp.zeros(32),
        "last": jax.random.normal(keys[1], (32,)) / jnp.sqrt(32),
        "gap": jnp.zeros(()),
    }
    return {"critic": critic, "generator": {"place": jnp.asarray(place)}}


@functools.cache
def trainer(rate):
    optimizers = {
        "critic": optax.adam(1e-2, b1=0.5),
        "generator": optax.sgd(rate),
    }
    return make_adversarial_trainer(critic_loss, generator_loss, draw, optimizers, 2)


DATA = np.random.default_rng(0).normal(size=(4096, 2)).astype(np.float32)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0])
def test_gap_tracks_a_known_shift(shift):
    """The optimum of a slope s of the shift d is s = 1 + d / 20, and the gap d s."""
    start, advance = trainer(0.0)
    state = start(players([0.6 * shift, 0.8 * shift]))
    state, _ = advance(state, jnp.asarray(DATA), 300)
    expected = shift * (1 + shift / 20)
    assert float(state.params["critic"]["gap"]) == pytest.approx(expected, abs=0.12)


def test_generator_goes_where_the_data_is():
    start, advance = trainer(0.05)
    state, shown = advance(start(players([1.2, -1.6])), jnp.asarray(DATA), 300)
    assert float(shown[0]) == pytest.approx(4.0)
    assert float(jnp.linalg.norm(state.params["generator"]["place"])) < 0.3


def test_it_resumes(tmp_path):
    def run(folder, steps):
        return train(
            *trainer(0.05), players([1.0, 1.0]), lambda: jnp.asarray(DATA), steps,
            folder=folder, chunk=5, save_every=10,
        )  # fmt: skip

    whole, losses = run(tmp_path / "whole", 40)
    run(tmp_path / "parts", 20)
    parts, same_losses = run(tmp_path / "parts", 40)
    np.testing.assert_array_equal(losses, same_losses)
    jax.tree.map(np.testing.assert_array_equal, whole, parts)
