"""The Perceiver: a few learned latents that attend to many tokens.

A block is a cross-attention from latents to tokens, a feed-forward layer with gated
GELU (four times the width), then pairs of self-attention and feed-forward. Functions
see many sets of latents at once.

Source: Jaegle et al., Perceiver, ICML 2021; Langer et al., SPARC, BMVC 2022, whose
public code adds Fourier features of the number of each token. They are left out: the
result would depend on the order of random samples.
"""

from typing import NamedTuple

import jax

from ivg.models.attention import (
    attend,
    attend_narrow,
    feed_forward,
    init_attention,
    init_feed_forward,
    init_norm,
    normalize,
)
from ivg.typing import Array, PyTree


class PerceiverSizes(NamedTuple):
    """Sizes of a Perceiver.

    Attributes:
      channels: of a token.
      latents: number of latents.
      width: of a latent.
      depth: blocks, each a cross-attention and self-attentions.
      cross_heads: heads of the cross-attention.
      cross_width: of each.
      heads: heads of the self-attention.
      head_width: of each.
      self_layers: self-attentions in a block.
      expand: width of the feed-forward layers, relative to that of a latent.
      is_tied: whether all blocks but the first share their weights.
    """

    channels: int = 13
    latents: int = 80
    width: int = 256
    depth: int = 3
    cross_heads: int = 1
    cross_width: int = 64
    heads: int = 8
    head_width: int = 64
    self_layers: int = 2
    expand: int = 4
    is_tied: bool = True


def init_block(key: Array, sizes: PerceiverSizes) -> PyTree:
    """A block before training.

    Args:
      key: random key, consumed.
      sizes: sizes.

    Returns:
      Dictionary with "cross" and the list "own".
    """
    keys = jax.random.split(key, (1 + sizes.self_layers, 2))
    width = sizes.width
    cross = {
        "context": init_norm(sizes.channels),
        "attention": init_attention(
            keys[0, 0], width, sizes.channels, sizes.cross_heads, sizes.cross_width
        ),
        "forward": init_feed_forward(keys[0, 1], width, sizes.expand),
    }
    own = [
        {
            "attention": init_attention(
                k[0], width, width, sizes.heads, sizes.head_width
            ),
            "forward": init_feed_forward(k[1], width, sizes.expand),
        }
        for k in keys[1:]
    ]
    return {"cross": cross, "own": own}


def read_tokens(
    params: PyTree, sizes: PerceiverSizes, latents: Array, tokens: Array, mask: Array
) -> Array:
    """The first part of a block: latents attend to tokens.

    Args:
      params: "cross" of `init_block`.
      sizes: sizes.
      latents: `[G, L, D]`, of `G` sets.
      tokens: `[G, T, C]`.
      mask: `[G, T]` bool, tokens that count.

    Returns:
      `[G, L, D]`; the order of the tokens does not matter.
    """
    context = normalize(params["context"], tokens)
    latents = attend_narrow(
        params["attention"], latents, context, mask, sizes.cross_heads
    )
    return feed_forward(params["forward"], latents)


def mix_latents(
    params: PyTree, sizes: PerceiverSizes, latents: Array, mask: Array
) -> Array:
    """The second part of a block: latents attend to each other.

    Args:
      params: "own" of `init_block`.
      sizes: sizes.
      latents: `[G, M, D]`, of `G` sets.
      mask: `[G, M]` bool, latents that others see.

    Returns:
      `[G, M, D]`.
    """
    for layer in params:
        own = layer["attention"]
        context = normalize(own["norm"], latents)
        latents = attend(own, latents, context, mask, sizes.heads)
        latents = feed_forward(layer["forward"], latents)
    return latents


def init_blocks(key: Array, sizes: PerceiverSizes) -> list[PyTree]:
    """All blocks before training.

    Args:
      key: random key, consumed.
      sizes: sizes.

    Returns:
      `depth` blocks, or two if those after the first share their weights.
    """
    count = min(sizes.depth, 2) if sizes.is_tied else sizes.depth
    return [init_block(k, sizes) for k in jax.random.split(key, count)]


__all__ = [
    "PerceiverSizes",
    "init_block",
    "init_blocks",
    "mix_latents",
    "read_tokens",
]
