"""Networks of pix2scene: counts of the paper, and what depends on what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.network import count_parameters
from ivg.models.pix2scene import (
    LEAST_LOG_VAR,
    PAPER_SIZES,
    Pix2SceneSizes,
    critic_network,
    decoder_network,
    depth_from_raw,
    encoder_network,
    sample_latent,
)

pytestmark = pytest.mark.usefixtures("compile_quickly")
SMALL = Pix2SceneSizes(
    pixels=16, latent=6, encoder=4, decoder=4, critic=4, joint=8, embedding=5
)
VARIANTS = {
    "norm": SMALL,
    "concat": SMALL._replace(conditioning="concat"),
    "classes": SMALL._replace(num_classes=3),
    "no view": SMALL._replace(view=0),
    "no joint": SMALL._replace(joint=0),
    "pyramid": SMALL._replace(pyramid=True),
}


def given(sizes, count=3, seed=0):
    keys = jax.random.split(jax.random.key(seed), 3)
    image = jax.random.uniform(keys[0], (count, sizes.pixels, sizes.pixels, 3))
    z = jax.random.normal(keys[1], (count, sizes.latent))
    view = jax.random.normal(keys[2], (count, sizes.view))
    return image, z, view, jnp.arange(count) % 3


def made(make, sizes):
    network = make(sizes)
    return network.apply, network.init(jax.random.key(1))


def test_parameters_of_the_paper():
    key = jax.random.key(0)
    encoder, decoder, critic = (
        jax.eval_shape(make(PAPER_SIZES).init, key)
        for make in (encoder_network, decoder_network, critic_network)
    )
    assert count_parameters(encoder["convolutions"]) == 19_658_715
    doubling = {name: decoder[name] for name in ("first", "convolutions")}
    assert count_parameters(doubling) == 22_009_344
    assert count_parameters(decoder["last"]) == 1_345
    assert count_parameters(critic["convolutions"]) == 19_662_795


def test_shapes_of_the_paper():
    def run(image, z, view, label):
        nets = (encoder_network(), decoder_network(), critic_network())
        params = [net.init(jax.random.key(0)) for net in nets]
        coded = nets[0].apply(params[0], image, view, label)
        depth = nets[1].apply(params[1], z, view, label)
        return *coded, depth, nets[2].apply(params[2], image, z, view, label)

    shapes = [x.shape for x in jax.eval_shape(run, *given(PAPER_SIZES, 2))]
    assert shapes == [(2, 128), (2, 128), (2, 128, 128), (2,)]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_sample_alone_is_as_in_a_batch(name):
    sizes = VARIANTS[name]
    image, z, view, label = given(sizes)
    encode, encoder = made(encoder_network, sizes)
    decode, decoder = made(decoder_network, sizes)
    judge, critic = made(critic_network, sizes)

    @jax.jit
    def run(image, z, view, label):
        coded = encode(encoder, image, view, label)
        raw = decode(decoder, z, view, label)
        return *coded, raw, judge(critic, image, z, view, label)

    together = run(image, z, view, label)
    assert [x.shape for x in together] == [(3, 6), (3, 6), (3, 16, 16), (3,)]
    alone = run(image[1:2], z[1:2], view[1:2], label[1:2])
    for one, all_of_them in zip(alone, together, strict=True):
        np.testing.assert_allclose(one[0], all_of_them[1], rtol=1e-4, atol=1e-5)
    assert bool(jnp.all((together[1] > LEAST_LOG_VAR) & (together[1] < 0)))


def changes(function, first, second):
    """Largest change of any output from one argument to another."""
    function = jax.jit(function)
    pairs = zip(
        jax.tree.leaves(function(first)), jax.tree.leaves(function(second)), strict=True
    )
    return max(float(jnp.max(jnp.abs(a - b))) for a, b in pairs)


@pytest.mark.parametrize("name", ["norm", "concat", "classes"])
def test_what_networks_see(name):
    sizes = VARIANTS[name]
    image, z, view, label = given(sizes)
    encode, encoder = made(encoder_network, sizes)
    decode, decoder = made(decoder_network, sizes)
    judge, critic = made(critic_network, sizes)
    by_view = changes(lambda v: encode(encoder, image, v, label), view, -view)
    assert (by_view > 0) == (name != "concat")
    assert changes(lambda v: decode(decoder, z, v, label), view, -view) > 1e-3
    assert changes(lambda v: judge(critic, image, z, v, label), view, -view) > 1e-3
    by_class = changes(lambda k: decode(decoder, z, view, k), label, label[::-1])
    assert (by_class > 0) == (name == "classes")
    by_class = changes(lambda k: judge(critic, image, z, view, k), label, label[::-1])
    assert (by_class > 0) == (name == "classes")
    assert changes(lambda k: encode(encoder, image, view, k), label, label[::-1]) == 0


@pytest.mark.parametrize("name", ["norm", "no joint"])
def test_only_a_joint_layer_sees_what_belongs_together(name):
    """A sum of a function of the picture and one of the latent has no such part."""
    sizes = VARIANTS[name]
    image, z, view, label = given(sizes, 2)
    view, label = view[:1].repeat(4, 0), label[:1].repeat(4, 0)
    judge, critic = made(critic_network, sizes)
    first, second = jnp.array([0, 0, 1, 1]), jnp.array([0, 1, 0, 1])
    values = jax.jit(judge)(critic, image[first], z[second], view, label)
    mixed = float(jnp.abs(values @ jnp.array([1.0, -1, -1, 1])))
    assert mixed < 1e-5 if name == "no joint" else mixed > 1e-3


def test_a_pyramid_adds_what_each_layer_says():
    """A number that the coarsest layer says everywhere, and one that the last says."""
    decode, params = made(decoder_network, VARIANTS["pyramid"])
    _, z, view, label = given(SMALL)
    assert [len(layer["kernel"]) for layer in params["pyramid"]] == [8, 4]
    first = jax.jit(decode)(params, z, view, label)
    params["pyramid"][0]["bias"] += 2.0
    params["last"]["bias"] += 0.5
    then = jax.jit(decode)(params, z, view, label)
    np.testing.assert_allclose(then - first, 2.5, rtol=1e-4)
    plain, fewer = made(decoder_network, SMALL)
    assert not fewer["pyramid"]
    assert jax.jit(plain)(fewer, z, view, label).shape == first.shape


def test_depth_from_raw():
    raw = jnp.linspace(-30, 30, 301)
    depth = depth_from_raw(raw, 0.5, 2.5)
    assert float(depth.min()) >= 0.5 and bool(jnp.all(jnp.diff(depth) >= 0))
    np.testing.assert_allclose(depth_from_raw(jnp.zeros(()), 0.5, 2.5), 1.5, rtol=1e-6)
    slope = jax.vmap(jax.grad(lambda x: depth_from_raw(x, 0.5, 2.5)))(raw)
    assert bool(jnp.all((slope > 0) & (slope <= 1.0)))


def test_sample_latent():
    mean, log_var = jnp.array([1.0, -2.0]), jnp.log(jnp.array([0.25, 4.0]))
    keys = jax.random.split(jax.random.key(0), 20_000)
    drawn = jax.vmap(sample_latent, (0, None, None))(keys, mean, log_var)
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.06)
    np.testing.assert_allclose(drawn.std(0), [0.5, 2.0], rtol=0.03)


@pytest.mark.parametrize("make", [encoder_network, decoder_network, critic_network])
@pytest.mark.parametrize("change", [{"pixels": 24}, {"conditioning": "other"}])
def test_sizes_that_no_network_has(make, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        make(SMALL._replace(**change))
