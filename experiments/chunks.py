"""Long arrays a part at a time."""

from collections.abc import Callable

import jax
import numpy as np
from tqdm import tqdm

from ivg.typing import PyTree


def in_chunks(
    function: Callable, *arrays: PyTree, chunk: int = 50, label: str | None = None
) -> PyTree:
    """Applies a compiled function to parts of equal length of long arrays.

    Args:
      function: of pytrees with a leading axis.
      *arrays: pytrees with a leading axis `[M]`, of arrays or random keys.
      chunk: length of a part; the last one is filled with its last row, so that there
        is one program.
      label: on the progress bar; None for no bar.

    Returns:
      What the function returns, joined, as NumPy arrays `[M]`.
    """
    total, whole = len(jax.tree.leaves(arrays)[0]), None
    chunk = min(chunk, total)
    starts = range(0, total, chunk)
    for start in tqdm(starts, label, unit=f"x {chunk}", disable=label is None):
        rows = np.minimum(np.arange(start, start + chunk), total - 1)
        part = function(*jax.tree.map(lambda x, r=rows: x[r], arrays))
        whole = _room_for(total, part) if whole is None else whole
        for row, own in zip(jax.tree.leaves(whole), jax.tree.leaves(part), strict=True):
            row[start : start + chunk] = np.asarray(own)[: total - start]
    return whole


def _room_for(total, part):
    """Arrays for all rows: parts that are joined would be in memory twice."""
    return jax.tree.map(lambda x: np.empty((total, *x.shape[1:]), x.dtype), part)


__all__ = ["in_chunks"]
