"""Errors of poses: hand-made cases, and Procrustes beside SciPy and NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import procrustes as scipy_procrustes
from scipy.spatial.transform import Rotation

from ivg.metrics.pose import (
    best_scale,
    pose_loss,
    procrustes,
    protocol_1a,
    protocol_2,
)


def pair(seed, spread=0.3):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(17, 3)) + [0, 0, 5]
    return truth + spread * rng.normal(size=(17, 3)), truth


def by_quaternions(pose, truth):
    """Horn's quaternions in place of a singular value decomposition."""
    a, b = pose - pose.mean(0), truth - truth.mean(0)
    turn, _ = Rotation.align_vectors(b, a)
    turned = turn.apply(a)
    scale = np.sum(turned * b) / np.sum(a**2)
    return scale * turned + truth.mean(0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_procrustes_equals_an_independent_one(seed, spread):
    pose, truth = pair(seed, spread)
    with jax.enable_x64(True):
        found = procrustes(jnp.asarray(pose), jnp.asarray(truth))
        error = protocol_2(jnp.asarray(pose), jnp.asarray(truth))
    expected = by_quaternions(pose, truth)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    mean = np.linalg.norm(expected - truth, axis=1).mean()
    np.testing.assert_allclose(error, mean, rtol=1e-9)


def test_residual_equals_that_of_scipy():
    pose, truth = pair(7)  # near enough that no mirror image fits better
    with jax.enable_x64(True):
        found = procrustes(jnp.asarray(pose), jnp.asarray(truth))
    *_, disparity = scipy_procrustes(truth, pose)
    size = np.sum((truth - truth.mean(0)) ** 2)
    residual = np.sum((np.asarray(found) - truth) ** 2) / size
    np.testing.assert_allclose(residual, disparity)


def test_a_mirror_image_is_no_match():
    _, truth = pair(1)
    mirrored = truth * [-1, 1, 1]
    error = protocol_2(jnp.asarray(mirrored), jnp.asarray(truth))
    assert error > 0.1
    expected = by_quaternions(mirrored, truth)
    mean = np.linalg.norm(expected - truth, axis=1).mean()
    np.testing.assert_allclose(error, mean, rtol=1e-4)


def test_turned_moved_and_scaled_poses_agree():
    _, truth = pair(2)
    turn = Rotation.from_rotvec([0.3, -1.0, 2.0]).as_matrix()
    pose = 0.4 * truth @ turn.T + [1, 2, 3]
    assert protocol_2(jnp.asarray(pose), jnp.asarray(truth)) < 1e-5


def test_scale_about_the_camera():
    pose, truth = (jnp.asarray(x) for x in pair(3))
    np.testing.assert_allclose(best_scale(2 * truth, truth), 0.5, rtol=1e-6)
    np.testing.assert_allclose(protocol_1a(7 * truth, truth), 0, atol=1e-5)
    np.testing.assert_allclose(
        protocol_1a(3 * pose, truth), protocol_1a(pose, truth), rtol=1e-4
    )
    k = best_scale(pose, truth)
    around = [jnp.sum((f * k * pose - truth) ** 2) for f in (0.999, 1, 1.001)]
    assert around[1] < min(around[0], around[2])
    assert protocol_1a(truth + jnp.array([0.1, 0, 0]), truth) > 0.05


def test_protocol_by_hand():
    truth = jnp.array([[0.0, 0, 1], [0, 0, 3]])
    pose = jnp.array([[1.0, 0, 1], [0, 0, 3]])  # k = 10 / 11
    expected = (np.hypot(10, 1) / 11 + 3 / 11) / 2
    np.testing.assert_allclose(protocol_1a(pose, truth), expected, rtol=1e-6)
    np.testing.assert_allclose(pose_loss(pose, truth), 2 * expected, rtol=1e-6)


@pytest.mark.parametrize("metric", [pose_loss, protocol_1a, protocol_2])
def test_finite_for_perfect_and_for_degenerate_poses(metric):
    truth = jnp.asarray(pair(4)[1])
    for pose in (truth, jnp.zeros((17, 3)), jnp.ones((17, 3))):
        assert np.isfinite(metric(pose, truth))
    assert np.isfinite(jax.grad(pose_loss)(truth, truth)).all()


def test_batched_equals_single():
    poses, truths = (
        jnp.asarray(np.stack(x)) for x in zip(*map(pair, range(4)), strict=True)
    )
    for metric in (protocol_1a, protocol_2):
        both = jax.jit(jax.vmap(metric))(poses, truths)
        one = metric(poses[2], truths[2])
        np.testing.assert_allclose(both[2], one, rtol=1e-5)
