"""Detections: overlap of boxes, which object is meant, calibration."""

import jax.numpy as jnp
import numpy as np
import pytest

from ivg.metrics.detection import (
    box_iou,
    calibration_curve,
    calibration_error,
    match_boxes,
)


def test_iou_against_masks():
    rng = np.random.default_rng(0)
    low = rng.integers(0, 20, (12, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 12, (12, 2))], 1)
    masks = np.zeros((12, 40, 40), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    shared = np.einsum("ahw,bhw->ab", masks.astype(int), masks.astype(int))
    union = masks.sum((1, 2))[:, None] + masks.sum((1, 2)) - shared
    got = box_iou(jnp.asarray(boxes, float), jnp.asarray(boxes, float))
    np.testing.assert_allclose(got, shared / union, rtol=1e-6)
    assert float(box_iou(jnp.zeros((1, 4)), jnp.zeros((1, 4)))[0, 0]) == 0


def test_a_detection_is_of_the_nearest_box_of_its_category():
    truth = jnp.array(
        [[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40], [0, 0, 9, 9.0]]
    )
    category = jnp.array([3, 4, 3, 3])
    present = jnp.array([True, True, True, False])
    boxes = jnp.array([[0, 0, 9, 9.0], [0, 0, 10, 10], [50, 50, 60, 60], [0, 0, 1, 1]])
    rows = match_boxes(
        boxes, jnp.array([3, 4, 3, 3]), jnp.array([True, True, True, False]), truth,
        category, present,
    )  # fmt: skip
    np.testing.assert_array_equal(rows, [0, 1, -1, -1])


def test_scores_that_are_true_are_calibrated():
    rng = np.random.default_rng(1)
    score = rng.uniform(size=20000)
    accurate = rng.uniform(size=20000) < score
    curve = calibration_curve(score, accurate, 10)
    assert curve.count.sum() == 20000 and np.ptp(curve.count) <= 1
    np.testing.assert_allclose(curve.score, np.arange(10) / 10 + 0.05, atol=0.02)
    assert calibration_error(curve) < 0.02
    assert abs(calibration_error(calibration_curve(score, ~accurate)) - 0.5) < 0.02
    sure = calibration_curve(np.full(100, 0.9), np.arange(100) % 2 == 0, 4)
    np.testing.assert_allclose(calibration_error(sure), 0.4)


def test_too_few_predictions_are_refused():
    with pytest.raises(ValueError, match="3 predictions"):
        calibration_curve(np.ones(3), np.ones(3, bool), 4)
