"""How well a grid of voxels fits the true one, and the losses that train networks.

Estimates are logits of occupancy of any shape; the true grid is zero or one. Losses
are of one grid: the mean over a batch is taken outside.

Source: Jack et al., IGE-Net, section 6.2.
"""

import jax
import jax.numpy as jnp

from ivg.metrics.image import intersection_over_union
from ivg.numerics import safe_divide
from ivg.typing import Array


def focal_loss(
    logits: Array, truth: Array, *, alpha: float = 0.0, gamma: float = 0.0
) -> Array:
    """Cross-entropy with more weight on what is full, and less on what is easy.

    With `p = sigmoid(logits)`:
      `-mean(y (1 - p)^gamma (1 + alpha) log p
             + (1 - y) p^gamma (1 - alpha) log(1 - p))`.

    Args:
      logits: `[...]`.
      truth: `[...]` in [0, 1].
      alpha: weight of full voxels, in (-1, 1); the paper has 0 or 0.7.
      gamma: power, not negative; the paper has 0 or 2.

    Returns:
      `[]`. The paper sums over voxels; this is the mean, which knows no resolution.

    Source: IGE-Net, Eq. 11; Lin et al., Focal loss, 2017. The logarithms are taken of
    logits, so that they are finite.
    """
    log_full, log_empty = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    full = truth * (1 + alpha) * jnp.exp(gamma * log_empty) * log_full
    empty = (1 - truth) * (1 - alpha) * jnp.exp(gamma * log_full) * log_empty
    return -jnp.mean(full + empty)


def soft_iou_loss(logits: Array, truth: Array) -> Array:
    """One minus the intersection over the union, of occupancies between 0 and 1.

    With `p = sigmoid(logits)`: `1 - p.y / (|p + y|_1 - p.y)`.

    Args:
      logits: `[...]`.
      truth: `[...]` in [0, 1].

    Returns:
      `[]` in [0, 1]; zero if both are empty.

    Source: IGE-Net, Eq. 12; Richter and Roth, Matryoshka networks, 2018.
    """
    occupancy = jax.nn.sigmoid(logits)
    shared = jnp.sum(occupancy * truth)
    union = jnp.sum(occupancy + truth) - shared
    return 1 - safe_divide(shared, union, fallback=1.0)


def voxel_iou(logits: Array, truth: Array) -> Array:
    """Intersection over union of the voxels that are more likely full than not.

    Args:
      logits: `[...]`.
      truth: `[...]`, full where it is above one half.

    Returns:
      `[]` in [0, 1]; one if both are empty.
    """
    return intersection_over_union(logits > 0, truth > 0.5)


__all__ = ["focal_loss", "soft_iou_loss", "voxel_iou"]
