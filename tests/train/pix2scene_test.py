"""Losses of pix2scene: their signs, and who learns from what."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ivg.geometry.camera import make_camera
from ivg.models.mine import mutual_information, shuffled, statistics_network
from ivg.models.network import Network
from ivg.models.pix2scene import Pix2SceneSizes
from ivg.scene.appearance import make_lights
from ivg.train.adversarial import make_adversarial_trainer
from ivg.train.depth_losses import edge_loss, normal_loss, range_loss
from ivg.train.pix2scene import (
    LossWeights,
    adversarial_loss,
    critic_loss,
    generator_loss,
    mean_distance,
    pixel_distance,
    triplet_hinge,
)
from ivg.train.scene_cycle import (
    init_pix2scene,
    make_pix2scene,
    picture_of_depth,
    run_cycle,
)

pytestmark = pytest.mark.usefixtures("compile_quickly")
SIZES = Pix2SceneSizes(
    pixels=16, latent=6, encoder=4, decoder=4, critic=4, joint=8, embedding=4
)
NONE = LossWeights(*[0.0] * len(LossWeights._fields))
COUNT = 6


class Batch(NamedTuple):
    image: jax.Array
    view: jax.Array
    label: jax.Array


def render(depth, batch):
    del batch
    camera = make_camera(height=16, width=16)
    lights = make_lights(0.1, position=[[1.0, 2.0, 0.0]], point=[[5.0, 4.0, 3.0]])
    one = functools.partial(
        picture_of_depth, camera=camera, lights=lights, albedo=jnp.full(3, 0.7)
    )
    return jax.vmap(one)(depth)


MODEL = make_pix2scene(SIZES, render, 1.0, 3.0)


@functools.cache
def first():
    keys = jax.random.split(jax.random.key(0), 3)
    batch = Batch(
        jax.random.uniform(keys[0], (COUNT, 16, 16, 3)),
        jax.random.normal(keys[1], (COUNT, 3)),
        jnp.zeros(COUNT, jnp.int32),
    )
    params = init_pix2scene(keys[2], MODEL)
    # Depths of about 4.5, beyond the range, so that there is something to regularize.
    params["generator"]["decoder"]["last"]["bias"] += 3
    return params, batch


def quantities(params, batch, key):
    """What each weight is the factor of."""
    cycle = run_cycle(MODEL, params["generator"], batch, key)
    depth = jnp.stack([cycle.again_depth, cycle.depth])
    image = jnp.stack([batch.image, cycle.image])
    return {
        "image": pixel_distance(cycle.again_image, batch.image),
        "latent": mean_distance(cycle.again_latent, cycle.latent),
        "range": range_loss(depth, MODEL.near, MODEL.far),
        "normal": normal_loss(depth),
        "edge": edge_loss(depth, image),
    }


@functools.cache
def one_step():
    """Compiled: a step of each player with some weights, and quantities around it.

    The critic is zero everywhere and does not learn.
    """
    params, batch = first()
    params = params | {"critic": jax.tree.map(jnp.zeros_like, params["critic"])}
    key = jax.random.key(3)

    @jax.jit
    def run(weights, rate):
        optimizers = {"critic": optax.sgd(0.0), "generator": optax.sgd(rate)}
        start, advance = make_adversarial_trainer(
            functools.partial(critic_loss, MODEL, weights),
            functools.partial(generator_loss, MODEL, weights),
            lambda key, data: data,
            optimizers,
            1,
        )
        after, _ = advance(start(params), batch, 1)
        return quantities(params, batch, key), quantities(after.params, batch, key)

    return run


@pytest.mark.parametrize("name", ["image", "latent", "range", "normal", "edge"])
def test_one_step_lowers_each_term_on_its_own(name):
    """Among other random latents than those of the step."""
    rate = {"image": 1e-3, "latent": 1e-3, "range": 1e-2, "normal": 1e-3, "edge": 1e-2}
    before, after = one_step()(NONE._replace(**{name: 1.0}), rate[name])
    assert float(before[name]) > 1e-3
    assert float(after[name]) < float(before[name])
    still = one_step()(NONE, rate[name])
    assert float(still[0][name]) == pytest.approx(float(still[1][name]), rel=1e-6)


def test_regularizers_count_every_sample():
    """The released code's came from the last of the batch alone."""
    image = first()[1].image
    depth = 2 + 0.1 * jax.random.normal(jax.random.key(1), image.shape[:3])

    def total(depth, image):
        others = normal_loss(depth) + edge_loss(depth, image)
        return range_loss(depth, 1, 1.5) + others

    each = jax.vmap(total)(depth, image)
    assert float(total(depth, image)) == pytest.approx(float(each.mean()), rel=1e-5)
    slope = jax.jit(jax.grad(total))(depth, image)
    assert bool(jnp.all(jnp.any(slope != 0, (1, 2))))


def gap_of(critic, generator, batch, key):
    """How much higher the critic is for encoded pairs than for decoded ones."""
    cycle = run_cycle(MODEL, generator, batch, key)
    return adversarial_loss(MODEL, critic, cycle, batch)


def test_players_want_opposite_gaps():
    params, batch = first()
    critic, generator, key = params["critic"], params["generator"], jax.random.key(5)

    @jax.jit
    def gaps(critic, generator):
        of_critic = jax.grad(
            lambda own: critic_loss(MODEL, NONE, own, generator, batch, key)[0]
        )(critic)
        of_generator = jax.grad(
            lambda own: generator_loss(
                MODEL, NONE._replace(adversarial=1.0), own, critic, batch, key
            )[0]
        )(generator)

        def moved(params, slope, rate):
            return jax.tree.map(lambda p, s: p - rate * s, params, slope)

        return jnp.stack([
            gap_of(critic, generator, batch, key),
            gap_of(moved(critic, of_critic, 1e-3), generator, batch, key),
            gap_of(critic, moved(generator, of_generator, 1e-3), batch, key),
        ])  # fmt: skip

    now, after_critic, after_generator = gaps(critic, generator)
    assert after_generator < now < after_critic


def test_loss_of_a_linear_critic():
    """Its penalty does not depend on where it is taken, nor on chance."""
    keys = jax.random.split(jax.random.key(2), 2)
    critic = {
        "image": 0.1 * jax.random.normal(keys[0], (16, 16, 3)),
        "z": jax.random.normal(keys[1], (SIZES.latent,)),
    }

    def apply(params, image, z, view, label):
        del view, label
        return jnp.sum(image * params["image"], (1, 2, 3)) + z @ params["z"]

    model = MODEL._replace(critic=Network(lambda key: critic, apply))
    params, batch = first()

    @jax.jit
    def losses(penalty):
        weights = NONE._replace(penalty=penalty)
        return critic_loss(
            model, weights, critic, params["generator"], batch, jax.random.key(7)
        )[0]

    length = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in critic.values()))
    found = losses(10.0) - losses(0.0)
    np.testing.assert_allclose(found, 10 * (length - 1) ** 2, rtol=1e-4)


def test_mutual_information_reaches_the_encoder():
    params, batch = first()
    network = statistics_network(4, 2, (8, 8))
    statistics = network.init(jax.random.key(1))

    def information(generator, key):
        keys = jax.random.split(key)
        z = run_cycle(MODEL, generator, batch, keys[0]).encoded
        scene, view = z[:, :4], z[:, 4:]
        joint = network.apply(statistics, scene, view)
        apart = network.apply(statistics, scene, shuffled(keys[1], view))
        return mutual_information(joint, apart)

    generator, key = params["generator"], jax.random.key(2)
    value, slope = jax.jit(jax.value_and_grad(information))(generator, key)
    steep = [float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(slope["encoder"])]
    assert np.mean(np.array(steep) > 0) > 0.9
    assert not any(np.any(x) for x in jax.tree.leaves(slope["decoder"]))
    less = jax.tree.map(lambda p, s: p - 1e-2 * s, generator, slope)
    assert float(jax.jit(information)(less, key)) < float(value)


def test_mean_distance():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 5, 3, 4))
    expected = np.mean(np.linalg.norm((first - second).reshape(5, -1), axis=1))
    assert float(mean_distance(first, second)) == pytest.approx(expected, rel=1e-5)
    same = jnp.asarray(first)
    assert bool(jnp.all(jnp.isfinite(jax.grad(mean_distance)(same, same))))


def test_pixel_distance():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 5, 3, 4, 3))
    each = np.linalg.norm(first - second, axis=-1).reshape(5, -1)
    expected = np.mean(np.sum(each, 1) / np.sqrt(12))
    assert float(pixel_distance(first, second)) == pytest.approx(expected, rel=1e-3)
    even = float(mean_distance(first, first + 0.5))
    assert float(pixel_distance(first, first + 0.5)) == pytest.approx(even, rel=1e-3)
    same = jnp.asarray(first)
    assert bool(jnp.all(jnp.isfinite(jax.grad(pixel_distance)(same, same))))


def test_triplet_hinge():
    rng = np.random.default_rng(0)
    reference, answer = rng.normal(size=(2, 4, 5))
    distractors = rng.normal(size=(4, 2, 5))
    expected = 0.0
    for b in range(4):
        near = np.mean((reference[b] - answer[b]) ** 2)
        for d in range(2):
            away = np.mean((reference[b] - distractors[b, d]) ** 2)
            expected += max(0.0, near - away + 1) / 4
    found = triplet_hinge(*map(jnp.asarray, (reference, answer, distractors)))
    assert float(found) == pytest.approx(expected, rel=1e-5)
    far = jnp.asarray(distractors) + 1e3
    assert float(triplet_hinge(reference, answer, far)) == 0  # not below
