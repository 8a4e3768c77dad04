"""Long arrays a part at a time."""

from collections.abc import Callable

import jax
import numpy as np

from ivg.typing import PyTree


def in_chunks(function: Callable, *arrays: PyTree, chunk: int = 50) -> PyTree:
    """Applies a compiled function to parts of equal length of long arrays.

    Args:
      function: of pytrees with a leading axis.
      *arrays: pytrees with a leading axis `[M]`.
      chunk: length of a part; the last one is filled with its last row.

    Returns:
      What the function returns, joined, as NumPy arrays `[M]`.
    """
    total = len(jax.tree.leaves(arrays)[0])
    chunk, parts = min(chunk, total), []
    for start in range(0, total, chunk):
        rows = np.minimum(np.arange(start, start + chunk), total - 1)
        part = function(*jax.tree.map(lambda x, r=rows: np.asarray(x)[r], arrays))
        parts.append(jax.tree.map(np.asarray, part))
    return jax.tree.map(lambda *x: np.concatenate(x)[:total], *parts)


__all__ = ["in_chunks"]
