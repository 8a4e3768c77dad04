"""Batch normalization for networks that are pure functions.

While a network is trained, it is normalised by its batch. Afterwards the statistics
of many batches are observed once and given to `apply`: from then on a sample does not
depend on others. Statistics are no parameters and are not counted as such.

Source: Ioffe and Szegedy, Batch Normalization, 2015.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from ivg.models.convolution import convolve
from ivg.models.network import network_from_linen
from ivg.typing import Array, PyTree

# Added to variances, as in Keras.
EPSILON = 1e-3


class NormalizedNetwork(NamedTuple):
    """Three pure functions, for batches along the first axis of every input.

    Attributes:
      init: `(key) -> params`, random first parameters.
      apply: `(params, *inputs, statistics=None) -> outputs`, normalised by the batch
        unless there are statistics.
      observe: `(params, *inputs) -> statistics` of a batch.
    """

    init: Callable[[Array], PyTree]
    apply: Callable[..., Any]
    observe: Callable[..., PyTree]


def normalized_network(
    module: nn.Module, *example_inputs: jax.ShapeDtypeStruct
) -> NormalizedNetwork:
    """The functions of a Linen module that has `BatchNorm` in it.

    Args:
      module: module without other variables than parameters.
      *example_inputs: shapes and types; they settle the shapes of the parameters.

    Returns:
      `NormalizedNetwork`; kernels start as in `network_from_linen`.
    """
    init = network_from_linen(module, *example_inputs).init

    def apply(params, *inputs, statistics=None):
        held = {} if statistics is None else {"statistics": statistics}
        return module.apply({"params": params, **held}, *inputs)

    def observe(params, *inputs):
        _, seen = module.apply({"params": params}, *inputs, mutable=["observed"])
        return seen["observed"]

    return NormalizedNetwork(init, apply, observe)


def mean_statistics(observed: Sequence[PyTree]) -> PyTree:
    """The statistics of several batches as one.

    Args:
      observed: one or more, from `observe`.

    Returns:
      Their mean, as a running average would be.
    """
    return jax.tree.map(lambda *x: jnp.mean(jnp.stack(x), 0), *observed)


class BatchNorm(nn.Module):
    """Takes mean and deviation of each channel away, and gives it an offset.

    Attributes:
      has_scale: whether it also learns a scale.
      parent, name: set by Linen.
    """

    has_scale: bool = True

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """`[..., C]`, each channel with a mean and deviation of its own."""
        width = inputs.shape[-1:]
        mean, variance = self._statistics(inputs)
        offset = self.param("offset", nn.initializers.zeros, width)
        factor = jax.lax.rsqrt(variance + EPSILON)
        if self.has_scale:
            factor = factor * self.param("scale", nn.initializers.ones, width)
        return inputs * factor + (offset - mean * factor)

    def _statistics(self, inputs):
        """Those that are given, or else those of the batch."""
        if self.has_variable("statistics", "mean"):
            return tuple(
                self.get_variable("statistics", name) for name in ("mean", "variance")
            )
        axes = tuple(range(inputs.ndim - 1))
        mean = jnp.mean(inputs, axes)
        variance = jnp.maximum(jnp.mean(inputs**2, axes) - mean**2, 0)
        if self.is_mutable_collection("observed") and not self.is_initializing():
            self.put_variable("observed", "mean", mean)
            self.put_variable("observed", "variance", variance)
        return mean, variance


class ConvNorm(nn.Module):
    """Convolution without bias, then `BatchNorm`.

    Attributes:
      features: number of output channels.
      size: rows and columns of the kernel.
      stride: cells from one output to the next.
      has_scale: whether the normalization learns a scale.
      parent, name: set by Linen.
    """

    features: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    has_scale: bool = True

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """`[B, H', W', features]` of `[B, H, W, C]`, with SAME padding."""
        shape = (*self.size, inputs.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_uniform(), shape)
        is_point = self.size == (1, 1) and self.stride == 1
        x = inputs @ kernel[0, 0] if is_point else convolve(inputs, kernel, self.stride)
        return BatchNorm(self.has_scale, name="norm")(x)


__all__ = [
    "EPSILON",
    "BatchNorm",
    "ConvNorm",
    "NormalizedNetwork",
    "mean_statistics",
    "normalized_network",
]
