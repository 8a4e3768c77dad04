"""Pairs of guessed and true objects, and the numbers of nodes that follow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.lido.evaluate import true_nodes
from experiments.lido.examples import median_errors, uniform_draw
from experiments.lido.guesses import pair_objects
from ivg.data.perturb import Perturbation, perturb_tabletop
from ivg.data.tabletop import sample_tabletop
from ivg.scene.shapes.families import tabletop_library

NAN = np.full(3, np.nan)


def test_pairs_are_near_of_one_class_and_used_once():
    true = np.array([[0, 10, 10], [0, 30, 10], [1, 12, 10], NAN])
    guessed = np.array([[0, 14, 10], [0, 11, 10], [1, 60, 60], [1, 12, 14], NAN])
    pairs = pair_objects(guessed, true, 25.0)
    np.testing.assert_array_equal(pairs, [0, 1, -1, 2, -1])
    np.testing.assert_array_equal(pair_objects(guessed, true, 3.9), [-1, 0, -1, -1, -1])


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
