"""Mutual information of two random vectors, as a network estimates it from samples.

For any function `T` of both,

    I >= E[T(a, b)] - log E[exp T(a, b')],

where `a, b` come together and `a, b'` do not, with equality at the log ratio of their
densities. The network that is `T` is trained to raise this; whoever wants `a` and `b`
to be independent lowers it.

Source: Belghazi et al., MINE: Mutual Information Neural Estimation, ICML 2018, equation
(10) and section 3.2; the widths are those of Rajeswar et al., Pix2Scene, table 7.
"""

import math

import jax
import jax.numpy as jnp

from ivg.models.attention import init_dense
from ivg.models.network import Network
from ivg.typing import Array


def statistics_network(
    num_scene: int, num_view: int, widths: tuple[int, ...] = (256, 512)
) -> Network:
    """The network that is `T`.

    Args:
      num_scene: numbers of the first vector.
      num_view: numbers of the second.
      widths: of the hidden layers.

    Returns:
      `Network`: `apply(params, scene, view)` from `[B, num_scene]` and
      `[B, num_view]` to `[B]`. With 118, 10 and the widths of the paper it has 165,121
      parameters.
    """
    sizes = [num_scene + num_view, *widths, 1]

    def init(key):
        keys = jax.random.split(key, len(sizes) - 1)
        return [
            init_dense(k, n, m) for k, n, m in zip(keys, sizes, sizes[1:], strict=False)
        ]

    def apply(params, scene, view, *, key=None):
        del key
        hidden = jnp.concatenate([scene, view], -1)
        for layer in params[:-1]:
            hidden = jax.nn.elu(hidden @ layer["kernel"] + layer["bias"])
        return (hidden @ params[-1]["kernel"] + params[-1]["bias"])[:, 0]

    return Network(init, apply)


def shuffled(key: Array, vectors: Array) -> Array:
    """Vectors of a batch in other places, each of them.

    Args:
      key: random key, consumed.
      vectors: `[B, n]`, two at least.

    Returns:
      `[B, n]`, shifted cyclically by a random count: no row stays.
    """
    shift = jax.random.randint(key, (), 1, len(vectors))
    return jnp.roll(vectors, shift, 0)


def mutual_information(joint: Array, apart: Array) -> Array:
    """The bound of Donsker and Varadhan.

    Args:
      joint: `[B]` values of `T` for pairs that belong together.
      apart: `[C]` for pairs that do not.

    Returns:
      `[]` nats. Its gradient is biased for small batches, as `log` is of a mean.
    """
    return jnp.mean(joint) - _log_mean_exp(apart)


def running_information(
    joint: Array, apart: Array, log_mean: Array, decay: float = 0.99
) -> tuple[Array, Array]:
    """The same bound with the gradient of a large batch.

    Args:
      joint: `[B]` values of `T` for pairs that belong together.
      apart: `[C]` for pairs that do not.
      log_mean: `[]` logarithm of a running mean of `exp T` over past batches; zero
        before the first.
      decay: share of the running mean that stays.

    Returns:
      `[]` nats, the value of `mutual_information`, in the gradient of which the mean of
      `exp T` is divided by the running mean in place of that of the batch; and `[]` the
      running mean with this batch, without a gradient.
    """
    own = _log_mean_exp(apart)
    kept = jnp.logaddexp(log_mean + math.log(decay), own + math.log1p(-decay))
    kept = jax.lax.stop_gradient(kept)
    slope = jnp.mean(joint) - jnp.mean(jnp.exp(apart - kept))
    value = jax.lax.stop_gradient(jnp.mean(joint) - own - slope)
    return slope + value, kept


def _log_mean_exp(values):
    return jax.nn.logsumexp(values) - math.log(len(values))


__all__ = [
    "mutual_information",
    "running_information",
    "shuffled",
    "statistics_network",
]
