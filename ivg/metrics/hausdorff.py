"""Hausdorff distances of sets of points.

Source: Rajeswar et al., Pix2Scene, appendix C; Taha and Hanbury, 2015.
"""

from typing import NamedTuple

import jax.numpy as jnp

from ivg.metrics.mesh_f1 import nearest_distances
from ivg.typing import Array


class Hausdorff(NamedTuple):
    """How far two sets of points are apart at worst.

    Attributes:
      forward: `[]` the largest distance of a point of the first set from the second.
      reverse: `[]` the largest distance of a point of the second set from the first.
    """

    forward: Array
    reverse: Array


def directed_hausdorff(points: Array, others: Array) -> Array:
    """The largest distance of a point from the nearest of others.

    Args:
      points: `[P, D]`.
      others: `[Q, D]`.

    Returns:
      `[]`, in the unit of the points; zero where all points are among the others.
    """
    return jnp.max(nearest_distances(points, others))


def hausdorff(points: Array, true_points: Array) -> Hausdorff:
    """Hausdorff distances, both ways.

    Args:
      points: `[P, D]` that were found.
      true_points: `[Q, D]`.

    Returns:
      `Hausdorff` with the found points first: "forward" says how far a found point is
      from the truth, "reverse" how much of the truth is missing. The paper writes
      `(A, B)` and does not say which is which.
    """
    return Hausdorff(
        directed_hausdorff(points, true_points), directed_hausdorff(true_points, points)
    )


__all__ = ["Hausdorff", "directed_hausdorff", "hausdorff"]
