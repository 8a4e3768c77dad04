"""Latents as numbers: what goes in comes out, and the layout is the paper's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivg.data.perturb import perturb_tabletop
from ivg.data.tabletop import sample_globals
from ivg.models.tabletop_coding import (
    Prediction,
    blend_opinions,
    clip_opinions,
    decode_prediction,
    encode_latents,
    encode_target,
    encode_votes,
    opinions_of_table,
)
from ivg.models.votes import masked_median, unanimous_votes, vote, votes_of_table
from ivg.numerics import wrap_angle


def example(seed):
    rng = np.random.default_rng(seed)
    table = sample_globals(jax.random.key(seed))
    return table.replace(
        class_id=jnp.asarray(rng.integers(0, 3, 7)),
        shape=jnp.asarray(rng.integers(0, 6, 7)),
        position_m=jnp.asarray(rng.uniform((-0.3, -0.9), (0.3, -0.3), (7, 2)), float),
        size_m=jnp.asarray(rng.uniform(0.08, 0.16, 7), float),
        azimuth_rad=jnp.asarray(rng.uniform(0, 6.28, 7), float),
        colour=jnp.asarray(rng.uniform(0, 1, (7, 3)), float),
        mask=jnp.asarray([True] * 5 + [False] * 2),
        camera_height_m=jnp.array(0.4),
        camera_elevation_rad=jnp.array(0.5),
    )


def everyone(table):
    return opinions_of_table(table, unanimous_votes(table))


@pytest.mark.parametrize("seed", range(3))
def test_what_the_network_should_say_means_the_truth(seed):
    truth = example(seed).replace(mask=jnp.ones(7, bool))
    table = perturb_tabletop(jax.random.key(seed + 10), truth)
    near = truth.position_m + 0.2 * (table.position_m - truth.position_m)
    table = table.replace(position_m=near)
    target = encode_target(everyone(truth), table)
    said = target.replace(azimuth=jax.nn.one_hot(target.azimuth, 360))
    found = decode_prediction(said, table)
    turned = wrap_angle(found.azimuth_rad - truth.azimuth_rad)
    assert np.abs(turned).max() <= np.deg2rad(0.51)
    light = wrap_angle(found.votes.light_azimuth_rad - truth.light_azimuth_rad)
    assert np.abs(light).max() < 1e-5
    same = found.replace(azimuth_rad=truth.azimuth_rad)
    same = same.replace(
        votes=same.votes.replace(
            light_azimuth_rad=unanimous_votes(truth).light_azimuth_rad
        )
    )
    for a, b in zip(
        jax.tree.leaves(same), jax.tree.leaves(everyone(truth)), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_positions_are_seen_from_the_object():
    """An object turned by 90 degrees has its own z axis along the world's x axis."""
    table = example(0).replace(azimuth_rad=jnp.full(7, np.pi / 2))
    ahead = jnp.zeros((7, 2)).at[:, 1].set(1.0)
    zeros = Prediction(
        ahead, jnp.zeros(7), jnp.zeros((7, 360)), jnp.zeros((7, 5)), jnp.zeros((7, 2)),
        jnp.zeros((7, 3)), jnp.zeros((7, 3)),
    )  # fmt: skip
    found = decode_prediction(zeros, table).position_m - table.position_m
    expected = np.stack([0.1 * np.asarray(table.size_m), np.zeros(7)], -1)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_layout_of_the_latents():
    table = example(1)
    votes = unanimous_votes(table)
    votes = votes.replace(ambient=votes.ambient + 0.1)
    z = np.asarray(encode_latents(table, votes))
    assert z.shape == (7, 70)
    np.testing.assert_array_equal(z[:, :32].sum(1), 2)
    np.testing.assert_array_equal(z[:, :3].argmax(1), table.class_id)
    first = np.array([0, 6, 21])[np.asarray(table.class_id)]
    np.testing.assert_array_equal(z[:, 3:32].argmax(1), first + table.shape)
    own, voted, difference = z[:, 40:50], z[:, 50:60], z[:, 60:]
    np.testing.assert_allclose(own, encode_votes(votes), atol=1e-6)
    shared = np.broadcast_to(encode_votes(votes_of_table(table)), (7, 10))
    np.testing.assert_allclose(voted, shared, atol=1e-6)
    np.testing.assert_allclose(difference, own - voted, atol=1e-6)


@given(
    values=st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=9),
    seed=st.integers(0, 99),
)
def test_masked_median_is_numpys(values, seed):
    mask = np.random.default_rng(seed).uniform(size=len(values)) < 0.6
    found = masked_median(jnp.asarray(values, jnp.float32), jnp.asarray(mask))
    chosen = np.asarray(values, np.float32)[mask]
    expected = np.median(chosen) if mask.any() else 0
    assert float(found) == pytest.approx(float(expected), abs=1e-6)


def test_the_median_azimuth_knows_the_circle():
    table = example(2)
    around = jnp.array([3.1, -3.1, 3.0, -3.0, 3.14, 0.0, 0.0])
    votes = unanimous_votes(table).replace(light_azimuth_rad=around)
    found = float(vote(table, votes).light_azimuth_rad)
    assert abs(found) > 3.0


def test_blending_takes_the_shorter_arc():
    now = everyone(example(0).replace(azimuth_rad=jnp.full(7, 6.2)))
    then = everyone(example(0).replace(azimuth_rad=jnp.full(7, 0.1)))
    half = blend_opinions(now, then, jnp.array(0.5))
    expected = 6.2 + 0.5 * (0.1 + 2 * np.pi - 6.2)
    np.testing.assert_allclose(half.azimuth_rad, expected, atol=1e-5)
    np.testing.assert_allclose(half.size_m, now.size_m)


def test_clipping_keeps_what_is_in_range_and_ends_what_is_not():
    opinions = everyone(example(0))
    kept = clip_opinions(opinions)
    for a, b in zip(jax.tree.leaves(opinions), jax.tree.leaves(kept), strict=True):
        np.testing.assert_array_equal(a, b)
    wild = jax.tree.map(lambda x: x + 10, opinions)
    ended = clip_opinions(wild)
    np.testing.assert_array_equal(ended.colour, 1)
    np.testing.assert_array_equal(ended.votes.camera_height_m, 0.75)
    np.testing.assert_array_equal(ended.azimuth_rad, wild.azimuth_rad)
