"""Networks that answer questions of the 3D IQ test from pictures alone.

Source: Rajeswar et al., Pix2Scene, section 4.4.1 and figure 13; the residual network is
that of He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, 2015,
table 1 (50 layers).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from ivg.models.normalization import ConvNorm, NormalizedNetwork, normalized_network
from ivg.models.resnet import pool_three
from ivg.typing import Array

_NUM_PICTURES = 4
_NUM_ANSWERS = 3
_EXPANSION = 4


class TrunkSizes(NamedTuple):
    """Widths of the networks.

    Attributes:
      width: channels inside the blocks of the first stage; each stage doubles them,
        and puts out four times as many.
      blocks: of each stage.
      stem: side of the first kernel.
      pools: whether the stem ends with the maximum over every other cell.
      hidden: widths of the layers behind the joined features.
    """

    width: int = 32
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    stem: int = 7
    pools: bool = True
    hidden: tuple[int, ...] = (2048, 512, 256)


PAPER_SIZES = TrunkSizes()
CPU_SIZES = TrunkSizes(
    width=16, blocks=(1, 1, 1), stem=3, pools=False, hidden=(256, 64, 32)
)


def feature_count(sizes: TrunkSizes) -> int:
    """How many features a picture has.

    Args:
      sizes: widths.

    Returns:
      1024 at the paper's sizes.
    """
    return _EXPANSION * sizes.width * 2 ** (len(sizes.blocks) - 1)


def feature_network(sizes: TrunkSizes = PAPER_SIZES) -> NormalizedNetwork:
    """Features of single pictures.

    Args:
      sizes: widths.

    Returns:
      `NormalizedNetwork` from `[B, H, W, 3]` to `[B, feature_count(sizes)]`, sides
      multiples of two to the power of the number of halvings. At a width of 64 it is
      ResNet-50, 23,508,032 parameters.
    """
    example = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    return normalized_network(_Trunk(sizes), example)


def choice_network(sizes: TrunkSizes = PAPER_SIZES) -> NormalizedNetwork:
    """The features of four pictures joined, and layers that choose an answer.

    Args:
      sizes: widths.

    Returns:
      `NormalizedNetwork` from `[B, 4, H, W, 3]`, the reference first, to logits
      `[B, 3]` of the answers.
    """
    example = jax.ShapeDtypeStruct((1, _NUM_PICTURES, 32, 32, 3), jnp.float32)
    return normalized_network(_Choice(sizes), example)


class _Trunk(nn.Module):
    """The residual network without its last layer."""

    sizes: TrunkSizes

    @nn.compact
    def __call__(self, pictures: Array) -> Array:
        sizes = self.sizes
        window = (sizes.stem, sizes.stem)
        x = nn.relu(ConvNorm(sizes.width, window, 2, name="stem")(pictures))
        x = pool_three(x) if sizes.pools else x
        for stage, count in enumerate(sizes.blocks):
            for block in range(count):
                stride = 2 if stage and not block else 1
                width = sizes.width * 2**stage
                x = _Bottleneck(width, stride, name=f"stage_{stage}_{block}")(x)
        return jnp.mean(x, (1, 2))


class _Bottleneck(nn.Module):
    """Narrower, over neighbours, wider, and around it all a shortcut."""

    width: int
    stride: int

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        wide = _EXPANSION * self.width
        x = nn.relu(ConvNorm(self.width, name="narrow")(inputs))
        x = nn.relu(ConvNorm(self.width, (3, 3), self.stride, name="across")(x))
        x = ConvNorm(wide, name="wide")(x)
        if self.stride > 1 or inputs.shape[-1] != wide:
            shortcut = inputs[:, :: self.stride, :: self.stride]
            inputs = ConvNorm(wide, name="shortcut")(shortcut)
        return nn.relu(x + inputs)


class _Choice(nn.Module):
    """One trunk for all pictures, and layers behind it."""

    sizes: TrunkSizes

    @nn.compact
    def __call__(self, pictures: Array) -> Array:
        flat = pictures.reshape(-1, *pictures.shape[2:])
        features = _Trunk(self.sizes, name="trunk")(flat)
        x = features.reshape(len(pictures), -1)
        for index, width in enumerate(self.sizes.hidden):
            x = nn.relu(nn.Dense(width, name=f"hidden_{index}")(x))
        return nn.Dense(_NUM_ANSWERS, name="choice")(x)


__all__ = [
    "CPU_SIZES",
    "PAPER_SIZES",
    "TrunkSizes",
    "choice_network",
    "feature_count",
    "feature_network",
]
