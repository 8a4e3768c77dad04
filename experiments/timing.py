"""How long something takes."""

import time
from collections.abc import Callable

import jax
import numpy as np

from ivg.typing import PyTree


def median_seconds(run: Callable[[], PyTree], repeats: int) -> float:
    """Median wall time of a call, after one that compiles.

    Args:
      run: returns an array, or a pytree of them.
      repeats: how often it is timed.

    Returns:
      Seconds.
    """
    jax.block_until_ready(run())
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - began)
    return float(np.median(times))


__all__ = ["median_seconds"]
