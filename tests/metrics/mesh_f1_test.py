"""F1 of surfaces and AP of it, against plain NumPy."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from ivg.metrics.mesh_f1 import (
    AP_THRESHOLDS,
    RHOS,
    ap_mesh,
    ap_mesh_mean,
    average_precision,
    first_hits,
    mesh_f1,
    nearest_distances,
)


def slow_f1(points, truth, side, rho):
    scale = 10 / side
    distances = np.linalg.norm(points[:, None] - truth, axis=-1) * scale
    precision = (distances.min(1) <= rho).mean()
    recall = (distances.min(0) <= rho).mean()
    return 2 * precision * recall / max(precision + recall, 1e-12)


def test_f1_against_numpy():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (400, 3)) * [1.0, 0.4, 0.7]
    for shift in (0.0, 0.05, 0.2):
        points = rng.uniform(-1, 1, (300, 3)) * [0.9, 0.5, 0.7] + shift
        got = mesh_f1(jnp.asarray(points), jnp.asarray(truth), jnp.array(2.0))
        expected = [slow_f1(points, truth, 2.0, rho) for rho in RHOS]
        np.testing.assert_allclose(got, expected, atol=0.006)
        assert 0 < expected[0] < expected[2]


def test_f1_of_the_same_and_of_far_points():
    points = jnp.asarray(np.random.default_rng(1).uniform(size=(50, 3)))
    np.testing.assert_array_equal(mesh_f1(points, points, jnp.array(1.0)), 1)
    np.testing.assert_array_equal(mesh_f1(points, points + 9, jnp.array(1.0)), 0)


def test_nearest_distances_work_in_parts():
    rng = np.random.default_rng(2)
    points, others = rng.normal(size=(700, 3)), rng.normal(size=(90, 3))
    expected = np.linalg.norm(points[:, None] - others, axis=-1).min(1)
    got = nearest_distances(jnp.asarray(points), jnp.asarray(others))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def slow_ap(score, is_hit, num_truths):
    """The area under the best precision at each recall or higher, in loops."""
    order = np.argsort(-score)
    hits = is_hit[order]
    points = []
    for n in range(1, len(hits) + 1):
        points.append((hits[:n].sum() / num_truths, hits[:n].sum() / n))
    area, last = 0.0, 0.0
    for recall, _ in points:
        best = max(p for r, p in points if r >= recall)
        area += (recall - last) * best
        last = recall
    return area


def test_average_precision_against_loops():
    rng = np.random.default_rng(3)
    for count in (1, 5, 40):
        score, is_hit = rng.uniform(size=count), rng.uniform(size=count) < 0.5
        truths = int(is_hit.sum()) + 3
        expected = slow_ap(score, is_hit, truths)
        np.testing.assert_allclose(average_precision(score, is_hit, truths), expected)
    assert average_precision(np.zeros(0), np.zeros(0, bool), 4) == 0
    assert average_precision([0.9, 0.8], [True, True], 2) == 1


def test_only_the_best_detection_of_an_object_counts():
    hits = first_hits(
        [0.5, 0.9, 0.7, 0.8, 0.95], [0, 0, 1, -1, 0], [True, True, True, True, False]
    )
    np.testing.assert_array_equal(hits, [False, True, True, False, False])


@pytest.fixture
def found():
    rng = np.random.default_rng(4)
    true_category = rng.integers(0, 3, 20)
    truth = np.where(rng.uniform(size=60) < 0.8, rng.integers(0, 20, 60), -1)
    own = true_category[np.maximum(truth, 0)]
    category = np.where(rng.uniform(size=60) < 0.9, own, rng.integers(0, 3, 60))
    truth = np.where(category == own, truth, -1)
    f1 = rng.uniform(size=60)
    return rng.uniform(size=60), category, truth, f1, true_category


def test_ap_mesh_against_loops(found):
    score, category, truth, f1, true_category = found
    for threshold in (0.5, 0.8):
        areas = []
        for name in range(3):
            taken, hits, rows = set(), [], np.flatnonzero(category == name)
            for i in rows[np.argsort(-score[rows])]:
                good = truth[i] >= 0 and f1[i] > threshold and truth[i] not in taken
                hits.append(good)
                taken |= {truth[i]} if good else set()
            ordered = np.sort(score[rows])[::-1]
            count = np.sum(true_category == name)
            areas.append(slow_ap(ordered, np.array(hits), count))
        got = ap_mesh(score, category, truth, f1, true_category, threshold)
        np.testing.assert_allclose(got, np.mean(areas))
    mean = np.mean([ap_mesh(*found, t) for t in AP_THRESHOLDS])
    np.testing.assert_allclose(ap_mesh_mean(*found), mean)
    np.testing.assert_allclose(AP_THRESHOLDS, np.arange(0.5, 1.0, 0.05))


def test_perfect_and_empty():
    names = np.array([0, 1, 1])
    perfect = (np.ones(3), names, np.arange(3), np.ones(3), names)
    assert ap_mesh_mean(*perfect) == 1
    nothing = (np.zeros(0),) * 4
    assert ap_mesh(*nothing, names) == 0
    assert math.isnan(ap_mesh(*nothing, np.zeros(0)))
