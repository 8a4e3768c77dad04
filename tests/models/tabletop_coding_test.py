"""Latents as numbers: what goes in comes out, and the layout is the paper's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivg.data.perturb import Perturbation, perturb_tabletop
from ivg.data.tabletop import sample_globals
from ivg.models.tabletop_coding import (
    AZIMUTH_INPUTS,
    SIDE_INPUTS,
    Prediction,
    blend_opinions,
    clip_opinions,
    decode_prediction,
    encode_inputs,
    encode_latents,
    encode_target,
    encode_votes,
    opinions_of_table,
)
from ivg.models.votes import masked_median, unanimous_votes, vote, votes_of_table
from ivg.numerics import wrap_angle
from ivg.scene.tabletop import carry_objects, seen_objects, tabletop_camera


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
    small = Perturbation(position_px=4, size=0.1, camera_elevation_rad=0.03)
    table = perturb_tabletop(jax.random.key(seed + 10), truth, small)
    votes = jax.tree.map(lambda x: 0.98 * x, unanimous_votes(table))
    target = encode_target(truth, table, votes)
    assert max(np.abs(target.position).max(), np.abs(target.size).max()) < 5
    said = target.replace(azimuth=jax.nn.one_hot(target.azimuth, 360))
    found = decode_prediction(said, table, votes)
    turned = wrap_angle(found.azimuth_rad - truth.azimuth_rad)
    assert np.abs(turned).max() <= np.deg2rad(0.51)
    light = wrap_angle(found.votes.light_azimuth_rad - truth.light_azimuth_rad)
    assert np.abs(light).max() < 1e-5
    expected = everyone(carry_objects(truth, table)).replace(
        azimuth_rad=found.azimuth_rad,
        votes=unanimous_votes(truth).replace(
            light_azimuth_rad=found.votes.light_azimuth_rad
        ),
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=3e-5)


def nothing():
    return Prediction(
        jnp.zeros((7, 2)), jnp.zeros(7), jax.nn.one_hot(jnp.zeros(7, int), 360),
        jnp.zeros((7, 5)), jnp.zeros((7, 2)), jnp.zeros((7, 3)), jnp.zeros((7, 3)),
    )  # fmt: skip


def test_zeros_change_nothing():
    table = example(0).replace(mask=jnp.ones(7, bool), light_azimuth_rad=jnp.array(0.5))
    found = decode_prediction(nothing(), table, unanimous_votes(table))
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(everyone(table)), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_units_are_seen_in_the_picture():
    """One unit to the right and down is four of 256 pixels, whatever the camera."""
    table = example(0).replace(mask=jnp.ones(7, bool))
    said = nothing().replace(position=jnp.ones((7, 2)), size=jnp.ones(7))
    found = decode_prediction(said, table, unanimous_votes(table), 0.7)
    moved = table.replace(position_m=found.position_m, size_m=found.size_m)
    camera = tabletop_camera(table, height=256, width=256, fov_rad=0.7)
    before, after = seen_objects(table, camera), seen_objects(moved, camera)
    np.testing.assert_allclose(after[0] - before[0], np.full((7, 2), 4), atol=4e-3)
    np.testing.assert_allclose(after[1] / before[1], np.exp(0.1), rtol=1e-5)


def test_no_step_turns_an_object_around():
    """The other end is surer than what is near, and is left alone."""
    table = example(0).replace(mask=jnp.ones(7, bool))
    logits = jax.nn.one_hot(jnp.full(7, 180), 360) * 9
    logits += jax.nn.one_hot(jnp.array([0, 20, 40, 59, 301, 340, 350]), 360) * 7
    said = nothing().replace(azimuth=logits)
    found = decode_prediction(said, table, unanimous_votes(table))
    turned = np.rad2deg(found.azimuth_rad - table.azimuth_rad)
    np.testing.assert_allclose(turned, [0, 20, 40, 59, -59, -20, -10], atol=1e-2)


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


def test_what_changes_its_sign_from_left_to_right():
    """Numbers of a reflected table-top whose objects disagree about the light."""
    table = example(0)
    votes = unanimous_votes(table)
    azimuths = jnp.linspace(-1.0, 1.3, 7)
    votes = votes.replace(light_azimuth_rad=azimuths)
    colours = jax.random.uniform(jax.random.key(0), (8, 3))
    reflected = table.replace(
        position_m=table.position_m * jnp.array([-1, 1]),
        azimuth_rad=-table.azimuth_rad,
        light_azimuth_rad=-table.light_azimuth_rad,
    )
    other = votes.replace(light_azimuth_rad=-azimuths)
    here = np.asarray(encode_inputs(table, votes, colours))
    there = np.asarray(encode_inputs(reflected, other, colours))
    changed = np.flatnonzero(np.abs(here - there).max(0) > 1e-3)
    sine, cosine = AZIMUTH_INPUTS
    assert set(changed) == {*SIDE_INPUTS, sine}
    np.testing.assert_allclose(there[:, changed], -here[:, changed], atol=1e-5)
    turned = table.replace(azimuth_rad=np.pi - table.azimuth_rad)
    away = np.asarray(encode_inputs(turned, votes, colours)) - here
    assert set(np.flatnonzero(np.abs(away).max(0) > 1e-3)) == {cosine}


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
