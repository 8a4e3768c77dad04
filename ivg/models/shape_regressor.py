"""A network that says at one glance how a shape is bent and its pose is off.

It stands in the place of DeepCPD (Rodriguez, Huber and Behnke, Category-Level 3D
Non-Rigid Registration from Single-View RGB Images, 2020), which predicts a deformation
of the canonical shape from one picture; its weights and data cannot be had. Here the
prediction is the latents of the family.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct

from ivg.models.layers import Conv
from ivg.models.network import Network, network_from_linen
from ivg.typing import Array


@struct.dataclass
class ShapeGuess:
    """What the network says of `B` pairs of pictures.

    Attributes:
      latents: `[B, K]` standard deviations of the family.
      shift: `[B, 2]` correction along x and y of the camera, in a unit that training
        chooses.
      turn: `[B, 3]` correction as axis times angle, likewise.
    """

    latents: Array
    shift: Array
    turn: Array


def shape_regressor(
    num_latents: int,
    size_px: int,
    widths: tuple[int, ...] = (16, 32, 32, 64),
    num_hidden: int = 64,
) -> Network:
    """Convolutions that halve the picture, then two dense layers.

    Args:
      num_latents: `K`.
      size_px: side of the pictures.
      widths: channels of each 3 by 3 convolution with stride two.
      num_hidden: width of the dense layer between.

    Returns:
      `Network` from `[B, H, W, 6]`, the observed picture and one of the undeformed
      shape in its assumed pose, to `ShapeGuess`.
    """
    module = _ShapeRegressor(num_latents, widths, num_hidden)
    like = jax.ShapeDtypeStruct((1, size_px, size_px, 6), jnp.float32)
    return network_from_linen(module, like)


class _ShapeRegressor(nn.Module):
    num_latents: int
    widths: tuple[int, ...]
    num_hidden: int

    @nn.compact
    def __call__(self, pictures):
        x = pictures
        for width in self.widths:
            x = nn.relu(Conv(width, 3, stride=2)(x))
        x = nn.relu(nn.Dense(self.num_hidden)(x.reshape(len(x), -1)))
        x = nn.Dense(self.num_latents + 5, name="guess")(x)
        k = self.num_latents
        return ShapeGuess(x[:, :k], x[:, k : k + 2], x[:, k + 2 :])


__all__ = ["ShapeGuess", "shape_regressor"]
