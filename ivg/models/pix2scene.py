"""The networks of pix2scene: from a picture to a latent, to depth, and the critic.

Pictures are halved by convolutions of 4 by 4 cells down to 4 by 4, and depth is doubled
from there by their transposes, so that the number of layers follows from the number of
pixels. The view is where the camera stands; it changes scale and offset of normalized
features ("conditional normalization").

The paper normalizes by the batch. Here every sample is normalized by itself, over its
cells and channels: at evaluation a picture alone must give what it gives in a batch,
and a network that is differentiated in its inputs (refinement of latents) must not
change with what else is in the batch.

Source: Rajeswar et al., Pix2Scene, section 3.3.3 and tables 4 to 6. Table 4's single
output is meant for mean and log-variance of the latent, and the 627 channels of table 5
for 672, as the parameter counts of its neighbours tell.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.models.convolution import convolve, convolve_transposed
from ivg.models.network import Network
from ivg.typing import Array, PyTree

CONDITIONINGS = ("norm", "concat")
LEAST_LOG_VAR = -8.0
_SMALLEST = 4  # cells along each side where pictures end and depth begins
_KERNEL = 4
_STRIDE = 2
_LEAK = 0.2
_EPSILON = 1e-5
_FIRST_SPREAD = 0.02  # of raw depths: rough ones have normals in all directions
_FIRST_LOG_VAR = -2.0


class Pix2SceneSizes(NamedTuple):
    """Sizes of the three networks.

    Attributes:
      pixels: rows and columns of pictures, a power of two from 8 on.
      channels: of pictures.
      latent: numbers `n` that a scene is coded in.
      view: numbers that say where the camera is, 0 if it is not known.
      encoder: channels of its first layer; they double from layer to layer.
      decoder: channels of its last layer but one; they halve from layer to layer.
      critic: channels of its first layer; they double from layer to layer.
      joint: width in which the critic joins picture and latent; 0 for table 6, where
        one linear layer sees both and cannot tell whether they belong together.
      embedding: width of the layer that reads the view for normalization.
      num_classes: of scenes, given to decoder and critic; 0 for none.
      conditioning: how the view enters: "norm" (in the decoder beside the latent, and
        by the normalization of every other layer of decoder and encoder) or "concat",
        the released code's (in the decoder beside the latent and again at 4 by 4
        cells, in the encoder not at all). In the critic it is in channels of its own.
      pyramid: whether depth is the sum of what all layers of the decoder say, each
        enlarged to the next; in table 5 only the last one speaks. Shading tells
        slopes, so that wide parts of the depth, which a pyramid has as numbers of
        their own, are otherwise learned slowly.
    """

    pixels: int = 128
    channels: int = 3
    latent: int = 128
    view: int = 3
    encoder: int = 85
    decoder: int = 84
    critic: int = 85
    joint: int = 512
    embedding: int = 64
    num_classes: int = 0
    conditioning: str = "norm"
    pyramid: bool = False


PAPER_SIZES = Pix2SceneSizes()
CPU_SIZES = Pix2SceneSizes(
    pixels=32,
    latent=64,
    encoder=24,
    decoder=24,
    critic=20,
    joint=128,
    embedding=32,
    pyramid=True,
)


def encoder_network(sizes: Pix2SceneSizes = PAPER_SIZES) -> Network:
    """The network that codes a picture.

    Args:
      sizes: sizes.

    Returns:
      `Network`: `apply(params, image, view, label)` from `[B, H, W, C]`, `[B, V]` and
      `[B]` int32 (which it does not use) to mean and log-variance, both `[B, n]`; the
      latter between `LEAST_LOG_VAR` and 0, for latents of all pictures together have
      variance one. Its convolutions but the last have 19,658,715 parameters in the
      paper's size.

    Raises:
      ValueError: for sizes that no network has.
    """
    widths = _check(sizes, sizes.encoder)
    conditions = [_is_conditional(sizes, i) for i in range(len(widths) - 1)]

    def init(key):
        keys = jax.random.split(key, 4)
        return {
            "convolutions": _init_halving(keys[0], sizes.channels, widths),
            "norms": _init_norms(keys[1], sizes, widths[:-1], conditions),
            "embedding": _init_embedding(keys[2], sizes, conditions),
            "out": _init_layer(keys[3], _cells_of(widths[-1]), 2 * sizes.latent),
        }

    def apply(params, image, view, label, *, key=None):
        del label, key
        norms = _norms(params, view)
        hidden = _halve(params["convolutions"], image, norms)
        mean, spread = jnp.split(_layer(params["out"], _flat(hidden)), 2, -1)
        return mean, _bounded(spread)

    return Network(init, apply)


def decoder_network(sizes: Pix2SceneSizes = PAPER_SIZES) -> Network:
    """The network that says how deep a scene is.

    Args:
      sizes: sizes.

    Returns:
      `Network`: `apply(params, z, view, label)` from `[B, n]`, `[B, V]` and `[B]`
      int32 to `[B, H, W]` numbers for `depth_from_raw`. Its layers have 22,009,344
      and, the last, 1,345 parameters in the paper's size.

    Raises:
      ValueError: for sizes that no network has.
    """
    widths = _check(sizes, sizes.decoder)[::-1]
    conditions = [_is_conditional(sizes, i) for i in range(len(widths))]
    again = sizes.view if sizes.conditioning == "concat" else 0
    inputs = sizes.latent + sizes.view + sizes.num_classes

    def init(key):
        keys = jax.random.split(key, 6)
        first = _init_layer(keys[0], inputs, _cells_of(widths[0]), bias=False)
        last = _init_doubling(keys[3], widths[-1:], 1)[0]
        return {
            "first": first,
            "convolutions": _init_doubling(keys[1], widths[:-1], widths[1:], again),
            "norms": _init_norms(keys[2], sizes, widths, conditions),
            "last": {"kernel": _FIRST_SPREAD * last["kernel"], "bias": jnp.zeros(1)},
            "embedding": _init_embedding(keys[4], sizes, conditions),
            "pyramid": _init_pyramid(keys[5], widths) if sizes.pyramid else [],
        }

    def apply(params, z, view, label, *, key=None):
        del key
        given = [z, *_views(sizes, view), *_classes(sizes, label)]
        cells = _layer(params["first"], jnp.concatenate(given, -1))
        hidden = cells.reshape(-1, _SMALLEST, _SMALLEST, widths[0])
        first, *norms = _norms(params, view)
        layers = [_leaky(first(hidden))]
        hidden = _with_channels(layers[0], view) if again else layers[0]
        for layer, norm in zip(params["convolutions"], norms, strict=True):
            hidden = _leaky(norm(_double(layer, hidden)))
            layers.append(hidden)
        raw = _double(params["last"], hidden)[..., 0]
        return raw + _read_pyramid(params["pyramid"], layers) if sizes.pyramid else raw

    return Network(init, apply)


def critic_network(sizes: Pix2SceneSizes = PAPER_SIZES) -> Network:
    """The network that tells encoded pictures from decoded latents.

    Args:
      sizes: sizes.

    Returns:
      `Network`: `apply(params, image, z, view, label)` from `[B, H, W, C]`, `[B, n]`,
      `[B, V]` and `[B]` int32 to `[B]`. Nothing is normalized: the gradient penalty
      is that of each sample. Its convolutions have 19,662,795 parameters in the
      paper's size. Differentiable to any order.

    Raises:
      ValueError: for sizes that no network has.
    """
    widths = _check(sizes, sizes.critic)
    beside = sizes.latent + sizes.num_classes
    inputs, width = _cells_of(widths[-1]) + beside, sizes.joint or 1

    def init(key):
        keys = jax.random.split(key, 3)
        channels = sizes.channels + sizes.view
        params = {
            "convolutions": _init_halving(keys[0], channels, widths),
            "joint": _init_layer(keys[1], inputs, width),
        }
        out = {"out": _init_layer(keys[2], width, 1)} if sizes.joint else {}
        return params | out

    def apply(params, image, z, view, label, *, key=None):
        del key
        seen = image if not sizes.view else _with_channels(image, view)
        hidden = _flat(_halve(params["convolutions"], seen))
        hidden = jnp.concatenate([hidden, z, *_classes(sizes, label)], -1)
        hidden = _layer(params["joint"], hidden)
        hidden = _layer(params["out"], _leaky(hidden)) if sizes.joint else hidden
        return hidden[:, 0]

    return Network(init, apply)


def depth_from_raw(raw: Array, near: float, far: float) -> Array:
    """Depth from what the decoder says.

    Args:
      raw: `[...]`, of any size; zero is the middle of the range.
      near: `[]` metres, the least depth.
      far: `[]` metres; more is possible, for regularization to forbid.

    Returns:
      `[...]` metres, `near + softplus`. Above the middle of the range a change of one
      is at most half of it. The released code's `relu` has no gradient at its nearest
      plane.
    """
    half = 0.5 * (far - near)
    return near + half * jax.nn.softplus(raw + math.log(math.e - 1))


def sample_latent(key: Array, mean: Array, log_var: Array) -> Array:
    """Latents that a picture may have.

    Args:
      key: random key, consumed.
      mean: `[..., n]`.
      log_var: `[..., n]`.

    Returns:
      `[..., n]`, differentiable in both.
    """
    return mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)


def _check(sizes, first):
    """Widths from the first layer on, doubling; fails for sizes that do not go."""
    count = round(math.log2(max(sizes.pixels, 1))) - 2
    if sizes.pixels != 2 ** (count + 2) or count < 1:
        raise ValueError(f"pixels must be a power of two from 8 on: {sizes.pixels}")
    if sizes.conditioning not in CONDITIONINGS:
        raise ValueError(
            f"conditioning must be one of {CONDITIONINGS}: {sizes.conditioning!r}"
        )
    return [first * 2**i for i in range(count)]


def _is_conditional(sizes, index):
    """Alternate layers, the first among them."""
    return bool(sizes.view) and sizes.conditioning == "norm" and index % 2 == 0


def _cells_of(width):
    return _SMALLEST * _SMALLEST * width


def _flat(hidden):
    return hidden.reshape(len(hidden), -1)


def _leaky(x):
    return jnp.maximum(x, _LEAK * x)


def _bounded(spread):
    """Log-variances of 0 at most that begin small, with a gradient everywhere."""
    free = LEAST_LOG_VAR / _FIRST_LOG_VAR - 1
    return LEAST_LOG_VAR * jax.nn.sigmoid(spread - math.log(free))


def _init_layer(key, inputs, outputs, bias=True) -> PyTree:
    kernel = jax.random.normal(key, (inputs, outputs)) / math.sqrt(inputs)
    return {"kernel": kernel} | ({"bias": jnp.zeros(outputs)} if bias else {})


def _layer(params, inputs):
    outputs = inputs @ params["kernel"]
    return outputs + params["bias"] if "bias" in params else outputs


def _init_kernel(key, channels, outputs, seen):
    """Normal, of a variance that a leaky layer keeps; `seen` numbers enter a cell."""
    scale = math.sqrt(2 / seen)
    return scale * jax.random.normal(key, (_KERNEL, _KERNEL, channels, outputs))


def _init_halving(key, channels, widths) -> list[PyTree]:
    keys, before = jax.random.split(key, len(widths)), [channels, *widths]
    return [
        {"kernel": _init_kernel(k, n, m, _KERNEL**2 * n), "bias": jnp.zeros(m)}
        for k, n, m in zip(keys, before, widths, strict=False)
    ]


def _init_doubling(key, widths, outputs, first_more=0) -> list[PyTree]:
    """Layers from `widths` channels (and some more of the first) to `outputs`."""
    outputs = [outputs] if isinstance(outputs, int) else outputs
    widths = [n + first_more * (i == 0) for i, n in enumerate(widths)]
    keys, taps = jax.random.split(key, max(len(widths), 1)), (_KERNEL // _STRIDE) ** 2
    return [
        {"kernel": _init_kernel(k, m, n, taps * n)}
        for k, n, m in zip(keys, widths, outputs, strict=False)
    ]


def _halve(layers, image, norms=()):
    """Convolutions of stride two; the first of them normalized."""
    norms = [*norms, *[lambda x: x] * (len(layers) - len(norms))]
    for layer, norm in zip(layers, norms, strict=True):
        image = convolve(image, layer["kernel"], _STRIDE) + layer["bias"]
        image = _leaky(norm(image))
    return image


def _double(layer, hidden):
    hidden = convolve_transposed(hidden, layer["kernel"], _STRIDE)
    return hidden + layer["bias"] if "bias" in layer else hidden


def _init_pyramid(key, widths) -> list[PyTree]:
    keys = jax.random.split(key, len(widths))
    return [
        jax.tree.map(lambda x: _FIRST_SPREAD * x, _init_layer(k, width, 1))
        for k, width in zip(keys, widths, strict=True)
    ]


def _read_pyramid(params, layers):
    """The sum of one number of each cell of each layer, all of the last size."""
    total = jnp.zeros(())
    for layer, hidden in zip(params, layers, strict=True):
        total = total + _layer(layer, hidden)[..., 0]
        batch, rows, columns = total.shape
        size = (batch, _STRIDE * rows, _STRIDE * columns)
        total = jax.image.resize(total, size, "linear")
    return total


def _init_embedding(key, sizes, conditions) -> PyTree:
    """The layer that reads the view, if a normalization asks for it."""
    return _init_layer(key, sizes.view, sizes.embedding) if any(conditions) else {}


def _init_norms(key, sizes, widths, conditions) -> list[PyTree]:
    """Scales (less one) and offsets; those of some layers depend on the view."""
    keys = jax.random.split(key, len(widths) + 1)
    norms = [{"bias": jnp.zeros(2 * width)} for width in widths]
    return [
        norm | {"kernel": 0.5 * _init_layer(k, sizes.embedding, 2 * width)["kernel"]}
        if is_conditional
        else norm
        for k, width, norm, is_conditional in zip(
            keys, widths, norms, conditions, strict=False
        )
    ]


def _norms(params, view):
    """A function for each normalization."""
    embedded = None
    if params["embedding"]:
        embedded = _leaky(_layer(params["embedding"], view))
    return [_norm_of(norm, embedded) for norm in params["norms"]]


def _norm_of(params, embedded):
    def normalize(hidden):
        numbers = params["bias"][None]
        if "kernel" in params:
            numbers = numbers + embedded @ params["kernel"]
        scale, offset = jnp.split(numbers[:, None, None], 2, -1)
        mean = jnp.mean(hidden, (1, 2, 3), keepdims=True)
        apart = hidden - mean
        variance = jnp.mean(apart**2, (1, 2, 3), keepdims=True)
        return apart * jax.lax.rsqrt(variance + _EPSILON) * (1 + scale) + offset

    return normalize


def _with_channels(image, numbers):
    """Every number as a channel that is the same in all cells."""
    constant = jnp.broadcast_to(
        numbers[:, None, None], (*image.shape[:3], numbers.shape[-1])
    )
    return jnp.concatenate([image, constant], -1)


def _views(sizes, view):
    return [view] if sizes.view else []


def _classes(sizes, label):
    return [jax.nn.one_hot(label, sizes.num_classes)] if sizes.num_classes else []


__all__ = [
    "CONDITIONINGS",
    "CPU_SIZES",
    "LEAST_LOG_VAR",
    "PAPER_SIZES",
    "Pix2SceneSizes",
    "critic_network",
    "decoder_network",
    "depth_from_raw",
    "encoder_network",
    "sample_latent",
]
