"""Scores of pictures and masks against the truth."""

import jax.numpy as jnp

from ivg.numerics import safe_divide
from ivg.typing import Array


def intersection_over_union(a: Array, b: Array) -> Array:
    """Overlap of two masks.

    Args:
      a: `[...]` bool.
      b: `[...]` bool.

    Returns:
      `[]` in [0, 1]; one where both are empty.
    """
    shared = jnp.sum(a & b).astype(jnp.result_type(float))
    union = jnp.sum(a | b).astype(shared.dtype)
    return safe_divide(shared, union, fallback=1.0)


def masked_mean_squared_error(picture: Array, truth: Array, mask: Array) -> Array:
    """Mean squared difference over the pixels of a mask.

    Args:
      picture: `[H, W, C]`.
      truth: `[H, W, C]`.
      mask: `[H, W]` bool.

    Returns:
      `[]`; zero for an empty mask.
    """
    squared = jnp.mean((picture - truth) ** 2, -1)
    return safe_divide(jnp.sum(squared * mask), jnp.sum(mask).astype(squared.dtype))


__all__ = ["intersection_over_union", "masked_mean_squared_error"]
