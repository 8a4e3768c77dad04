"""Layers that stay fast on a CPU, inside loops and backwards.

XLA's CPU compiler has a fast convolution for one order of axes. It puts other orders
into that one only outside loops, and the gradient of a convolution has other orders:
in a `lax.scan` over training steps it falls back to code that is 20 times slower.
`convolve` writes its own gradient with fast convolutions. The gradient of
`lax.reduce_window` is slow everywhere, 10 to 20 times slower than that of the maximum
over two by two cells here.
"""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from ivg.typing import Array, PyTree

_convolve = functools.partial(
    jax.lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC")
)


def convolve(
    inputs: Array, kernel: Array, stride: int = 1, padding: str = "SAME"
) -> Array:
    """Convolution of pictures, differentiable once and in reverse.

    Args:
      inputs: `[B, H, W, C]`.
      kernel: `[K, L, C, N]`.
      stride: cells from one output to the next.
      padding: "SAME" or "VALID"; as in XLA and TensorFlow, the odd cell of SAME is
        added at the end.

    Returns:
      `[B, H', W', N]`, the correlation with the kernel.
    """
    return _convolve_own(inputs, kernel, stride, padding)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _convolve_own(inputs, kernel, stride, padding):
    return _convolve(inputs, kernel, (stride, stride), padding)


def _convolve_forward(inputs, kernel, stride, padding):
    return _convolve_own(inputs, kernel, stride, padding), (inputs, kernel)


def _convolve_backward(stride, padding, saved, slope):
    """Both gradients as convolutions in the order of axes that is fast."""
    inputs, kernel = saved
    sizes, windows = inputs.shape[1:3], kernel.shape[:2]
    strides = (stride, stride)
    before = [p for p, _ in jax.lax.padtype_to_pads(sizes, windows, strides, padding)]
    spans = [stride * (size - 1) + 1 for size in slope.shape[1:3]]
    cells = list(zip(sizes, windows, before, spans, strict=True))
    of_inputs = _convolve(
        slope,
        jnp.swapaxes(kernel[::-1, ::-1], 2, 3),
        (1, 1),
        [(k - 1 - p, n + p - s) for n, k, p, s in cells],
        lhs_dilation=strides,
    )
    pads = [(p, k - 1 + s - n - p) for n, k, p, s in cells]

    def of_kernel(part):
        return _convolve(
            jnp.transpose(inputs[part], (3, 1, 2, 0)),
            jnp.transpose(slope[part], (1, 2, 0, 3)),
            (1, 1),
            pads,
            rhs_dilation=strides,
        )

    total = sum(map(of_kernel, _parts(len(inputs))))
    return of_inputs, jnp.transpose(total, (1, 2, 0, 3))


def _parts(batch):
    """Parts of eight pictures: at 32, XLA takes 3 to 5 times longer per picture."""
    size = max(8, -(-batch // 8))  # eight parts at most, for the compiler's sake
    return [slice(start, start + size) for start in range(0, batch, size)]


_convolve_own.defvjp(_convolve_forward, _convolve_backward)


def convolve_depthwise(inputs: Array, kernel: Array, stride: int = 1) -> Array:
    """Convolution of each channel by itself, differentiable once and in reverse.

    Padding is SAME. Written as a sum over the cells of the kernel, which XLA fuses: on
    a CPU 10 to 50 times faster than its grouped convolution. The gradient that JAX
    derives from such sums is many times slower; here it is sums of that kind again.

    Args:
      inputs: `[B, H, W, C]`.
      kernel: `[K, L, 1, C]`.
      stride: cells from one output to the next.

    Returns:
      `[B, H', W', C]`.
    """
    return _depthwise_own(inputs, kernel, stride)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _depthwise_own(inputs, kernel, stride):
    sizes, windows = inputs.shape[1:3], kernel.shape[:2]
    pads = jax.lax.padtype_to_pads(sizes, windows, (stride, stride), "SAME")
    padded = jnp.pad(inputs, ((0, 0), *pads, (0, 0)))
    spans = [n - k + 1 for n, k in zip(padded.shape[1:3], windows, strict=True)]
    return sum(
        padded[:, i : i + spans[0] : stride, j : j + spans[1] : stride] * kernel[i, j]
        for i, j in itertools.product(*map(range, windows))
    )


def _depthwise_forward(inputs, kernel, stride):
    return _depthwise_own(inputs, kernel, stride), (inputs, kernel)


def _depthwise_backward(stride, saved, slope):
    inputs, kernel = saved
    sizes, windows = inputs.shape[1:3], kernel.shape[:2]
    pads = jax.lax.padtype_to_pads(sizes, windows, (stride, stride), "SAME")
    spans = [stride * (size - 1) + 1 for size in slope.shape[1:3]]
    apart = [
        (window - 1 - before, size + before - span, stride - 1)
        for size, window, (before, _), span in zip(
            sizes, windows, pads, spans, strict=True
        )
    ]
    zero = jnp.zeros((), slope.dtype)
    spread = jax.lax.pad(slope, zero, ((0, 0, 0), *apart, (0, 0, 0)))
    padded = jnp.pad(inputs, ((0, 0), *pads, (0, 0)))
    ones = jnp.ones((1, slope.size // slope.shape[-1]), slope.dtype)
    of_inputs, of_kernel = jnp.zeros_like(inputs), []
    for i, j in itertools.product(*map(range, windows)):
        shifted = spread[:, i : i + sizes[0], j : j + sizes[1]]
        of_inputs += shifted * kernel[windows[0] - 1 - i, windows[1] - 1 - j]
        seen = padded[:, i : i + spans[0] : stride, j : j + spans[1] : stride]
        of_kernel.append(ones @ (seen * slope).reshape(-1, slope.shape[-1]))
    return of_inputs, jnp.stack(of_kernel).reshape(kernel.shape)


_depthwise_own.defvjp(_depthwise_forward, _depthwise_backward)


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
    "convolve",
    "convolve_depthwise",
    "drop_half",
    "max_pool",
]
