"""Convolutions that stay fast on a CPU, inside loops and backwards.

XLA's CPU compiler has a fast convolution for one order of axes. It puts other orders
into that one only outside loops, and the gradient of a convolution has other orders:
in a `lax.scan` over training steps it falls back to code that is 20 times slower.

A convolution is bilinear in its inputs and its kernel. Its gradients are bilinear too,
and theirs are the same three maps again: outputs from inputs and kernel, inputs from
outputs and kernel (the transposed convolution), a kernel from inputs and outputs. Each
is written with fast convolutions or products of matrices, so that gradients of any
order are fast.
"""

import functools
import itertools

import jax
import jax.numpy as jnp

from ivg.typing import Array

_convolve = functools.partial(
    jax.lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC")
)


def convolve(
    inputs: Array, kernel: Array, stride: int = 1, padding: str = "SAME"
) -> Array:
    """Convolution of pictures, differentiable in reverse to any order.

    Args:
      inputs: `[B, H, W, C]`.
      kernel: `[K, L, C, N]`.
      stride: cells from one output to the next.
      padding: "SAME" or "VALID"; as in XLA and TensorFlow, the odd cell of SAME is
        added at the end.

    Returns:
      `[B, H', W', N]`, the correlation with the kernel.
    """
    return _correlate(inputs, kernel, stride, padding)


def convolve_transposed(
    inputs: Array,
    kernel: Array,
    stride: int = 1,
    padding: str = "SAME",
    size: tuple[int, int] | None = None,
) -> Array:
    """The transpose of `convolve` in its inputs: every cell adds a kernel.

    Args:
      inputs: `[B, H', W', N]`.
      kernel: `[K, L, C, N]`, as that of the convolution: channels out, then in.
      stride: cells from where one kernel is added to the next.
      padding: that of the convolution.
      size: rows and columns of the outputs, of which `convolve` makes `H'` and `W'`;
        if absent, `stride` times as many as the inputs have for SAME, and as many as
        the kernels cover for VALID.

    Returns:
      `[B, *size, C]`. Differentiable in reverse to any order.

    Raises:
      ValueError: if no inputs of that size convolve to `H'` by `W'` cells.
    """
    cells, (high, wide) = inputs.shape[1:3], kernel.shape[:2]
    if size is None:
        more = (0, 0) if padding == "SAME" else (high - stride, wide - stride)
        size = (stride * cells[0] + more[0], stride * cells[1] + more[1])
    made = (
        _num_outputs(size[0], high, stride, padding),
        _num_outputs(size[1], wide, stride, padding),
    )
    if made != cells:
        raise ValueError(f"size {size} convolves to {made} cells, not {cells}")
    return _spread(inputs, kernel, stride, padding, size)


def _num_outputs(size, window, stride, padding):
    return -(-(size if padding == "SAME" else size - window + 1) // stride)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _correlate(inputs, kernel, stride, padding):
    return _convolve(inputs, kernel, (stride, stride), padding)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _spread(outputs, kernel, stride, padding, size):
    if stride > 1 and not any(k % stride for k in kernel.shape[:2]):
        return _spread_blocks(outputs, kernel, stride, padding, size)
    cells = _cells(outputs, kernel.shape[:2], stride, padding, size)
    return _convolve(
        outputs,
        jnp.swapaxes(kernel[::-1, ::-1], 2, 3),
        (1, 1),
        [(k - 1 - p, n + p - s) for n, k, p, s in cells],
        lhs_dilation=(stride, stride),
    )


def _spread_blocks(outputs, kernel, stride, padding, size):
    """The same without products with the zeros between cells, 1.3 to 2 times faster.

    One matrix product makes the kernels that cells add, in blocks of `stride` by
    `stride`; each block lies where no other of its cell does.
    """
    (rows, columns), (channels, width) = outputs.shape[1:3], kernel.shape[2:]
    high, wide = (k // stride for k in kernel.shape[:2])
    blocks = kernel.reshape(high, stride, wide, stride, channels, width)
    blocks = blocks.transpose(0, 2, 1, 3, 4, 5).reshape(-1, width)
    parts = (outputs.reshape(-1, width) @ blocks.T).reshape(
        -1, rows, columns, high * wide, stride * stride * channels
    )
    total = sum(
        jnp.pad(
            parts[:, :, :, i * wide + j],
            ((0, 0), (i, high - 1 - i), (j, wide - 1 - j), (0, 0)),
        )
        for i, j in itertools.product(range(high), range(wide))
    )
    shape = (-1, rows + high - 1, columns + wide - 1, stride, stride, channels)
    total = total.reshape(shape).transpose(0, 1, 3, 2, 4, 5)
    total = total.reshape(-1, stride * shape[1], stride * shape[2], channels)
    cells = _cells(outputs, kernel.shape[:2], stride, padding, size)
    crops = [
        (-p, n + p - covered, 0)
        for (n, _, p, _), covered in zip(cells, total.shape[1:3], strict=True)
    ]
    zero = jnp.zeros((), total.dtype)
    return jax.lax.pad(total, zero, ((0, 0, 0), *crops, (0, 0, 0)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _match(inputs, outputs, stride, padding, windows):
    cells = _cells(outputs, windows, stride, padding, inputs.shape[1:3])
    pads = [(p, k - 1 + s - n - p) for n, k, p, s in cells]

    def part_of(part):
        return _convolve(
            jnp.transpose(inputs[part], (3, 1, 2, 0)),
            jnp.transpose(outputs[part], (1, 2, 0, 3)),
            (1, 1),
            pads,
            rhs_dilation=(stride, stride),
        )

    total = sum(map(part_of, _parts(len(inputs))))
    return jnp.transpose(total, (1, 2, 0, 3))


def _cells(outputs, windows, stride, padding, size):
    """For rows and columns: inputs, window, padding before, span of the outputs."""
    pads = jax.lax.padtype_to_pads(size, windows, (stride, stride), padding)
    spans = [stride * (count - 1) + 1 for count in outputs.shape[1:3]]
    return list(zip(size, windows, [p for p, _ in pads], spans, strict=True))


def _parts(batch):
    """Parts of eight pictures: at 32, XLA takes 3 to 5 times longer per picture."""
    size = max(8, -(-batch // 8))  # eight parts at most, for the compiler's sake
    return [slice(start, start + size) for start in range(0, batch, size)]


def _correlate_back(stride, padding, saved, slope):
    inputs, kernel = saved
    return (
        _spread(slope, kernel, stride, padding, inputs.shape[1:3]),
        _match(inputs, slope, stride, padding, kernel.shape[:2]),
    )


def _spread_back(stride, padding, size, saved, slope):
    del size
    outputs, kernel = saved
    return (
        _correlate(slope, kernel, stride, padding),
        _match(slope, outputs, stride, padding, kernel.shape[:2]),
    )


def _match_back(stride, padding, windows, saved, slope):
    del windows
    inputs, outputs = saved
    return (
        _spread(outputs, slope, stride, padding, inputs.shape[1:3]),
        _correlate(inputs, slope, stride, padding),
    )


def _keep_both(function):
    """The way there of a bilinear map, which keeps its two factors."""
    return lambda one, other, *sizes: (function(one, other, *sizes), (one, other))


_correlate.defvjp(_keep_both(_correlate), _correlate_back)
_spread.defvjp(_keep_both(_spread), _spread_back)
_match.defvjp(_keep_both(_match), _match_back)


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


__all__ = ["convolve", "convolve_depthwise", "convolve_transposed"]
