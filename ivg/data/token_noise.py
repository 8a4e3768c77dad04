"""Random changes of pictures and tokens while a network is trained.

Source: SPARC's released code, which Multi-SPARC builds on: colours, depth shifted with
probability one half, up to 30 % of the points dropped. Depth is shifted by up to 10 cm
instead of 20, for pictures have noise of depth already. Blur and hue are left out.
"""

import jax
import jax.numpy as jnp

from ivg.data.sparse_tokens import Sight, Tokens
from ivg.typing import Array

BRIGHTNESS, CONTRAST, SATURATION = 0.3, 0.3, 0.1
SHIFT_M = 0.1
_LEAST_M = 0.05


def jitter_sight(key: Array, sight: Sight) -> Sight:
    """Other colours, and all depths shifted alike.

    Args:
      key: random key, consumed.
      sight: picture.

    Returns:
      `Sight`; unknown depths stay zero, known ones positive.
    """
    keys = jax.random.split(key, 3)
    reach = jnp.array([BRIGHTNESS, CONTRAST, SATURATION])
    factors = 1 + reach * jax.random.uniform(keys[0], (3,), minval=-1.0, maxval=1.0)
    rgb, depth = factors[0] * sight.maps[:, :3], sight.maps[:, 6]
    rgb = _blend(rgb, jnp.mean(rgb), factors[1])
    rgb = _blend(rgb, jnp.mean(rgb, -1, keepdims=True), factors[2])
    shift = jax.random.uniform(keys[1], (), minval=-SHIFT_M, maxval=SHIFT_M)
    shift = jnp.where(jax.random.bernoulli(keys[2]), shift, 0.0)
    shifted = jnp.where(depth > 0, jnp.maximum(depth + shift, _LEAST_M), 0.0)
    maps = sight.maps.at[:, :3].set(jnp.clip(rgb, 0, 1)).at[:, 6].set(shifted)
    return sight._replace(maps=maps)


def _blend(rgb, other, factor):
    return other + factor * (rgb - other)


def drop_tokens(key: Array, tokens: Tokens, most: float = 0.3) -> Tokens:
    """Fewer tokens.

    Args:
      key: random key, consumed.
      tokens: of `N` objects.
      most: each object loses a share between none and this.

    Returns:
      `Tokens` with the same values and fewer that count.
    """
    key_share, key_each = jax.random.split(key)
    share = jax.random.uniform(key_share, (len(tokens.mask), 1), maxval=most)
    kept = jax.random.uniform(key_each, tokens.mask.shape) >= share
    return tokens._replace(mask=tokens.mask & kept)


__all__ = [
    "BRIGHTNESS",
    "CONTRAST",
    "SATURATION",
    "SHIFT_M",
    "drop_tokens",
    "jitter_sight",
]
