"""The network of Multi-SPARC: counts, order of tokens and objects, padding, slopes."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.attention import (
    attend,
    attend_narrow,
    attention,
    dense,
    init_attention,
    init_dense,
    init_norm,
    normalize,
)
from ivg.models.multi_sparc import (
    CPU_SIZES,
    NUM_OUT,
    PAPER_SIZES,
    MultiSparcSizes,
    correspondence_network,
    encode,
    multi_sparc_network,
)
from ivg.models.network import count_parameters
from ivg.models.perceiver import PerceiverSizes, read_tokens

pytestmark = pytest.mark.usefixtures("compile_quickly")
TINY = MultiSparcSizes(
    PerceiverSizes(latents=4, width=8, cross_width=4, heads=2, head_width=4),
    num_objects=3,
)
VARIANTS = {
    "separate": TINY,
    "joint encoding": TINY._replace(encoding="joint"),
    "joint decoding": TINY._replace(decoding="joint"),
    "single": TINY._replace(relations="single"),
    "untied": TINY._replace(perceiver=TINY.perceiver._replace(is_tied=False)),
}


def make(sizes=TINY, num_tokens=7):
    keys = jax.random.split(jax.random.key(0), 3)
    network = multi_sparc_network(sizes)
    tokens = jax.random.normal(keys[1], (2, 3, num_tokens, 13))
    mask = jax.random.bernoulli(keys[2], 0.7, (2, 3, num_tokens))
    return network, network.init(keys[0]), tokens, mask, jnp.ones((2, 3), bool)


@pytest.mark.parametrize("is_tied, count", [(True, 6_929_983), (False, 10_383_065)])
def test_counts_at_paper_size(is_tied, count):
    perceiver = PAPER_SIZES.perceiver._replace(is_tied=is_tied)
    network = multi_sparc_network(PAPER_SIZES._replace(perceiver=perceiver))
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    assert count_parameters(shapes) == count


@pytest.mark.parametrize("sizes", VARIANTS.values(), ids=VARIANTS)
def test_order_of_tokens_does_not_matter(sizes):
    network, params, tokens, mask, present = make(sizes)
    expected = network.apply(params, tokens, mask, present)
    assert expected.shape == (2, 3, NUM_OUT)
    order = np.random.default_rng(0).permutation(tokens.shape[2])
    found = network.apply(params, tokens[:, :, order], mask[:, :, order], present)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["separate", "single", "untied"])
def test_swapping_objects_swaps_outputs(name):
    network, params, tokens, mask, present = make(VARIANTS[name])
    present = present.at[0, 1].set(False)
    expected = network.apply(params, tokens, mask, present)
    order = np.array([2, 0, 1])
    found = network.apply(params, *(x[:, order] for x in (tokens, mask, present)))
    np.testing.assert_allclose(found, expected[:, order], atol=1e-5)


def test_other_objects_enter_by_self_attention_alone():
    network, params, tokens, mask, present = make()
    changed = tokens.at[:, 1].set(tokens[:, 1, ::-1] ** 2)
    latents = jnp.broadcast_to(params["encoder"]["latents"], (3, 4, 8))
    read = [
        read_tokens(
            params["encoder"]["blocks"][0]["cross"],
            TINY.perceiver,
            latents,
            x[0],
            mask[0],
        )
        for x in (tokens, changed)
    ]
    np.testing.assert_array_equal(read[0][::2], read[1][::2])
    assert np.any(read[0][1] != read[1][1])
    found = [network.apply(params, x, mask, present) for x in (tokens, changed)]
    assert np.all(np.abs(found[0] - found[1]).max(-1) > 1e-6)  # they do know of it
    alone = make(VARIANTS["single"])[0]
    found = [alone.apply(params, x, mask, present) for x in (tokens, changed)]
    np.testing.assert_array_equal(found[0][:, ::2], found[1][:, ::2])


@pytest.mark.parametrize("sizes", VARIANTS.values(), ids=VARIANTS)
def test_padding_changes_nothing(sizes):
    network, params, tokens, mask, present = make(sizes)
    present = present.at[:, 2].set(False)
    expected = network.apply(params, tokens, mask, present)
    other = jnp.where(mask[..., None], tokens, 77.0).at[:, 2].set(-5.0)
    more = jnp.pad(other, ((0, 0), (0, 0), (0, 4), (0, 0)), constant_values=3.0)
    wide = jnp.pad(mask.at[:, 2].set(True), ((0, 0), (0, 0), (0, 4)))
    found = network.apply(params, more, wide, present)
    np.testing.assert_allclose(found[:, :2], expected[:, :2], atol=1e-5)


def test_fewer_objects_are_the_same_as_padding():
    network, params, tokens, mask, present = make()
    expected = network.apply(params, tokens, mask, present.at[:, 2].set(False))
    found = network.apply(params, tokens[:, :2], mask[:, :2], present[:, :2])
    np.testing.assert_allclose(found, expected[:, :2], atol=1e-5)


def test_joint_encoding_tells_objects_apart():
    network, params, tokens, mask, present = make(VARIANTS["joint encoding"])
    assert params["encoder"]["latents"].shape == (12, 8)
    found = network.apply(params, tokens, mask, present)
    assert np.abs(found[:, 0] - found[:, 1]).max() > 1e-3


@pytest.mark.parametrize("sizes", VARIANTS.values(), ids=VARIANTS)
def test_slopes_are_finite(sizes):
    network, params, tokens, mask, present = make(sizes)
    mask, present = mask.at[0, 0].set(False), present.at[1].set(False)
    tokens = tokens.at[0, 1].set(0.0)

    def total(params, tokens):
        return jnp.sum(network.apply(params, tokens, mask, present) ** 2)

    slopes = jax.jit(jax.grad(total, (0, 1)))(params, tokens)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slopes))


def test_slope_of_a_dense_layer():
    params = init_dense(jax.random.key(0), 5, 3)
    inputs = jax.random.normal(jax.random.key(1), (2, 4, 5))
    weights = jax.random.normal(jax.random.key(2), (2, 4, 3))
    found = jax.grad(lambda p, x: jnp.sum(weights * dense(p, x)), (0, 1))(
        params, inputs
    )
    flat = weights.reshape(-1, 3)
    np.testing.assert_allclose(found[0]["bias"], flat.sum(0), rtol=1e-5)
    kernel = np.einsum("bic,bid->cd", inputs, weights)
    np.testing.assert_allclose(found[0]["kernel"], kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found[1], weights @ params["kernel"].T, rtol=1e-4, atol=1e-6
    )


def test_attention_against_numpy():
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(size=(2, n, 6)) for n in (3, 5, 5))
    mask = np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
    found = attention(*map(jnp.asarray, (query, key, value, mask)), 2)
    expected = np.zeros((2, 3, 6))
    for head in (slice(0, 3), slice(3, 6)):
        for q in range(3):
            scores = key[0, :, head] @ query[0, q, head] / math.sqrt(3)
            weights = np.where(mask[0], np.exp(scores), 0)
            expected[0, q, head] = weights @ value[0, :, head] / weights.sum()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_narrow_attention_is_the_same():
    keys = jax.random.split(jax.random.key(0), 4)
    params = init_attention(keys[0], 8, 13, 2, 6)
    queries = jax.random.normal(keys[1], (3, 4, 8))
    context = jax.random.normal(keys[2], (3, 9, 13))
    mask = jax.random.bernoulli(keys[3], 0.6, (3, 9)).at[1].set(False)
    expected = attend(params, queries, context, mask, 2)
    found = attend_narrow(params, queries, context, mask, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_normalized_channels():
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (5, 16))
    found = normalize(init_norm(16), x)
    np.testing.assert_allclose(found.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(found.var(-1), 1, atol=1e-3)
    slope = jax.grad(lambda x: normalize(init_norm(4), x)[0])(jnp.ones(4))
    assert np.isfinite(slope).all()


def test_correspondences_belong_to_their_tokens():
    network = correspondence_network(TINY)
    _, _, tokens, mask, present = make()
    params = network.init(jax.random.key(0))
    points = network.apply(params, tokens, mask, present, tokens)
    assert points.shape == (2, 3, 7, 3)
    order = np.array([3, 1, 2, 0, 6, 5, 4])
    found = network.apply(params, tokens, mask, present, tokens[:, :, order])
    np.testing.assert_allclose(found, points[:, :, order], atol=1e-5)
    encoded = encode(params["encoder"], TINY, tokens, mask, present)
    assert encoded.shape == (2, 3, 4, 8)


@pytest.mark.parametrize(
    "change",
    [{"encoding": "both"}, {"decoding": ""}, {"relations": "none"},
     {"relations": "single", "decoding": "joint"}],
)  # fmt: skip
def test_unknown_variants(change):
    with pytest.raises(ValueError):
        multi_sparc_network(CPU_SIZES._replace(**change))
