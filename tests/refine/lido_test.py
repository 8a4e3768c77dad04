"""LiDO: what a perfect predictor leaves, votes, brightness, coming to rest."""

import functools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.perturb import Perturbation, perturb_tabletop
from ivg.data.tabletop import sample_globals
from ivg.energy.tabletop import display, render_tabletop
from ivg.models.network import Network
from ivg.models.tabletop_coding import encode_inputs, encode_target, opinions_of_table
from ivg.models.views import view_cycle
from ivg.models.votes import unanimous_votes, vote
from ivg.numerics import wrap_angle
from ivg.refine.lido import (
    brightness_factors,
    comparison_pixels,
    lido_refiner,
    match_brightness,
    match_colours,
    network_predictor,
    render_for_comparison,
    step_size,
)
from ivg.refine.refiner import refine
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import carry_objects, contact_px, tabletop_camera

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 64


@functools.cache
def library():
    return tabletop_library()


def truth():
    table = sample_globals(jax.random.key(3))
    return table.replace(
        camera_height_m=jnp.array(0.4),
        camera_elevation_rad=jnp.array(0.6),
        light_azimuth_rad=jnp.array(0.2),
        class_id=jnp.array([0, 1, 2, 0, 0, 0, 0]),
        shape=jnp.array([1, 2, 3, 0, 0, 0, 0]),
        position_m=jnp.zeros((7, 2))
        .at[:3]
        .set(jnp.array([[-0.1, -0.5], [0.12, -0.55], [0.0, -0.38]])),
        size_m=jnp.array([0.09, 0.18, 0.14, 0.1, 0.1, 0.1, 0.1]),
        azimuth_rad=jnp.array([0.1, 2.0, 6.2, 0.0, 0.0, 0.0, 0.0]),
        colour=jnp.full((7, 3), 0.5),
        mask=jnp.arange(7) < 3,
    )


def start():
    spread = Perturbation(light_rad=0.3, strength=0.2)
    return perturb_tabletop(jax.random.key(1), truth(), spread)


def oracle(step, patches, colours, table, votes):
    del step, patches, colours, votes
    seen = carry_objects(truth(), table)
    return opinions_of_table(seen, unanimous_votes(truth()))


@functools.cache
def picture():
    shapes = library()
    draw = jax.jit(lambda t: render_tabletop(t, shapes, height=SIZE, width=SIZE))
    return jnp.clip(draw(truth()), 0, 1)


@functools.cache
def _compare():
    shapes = library()
    return jax.jit(lambda table, seen: render_for_comparison(table, seen, shapes))


def compare(table, seen):
    return _compare()(jax.tree.map(np.asarray, table), seen)


@functools.cache
def explainer(tolerance=0.0):
    """Function of first latents: 30 steps of the oracle, compiled once for all."""
    refiner, seen = lido_refiner(oracle, library(), tolerance=tolerance), picture()

    @jax.jit
    @chex.assert_max_traces(1)
    def explain(first):
        return refine(refiner, first, seen, 30)

    return lambda first: explain(jax.tree.map(np.asarray, first))  # no weak types


CAMERA = ("camera_height_m", "camera_elevation_rad")


def test_a_perfect_predictor_leaves_one_part_in_31():
    cameras = {name: getattr(truth(), name) for name in CAMERA}
    first = start().replace(**cameras)
    found = explainer()(first).params
    for name in set(truth().__dataclass_fields__) - set(CAMERA):
        if name in ("class_id", "shape", "mask"):
            np.testing.assert_array_equal(getattr(found, name), getattr(truth(), name))
            continue
        angle = wrap_angle if "azimuth" in name else jnp.asarray
        before = angle(getattr(first, name) - getattr(truth(), name))
        after = angle(getattr(found, name) - getattr(truth(), name))
        if before.ndim:
            before, after = before[:3], after[:3]
        assert np.abs(before).max() > 1e-4, name
        np.testing.assert_allclose(after, before / 31, rtol=1e-3, atol=3e-6)


def test_while_the_camera_moves_objects_stay_in_the_picture():
    first = carry_objects(truth(), start())
    path = explainer()(first).trajectory
    for name in CAMERA:
        error = np.abs(getattr(path, name) - getattr(truth(), name))
        assert error[-1] == pytest.approx(error[0] / 31, rel=1e-3, abs=3e-6)

    def seen(table):
        camera = tabletop_camera(table, height=SIZE, width=SIZE)
        pixel, depth = contact_px(table, camera)
        return pixel[:3], (table.size_m / depth)[:3]

    pixels, sizes = jax.jit(jax.vmap(seen))(path)
    np.testing.assert_allclose(pixels, pixels[:1].repeat(31, 0), atol=2e-3)
    np.testing.assert_allclose(sizes, sizes[:1].repeat(31, 0), rtol=1e-4)
    assert np.abs(path.position_m[0] - path.position_m[-1])[:3].max() > 1e-4


def test_step_sizes():
    sizes = [float(step_size(t)) for t in range(30)]
    assert sizes[:3] == pytest.approx([1 / 2, 1 / 3, 1 / 4])
    assert sum(sizes) == pytest.approx(3.03, abs=0.005)
    assert math.prod(1 - s for s in sizes) == pytest.approx(1 / 31)
    predictions = np.random.default_rng(0).normal(size=30)
    value = 5.0
    for size, prediction in zip(sizes, predictions, strict=True):
        value += size * (prediction - value)
    assert value == pytest.approx(np.mean([5.0, *predictions]), abs=1e-6)


def test_the_network_sees_one_view_after_the_other():
    """One that calls everything redder and further right than it is."""

    def apply(params, patches, latents, key=None):
        said = jax.tree.map(jnp.zeros_like, encode_target(truth(), truth(), votes))
        return said.replace(
            position=said.position.at[:, 0].set(1), colour=said.colour.at[:, 0].set(1),
            azimuth=jnp.zeros((7, 360)),
        )  # fmt: skip

    votes = unanimous_votes(truth())
    predict = network_predictor(Network(None, apply), None, views=view_cycle())
    given = jnp.zeros((7, 64, 64, 9)), jnp.full((8, 3), 0.5), truth(), votes
    said = [predict(jnp.int32(step), *given) for step in range(7)]
    redder = np.stack([s.colour[0] - truth().colour[0] for s in said])
    right = np.array([s.position_m[0, 0] - truth().position_m[0, 0] for s in said])
    assert np.argmax(redder, 1).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert np.sum(np.abs(redder) > 1e-4) == 7
    assert np.sign(right).tolist() == [1, -1, 1, -1, 1, -1, 1]
    assert abs(right[:6].mean()) < 1e-3 * abs(right[0])


def test_one_biased_object_does_not_move_what_all_share():
    fair = unanimous_votes(truth())
    biased = jax.tree.map(lambda x: x.at[1].add(0.3), fair)
    voted = vote(truth(), biased)
    for name in fair.__dataclass_fields__:
        np.testing.assert_allclose(
            getattr(voted, name), getattr(truth(), name), atol=1e-6
        )


def test_brightness_of_a_picture_that_is_explained_stays():
    seen = compare(truth(), picture())
    np.testing.assert_allclose(seen.rendered, picture(), atol=1e-6)
    colours = np.concatenate([truth().ground_colour[None], truth().colour])
    np.testing.assert_allclose(seen.colours, colours, atol=1e-6)


def test_colours_that_alone_are_wrong_are_told():
    """But for the pixels of outlines, which have the colours of two elements."""
    wrong = truth().replace(
        colour=truth().colour * jnp.array([0.6, 0.8, 0.9]),
        ground_colour=truth().ground_colour * jnp.array([1.1, 0.8, 0.7]),
    )
    seen = compare(wrong, picture())
    np.testing.assert_allclose(seen.colours[0], truth().ground_colour, rtol=2e-3)
    np.testing.assert_allclose(seen.colours[1:4], truth().colour[:3], rtol=0.1)
    np.testing.assert_array_equal(seen.colours[4:], wrong.colour[3:])  # empty places
    encoded = encode_inputs(wrong, unanimous_votes(wrong), seen.colours)
    goal = encode_target(truth(), wrong, unanimous_votes(wrong))
    np.testing.assert_allclose(encoded[:3, 70:73], goal.colour[:3], atol=0.25)
    np.testing.assert_allclose(encoded[:3, 73:], goal.ground_colour[:3], atol=0.01)


def test_matched_colours_are_colours():
    rendered = np.full((2, 2, 3), [0.1, 0.1, 0], np.float32)
    index = np.array([[0, 0], [1, -1]])
    colours = jnp.array([[0.5, 0.1, 0.2], [0.5, 0.5, 0.5], [0.3, 0.2, 0.1]])
    found = match_colours(rendered, jnp.ones((2, 2, 3)), index, colours)
    expected = [[1, 1, 0.2], [1, 1, 0.5], [0.3, 0.2, 0.1]]  # black or unseen: as it is
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_brightness_is_a_ratio_of_sums_over_each_mask():
    rng = np.random.default_rng(0)
    rendered, observed = rng.uniform(size=(2, 8, 9, 3)).astype(np.float32)
    index = rng.integers(-1, 3, (8, 9)).astype(np.int32)
    factors = brightness_factors(rendered, observed, index, 5)
    for node in range(3):
        mask = index == node
        expected = observed[mask].sum() / rendered[mask].sum()
        assert float(factors[node]) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(factors[3:], 1)
    matched = np.asarray(match_brightness(rendered, observed, index, 5))
    np.testing.assert_array_equal(matched[index < 0], rendered[index < 0])
    for node in range(3):
        mask = index == node
        assert matched[mask].sum() == pytest.approx(observed[mask].sum(), rel=1e-5)
    black = brightness_factors(np.zeros_like(rendered), observed, index, 5)
    np.testing.assert_array_equal(black, 1)


def test_patches_are_windows_about_the_contact_points():
    camera = tabletop_camera(truth(), height=SIZE, width=SIZE)
    at = np.round(contact_px(truth(), camera)[0]).astype(int)
    picture = np.random.default_rng(0).random((SIZE, SIZE, 3), np.float32)
    shown = np.pad(np.asarray(display(picture)), ((32, 32), (32, 32), (0, 0)))
    pixels = np.asarray(jax.jit(comparison_pixels)(truth(), picture))
    for (column, row), patch in zip(at[:3], pixels, strict=False):
        window = shown[row + 16 : row + 48, column + 16 : column + 48]
        halved = window.reshape(16, 2, 16, 2, 3).mean((1, 3))
        np.testing.assert_allclose(patch, halved, atol=1e-6)


def test_it_comes_to_rest():
    found = explainer(tolerance=0.01)(start())
    change = np.asarray(found.info["change"])
    first = int(np.argmax(change < 0.01))
    assert 0 < first < 29
    np.testing.assert_array_equal(change[first + 1 :], 0)
    np.testing.assert_array_equal(
        found.trajectory.position_m[first + 1], found.params.position_m
    )


def test_without_objects_nothing_moves():
    empty = start().replace(mask=jnp.zeros(7, bool))
    found = explainer()(empty).params
    for before, after in zip(
        jax.tree.leaves(empty), jax.tree.leaves(found), strict=True
    ):
        np.testing.assert_allclose(after, before, atol=1e-6)
