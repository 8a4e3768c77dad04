"""Scores of table-top pictures against a loop in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.metrics.tabletop_image import tabletop_image_metrics

MASK = np.array([True, True, False, True])  # object 3 has no true pixel


def scene(seed):
    rng = np.random.default_rng(seed)
    estimate = rng.integers(-1, 4, (9, 11), dtype=np.int32)
    truth = rng.integers(-1, 4, (9, 11), dtype=np.int32)
    rendered, observed = rng.random((2, 9, 11, 3), np.float32)
    return estimate, truth, rendered, observed


def loop(estimate, truth, rendered, observed):
    overlaps, errors = [], []
    for node in range(5):
        shared = union = count = total = 0
        for y, x in np.ndindex(truth.shape):
            a, b = estimate[y, x] == node, truth[y, x] == node
            shared, union, count = shared + (a & b), union + (a | b), count + b
            total += b * np.mean((rendered[y, x] - observed[y, x]) ** 2)
        overlaps.append(shared / union if count else np.nan)
        errors.append(total / count if count else np.nan)
    overlaps, errors = np.array(overlaps), np.array(errors)
    return {
        "iou_object": np.where(MASK, overlaps[1:], np.nan),
        "iou_ground": overlaps[0],
        "mse_object": np.where(MASK, errors[1:], np.nan),
        "mse_ground": errors[0],
    }


def test_equals_the_loop_and_vmap():
    scenes = [scene(seed) for seed in range(3)]
    stacked = [jnp.asarray(np.stack(x)) for x in zip(*scenes, strict=True)]
    many = jax.jit(jax.vmap(tabletop_image_metrics, (0, 0, 0, 0, None)))
    actual = many(*stacked, jnp.asarray(MASK))
    for i, single in enumerate(scenes):
        for name, expected in loop(*single).items():
            np.testing.assert_allclose(actual[name][i], expected, rtol=1e-5)
    assert np.isnan(actual["iou_object"][:, 2:]).all()


def test_a_perfect_estimate():
    _, truth, _, observed = scene(0)
    scores = tabletop_image_metrics(truth, truth, observed, observed, MASK)
    assert scores["iou_ground"] == 1 and scores["mse_ground"] == 0
    np.testing.assert_array_equal(scores["iou_object"], [1, 1, np.nan, np.nan])
    np.testing.assert_array_equal(scores["mse_object"], [0, 0, np.nan, np.nan])


def test_the_background_does_not_count():
    """Not in the squared errors, and overlap is lost only where ground is one's."""
    truth = np.array([[-1, -1, 0, 0]], np.int32)
    estimate = np.array([[-1, 0, 0, 0]], np.int32)
    observed = np.zeros((1, 4, 3))
    rendered = np.array([[[9.0] * 3, [9.0] * 3, [0.5] * 3, [0.0] * 3]])
    scores = tabletop_image_metrics(estimate, truth, rendered, observed, np.zeros(0))
    assert scores["iou_ground"] == pytest.approx(2 / 3)
    assert scores["mse_ground"] == pytest.approx(0.125)
