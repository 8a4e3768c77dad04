"""Shares of accurate alignments by category, summed over scenes or pictures."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ivg.scene.indoor import INDOOR_NAMES
from ivg.typing import Array


class Tally(NamedTuple):
    """Counts by category, to be summed over scenes.

    Attributes:
      hits: `[9]` accurate predictions.
      counts: `[9]` of what the share is taken: true objects, or predictions.
    """

    hits: Array
    counts: Array


class Accuracy(NamedTuple):
    """Shares in percent.

    Attributes:
      per_category: `[9]`, NaN where nothing was counted.
      category_mean: mean over categories with something counted.
      instance: of all together.
    """

    per_category: np.ndarray
    category_mean: float
    instance: float


def tally(accurate: Array, category: Array, counted: Array, of: Array) -> Tally:
    """Counts of one scene by category.

    Args:
      accurate: `[P]` bool.
      category: `[P]` int32 of the predictions.
      counted: `[T]` bool, what the share is taken of: present true objects for a
        scene, present predictions for a picture.
      of: `[T]` int32 their categories.

    Returns:
      `Tally`.
    """
    names = jnp.arange(len(INDOOR_NAMES))[:, None]
    return Tally(
        jnp.sum((category == names) & accurate, 1),
        jnp.sum((of == names) & counted, 1),
    )


def accuracy_percent(counts: Tally) -> Accuracy:
    """Shares of accurate alignments.

    Args:
      counts: summed over scenes.

    Returns:
      `Accuracy`; NaN where nothing was counted.
    """
    hits, total = (np.asarray(x, np.float64) for x in counts)
    has = total > 0
    per_category = np.full(len(total), np.nan)
    per_category[has] = 100 * hits[has] / total[has]
    if not has.any():
        return Accuracy(per_category, math.nan, math.nan)
    return Accuracy(
        per_category,
        float(per_category[has].mean()),
        float(100 * hits.sum() / total.sum()),
    )


__all__ = ["Accuracy", "Tally", "accuracy_percent", "tally"]
