"""Pose updates, losses and the choice among starts, against closed forms and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import logit

from ivg.data.first_poses import first_placements, sample_starts
from ivg.data.sparse_tokens import TokenCounts, box_tokens, make_sight
from ivg.geometry.polar import polar_from_position
from ivg.metrics.alignment import rotation_error
from ivg.refine.multi_sparc import (
    Observation,
    align,
    apply_update,
    assumed_tokens,
    multi_sparc_refiner,
    positive_factor,
    update_from_numbers,
    updated,
)
from ivg.refine.multi_sparc_loss import (
    nearest_alike,
    point_loss,
    pose_from_correspondences,
    score_loss,
)
from ivg.refine.refiner import refine
from ivg.scene.indoor import Placement, place_points
from tests.data.sparse_tokens_test import make_picture, make_placement

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZES_M = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1, (9, 3)), jnp.float32)
COUNTS = TokenCounts(30, 10)


def row(placement, i):
    return jax.tree.map(lambda x: x[i], placement)


def oracle(start, truth, factor):
    """The numbers that take a start to the truth, by NumPy and SciPy."""
    inverse = np.log if factor == "exp" else lambda x: logit(np.asarray(x) / 2)
    before, after = (
        np.asarray(polar_from_position(x.position)) for x in (start, truth)
    )
    turns = [
        Rotation.from_quat(x.quaternion, scalar_first=True) for x in (start, truth)
    ]
    w, *v = (turns[0].inv() * turns[1]).as_quat(scalar_first=True, canonical=True)
    offset = [w - 1, *v]  # the identity is added to it
    size = inverse(np.asarray(truth.size) / np.asarray(start.size))
    angles = after[1:] - before[1:]
    return np.concatenate(
        [[inverse(after[0] / before[0])], angles, offset, size, [0.0]]
    )


@pytest.mark.parametrize("factor", ["sigmoid", "exp"])
def test_one_step_reaches_the_truth_from_any_start(factor):
    sight, truth = make_sight(make_picture()), make_placement()
    box = box_tokens(jax.random.key(0), sight, 50)
    for key in jax.random.split(jax.random.key(1), 20):
        starts = sample_starts(key, sight, box, truth, SIZES_M)
        numbers = np.stack(
            [oracle(row(starts, i), row(truth, i), factor) for i in range(3)]
        )
        found = updated(starts, jnp.asarray(numbers, jnp.float32), factor)
        np.testing.assert_allclose(found.position, truth.position, atol=1e-4)
        np.testing.assert_allclose(found.size, truth.size, rtol=1e-4)
        angle = jax.vmap(rotation_error)(
            found.quaternion, truth.quaternion, jnp.ones(3)
        )
        assert np.all(angle < 1e-3)


def test_zero_changes_nothing_and_factors_are_positive():
    for factor in ("sigmoid", "exp"):
        found = updated(make_placement(), jnp.zeros((3, 11)), factor)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
            found,
            make_placement(),
        )
    factors = positive_factor(jnp.array([-20.0, 0, 20.0]))
    assert factors[0] > 0 and factors[1] == 1 and factors[2] <= 2
    with pytest.raises(ValueError, match="sigmoid"):
        positive_factor(jnp.zeros(2), "plain")
    with pytest.raises(ValueError, match="frame must be one of"):
        multi_sparc_refiner(centres, COUNTS, frame="boxes")


def test_rotations_are_multiplied_from_the_right():
    numbers = jnp.zeros(11).at[3:7].set(jnp.array([-0.2, 0.3, -0.4, 0.1]))
    start = row(make_placement(), 0)
    found = apply_update(start, update_from_numbers(numbers))
    change = Rotation.from_quat([0.8, 0.3, -0.4, 0.1], scalar_first=True)
    expected = Rotation.from_quat(start.quaternion, scalar_first=True) * change
    found = Rotation.from_quat(found.quaternion, scalar_first=True)
    assert (found.inv() * expected).magnitude() < 1e-5


@pytest.mark.parametrize("fold", [1, 2, 4, 36])
def test_nearest_of_all_turns(fold):
    rng = np.random.default_rng(fold)
    turns = np.arange(fold) * 2 * np.pi / fold
    for _ in range(20):
        one, true = (Rotation.random(random_state=rng) for _ in range(2))
        alike = [true * Rotation.from_euler("y", a) for a in turns]
        expected = min((one.inv() * x).magnitude() for x in alike)
        pose, truth = (
            Placement(
                jnp.zeros(3), jnp.asarray(x.as_quat(scalar_first=True)), jnp.ones(3)
            )
            for x in (one, true)
        )
        found = nearest_alike(pose, truth, jnp.asarray(fold))
        found = Rotation.from_quat(found.quaternion, scalar_first=True)
        assert abs((one.inv() * found).magnitude() - expected) < 1e-4
        assert min((found.inv() * x).magnitude() for x in alike) < 1e-3


def test_point_loss_against_numpy():
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.uniform(-0.5, 0.5, (50, 3)), jnp.float32)
    start, truth = row(make_placement(), 0), row(make_placement(), 1)
    clouds = []
    for x in (start, truth):
        turn = Rotation.from_quat(x.quaternion, scalar_first=True)
        clouds.append(turn.apply(x.size * points) + x.position)
    expected = np.abs(clouds[0] - clouds[1]).sum(-1).mean()
    found = point_loss(start, truth, jnp.asarray(1), points)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert point_loss(truth, truth, jnp.asarray(4), points) < 1e-6
    turned = truth._replace(quaternion=nearest_alike(start, truth, 4).quaternion)
    assert point_loss(turned, truth, jnp.asarray(4), points) < 1e-5
    slope = jax.grad(point_loss)(truth, truth, jnp.asarray(2), points)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slope))


def test_score_loss_knows_symmetry():
    truth = make_placement()
    turn = jnp.array([np.cos(np.pi / 4), 0, np.sin(np.pi / 4), 0], jnp.float32)
    quarter = updated(truth, jnp.zeros((3, 11)).at[:, 3:7].set(turn - jnp.eye(4)[0]))
    present = jnp.array([True, True, False])
    sure = jnp.array([8.0, 8, 8])
    assert score_loss(sure, quarter, truth, jnp.full(3, 4), present) < 0.01
    assert score_loss(sure, quarter, truth, jnp.full(3, 2), present) > 15
    assert score_loss(-sure, quarter, truth, jnp.full(3, 2), present) < 0.01


def centres(values, mask, present):
    """A made-up network: size factors by the mean of the points' depths."""
    del mask
    depth = values[:, :, -10:, 9].mean(-1)
    numbers = jnp.zeros((*present.shape, 11)).at[..., 7].set(0.3)
    return numbers.at[..., 10].set(-((depth - 0.5) ** 2))


def observe():
    sight = make_sight(make_picture())
    box = box_tokens(jax.random.key(0), sight, 30)
    starts = first_placements(sight, box, SIZES_M)
    starts = starts._replace(
        position=starts.position * jnp.arange(1.0, 5)[:, None, None]
    )
    return starts, Observation(sight, jax.random.key(3))


def test_best_score_wins():
    starts, seen = observe()
    refiner = multi_sparc_refiner(centres, COUNTS)
    found = jax.jit(lambda s, o: align(refiner, s, o, 3))(starts, seen)
    assert found.scores.shape == (4, 3)
    np.testing.assert_array_equal(found.start, np.argmax(found.scores, 0))
    np.testing.assert_array_equal(found.score, found.scores.max(0))
    factor = 2 / (1 + np.exp(-0.3))
    for i in range(3):
        own = row(row(found.placements, int(found.start[i])), i)
        jax.tree.map(np.testing.assert_array_equal, own, row(found.placement, i))
        expected = starts.size[0, i] * np.array([factor**3, 1, 1])
        np.testing.assert_allclose(own.size, expected, rtol=1e-4)


def test_score_is_of_the_pose_before_the_update():
    starts, seen = observe()
    refiner = multi_sparc_refiner(centres, COUNTS)
    path = refine(refiner, starts, seen, 2)
    box = refiner.init(starts, seen)
    before = jax.tree.map(lambda x: x[1], path.trajectory)
    key = jax.random.fold_in(seen.key, 2)
    tokens = assumed_tokens(key, seen.sight, box, before, COUNTS.model)
    assert tokens.values.shape == (4, 3, 50, 13)
    present = jnp.ones((4, 3), bool)
    expected = centres(tokens.values, tokens.mask, present)[..., 10]
    np.testing.assert_allclose(path.info["score"][1], expected, atol=1e-6)


def test_attempts_do_not_know_each_other():
    starts, seen = observe()
    refiner = multi_sparc_refiner(centres, COUNTS)
    together = align(refiner, starts, seen)
    alone = align(refiner, jax.tree.map(lambda x: x[2:3], starts), seen)
    np.testing.assert_allclose(alone.score, together.scores[2], rtol=1e-5)
    np.testing.assert_allclose(
        alone.placement.size, together.placements.size[2], rtol=1e-5
    )


@pytest.mark.parametrize("seed", range(4))
def test_pose_from_exact_correspondences(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.5, 0.5, (60, 3))
    turn, size = Rotation.random(random_state=seed), rng.uniform(0.4, 1.5, 3)
    middle = rng.normal(0, 1, 3)
    places = turn.apply(size * points) + middle
    weights = np.where(np.arange(60) < 50, 1.0, 0.0)
    places[50:] = 99.0  # outliers without weight
    args = (jnp.asarray(x, jnp.float32) for x in (points, places, weights))
    found = pose_from_correspondences(*args, jnp.full(3, 0.8), 100)
    np.testing.assert_allclose(found.size, size, rtol=0.02)
    np.testing.assert_allclose(found.position, middle, atol=0.02)
    own = Rotation.from_quat(found.quaternion, scalar_first=True)
    assert (own.inv() * turn).magnitude() < 0.03


def test_more_rounds_fit_no_worse():
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.uniform(-0.5, 0.5, (40, 3)), jnp.float32)
    places = place_points(row(make_placement(), 1), points)
    places += jnp.asarray(rng.normal(0, 0.05, (40, 3)), jnp.float32)

    def error(rounds):
        found = pose_from_correspondences(
            points, places, jnp.ones(40), jnp.ones(3), rounds
        )
        return float(jnp.sum((place_points(found, points) - places) ** 2))

    errors = [error(n) for n in (0, 1, 3, 10)]
    assert errors == sorted(errors, reverse=True)


def test_without_correspondences_nothing_breaks():
    zeros = jnp.zeros((5, 3))
    found = pose_from_correspondences(zeros, zeros, jnp.zeros(5), jnp.ones(3))
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(found))
    np.testing.assert_array_equal(found.size, 1)


def test_fitted_poses_have_finite_gradients():
    """No points, points on a line, and the corners of a cube: equal singular values."""

    @jax.jit
    @jax.grad
    def slopes(arguments):
        found = pose_from_correspondences(*arguments, jnp.ones(3))
        return sum(jnp.sum(x) for x in jax.tree.leaves(found))

    line = jnp.outer(jnp.linspace(-0.5, 0.5, 8), jnp.array([0.0, 1.0, 0.0]))
    cube = jnp.stack(jnp.meshgrid(*[jnp.array([-0.5, 0.5])] * 3), -1).reshape(8, 3)
    for points in (jnp.zeros((8, 3)), line, cube):
        for weights in (jnp.zeros(8), jnp.ones(8)):
            found = slopes((points, points + 1, weights))
            assert all(np.isfinite(x).all() for x in found)
    assert np.abs(found[1]).max() > 0.05  # places have a gradient
