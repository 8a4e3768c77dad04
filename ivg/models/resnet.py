"""The first stages of ResNet-18: features of a picture, eight pixels to a cell.

Source: He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, 2015,
table 1 (18 layers), with the padding of torchvision. There are no batch norms: each
convolution has a bias instead, which is what a batch norm is once it is folded in.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ivg.models.layers import Conv
from ivg.models.network import Network, network_from_linen
from ivg.typing import Array

RESNET18_WIDTHS = (64, 64, 128)
STRIDE = 8
_BLOCKS = 2  # to a stage
_EXAMPLE = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)


def resnet_stage(widths: tuple[int, int, int] = RESNET18_WIDTHS) -> Network:
    """ResNet-18 up to its stage of 128 channels.

    Args:
      widths: channels of the stem and of the two stages.

    Returns:
      `Network` from pictures `[B, H, W, 3]`, both sides multiples of 8, to features
      `[B, H / 8, W / 8, widths[2]]`, not negative; 682,112 parameters at the widths
      of ResNet-18.
    """
    return network_from_linen(ResNetStage(widths), _EXAMPLE)


class ResNetStage(nn.Module):
    """Stem, pooling and two stages of two blocks.

    Attributes:
      widths: channels of the stem and of the two stages.
      parent, name: set by Linen.
    """

    widths: tuple[int, int, int]

    @nn.compact
    def __call__(self, pictures: Array) -> Array:
        """Features `[B, H / 8, W / 8, C]` of `[B, H, W, 3]`."""
        stem, *stages = self.widths
        x = nn.relu(_conv(stem, 7, 2, "stem")(_pad(pictures, 3)))
        x = pool_three(x)
        for index, width in enumerate(stages):
            for block in range(_BLOCKS):
                stride = 2 if index and not block else 1
                x = BasicBlock(width, stride, name=f"stage_{index}_{block}")(x)
        return x


class BasicBlock(nn.Module):
    """Two convolutions of 3 by 3 cells, and around them a shortcut.

    Attributes:
      width: number of output channels.
      stride: cells from one output to the next.
      parent, name: set by Linen.
    """

    width: int
    stride: int = 1

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Features `[B, H / stride, W / stride, width]` of `[B, H, W, C]`."""
        x = nn.relu(_conv(self.width, 3, self.stride, "first")(_pad(inputs, 1)))
        x = _conv(self.width, 3, 1, "second")(_pad(x, 1))
        if self.stride > 1 or inputs.shape[-1] != self.width:
            inputs = _conv(self.width, 1, self.stride, "shortcut")(inputs)
        return nn.relu(x + inputs)


def _conv(width, size, stride, name):
    return Conv(width, size, stride, "VALID", name=name)


def _pad(x, cells, value=0):
    sides = ((0, 0), (cells, cells), (cells, cells), (0, 0))
    return jnp.pad(x, sides, constant_values=value)


def pool_three(inputs: Array) -> Array:
    """Maximum over three by three cells around every second one.

    Args:
      inputs: `[B, H, W, C]` with even sides, not negative.

    Returns:
      `[B, H / 2, W / 2, C]`, with a gradient that is fast on a CPU; equal cells share
      it.
    """
    x = _pad(inputs, 1)
    rows = [x[:, i : i + inputs.shape[1] : 2] for i in range(3)]
    x = jnp.maximum(jnp.maximum(rows[0], rows[1]), rows[2])
    columns = [x[:, :, i : i + inputs.shape[2] : 2] for i in range(3)]
    return jnp.maximum(jnp.maximum(columns[0], columns[1]), columns[2])


__all__ = [
    "RESNET18_WIDTHS",
    "STRIDE",
    "BasicBlock",
    "ResNetStage",
    "pool_three",
    "resnet_stage",
]
