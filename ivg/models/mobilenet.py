"""MobileNetV2: features of a picture at five sizes.

Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018,
with the widths and the padding of Keras.
"""

from flax import linen as nn

from ivg.models.convolution import convolve_depthwise
from ivg.models.normalization import BatchNorm, ConvNorm
from ivg.typing import Array

# Expansion, width, repeats, stride of the first.
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
    (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
STEM_WIDTH, HEAD_WIDTH = 32, 1280
_TAPS = (0, 1, 2, 4, 6)  # the last stages of 2, 4, 8, 16 and 32 pixels to a cell


def scaled_width(width: int, factor: float) -> int:
    """A width that is a multiple of eight.

    Args:
      width: number of channels.
      factor: of the network, positive.

    Returns:
      The multiple of eight nearest to their product, eight at least, and not less
      than nine tenths of it.

    Source: the released code of MobileNet (`make_divisible`).
    """
    exact = width * factor
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


class MobileNetV2(nn.Module):
    """MobileNetV2 without the layers that name classes.

    Attributes:
      factor: of all widths.
      head: channels of the last convolution, `HEAD_WIDTH` in the paper; None leaves
        it out.
      parent, name: set by Linen.
    """

    factor: float = 1.0
    head: int | None = None

    @nn.compact
    def __call__(self, pictures: Array) -> tuple[Array, ...]:
        """Features of `[B, H, W, 3]`, sides multiples of 32.

        Those of 32, 16, 8, 4 and 2 pixels to a cell, 320, 96, 32, 24 and 16 channels;
        with a head the first are its own instead of the 320.
        """
        width = scaled_width(STEM_WIDTH, self.factor)
        x = nn.relu6(ConvNorm(width, (3, 3), 2, name="stem")(pictures))
        taps = []
        for stage, (expansion, channels, repeats, stride) in enumerate(STAGES):
            width = scaled_width(channels, self.factor)
            for i in range(repeats):
                name = f"block_{stage}_{i}"
                x = _Block(expansion, width, 1 if i else stride, name=name)(x)
            if stage in _TAPS:
                taps.append(x)
        if self.head is not None:
            taps[-1] = nn.relu6(ConvNorm(self.head, name="head")(x))
        return tuple(reversed(taps))


class _Block(nn.Module):
    """Wider, over neighbours, narrower, and around it all a shortcut."""

    expansion: int
    width: int
    stride: int

    @nn.compact
    def __call__(self, inputs):
        channels, x = inputs.shape[-1], inputs
        if self.expansion > 1:
            x = nn.relu6(ConvNorm(channels * self.expansion, name="expand")(x))
        shape = (3, 3, 1, x.shape[-1])
        kernel = self.param("kernel", nn.initializers.lecun_uniform(), shape)
        x = convolve_depthwise(x, kernel, self.stride)
        x = nn.relu6(BatchNorm(name="norm")(x))
        x = ConvNorm(self.width, name="project")(x)
        return x + inputs if self.stride == 1 and self.width == channels else x


__all__ = [
    "HEAD_WIDTH",
    "STAGES",
    "STEM_WIDTH",
    "MobileNetV2",
    "scaled_width",
]
