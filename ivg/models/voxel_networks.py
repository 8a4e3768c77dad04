"""Networks from a picture to a grid of voxels: base networks, and a first estimate.

Pictures are square, `[B, 128, 128, 3]`, and are standardised one by one. Grids are
`[B, 32, 32, 32]` logits of occupancy: rows downwards, columns to the right and depth
away from the camera if they are grids of its frustum (`ivg.scene.voxels`).

Source: Jack et al., IGE-Net, section 6.3 and table 2. The table gives sums: the
wiring is the one whose sums they are.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ivg.models.inception_resnet import REPEATS, InceptionResNetV2
from ivg.models.mobilenet import HEAD_WIDTH, MobileNetV2
from ivg.models.normalization import (
    BatchNorm,
    NormalizedNetwork,
    normalized_network,
)
from ivg.typing import Array

PICTURE_PX = 128
GRID_SIDE = 32
ENCODERS = ("mobilenet", "inception")
_FIRST_SIDE = 4
_EXAMPLE = jax.ShapeDtypeStruct((1, PICTURE_PX, PICTURE_PX, 3), jnp.float32)


class VoxelSizes(NamedTuple):
    """Widths of all parts, coarse to fine.

    Attributes:
      encoder: "mobilenet" or "inception".
      factor: of the widths of the encoder.
      head: channels that the base network gives the encoder of kind "mobilenet".
      repeats: blocks of each kind of the encoder of kind "inception".
      image: channels of the decoded features, of 4, 8, 16 and 32 cells a side; a
        fifth are of 64 cells, a sixth of 128.
      volume: channels of the first estimate, of 4, 8, 16 and 32 cells a side.
      base: the same for the base network.
      depths: cells along the depth at which the energy sees a grid, beside `image`.
    """

    encoder: str = "mobilenet"
    factor: float = 1.0
    head: int = HEAD_WIDTH
    repeats: tuple[int, int, int] = REPEATS
    image: tuple[int, ...] = (256, 128, 64, 32)
    volume: tuple[int, ...] = (64, 32, 16, 8)
    base: tuple[int, ...] = (128, 64, 32, 16)
    depths: tuple[int, ...] = (32, 16, 8, 4)


MOBILENET_SIZES = VoxelSizes()
INCEPTION_SIZES = VoxelSizes(
    "inception",
    image=(1024, 512, 256, 128),
    volume=(256, 128, 64, 32),
    base=(512, 256, 128, 64),
)


class FirstEstimate(NamedTuple):
    """What the networks of a descent say before it, of `B` pictures.

    Attributes:
      logits: `[B, 32, 32, 32]`.
      features: decoded features `[B, h, h, C]`, coarse to fine.
    """

    logits: Array
    features: tuple[Array, ...]


@functools.cache
def start_network(sizes: VoxelSizes = MOBILENET_SIZES) -> NormalizedNetwork:
    """Encoder, image decoder and a small 3D decoder.

    Args:
      sizes: widths.

    Returns:
      `NormalizedNetwork` from pictures `[B, 128, 128, 3]` to `FirstEstimate`.

    Raises:
      ValueError: for an unknown encoder, or widths whose numbers do not fit.

    Source: IGE-Net, table 2, columns IGE.
    """
    _check(sizes)
    return normalized_network(_Start(sizes), _EXAMPLE)


@functools.cache
def base_network(sizes: VoxelSizes = MOBILENET_SIZES) -> NormalizedNetwork:
    """Encoder and a 3D decoder, without any energy.

    Args:
      sizes: widths.

    Returns:
      `NormalizedNetwork` from pictures `[B, 128, 128, 3]` to logits
      `[B, 32, 32, 32]`.

    Raises:
      ValueError: for an unknown encoder, or widths whose numbers do not fit.

    Source: IGE-Net, table 2, columns Base.
    """
    _check(sizes)
    return normalized_network(_Base(sizes), _EXAMPLE)


def _check(sizes: VoxelSizes) -> None:
    if sizes.encoder not in ENCODERS:
        raise ValueError(f"encoder must be one of {ENCODERS}, got {sizes.encoder!r}")
    if len(sizes.volume) != 4 or len(sizes.base) != 4:
        raise ValueError(f"a 3D decoder needs four widths, got {sizes}")
    if not 1 <= len(sizes.image) == len(sizes.depths) <= 6:
        raise ValueError(f"image and depths go together, six at most, got {sizes}")


def standardize(pictures: Array) -> Array:
    """Each picture with mean zero and deviation one.

    Args:
      pictures: `[B, H, W, C]` of any scale.

    Returns:
      `[B, H, W, C]`; an even picture becomes zero.
    """
    mean = jnp.mean(pictures, (1, 2, 3), keepdims=True)
    deviation = jnp.std(pictures, (1, 2, 3), keepdims=True)
    return (pictures - mean) / jnp.maximum(deviation, 1e-3)


def transpose_convolve(inputs: Array, kernel: Array) -> Array:
    """Transposed convolution that doubles a grid.

    A cell adds to 4 by 4 by 4 finer ones, the middle of which it covers: a finer cell
    sees 2 by 2 by 2 coarse ones. Written as one matrix product of those, whose
    gradients are fast on a CPU.

    Args:
      inputs: `[B, D, H, W, C]`.
      kernel: `[4, 4, 4, C, N]`.

    Returns:
      `[B, 2 D, 2 H, 2 W, N]`, SAME as in Keras.
    """
    channels, width = kernel.shape[3:]
    # The place in a reversed kernel is two times the neighbour plus the parity.
    parts = kernel[::-1, ::-1, ::-1].reshape((2,) * 6 + (channels, width))
    matrix = parts.transpose(0, 2, 4, 6, 1, 3, 5, 7).reshape(8 * channels, 8 * width)
    padded = jnp.pad(inputs, ((0, 0), (1, 1), (1, 1), (1, 1), (0, 0)))
    ends = [size - 1 for size in padded.shape[1:4]]
    around = [
        padded[:, i : i + ends[0], j : j + ends[1], k : k + ends[2]]
        for i, j, k in np.ndindex(2, 2, 2)
    ]
    x = jnp.concatenate(around, -1) @ matrix
    x = x.reshape(*x.shape[:4], 2, 2, 2, width)
    for axis in (1, 2, 3):
        x = _interleave(x, axis)
    return x


def _interleave(x, axis):
    """Even and odd cells along an axis in turn; the parities' own axis is 4."""
    even, odd = jnp.unstack(x, axis=4)
    count = x.shape[axis] - 1
    even = jax.lax.slice_in_dim(even, 0, count, axis=axis)
    odd = jax.lax.slice_in_dim(odd, 1, count + 1, axis=axis)
    shape = list(even.shape)
    shape[axis] = 2 * count
    return jnp.stack([even, odd], axis + 1).reshape(shape)


def enlarge_aligned(features: Array) -> Array:
    """Twice as many rows and columns, corner on corner, between them linear.

    Args:
      features: `[B, H, W, C]`.

    Returns:
      `[B, 2 H, 2 W, C]`.
    """
    rows, columns = (jnp.asarray(_linear(n)) for n in features.shape[1:3])
    x = jnp.einsum("ri,bijc->brjc", rows, features)
    return jnp.einsum("sj,brjc->brsc", columns, x)


def _linear(count):
    """`[2 n, n]` weights of linear interpolation that keeps both ends."""
    place = np.linspace(0, count - 1, 2 * count)[:, None]
    return np.maximum(1 - np.abs(place - np.arange(count)), 0).astype(np.float32)


class _Start(nn.Module):
    sizes: VoxelSizes

    @nn.compact
    def __call__(self, pictures):
        sizes, x = self.sizes, standardize(pictures)
        skips = (*_encoder(sizes, None)(x), x)
        features = ImageDecoder(sizes.image, name="image_decoder")(skips)
        lifted = Lift(sizes.volume[0], name="lift")(features[0])
        logits = VolumeDecoder(sizes.volume[1:], name="volume_decoder")(lifted)
        return FirstEstimate(logits, features)


class _Base(nn.Module):
    sizes: VoxelSizes

    @nn.compact
    def __call__(self, pictures):
        sizes = self.sizes
        coarse = _encoder(sizes, sizes.head)(standardize(pictures))[0]
        if sizes.encoder == "mobilenet":
            mean = jnp.mean(coarse, (1, 2))
            x = AxisLift(sizes.base[0], name="lift")(mean)
        else:
            x = Lift(sizes.base[0], name="lift")(coarse)
        return VolumeDecoder(sizes.base[1:], name="volume_decoder")(x)


def _encoder(sizes: VoxelSizes, head: int | None) -> nn.Module:
    if sizes.encoder == "mobilenet":
        return MobileNetV2(sizes.factor, head, name="encoder")
    return InceptionResNetV2(sizes.factor, sizes.repeats, name="encoder")


class ImageDecoder(nn.Module):
    """The way up of a U-Net, of convolutions of one by one cells.

    Attributes:
      widths: channels, coarse to fine.
      parent, name: set by Linen.

    Source: IGE-Net, table 2: its counts fit a convolution after the skipped features
    are joined, with a bias and a normalization without scale.
    """

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, skips: tuple[Array, ...]) -> tuple[Array, ...]:
        """Features `[B, h, h, C]` from those of the encoder, both coarse to fine."""
        outputs = []
        for width, skip in zip(self.widths, skips, strict=False):
            x = skip
            if outputs:
                x = jnp.concatenate([enlarge_aligned(outputs[-1]), skip], -1)
            x = BatchNorm(has_scale=False)(nn.Dense(width)(x))
            outputs.append(nn.relu(x))
        return tuple(outputs)


class Lift(nn.Module):
    """Gives the cells of a feature map four cells of depth.

    Attributes:
      width: channels of a cell of the volume.
      parent, name: set by Linen.
    """

    width: int

    @nn.compact
    def __call__(self, features: Array) -> Array:
        """`[B, 4, 4, 4, width]` of `[B, 4, 4, C]`."""
        x = nn.Dense(_FIRST_SIDE * self.width)(features)
        return x.reshape(*features.shape[:3], _FIRST_SIDE, self.width)


class AxisLift(nn.Module):
    """A volume that is a sum of three, each changing along one axis alone.

    Attributes:
      width: channels of a cell of the volume.
      parent, name: set by Linen.
    """

    width: int

    @nn.compact
    def __call__(self, vector: Array) -> Array:
        """`[B, 4, 4, 4, width]` of `[B, C]`."""
        x = nn.Dense(3 * _FIRST_SIDE * self.width)(vector)
        x = x.reshape(len(vector), 3, _FIRST_SIDE, self.width)
        rows, columns, depths = jnp.unstack(x, axis=1)
        return (
            rows[:, :, None, None] + columns[:, None, :, None] + depths[:, None, None]
        )


class VolumeDecoder(nn.Module):
    """Transposed convolutions that double a volume each, then a logit per voxel.

    Attributes:
      widths: channels after each.
      parent, name: set by Linen.

    Source: IGE-Net, section 6.3, after Wu et al., 3D-GAN, 2016.
    """

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, volume: Array) -> Array:
        """Logits `[B, 32, 32, 32]` of `[B, 4, 4, 4, C]`, if there are three."""
        x = nn.relu(BatchNorm(has_scale=False)(volume))
        for index, width in enumerate(self.widths):
            x = _TransposeConv(width, name=f"up_{index}")(x)
            x = nn.relu(BatchNorm(has_scale=False)(x))
        return nn.Dense(1, name="logit")(x)[..., 0]


class _TransposeConv(nn.Module):
    width: int

    @nn.compact
    def __call__(self, inputs):
        shape = (4, 4, 4, inputs.shape[-1], self.width)
        kernel = self.param("kernel", nn.initializers.lecun_uniform(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.width,))
        return transpose_convolve(inputs, kernel) + bias


__all__ = [
    "ENCODERS",
    "GRID_SIDE",
    "INCEPTION_SIZES",
    "MOBILENET_SIZES",
    "PICTURE_PX",
    "AxisLift",
    "FirstEstimate",
    "ImageDecoder",
    "Lift",
    "VolumeDecoder",
    "VoxelSizes",
    "base_network",
    "enlarge_aligned",
    "standardize",
    "start_network",
    "transpose_convolve",
]
