"""First poses: where they are, what they leave to do, how many are accurate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ivg.data.first_poses import (
    StartSpread,
    first_placements,
    masked_median,
    median_depths,
    sample_scored,
    sample_starts,
    turn_about,
)
from ivg.data.sparse_tokens import box_tokens, make_sight
from ivg.metrics.alignment import is_accurate
from ivg.scene.indoor import Placement
from tests.data.sparse_tokens_test import make_picture, make_placement

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZES_M = jnp.asarray(np.random.default_rng(1).uniform(0.3, 2, (9, 3)), jnp.float32)


def make_observed():
    sight = make_sight(make_picture())
    return sight, box_tokens(jax.random.key(0), sight, 200)


def test_median():
    values, mask = jnp.array([5.0, 1, 9, 3, 7]), jnp.array([1, 1, 0, 1, 1], bool)
    assert masked_median(values, mask, 0.0) == 5
    assert masked_median(values, mask.at[1].set(False), 0.0) == 5
    assert masked_median(values, jnp.zeros(5, bool), 3.5) == 3.5
    assert masked_median(values, jnp.ones(5, bool), 0.0) == 5


def test_median_depths():
    picture = make_picture()
    picture = picture._replace(
        depth=jnp.where(picture.owner == 0, 2.0, 5.0),
        owner=jnp.where(picture.owner == 0, 0, -1),
    )
    tokens = box_tokens(jax.random.key(0), make_sight(picture), 200)
    np.testing.assert_allclose(median_depths(tokens)[0], 2)
    np.testing.assert_allclose(median_depths(tokens)[1], 5)  # the mask is empty
    assert median_depths(tokens)[2] == 3  # nothing is there


def test_four_starts():
    sight, tokens = make_observed()
    starts = first_placements(sight, tokens, SIZES_M, 0.3)
    assert starts.position.shape == (4, 3, 3)
    expected = Rotation.from_euler("x", 0.3) * Rotation.from_euler("y", 1.5 * np.pi)
    found = Rotation.from_quat(starts.quaternion[3, 0], scalar_first=True)
    assert (found.inv() * expected).magnitude() < 1e-5
    np.testing.assert_array_equal(starts.size[1], SIZES_M[:3])
    box = np.asarray(sight.detections.box_px)
    middle = (box[:, :2] + box[:, 2:]) / 2
    x, y, z = np.asarray(starts.position[0]).T
    focal = float(sight.camera.focal_px[0])
    seen = np.stack([focal * x / -z + 16, -focal * y / -z + 12], -1)
    np.testing.assert_allclose(seen, middle, atol=1e-3)
    np.testing.assert_allclose(-z, median_depths(tokens), rtol=1e-5)


def test_training_starts():
    sight, tokens = make_observed()
    truth, spread = make_placement(), StartSpread()
    keys = jax.random.split(jax.random.key(0), 200)
    starts = jax.vmap(
        lambda key: sample_starts(key, sight, tokens, truth, SIZES_M, spread)
    )(keys)
    far = np.linalg.norm(starts.position, axis=-1)
    assert np.all(np.linalg.norm(truth.position, axis=-1) / far < 1.82)
    assert np.all(truth.size / starts.size < 1.82)
    exact = Rotation.from_quat(truth.quaternion[0], scalar_first=True)
    offset = exact.inv() * Rotation.from_quat(
        starts.quaternion[:, 0], scalar_first=True
    )
    degrees = np.rad2deg(offset.magnitude())
    assert 20 < degrees.mean() < 40 and degrees.max() < 44.9 + 30


def test_turns():
    truth = Rotation.random(random_state=1)
    quaternion = jnp.asarray(truth.as_quat(scalar_first=True), jnp.float32)
    found = turn_about(quaternion, *map(jnp.asarray, (0.2, -0.1, 0.7)))
    outer = Rotation.from_euler("x", 0.2) * Rotation.from_euler("z", -0.1)
    expected = outer * truth * Rotation.from_euler("y", 0.7)
    found = Rotation.from_quat(found, scalar_first=True)
    assert (found.inv() * expected).magnitude() < 1e-5


def test_about_half_of_the_scored_are_accurate():
    truth = make_placement()
    keys = jax.random.split(jax.random.key(0), 400)
    poses = jax.vmap(lambda key: sample_scored(key, truth))(keys)

    def labels(fold):
        one = jax.vmap(is_accurate, (0, None, None))
        return jax.vmap(one, (1, 0, None), 1)(poses, truth, jnp.asarray(fold))

    assert 0.45 < labels(1).mean() < 0.55
    assert 0.52 < labels(4).mean() < 0.66  # quarters of a turn look the same
    assert isinstance(poses, Placement) and np.all(poses.size > 0)
