"""Pairs of guessed and true objects, and the numbers of nodes that follow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.lido.evaluate import true_nodes
from experiments.lido.examples import median_errors, uniform_draw
from experiments.lido.guesses import in_order_of, pair_objects, precision_and_recall
from ivg.data.perturb import Perturbation, perturb_tabletop
from ivg.data.tabletop import sample_globals, sample_tabletop
from ivg.scene.shapes.families import tabletop_library

NAN = np.full(3, np.nan)


def test_pairs_are_near_of_one_class_and_used_once():
    true = np.array([[0, 10, 10], [0, 30, 10], [1, 12, 10], NAN])
    guessed = np.array([[0, 14, 10], [0, 11, 10], [1, 60, 60], [1, 12, 14], NAN])
    pairs = pair_objects(guessed, true, 25.0)
    np.testing.assert_array_equal(pairs, [0, 1, -1, 2, -1])
    np.testing.assert_array_equal(pair_objects(guessed, true, 3.9), [-1, 0, -1, -1, -1])


def test_truths_take_the_places_of_their_guesses():
    table = sample_globals(jax.random.key(0), 3)
    truths = jax.tree.map(lambda x: jnp.stack([x, x]), table).replace(
        position_m=jnp.arange(12.0).reshape(2, 3, 2), mask=jnp.ones((2, 3), bool)
    )
    found = in_order_of(truths, np.array([[2, -1, 0], [-1, 1, -1]]))
    np.testing.assert_array_equal(found.mask, [[1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(found.position_m[0, [0, 2]], [[4, 5], [0, 1]])
    np.testing.assert_array_equal(found.position_m[1, 1], [8, 9])
    np.testing.assert_array_equal(found.camera_height_m, truths.camera_height_m)


def test_precision_and_recall():
    table = sample_globals(jax.random.key(0), 3)
    two = jax.tree.map(lambda x: jnp.stack([x, x]), table)
    guesses = two.replace(mask=np.array([[1, 1, 1], [1, 0, 0]], bool))
    truths = two.replace(mask=np.array([[1, 1, 1], [1, 1, 0]], bool))
    pairs = np.array([[0, -1, 2], [1, -1, -1]])
    assert precision_and_recall(guesses, truths, pairs) == (3 / 4, 3 / 5)
    none = two.replace(mask=np.zeros((2, 3), bool))
    assert precision_and_recall(none, none, np.full((2, 3), -1)) == (0, 0)


def test_nodes_are_those_of_the_guesses():
    index = np.array([[[-1, 0], [1, 2]], [[3, 3], [0, 1]]])
    pairs = np.array([[1, -1, 0], [-1, -1, 2]])
    nodes = true_nodes(index, pairs)
    np.testing.assert_array_equal(nodes[0], [[-1, 0], [3, 1]])
    np.testing.assert_array_equal(nodes[1], [[3, 3], [0, -2]])


def test_errors_are_measured_in_the_terms_in_which_they_are_made():
    library, keys = tabletop_library(), jax.random.split(jax.random.key(0), 200)
    one = sample_tabletop(keys[0], library)
    spread = Perturbation(camera_height=0.02, strength=0.2, light_rad=0.2)
    truths = jax.tree.map(lambda x: jnp.broadcast_to(x, (200, *x.shape)), one)
    truths = truths.replace(
        ambient=jnp.full(200, 0.5), directional=jnp.ones(200),
        light_elevation_rad=jnp.full(200, 0.8), colour=0 * truths.colour + 0.5,
        ground_colour=0 * truths.ground_colour + 0.5,
        camera_elevation_rad=jnp.full(200, 0.6), camera_height_m=jnp.full(200, 0.4),
    )  # fmt: skip

    def disturb(key, truth):
        return perturb_tabletop(key, truth, spread, uniform_draw)

    found = median_errors(jax.jit(jax.vmap(disturb))(keys, truths), truths)
    for name, width in vars(spread).items():
        # Half of a uniform error is less than half its width.
        assert getattr(found, name) == pytest.approx(width / 2, rel=0.15), name
