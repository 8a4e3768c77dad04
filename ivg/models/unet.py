"""U-Net: a label for every pixel, from what is near it and from what is far.

Source: Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical
Image Segmentation, 2015. Convolutions are SAME here, so that labels have the size of
the picture, and the way up repeats cells and convolves.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct

from ivg.models.layers import Conv, max_pool
from ivg.models.network import Network, network_from_linen
from ivg.typing import Array


@struct.dataclass
class UNetOutput:
    """What a U-Net says of `B` pictures.

    Attributes:
      logits: `[B, H, W, K]` of the classes of each pixel.
      features: `[B, H, W, C]` not negative, the layer before the logits.
    """

    logits: Array
    features: Array


def unet(num_classes: int, widths: tuple[int, ...] = (16, 32, 64, 128)) -> Network:
    """A U-Net.

    Args:
      num_classes: `K`.
      widths: channels at each size, the full one first; each is half the size of the
        one before.

    Returns:
      `Network` from pictures `[B, H, W, 3]`, sides divisible by two to the power of
      the number of halvings, to `UNetOutput` with `C = widths[0]`. With the paper's
      widths (64, 128, 256, 512, 1024) a 3 by 3 convolution follows each doubling.
    """
    side = 2 ** len(widths)
    module = _UNet(num_classes, widths)
    return network_from_linen(
        module, jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    )


class _UNet(nn.Module):
    num_classes: int
    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, pictures):
        x, skipped = pictures, []
        for level, width in enumerate(self.widths):
            x = max_pool(x) if level else x
            x = _Pair(width, name=f"down_{level}")(x)
            skipped.append(x)
        for level, width in reversed(list(enumerate(self.widths[:-1]))):
            x = nn.relu(Conv(width, 3, name=f"rise_{level}")(_double(x)))
            x = jnp.concatenate([skipped[level], x], -1)
            x = _Pair(width, name=f"up_{level}")(x)
        return UNetOutput(Conv(self.num_classes, 1, name="logits")(x), x)


class _Pair(nn.Module):
    """Two convolutions."""

    width: int

    @nn.compact
    def __call__(self, x):
        x = nn.relu(Conv(self.width, 3)(x))
        return nn.relu(Conv(self.width, 3)(x))


def _double(x):
    return jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)


__all__ = ["UNetOutput", "unet"]
