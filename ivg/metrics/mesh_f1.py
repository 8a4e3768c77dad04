"""How well a placed mesh fits the true one: F1 of surface samples, and AP of it.

Source: Gkioxari et al., Mesh R-CNN, 2019, section 4.2 and `compare_meshes` of its
code; Langer et al., Sparse Multi-Object Render-and-Compare, section 4 and Table 2.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ivg.numerics import safe_divide
from ivg.typing import Array

SIDE = 10.0
RHOS = (0.3, 0.5, 0.7)
AP_THRESHOLDS = tuple(0.5 + 0.05 * i for i in range(10))
_CHUNK = 256


def nearest_distances(points: Array, others: Array) -> Array:
    """Distance of each point to the nearest of some others.

    Args:
      points: `[P, D]`.
      others: `[Q, D]`.

    Returns:
      `[P]`, exact up to rounding; a part of the points is worked off at a time.
    """

    def nearest(point):
        return jnp.sqrt(jnp.min(jnp.sum((others - point) ** 2, -1)))

    return jax.lax.map(nearest, points, batch_size=_CHUNK)


def mesh_f1(
    points: Array, true_points: Array, side: Array, rhos: Sequence[float] = RHOS
) -> Array:
    """Harmonic mean of precision and recall of surface samples.

    Both are scaled alike, so that `side` becomes 10. Precision is the share of points
    within `rho` of a true one, recall the share of true ones within `rho` of a point.

    Args:
      points: `[P, 3]` samples of the placed mesh.
      true_points: `[Q, 3]` samples of the true one, in the same frame.
      side: `[]` longest side of the box of the true mesh, positive. Mesh R-CNN takes
        the box along the axes of the frame; the size of the model does not depend on
        how the object stands.
      rhos: `R` distances.

    Returns:
      `[R]` in [0, 1].
    """
    limit = jnp.asarray(rhos) * side / SIDE
    precision, recall = (
        jnp.mean(nearest_distances(a, b) <= limit[:, None], -1)
        for a, b in ((points, true_points), (true_points, points))
    )
    return safe_divide(2 * precision * recall, precision + recall)


def average_precision(score, is_hit, num_truths: int) -> float:
    """Area under the curve of precision over recall.

    Args:
      score: `[D]` of all detections of a category in all pictures.
      is_hit: `[D]` bool, which of them are right.
      num_truths: true objects of the category in all pictures, positive.

    Returns:
      In [0, 1]. Precision at a recall is the best at that recall or a higher one, and
      the area is exact (PASCAL VOC since 2010).
    """
    order = np.argsort(-np.asarray(score, np.float64), kind="stable")
    hits = np.cumsum(np.asarray(is_hit, bool)[order])
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    gained = np.diff(hits, prepend=0) / num_truths
    return float(np.sum(gained * best))


def first_hits(score, truth, is_good) -> np.ndarray:
    """Which detections count: good ones of an object that no better one has found.

    Args:
      score: `[D]`.
      truth: `[D]` int, number of the true object over all pictures, -1 for none.
      is_good: `[D]` bool.

    Returns:
      `[D]` bool.
    """
    order = np.argsort(-np.asarray(score, np.float64), kind="stable")
    truth = np.asarray(truth)[order]
    rows = np.flatnonzero(np.asarray(is_good, bool)[order] & (truth >= 0))
    _, first = np.unique(truth[rows], return_index=True)
    hits = np.zeros(len(order), bool)
    hits[order[rows[first]]] = True
    return hits


def ap_mesh(score, category, truth, f1, true_category, threshold: float = 0.5) -> float:
    """Mean over categories of the average precision at one threshold of F1.

    Args:
      score: `[D]` of the detections in all pictures.
      category: `[D]` int of the detections.
      truth: `[D]` int, number of the true object over all pictures, -1 for none.
      f1: `[D]` of the detection's mesh and that object's.
      true_category: `[T]` int of the true objects in all pictures.
      threshold: F1 that a right detection exceeds.

    Returns:
      In [0, 1], over the categories that have true objects; NaN if there are none.
    """
    score, category, truth, f1, true_category = map(
        np.asarray, (score, category, truth, f1, true_category)
    )
    names, counts = np.unique(true_category, return_counts=True)
    areas = []
    for name, count in zip(names, counts, strict=True):
        own = category == name
        is_hit = first_hits(score[own], truth[own], f1[own] > threshold)
        areas.append(average_precision(score[own], is_hit, int(count)))
    return float(np.mean(areas)) if areas else float("nan")


def ap_mesh_mean(score, category, truth, f1, true_category) -> float:
    """Mean of `ap_mesh` over the thresholds 0.5, 0.55, ..., 0.95.

    Args:
      score: `[D]` of the detections in all pictures.
      category: `[D]` int of the detections.
      truth: `[D]` int, number of the true object over all pictures, -1 for none.
      f1: `[D]` of the detection's mesh and that object's.
      true_category: `[T]` int of the true objects in all pictures.

    Returns:
      In [0, 1].
    """
    found = (score, category, truth, f1, true_category)
    return float(np.mean([ap_mesh(*found, threshold) for threshold in AP_THRESHOLDS]))


__all__ = [
    "AP_THRESHOLDS",
    "RHOS",
    "SIDE",
    "ap_mesh",
    "ap_mesh_mean",
    "average_precision",
    "first_hits",
    "mesh_f1",
    "nearest_distances",
]
