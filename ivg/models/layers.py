"""Layers that stay fast on a CPU, inside loops and backwards.

The gradient of `lax.reduce_window` is slow everywhere, 10 to 20 times slower than that
of the maximum over two by two cells here. Convolutions are in `ivg.models.convolution`.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from ivg.models.convolution import convolve, convolve_depthwise
from ivg.typing import Array, PyTree


def max_pool(inputs: Array) -> Array:
    """Maximum over two by two cells.

    Args:
      inputs: `[B, H, W, C]`; an odd last row or column is left out.

    Returns:
      `[B, H // 2, W // 2, C]`. Equal cells share the gradient.
    """
    batch, rows, columns, channels = inputs.shape
    rows, columns = rows // 2, columns // 2
    even = inputs[:, : 2 * rows, : 2 * columns]
    cells = even.reshape(batch, rows, 2, columns, 2, channels)
    pairs = jnp.maximum(cells[:, :, 0], cells[:, :, 1])
    return jnp.maximum(pairs[:, :, :, 0], pairs[:, :, :, 1])


def drop_half(key: Array, inputs: Array) -> Array:
    """Sets each value to zero with probability one half, and doubles the others.

    Args:
      key: consumed. One random bit per value makes this 20 times faster on a CPU
        than a random float per value.
      inputs: `[...]`.

    Returns:
      `[...]` with the same expectation.
    """
    words = jax.random.bits(key, (-(-inputs.size // 32), 1))
    bits = jnp.right_shift(words, jnp.arange(32, dtype=words.dtype)[None]) & 1
    kept = bits.reshape(-1)[: inputs.size].reshape(inputs.shape)
    return jnp.where(kept > 0, 2 * inputs, 0)


def glorot_layer(key: Array, shape: tuple[int, ...], scale: float = 1.0) -> PyTree:
    """A layer before training: Glorot's uniform kernel and a bias of zero.

    Args:
      key: random key, consumed.
      shape: of the kernel: channels in and out last, the window before them.
      scale: factor of the kernel.

    Returns:
      Dictionary with "kernel" and "bias".
    """
    *window, inputs, outputs = shape
    reach = scale * math.sqrt(6 / (math.prod(window) * (inputs + outputs)))
    kernel = jax.random.uniform(key, shape, minval=-reach, maxval=reach)
    return {"kernel": kernel, "bias": jnp.zeros(outputs)}


class Conv(nn.Module):
    """Convolution with bias; `[B, H, W, C]` to `[B, H', W', features]`.

    Attributes:
      features: number of output channels.
      size: rows and columns of the kernel.
      stride: cells from one output to the next.
      padding: "SAME" or "VALID".
      parent, name: set by Linen.
    """

    features: int
    size: int
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """The convolution of `[B, H, W, C]`."""
        shape = (self.size, self.size, inputs.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_uniform(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return convolve(inputs, kernel, self.stride, self.padding) + bias


class DepthwiseConv(nn.Module):
    """`convolve_depthwise` with bias; `[B, H, W, C]` to `[B, H', W', C]`.

    Attributes:
      size: rows and columns of the kernel.
      stride: cells from one output to the next.
      parent, name: set by Linen.
    """

    size: int
    stride: int = 1

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """The convolution of `[B, H, W, C]`."""
        shape = (self.size, self.size, 1, inputs.shape[-1])
        kernel = self.param("kernel", nn.initializers.lecun_uniform(), shape)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:])
        return convolve_depthwise(inputs, kernel, self.stride) + bias


class Dropout(nn.Module):
    """`drop_half` if the generator "dropout" is there, otherwise nothing.

    Attributes:
      parent, name: set by Linen.
    """

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """`inputs` `[...]`, about half of them zero when there is a generator."""
        if not self.has_rng("dropout"):
            return inputs
        return drop_half(self.make_rng("dropout"), inputs)


class PatchHead(nn.Module):
    """Three convolutions, 6 by 6 and VALID, with tanh: 16 by 16 cells become one.

    Larger features `[B, h, w, C]` give `[B, h - 15, w - 15, width]`, one output for
    every 16 by 16 cells. With 512 features and a width of 50 the convolutions have
    921,650, 90,050 and 90,050 parameters.

    Attributes:
      width: number of output channels of each.
      num_drops: after how many of them, from the first on, half is dropped.
      parent, name: set by Linen.

    Source: LiDO, appendix C, table C.5 (3 x C-50-6).
    """

    width: int
    num_drops: int

    @nn.compact
    def __call__(self, features: Array) -> Array:
        """The outputs of `[B, h, w, C]`."""
        x = features
        for index in range(3):
            x = jnp.tanh(Conv(self.width, 6, padding="VALID")(x))
            x = Dropout()(x) if index < self.num_drops else x
        return x


__all__ = [
    "Conv",
    "DepthwiseConv",
    "Dropout",
    "PatchHead",
    "drop_half",
    "glorot_layer",
    "max_pool",
]
