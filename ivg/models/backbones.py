"""Networks that turn pictures into features, eight pixels to a cell.

All of them take pixels in the units of `ivg.models.patches.normalize_pixels`, with
zero outside the picture, and put them into their own units themselves. A cell at row
i and column j lies over the pixels [8 i, 8 i + 8) by [8 j, 8 j + 8).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from ivg.models.layers import Conv, DepthwiseConv, max_pool
from ivg.models.network import Network, network_from_linen
from ivg.typing import Array

STRIDE = 8
VGG16_WIDTHS = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
_LEAST_SQUARE = 0.01
_EXAMPLE = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)


class Block(NamedTuple):
    """A block of EfficientNet.

    Attributes:
      expansion: how many times wider its middle is than its input.
      size: rows and columns of the kernel.
      stride: cells from one output to the next.
      width: number of output channels.
    """

    expansion: int
    size: int
    stride: int
    width: int


_STAGES = (
    (1, Block(1, 3, 1, 16)),
    (2, Block(6, 3, 2, 24)),
    (2, Block(6, 5, 2, 40)),
    (3, Block(6, 3, 2, 80)),
    (3, Block(6, 5, 1, 112)),
    (4, Block(6, 5, 2, 192)),
    (1, Block(6, 3, 1, 320)),
)
EFFICIENTNET_BLOCKS = tuple(
    first._replace(stride=first.stride if index == 0 else 1)
    for repeats, first in _STAGES
    for index in range(repeats)
)
_LAST_BLOCK = {8: 4, 16: 10}  # the last block whose cells are so many pixels wide


def vgg16() -> Network:
    """All 13 convolutions of VGG-16, with the first three of its poolings.

    Returns:
      `Network` from pixels `[B, H, W, 3]` to features `[B, H // 8, W // 8, 512]`,
      14,714,688 parameters. Inside, the pixels become RGB in [0, 1] minus the mean
      of ImageNet over its deviation, as torchvision's weights want.

    Source: Simonyan and Zisserman, Very Deep Convolutional Networks, 2015, table 1,
    D; LiDO, appendix C. The convolutions are SAME: the sizes that LiDO gives for its
    heads leave no other choice, although it speaks of no padding.
    """
    return network_from_linen(_Vgg16(), _EXAMPLE)


def efficientnet_lite0(*, deep: bool = True) -> Network:
    """The first blocks of EfficientNet-Lite0.

    Args:
      deep: whether to go on to cells of 16 pixels, whose 112 features are repeated
        in the four cells of 8 pixels, after the 40 of those.

    Returns:
      `Network` from pixels `[B, H, W, 3]`, both sides multiples of 8, to features
      `[B, H / 8, W / 8, 152 or 40]`. Its parameters are among those of
      `efficientnet_lite0_classifier`, and it also takes all of them.

    Source: Tan and Le, EfficientNet, ICML 2019; Liu, Higher accuracy on vision models
    with EfficientNet-Lite, 2020 (no squeeze-and-excitation, ReLU6). The batch norms
    are folded into the convolutions.
    """
    return network_from_linen(
        _EfficientNet(strides=(8, 16) if deep else (8,)), _EXAMPLE
    )


def efficientnet_lite0_classifier() -> Network:
    """All of EfficientNet-Lite0, to check its weights.

    Returns:
      `Network` from pixels `[B, H, W, 3]`, 224 by 224 in training, to logits
      `[B, 1000]` of the classes of ImageNet; 4,631,000 parameters.
    """
    return network_from_linen(_EfficientNet(strides=()), _EXAMPLE)


def small_cnn(widths: tuple[int, ...] = (16, 32, 64, 64)) -> Network:
    """A small network to train from nothing.

    Args:
      widths: of its convolutions, three by three; the first three halve the picture.
        At these widths a picture of 384 by 384 takes 0.37 GFLOP.

    Returns:
      `Network` from pixels `[B, H, W, 3]`, both sides multiples of 8, to features
      `[B, H / 8, W / 8, widths[-1]]`.

    Raises:
      ValueError: for fewer than three widths.
    """
    if len(widths) < 3:
        raise ValueError(f"the small network needs three widths or more, got {widths}")
    return network_from_linen(_SmallCnn(widths), _EXAMPLE)


class _Vgg16(nn.Module):
    @nn.compact
    def __call__(self, pixels):
        mean, deviation = jnp.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
        x = ((100 * pixels + 127) / 255 - mean) / deviation
        for group, widths in enumerate(VGG16_WIDTHS):
            for width in widths:
                x = nn.relu(Conv(width, 3)(x))
            if group < 3:
                x = max_pool(x)
        return x


class _SmallCnn(nn.Module):
    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, pixels):
        x = pixels
        for index, width in enumerate(self.widths):
            stride = 2 if index < 3 else 1
            x = normalize_cells(nn.relu(Conv(width, 3, stride=stride)(x)))
        return x


def normalize_cells(features: Array) -> Array:
    """Features of about the same strength in every cell, so that tanh can take them.

    Args:
      features: `[..., C]`.

    Returns:
      `[..., C]` over the root of their mean square, where that is not small.
    """
    square = jnp.mean(features**2, -1, keepdims=True)
    return features * jax.lax.rsqrt(square + _LEAST_SQUARE)


class _EfficientNet(nn.Module):
    """Features at some strides, side by side; all of it, if there are none."""

    strides: tuple[int, ...]

    @nn.compact
    def __call__(self, pixels):
        taps = {_LAST_BLOCK[stride]: stride for stride in self.strides}
        last = max(taps, default=len(EFFICIENTNET_BLOCKS) - 1)
        x = nn.relu6(Conv(32, 3, stride=2, name="stem")(pixels * (100 / 128)))
        features = []
        for index, block in enumerate(EFFICIENTNET_BLOCKS[: last + 1]):
            x = _MobileBlock(*block, name=f"block_{index}")(x)
            if index in taps:
                features.append(_repeat_cells(x, taps[index] // STRIDE, features))
        if taps:
            return jnp.concatenate(features, -1)
        x = jnp.mean(nn.relu6(Conv(1280, 1, name="head")(x)), (1, 2))
        return nn.Dense(1000, name="classes")(x)


class _MobileBlock(nn.Module):
    """MBConv: wider, over neighbours, narrower, and around it all a shortcut."""

    expansion: int
    size: int
    stride: int
    width: int

    @nn.compact
    def __call__(self, inputs):
        width, x = inputs.shape[-1], inputs
        if self.expansion > 1:
            x = nn.relu6(Conv(width * self.expansion, 1, name="expand")(x))
        x = nn.relu6(DepthwiseConv(self.size, self.stride, name="depthwise")(x))
        x = Conv(self.width, 1, name="project")(x)
        return x + inputs if self.stride == 1 and self.width == width else x


def _repeat_cells(features, times, finer):
    """Each cell `times` by `times`, cut to the shape of the finer features."""
    x = jnp.repeat(jnp.repeat(features, times, 1), times, 2)
    return x[:, : finer[0].shape[1], : finer[0].shape[2]] if finer else x


__all__ = [
    "Block",
    "EFFICIENTNET_BLOCKS",
    "STRIDE",
    "VGG16_WIDTHS",
    "efficientnet_lite0",
    "efficientnet_lite0_classifier",
    "normalize_cells",
    "small_cnn",
    "vgg16",
]
