"""Dense layers, normalisation and attention for many sets of tokens at once.

Layers are pre-norm and residual, as in the public PyTorch code of the Perceiver. Every
product with weights is one flat matrix product, whose way back is written out: under
`jax.vmap`, or with sums over rows as JAX derives them, XLA copies the transpose of all
that enters a layer and adds chains of residuals again, and training on a CPU takes
nearly twice as long.
"""

import math

import jax
import jax.numpy as jnp

from ivg.typing import Array, PyTree

_EPSILON = 1e-5
_MASKED = -1e9


def init_dense(key: Array, inputs: int, outputs: int, bias: bool = True) -> PyTree:
    """A dense layer before training: uniform up to `1 / sqrt(inputs)`, as in PyTorch.

    Args:
      key: random key, consumed.
      inputs: channels in.
      outputs: channels out.
      bias: whether there is a bias.

    Returns:
      Dictionary with "kernel" `[inputs, outputs]` and, if so, "bias" `[outputs]`.
    """
    reach, keys = 1 / math.sqrt(inputs), jax.random.split(key)
    shapes = {"kernel": (inputs, outputs)} | ({"bias": (outputs,)} if bias else {})
    return {
        name: jax.random.uniform(k, shape, minval=-reach, maxval=reach)
        for k, (name, shape) in zip(keys, shapes.items(), strict=False)
    }


def dense(params: PyTree, inputs: Array) -> Array:
    """A dense layer, as one flat matrix product in both directions.

    Args:
      params: from `init_dense`.
      inputs: `[..., C]`.

    Returns:
      `[..., D]`. Differentiable once.
    """
    flat = inputs.reshape(-1, inputs.shape[-1])
    if "bias" in params:
        outputs = _affine(flat, params["kernel"], params["bias"])
    else:
        outputs = flat @ params["kernel"]
    return outputs.reshape(*inputs.shape[:-1], -1)


@jax.custom_vjp
def _affine(inputs, kernel, bias):
    return inputs @ kernel + bias


def _affine_forward(inputs, kernel, bias):
    return _affine(inputs, kernel, bias), (inputs, kernel)


def _affine_backward(saved, slope):
    inputs, kernel = saved
    return slope @ kernel.T, inputs.T @ slope, _sum_rows(slope)


def _sum_rows(rows):
    """The sum over rows as a product with a few ones.

    A single one, or a plain sum, XLA fuses with all the sums that made the rows.
    """
    return (jnp.ones((4, len(rows)), rows.dtype) @ rows)[0]


_affine.defvjp(_affine_forward, _affine_backward)


def init_norm(width: int) -> PyTree:
    """A normalisation before training.

    Args:
      width: channels.

    Returns:
      Dictionary with "scale" and "offset" `[width]`.
    """
    return {"scale": jnp.ones(width), "offset": jnp.zeros(width)}


def normalize(params: PyTree, inputs: Array) -> Array:
    """Mean zero and variance one over the channels of each token, then an affine map.

    Args:
      params: from `init_norm`.
      inputs: `[..., C]`.

    Returns:
      `[..., C]`; finite slopes also for channels that are all equal.
    """
    centred = inputs - jnp.mean(inputs, -1, keepdims=True)
    variance = jnp.mean(centred**2, -1, keepdims=True)
    shape = centred * jax.lax.rsqrt(variance + _EPSILON)
    flat = _stretch(
        shape.reshape(-1, shape.shape[-1]), params["scale"], params["offset"]
    )
    return flat.reshape(shape.shape)


@jax.custom_vjp
def _stretch(inputs, scale, offset):
    return inputs * scale + offset


def _stretch_forward(inputs, scale, offset):
    return _stretch(inputs, scale, offset), (inputs, scale)


def _stretch_backward(saved, slope):
    inputs, scale = saved
    return slope * scale, _sum_rows(slope * inputs), _sum_rows(slope)


_stretch.defvjp(_stretch_forward, _stretch_backward)


def init_attention(
    key: Array, width: int, context: int, heads: int, head_width: int
) -> PyTree:
    """An attention before training, with the normalisation of its queries.

    Args:
      key: random key, consumed.
      width: channels of the queries, and out.
      context: channels of keys and values.
      heads: number of heads.
      head_width: channels of each.

    Returns:
      Dictionary of layers.
    """
    keys, inner = jax.random.split(key, 3), heads * head_width
    return {
        "norm": init_norm(width),
        "query": init_dense(keys[0], width, inner, bias=False),
        "key_value": init_dense(keys[1], context, 2 * inner, bias=False),
        "out": init_dense(keys[2], inner, width),
    }


def attend(
    params: PyTree, queries: Array, context: Array, mask: Array, heads: int
) -> Array:
    """Attention of normalised queries to a context, added to the queries.

    Args:
      params: from `init_attention`.
      queries: `[G, Q, D]`, of `G` sets.
      context: `[G, K, C]`, already normalised.
      mask: `[G, K]` bool; keys that are false are as if they were not there. If none
        is left, only the bias of the last layer is added.
      heads: number of heads.

    Returns:
      `[G, Q, D]`.
    """
    query = dense(params["query"], normalize(params["norm"], queries))
    key, value = jnp.split(dense(params["key_value"], context), 2, -1)
    seen = attention(query, key, value, mask, heads)
    return queries + dense(params["out"], seen)


def attention(query: Array, key: Array, value: Array, mask: Array, heads: int) -> Array:
    """Means of values, weighted by the softmax of scalar products.

    Args:
      query: `[G, Q, heads * d]`, of `G` sets.
      key: `[G, K, heads * d]`.
      value: `[G, K, heads * d]`.
      mask: `[G, K]` bool, keys that count.
      heads: number of heads.

    Returns:
      `[G, Q, heads * d]`; zero if no key counts.
    """
    shape = query.shape
    query, key, value = (
        jnp.moveaxis(x.reshape(*x.shape[:2], heads, -1), 2, 1)
        for x in (query, key, value)
    )
    scores = query @ jnp.swapaxes(key, 2, 3) / math.sqrt(query.shape[-1])
    seen = _softmax(scores, mask[:, None, None]) @ value
    return jnp.moveaxis(seen, 1, 2).reshape(shape)


def attend_narrow(
    params: PyTree, queries: Array, context: Array, mask: Array, heads: int
) -> Array:
    """The same as `attend`, for many keys of few channels.

    Keys and values are linear in the context: `q . (c K) = (q K^T) . c` and
    `w (c V) = (w c) V`. With 13 channels instead of 64 this is some ten times less
    work, and no key is ever written down.

    Args:
      params: from `init_attention`.
      queries: `[G, Q, D]`, of `G` sets.
      context: `[G, K, C]`, already normalised.
      mask: `[G, K]` bool, keys that count.
      heads: number of heads.

    Returns:
      `[G, Q, D]`.
    """
    sets, count, channels = *queries.shape[:2], context.shape[-1]
    query = dense(params["query"], normalize(params["norm"], queries))
    query = query.reshape(sets * count, heads, -1)
    kernels = params["key_value"]["kernel"].reshape(channels, 2, heads, -1)
    asked = jnp.einsum("qhd,chd->qhc", query, kernels[:, 0])
    asked = asked.reshape(sets, count * heads, channels)
    scores = asked @ jnp.swapaxes(context, 1, 2) / math.sqrt(query.shape[-1])
    seen = _softmax(scores, mask[:, None]) @ context
    seen = seen.reshape(sets * count, heads, channels)
    values = jnp.einsum("qhc,chd->qhd", seen, kernels[:, 1])
    return queries + dense(params["out"], values.reshape(sets, count, -1))


def _softmax(scores, mask):
    """Weights of keys; all zero if none counts."""
    weights = jax.nn.softmax(jnp.where(mask, scores, _MASKED))
    return weights * jnp.any(mask, -1, keepdims=True)


def init_feed_forward(key: Array, width: int, expand: int = 4) -> PyTree:
    """A gated feed-forward layer before training.

    Args:
      key: random key, consumed.
      width: channels.
      expand: width of the gate, relative to that.

    Returns:
      Dictionary of layers.
    """
    first, second = jax.random.split(key)
    return {
        "norm": init_norm(width),
        "in": init_dense(first, width, 2 * expand * width),
        "out": init_dense(second, expand * width, width),
    }


def feed_forward(params: PyTree, inputs: Array) -> Array:
    """A layer with gated GELU, added to its inputs.

    Args:
      params: from `init_feed_forward`.
      inputs: `[..., C]`.

    Returns:
      `[..., C]`.
    """
    hidden = dense(params["in"], normalize(params["norm"], inputs))
    values, gates = jnp.split(hidden, 2, -1)
    return inputs + dense(params["out"], values * jax.nn.gelu(gates))


__all__ = [
    "attend",
    "attend_narrow",
    "attention",
    "dense",
    "feed_forward",
    "init_attention",
    "init_dense",
    "init_feed_forward",
    "init_norm",
    "normalize",
]
