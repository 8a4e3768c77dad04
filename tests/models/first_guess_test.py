"""First guesses: what perfect networks say is the truth; labels and windows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.tabletop import sample_globals
from ivg.models.backbones import small_cnn
from ivg.models.detector import Detections, cell_centres, detector_head
from ivg.models.first_guess import (
    GuessNetworks,
    angle_of_bin,
    azimuth_bin,
    detect,
    first_guess,
    grid_labels,
    guess_targets,
    init_guess,
    share_of_size,
    size_of_share,
    table_from_votes,
    windows,
)
from ivg.models.initializer import initializer_network
from ivg.models.votes import VOTE_FIELDS
from ivg.numerics import wrap_angle
from ivg.scene.tabletop import tabletop_bounds

SIZE = 256


def truth(seed=0):
    rng = np.random.default_rng(seed)
    table = sample_globals(jax.random.key(seed))
    return table.replace(
        camera_height_m=jnp.array(0.4),
        camera_elevation_rad=jnp.array(0.6),
        class_id=jnp.array([0, 1, 2, 0, 1, 0, 0]),
        shape=jnp.array([5, 14, 7, 0, 3, 0, 0]),
        position_m=jnp.asarray(rng.uniform((-0.2, -0.8), (0.2, -0.4), (7, 2)), float),
        size_m=jnp.array([0.08, 0.18, 0.14, 0.09, 0.16, 0.1, 0.1]),
        azimuth_rad=jnp.asarray(rng.uniform(0, 6.2, 7), float),
        colour=jnp.asarray(rng.uniform(0, 1, (7, 3)), float),
        mask=jnp.arange(7) < 5,
    )


def perfect(table):
    targets = guess_targets(table, SIZE)
    detections = Detections(
        targets.class_id, jnp.ones(7), targets.position_px, targets.size, targets.mask
    )
    votes = targets.votes
    return detections, votes.replace(
        shape=jax.nn.one_hot(votes.shape, 15),
        azimuth=jax.nn.one_hot(votes.azimuth, 18),
        light_azimuth=jax.nn.one_hot(votes.light_azimuth, 18),
    )


@pytest.mark.parametrize("seed", range(3))
def test_perfect_networks_give_the_truth(seed):
    expected = truth(seed)
    found, votes = table_from_votes(*perfect(expected), SIZE)
    assert votes.ambient.shape == (7,)
    for name in ("class_id", "shape", "mask"):
        np.testing.assert_array_equal(
            getattr(found, name)[:5], getattr(expected, name)[:5]
        )
    for name in ("position_m", "size_m", "colour"):
        np.testing.assert_allclose(
            getattr(found, name)[:5], getattr(expected, name)[:5], atol=1e-4
        )
    for name in ("camera_height_m", "camera_elevation_rad", "ambient", "directional"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), atol=1e-5
        )
    half_bin = np.pi / 18 + 1e-5
    for name in ("azimuth_rad", "light_azimuth_rad"):
        off = wrap_angle(getattr(found, name) - getattr(expected, name))
        assert np.abs(np.atleast_1d(off)[:5]).max() <= half_bin


def test_a_contact_point_above_the_horizon_stays_within_the_bounds():
    detections, votes = perfect(truth())
    above = detections.replace(position_px=jnp.full((7, 2), -500.0))
    found, _ = table_from_votes(above, votes, SIZE)
    assert np.isfinite(found.position_m).all() and np.isfinite(found.size_m).all()
    assert (np.asarray(found.position_m)[:, 1] >= -2.5).all()


def test_bins_and_shares_go_back():
    angles = np.linspace(-7, 7, 99)
    back = angle_of_bin(azimuth_bin(jnp.asarray(angles)))
    assert np.abs(wrap_angle(back - angles)).max() <= np.pi / 18 + 1e-5
    sizes = np.geomspace(4, 400, 9)
    np.testing.assert_allclose(size_of_share(share_of_size(sizes)), sizes, rtol=1e-5)


def test_labels_against_a_loop():
    targets = guess_targets(truth(1), SIZE)
    centres = cell_centres(33, 33)
    label, size, weight = map(np.asarray, grid_labels(targets, centres))
    places = np.asarray(targets.position_px)
    for row in range(33):
        for column in range(33):
            away = np.abs(places[:5] - (8 * column, 8 * row)).max(-1)
            nearest = int(np.argmin(away))
            is_object = away[nearest] <= 8
            kind = int(targets.class_id[nearest]) if is_object else 3
            assert label[row, column] == kind
            assert weight[row, column] == (is_object or away[nearest] > 14)
            if is_object:
                assert size[row, column] == targets.size[nearest]
    assert (label < 3).sum() >= 5


NETWORKS = GuessNetworks(
    small_cnn((4, 4, 4)), detector_head(4, 4, 8), initializer_network(4, width=4)
)


def test_a_window_is_what_a_cell_of_the_grid_sees():
    params = init_guess(NETWORKS, jax.random.key(0))
    picture = jax.random.uniform(jax.random.key(1), (64, 64, 3))
    features, grid = jax.jit(lambda p: detect(NETWORKS, params, p))(picture)
    assert features.shape == (24, 24, 4) and grid.size.shape == (9, 9)
    cut = windows(features, jnp.array([[16.0, 40.0]]))
    alone = NETWORKS.detector.apply(params["detector"], cut)
    np.testing.assert_allclose(alone.size[0, 0, 0], grid.size[5, 2], rtol=1e-4)


def test_guesses_are_deterministic_and_in_range():
    params = init_guess(NETWORKS, jax.random.key(0))
    guess = jax.jit(lambda p: first_guess(NETWORKS, params, p, min_score=0.0))
    picture = jax.random.uniform(jax.random.key(1), (SIZE, SIZE, 3))
    table, votes, detections = guess(picture)
    assert detections.mask.all() and table.mask.shape == (7,)
    for a, b in zip(
        jax.tree.leaves(table), jax.tree.leaves(guess(picture)[0]), strict=True
    ):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()
    assert votes.ground_colour.shape == (7, 3)
    nothing, _, _ = jax.jit(lambda p: first_guess(NETWORKS, params, p, min_score=1.1))(
        picture
    )
    assert not nothing.mask.any()
    bounds = tabletop_bounds()
    for name in VOTE_FIELDS:
        value = np.asarray(getattr(nothing, name))
        assert (getattr(bounds.lower, name) < value).all()
        assert (value < getattr(bounds.upper, name)).all()
