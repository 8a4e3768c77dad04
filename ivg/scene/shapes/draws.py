"""Random instances of a family: rows of numbers within limits."""

from collections.abc import Mapping

import numpy as np

Values = Mapping[str, float]
Limits = Mapping[str, tuple[float, float]]


def latin_hypercube(
    rng: np.random.Generator, limits: Limits, count: int
) -> list[dict[str, float]]:
    """Instances spread evenly over the limits.

    Args:
      rng: drawn from.
      limits: least and greatest value by name.
      count: how many.

    Returns:
      As many rows of numbers, each number in another of `count` equal parts of its
      range every time.
    """
    columns = {}
    for name, (low, high) in limits.items():
        share = (rng.permutation(count) + rng.uniform(size=count)) / count
        columns[name] = low + share * (high - low)
    return [{n: float(c[i]) for n, c in columns.items()} for i in range(count)]


__all__ = ["Limits", "Values", "latin_hypercube"]
