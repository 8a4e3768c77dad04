"""The network of Multi-SPARC: from the tokens of several objects to pose updates.

The tokens of each object are read by its own latents (the weights and the first
latents are shared), all latents attend to each other, and this repeats; the mean of an
object's latents gives its 11 numbers: three for the position, four for the rotation,
three for the size and one for the score. What the numbers mean is in
`ivg.refine.multi_sparc`.

Source: Langer et al., Sparse Multi-Object Render-and-Compare, section 3 and 5.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.models.attention import (
    attend,
    dense,
    feed_forward,
    init_attention,
    init_dense,
    init_feed_forward,
    init_norm,
    normalize,
)
from ivg.models.network import Network
from ivg.models.perceiver import (
    PerceiverSizes,
    init_blocks,
    mix_latents,
    read_tokens,
)
from ivg.typing import Array, PyTree

NUM_OUT = 11


class MultiSparcSizes(NamedTuple):
    """Sizes of the network, and its variants.

    Attributes:
      perceiver: sizes of an object's Perceiver.
      num_objects: `N`, with which joint encoding and decoding are built; otherwise
        any number of objects may enter.
      encoding: "separate", or "joint" for one cross-attention of all latents to the
        tokens of all objects. The latents of objects then start differently: nothing
        else would tell them apart.
      decoding: "separate", or "joint" for one layer from the mean of all latents to
        the numbers of all objects.
      relations: "joint", or "single" for objects that do not see each other.
      last_scale: factor of the last kernel before training: the first updates are
        small. The paper does not say.
    """

    perceiver: PerceiverSizes = PerceiverSizes()
    num_objects: int = 5
    encoding: str = "separate"
    decoding: str = "separate"
    relations: str = "joint"
    last_scale: float = 1.0


PAPER_SIZES = MultiSparcSizes()
CPU_SIZES = MultiSparcSizes(
    PerceiverSizes(
        latents=16,
        width=64,
        cross_heads=2,
        cross_width=32,
        heads=4,
        head_width=16,
        expand=2,
    ),
    last_scale=0.2,
)


def multi_sparc_network(sizes: MultiSparcSizes = PAPER_SIZES) -> Network:
    """The network that updates poses.

    Args:
      sizes: sizes.

    Returns:
      `Network`: `apply(params, tokens, mask, present)` from tokens `[B, N, T, C]`,
      their mask `[B, N, T]` and the mask of objects `[B, N]` to `[B, N, 11]`.
      Objects that are not present change nothing, and their own rows mean nothing.
      At the size of the paper, 6,929,983 parameters, or 10,383,065 without tied
      weights.

    Raises:
      ValueError: for an unknown variant.
    """
    _check_variants(sizes)

    def init(key):
        key_encoder, key_head = jax.random.split(key)
        own = sizes.perceiver.width
        count = sizes.num_objects if sizes.decoding == "joint" else 1
        out = init_dense(key_head, own, count * NUM_OUT)
        head = {
            "norm": init_norm(own),
            "out": jax.tree.map(lambda x: sizes.last_scale * x, out),
        }
        return {"encoder": init_encoder(key_encoder, sizes), "head": head}

    def apply(params, tokens, mask, present, *, key=None):
        del key
        latents = encode(params["encoder"], sizes, tokens, mask, present)
        return decode(params["head"], sizes, latents, present)

    return Network(init, apply)


def _check_variants(sizes):
    allowed = {
        "encoding": ("separate", "joint"),
        "decoding": ("separate", "joint"),
        "relations": ("joint", "single"),
    }
    for name, values in allowed.items():
        if getattr(sizes, name) not in values:
            got = getattr(sizes, name)
            raise ValueError(f"{name} must be one of {values}, got {got!r}")
    if sizes.relations == "single" and "joint" in (sizes.encoding, sizes.decoding):
        raise ValueError(
            "single relations need separate encoding and decoding, got "
            f"{sizes.encoding!r} and {sizes.decoding!r}"
        )


def init_encoder(key: Array, sizes: MultiSparcSizes) -> PyTree:
    """Latents and blocks before training.

    Args:
      key: random key, consumed.
      sizes: sizes.

    Returns:
      Dictionary with "latents" `[L, D]` (`[N L, D]` for joint encoding) and "blocks".
    """
    key_latents, key_blocks = jax.random.split(key)
    own = sizes.perceiver
    count = own.latents * (sizes.num_objects if sizes.encoding == "joint" else 1)
    return {
        "latents": jax.random.normal(key_latents, (count, own.width)),
        "blocks": init_blocks(key_blocks, own),
    }


def encode(
    params: PyTree, sizes: MultiSparcSizes, tokens: Array, mask: Array, present: Array
) -> Array:
    """Latents that know their object and the others.

    Args:
      params: from `init_encoder`.
      sizes: sizes.
      tokens: `[B, N, T, C]`.
      mask: `[B, N, T]` bool, tokens that count.
      present: `[B, N]` bool, objects that count.

    Returns:
      `[B, N, L, D]`.
    """
    own, (batch, count) = sizes.perceiver, present.shape
    latents = params["latents"].reshape(-1, own.latents, own.width)
    latents = jnp.broadcast_to(latents, (batch, count, own.latents, own.width))
    shape = latents.shape
    together = (batch, -1) if sizes.encoding == "joint" else (batch * count, -1)
    tokens = tokens.reshape(*together, tokens.shape[-1])
    mask = (mask & present[..., None]).reshape(together)
    related = (batch * count, -1) if sizes.relations == "single" else (batch, -1)
    seen = jnp.repeat(present, own.latents, -1).reshape(related)
    for index in range(own.depth):
        block = params["blocks"][min(index, len(params["blocks"]) - 1)]
        latents = latents.reshape(*together, own.width)
        latents = read_tokens(block["cross"], own, latents, tokens, mask)
        latents = latents.reshape(*related, own.width)
        latents = mix_latents(block["own"], own, latents, seen)
    return latents.reshape(shape)


def decode(
    params: PyTree, sizes: MultiSparcSizes, latents: Array, present: Array
) -> Array:
    """Numbers of the objects from their latents.

    Args:
      params: dictionary with "norm" and "out".
      sizes: sizes.
      latents: `[B, N, L, D]`.
      present: `[B, N]` bool, objects that count.

    Returns:
      `[B, N, 11]`.
    """
    means = jnp.mean(latents, 2)
    if sizes.decoding == "joint":
        count = jnp.maximum(jnp.sum(present, 1, keepdims=True), 1)
        share = (present / count)[..., None]
        means = jnp.sum(share * means, 1)
    numbers = dense(params["out"], normalize(params["norm"], means))
    return numbers.reshape(len(present), -1, NUM_OUT)


def correspondence_network(sizes: MultiSparcSizes) -> Network:
    """A network that says which point of a model is seen where.

    The same encoder, then a cross-attention of the tokens that are asked for to the
    latents of their object, and a layer to normalised object coordinates. It stands
    for the dense branch of ROCA.

    Args:
      sizes: sizes; the variants of decoding are not used.

    Returns:
      `Network`: `apply(params, tokens, mask, present, asked)`, with `asked`
      `[B, N, P, C]` tokens, to `[B, N, P, 3]` points of models in boxes of one unit.

    Source: Gümeli et al., ROCA, CVPR 2022, section 3.3, with sparse tokens.
    """
    own = sizes.perceiver

    def init(key):
        keys = jax.random.split(key, 5)
        heads = (own.cross_heads, own.cross_width)
        decoder = {
            "norm_asked": init_norm(own.channels),
            "asked": init_dense(keys[1], own.channels, own.width),
            "norm_latents": init_norm(own.width),
            "attention": init_attention(keys[2], own.width, own.width, *heads),
            "forward": init_feed_forward(keys[3], own.width, own.expand),
            "norm": init_norm(own.width),
            "out": init_dense(keys[4], own.width, 3),
        }
        return {"encoder": init_encoder(keys[0], sizes), "decoder": decoder}

    def apply(params, tokens, mask, present, asked, *, key=None):
        del key
        latents = encode(params["encoder"], sizes, tokens, mask, present)
        latents = latents.reshape(-1, *latents.shape[2:])
        every, layers = jnp.ones(latents.shape[:2], bool), params["decoder"]
        hidden = normalize(layers["norm_asked"], asked.reshape(-1, *asked.shape[2:]))
        hidden = dense(layers["asked"], hidden)
        context = normalize(layers["norm_latents"], latents)
        hidden = attend(layers["attention"], hidden, context, every, own.cross_heads)
        hidden = feed_forward(layers["forward"], hidden)
        points = dense(layers["out"], normalize(layers["norm"], hidden))
        return points.reshape(*asked.shape[:-1], 3)

    return Network(init, apply)


__all__ = [
    "CPU_SIZES",
    "NUM_OUT",
    "PAPER_SIZES",
    "MultiSparcSizes",
    "correspondence_network",
    "decode",
    "encode",
    "init_encoder",
    "multi_sparc_network",
]
