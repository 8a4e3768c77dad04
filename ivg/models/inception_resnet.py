"""InceptionResNetV2: features of a picture at five sizes.

All convolutions are SAME, which keeps a picture of 128 pixels at 4 by 4 cells; with
those of Keras, VALID in part, 2 by 2 would be left. The parameters are the same.

Source: Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning, 2016, with the widths and the scales of Keras.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ivg.models.layers import Conv
from ivg.models.normalization import ConvNorm
from ivg.models.resnet import pool_three
from ivg.typing import Array

# Convolutions of a branch: width, rows and columns.
_Branch = Sequence[tuple[int, tuple[int, int]]]
_MIXED: tuple[_Branch, ...] = (
    ((96, (1, 1)),),
    ((48, (1, 1)), (64, (5, 5))),
    ((64, (1, 1)), (96, (3, 3)), (96, (3, 3))),
)
_BLOCK_35: tuple[_Branch, ...] = (
    ((32, (1, 1)),),
    ((32, (1, 1)), (32, (3, 3))),
    ((32, (1, 1)), (48, (3, 3)), (64, (3, 3))),
)
_BLOCK_17: tuple[_Branch, ...] = (
    ((192, (1, 1)),),
    ((128, (1, 1)), (160, (1, 7)), (192, (7, 1))),
)
_BLOCK_8: tuple[_Branch, ...] = (
    ((192, (1, 1)),),
    ((192, (1, 1)), (224, (1, 3)), (256, (3, 1))),
)
# The last convolution of each branch of a reduction halves the picture.
_REDUCTION_A: tuple[_Branch, ...] = (
    ((384, (3, 3)),),
    ((256, (1, 1)), (256, (3, 3)), (384, (3, 3))),
)
_REDUCTION_B: tuple[_Branch, ...] = (
    ((256, (1, 1)), (384, (3, 3))),
    ((256, (1, 1)), (288, (3, 3))),
    ((256, (1, 1)), (288, (3, 3)), (320, (3, 3))),
)
REPEATS = (10, 20, 10)
HEAD_WIDTH = 1536


class InceptionResNetV2(nn.Module):
    """InceptionResNetV2 without the layer that names classes.

    Attributes:
      factor: of all widths.
      repeats: blocks of each of the three kinds.
      parent, name: set by Linen.
    """

    factor: float = 1.0
    repeats: tuple[int, int, int] = REPEATS

    @nn.compact
    def __call__(self, pictures: Array) -> tuple[Array, ...]:
        """Features of `[B, H, W, 3]`, sides multiples of 32.

        Those of 32, 16, 8, 4 and 2 pixels to a cell, 1536, 1088, 320, 192 and 64
        channels.
        """
        x = self._conv(32, (3, 3), pictures, 2)
        x = self._conv(64, (3, 3), self._conv(32, (3, 3), x))
        taps = [x]
        x = self._conv(192, (3, 3), self._conv(80, (1, 1), pool_three(x)))
        taps.append(x)
        x = pool_three(x)
        pooled = self._conv(64, (1, 1), _mean_three(x))
        x = jnp.concatenate([*self._branches(_MIXED, x), pooled], -1)
        x = self._blocks(_BLOCK_35, 0.17, self.repeats[0], x)
        taps.append(x)
        x = jnp.concatenate([*self._branches(_REDUCTION_A, x, 2), pool_three(x)], -1)
        x = self._blocks(_BLOCK_17, 0.1, self.repeats[1], x)
        taps.append(x)
        x = jnp.concatenate([*self._branches(_REDUCTION_B, x, 2), pool_three(x)], -1)
        x = self._blocks(_BLOCK_8, 0.2, self.repeats[2] - 1, x)
        x = self._block(_BLOCK_8, 1.0, x)
        taps.append(self._conv(HEAD_WIDTH, (1, 1), x))
        return tuple(reversed(taps))

    def _conv(self, width, size, x, stride=1):
        width = max(1, round(width * self.factor))
        return nn.relu(ConvNorm(width, size, stride, has_scale=False)(x))

    def _branches(self, branches, x, last_stride=1):
        outputs = []
        for branch in branches:
            y = x
            for index, (width, size) in enumerate(branch):
                stride = last_stride if index == len(branch) - 1 else 1
                y = self._conv(width, size, y, stride)
            outputs.append(y)
        return outputs

    def _block(self, branches, scale, x):
        """The sum of what comes in and what the branches make of it."""
        y = jnp.concatenate(self._branches(branches, x), -1)
        return x + scale * Conv(x.shape[-1], 1)(y)

    def _blocks(self, branches, scale, times, x):
        for _ in range(times):
            x = nn.relu(self._block(branches, scale, x))
        return x


def _mean_three(x):
    """The mean over three by three cells, of those that there are."""
    window, strides = (1, 3, 3, 1), (1, 1, 1, 1)
    total = jax.lax.reduce_window(x, 0.0, jax.lax.add, window, strides, "SAME")
    ones = jnp.ones((1, *x.shape[1:3], 1), x.dtype)
    count = jax.lax.reduce_window(ones, 0.0, jax.lax.add, window, strides, "SAME")
    return total / count


__all__ = ["HEAD_WIDTH", "REPEATS", "InceptionResNetV2"]
