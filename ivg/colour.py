"""sRGB, in which files store colour, and linear RGB, in which light adds up.

Source: IEC 61966-2-1. Below zero both functions continue their straight first
piece, so they are inverse to each other on the whole line and their derivatives
are finite and positive everywhere.
"""

import jax.numpy as jnp

from ivg.typing import Array

_LINEAR_KNEE = 0.0031308
_SRGB_KNEE = 0.04045


def linear_from_srgb(srgb: Array) -> Array:
    """Linear light of sRGB values: `((s + 0.055) / 1.055) ** 2.4`, 12.92 near zero.

    Args:
      srgb: `[...]` sRGB values, [0, 1] for colours of the gamut.

    Returns:
      `[...]` linear values; [0, 1] maps onto [0, 1].
    """
    srgb = jnp.asarray(srgb, jnp.result_type(float))
    is_curved = srgb > _SRGB_KNEE
    safe = jnp.where(is_curved, srgb, 1)
    return jnp.where(is_curved, ((safe + 0.055) / 1.055) ** 2.4, srgb / 12.92)


def srgb_from_linear(linear: Array) -> Array:
    """sRGB values of linear light: `1.055 l ** (1 / 2.4) - 0.055`, 12.92 near zero.

    Args:
      linear: `[...]` linear values, [0, 1] for colours of the gamut.

    Returns:
      `[...]` sRGB values; [0, 1] maps onto [0, 1].
    """
    linear = jnp.asarray(linear, jnp.result_type(float))
    is_curved = linear > _LINEAR_KNEE
    safe = jnp.where(is_curved, linear, 1)
    return jnp.where(is_curved, 1.055 * safe ** (1 / 2.4) - 0.055, linear * 12.92)


__all__ = [
    "linear_from_srgb",
    "srgb_from_linear",
]
