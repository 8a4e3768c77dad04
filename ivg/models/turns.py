"""Turns of objects as 360 bins of one degree.

Bin `b` stands for a change of the azimuth by `b` degrees, around the circle.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ivg.numerics import wrap_angle
from ivg.typing import Array

NUM_BINS = 360
_AVERAGED_BINS = 8
_FARTHEST_TURN = 60  # degrees of one step
_TURN_DEG = 10.0  # unit of a turn, and width of the bump of bins about it
_STEPS = np.arange(NUM_BINS)
_AWAY = np.minimum(_STEPS, NUM_BINS - _STEPS)  # degrees of each bin, either way


def turn_logits(outputs: Array) -> Array:
    """Logits of the bins of a change of the azimuth: a bump where a turn is said to be.

    Nothing ties the logits of neighbouring bins together. A network that has to raise
    each of them by itself learns how often turns occur, and not which one it sees. Here
    it says one turn, as it says a shift, and the bins only what that leaves open, such
    as that front and back look alike.

    Args:
      outputs: `[..., 361]` a turn in units of ten degrees, and a term for each bin.

    Returns:
      `[..., 360]`, the terms plus the logarithm of a Gaussian of ten degrees about the
      turn, of which a tenth is spread over the circle. Differentiable.

    Source: ours; in Romaszko et al., table 1, the terms are the logits.
    """
    turn, terms = outputs[..., :1], outputs[..., 1:]
    bins = jnp.arange(NUM_BINS, dtype=outputs.dtype)
    apart = wrap_angle(jnp.deg2rad(bins - _TURN_DEG * turn)) / jnp.deg2rad(_TURN_DEG)
    near = jnp.log(0.9 / (_TURN_DEG * math.sqrt(2 * math.pi))) - apart**2 / 2
    return terms + jnp.logaddexp(near, math.log(0.1 / NUM_BINS))


def average_bins(shares: Array) -> Array:
    """Shares of bins spread over their neighbours.

    Args:
      shares: `[..., 360]` of the bins of an azimuth.

    Returns:
      `[..., 360]` with the same sum: Gaussian weights of eight degrees, around the
      circle.
    """
    weights = np.exp(-0.5 * (_AWAY / _AVERAGED_BINS) ** 2)
    weights /= weights.sum()
    around = weights[(_STEPS[:, None] - _STEPS) % NUM_BINS]
    return shares @ jnp.asarray(around, shares.dtype)


def likely_turn(logits: Array) -> Array:
    """The most probable bin, after each has been averaged with its neighbours.

    Of hundreds of nearly equal bins the greatest is an accident. None beyond 60 degrees
    is taken, since half of the way to the other end of an object is a quarter turn.

    Args:
      logits: `[..., 360]`.

    Returns:
      `[...]` int32 index of the bin. No gradient.

    Source: ours; Romaszko et al. take the greatest of all.
    """
    shares = average_bins(jax.nn.softmax(logits))
    return jnp.argmax(jnp.where(_AWAY <= _FARTHEST_TURN, shares, 0), -1)


__all__ = ["NUM_BINS", "average_bins", "likely_turn", "turn_logits"]
