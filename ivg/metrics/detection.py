"""Detections of a picture: which object each one is of, and whether scores are true."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ivg.numerics import safe_divide
from ivg.typing import Array


class Calibration(NamedTuple):
    """Mean score beside share of accurate ones, in groups of `B` by score.

    Attributes:
      score: `[B]` mean score of a group, ascending.
      accuracy: `[B]` share of accurate ones, in [0, 1].
      count: `[B]` members of a group.
    """

    score: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray


def box_iou(a: Array, b: Array) -> Array:
    """Overlap of boxes.

    Args:
      a: `[N, 4]` left, top, right and bottom.
      b: `[M, 4]` likewise.

    Returns:
      `[N, M]` intersection over union in [0, 1]; zero where both are empty.
    """
    low = jnp.maximum(a[:, None, :2], b[:, :2])
    high = jnp.minimum(a[:, None, 2:], b[:, 2:])
    shared = jnp.prod(jnp.maximum(high - low, 0), -1)
    area_a, area_b = (jnp.prod(x[:, 2:] - x[:, :2], -1) for x in (a, b))
    return safe_divide(shared, area_a[:, None] + area_b - shared)


def match_boxes(
    box_px: Array,
    category: Array,
    present: Array,
    true_box_px: Array,
    true_category: Array,
    true_present: Array,
) -> Array:
    """The true object of each detection: of its category, with the nearest box.

    Args:
      box_px: `[N, 4]` left, top, right and bottom.
      category: `[N]` int32.
      present: `[N]` bool.
      true_box_px: `[T, 4]`.
      true_category: `[T]` int32.
      true_present: `[T]` bool.

    Returns:
      `[N]` int32 row of the true object, -1 where no box of the category overlaps.
      Several detections may have the same.

    Source: Langer et al., Sparse Multi-Object Render-and-Compare, section 4,
    "per-image alignments".
    """
    same = (category[:, None] == true_category) & present[:, None] & true_present
    overlap = jnp.where(same, box_iou(box_px, true_box_px), 0)
    best = jnp.argmax(overlap, 1).astype(jnp.int32)
    return jnp.where(jnp.max(overlap, 1) > 0, best, -1)


def calibration_curve(score, accurate, num_groups: int = 10) -> Calibration:
    """Whether scores are the share of accurate ones among those with that score.

    Args:
      score: `[D]` in [0, 1], all predictions together.
      accurate: `[D]` bool.
      num_groups: `B`, at most `D`; groups have equally many members, up to one.

    Returns:
      `Calibration`.

    Raises:
      ValueError: if there are fewer predictions than groups.

    Source: Langer et al., Sparse Multi-Object Render-and-Compare, Fig. 4b: accuracy of
    predictions sorted by their confidence.
    """
    score, accurate = np.asarray(score, np.float64), np.asarray(accurate, bool)
    if not 0 < num_groups <= len(score):
        raise ValueError(f"{len(score)} predictions make no {num_groups} groups")
    groups = np.array_split(np.argsort(score, kind="stable"), num_groups)
    return Calibration(
        np.array([score[g].mean() for g in groups]),
        np.array([accurate[g].mean() for g in groups]),
        np.array([len(g) for g in groups]),
    )


def calibration_error(curve: Calibration) -> float:
    """Mean distance of scores and shares, over predictions.

    Args:
      curve: calibration.

    Returns:
      The expected calibration error, in [0, 1].
    """
    return float(np.average(np.abs(curve.score - curve.accuracy), weights=curve.count))


__all__ = [
    "Calibration",
    "box_iou",
    "calibration_curve",
    "calibration_error",
    "match_boxes",
]
