"""The networks that guess the latent variables of a detected object at first.

Each object says something about itself and about what all objects share, lighting,
camera and ground. Continuous variables are shares of their ranges, angles are bins.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct

from ivg.models.backbones import STRIDE
from ivg.models.detector import PATCH_CELLS
from ivg.models.layers import Conv, Dropout, PatchHead
from ivg.models.network import Network, network_from_linen
from ivg.typing import Array

NO_SHAPE = -1e9


@struct.dataclass
class InitialVotes:
    """What `B` detected objects say; bins are equal parts of a turn from zero on.

    Attributes:
      shape: `[B, S]` logits of the shapes of the object's class; `NO_SHAPE` for
        shapes that the class does not have.
      azimuth: `[B, A]` logits of its turn about the vertical.
      colour: `[B, 3]` of the object, in [0, 1].
      light_azimuth: `[B, A]` logits of the direction of the light.
      lighting: `[B, 3]` uniform strength, directional strength and elevation, as
        shares of their ranges.
      camera: `[B, 2]` height and elevation, as shares of their ranges.
      ground_colour: `[B, 3]` in [0, 1].
    """

    shape: Array
    azimuth: Array
    colour: Array
    light_azimuth: Array
    lighting: Array
    camera: Array
    ground_colour: Array


def initializer_network(
    features: int,
    shape_counts: tuple[int, ...] = (6, 15, 8),
    azimuth_bins: int = 18,
    width: int = 50,
    hidden: int = 50,
    lighting_hidden: int = 100,
    colour_width: int = 27,
    colour_hidden: int = 40,
) -> Network:
    """The initialization networks of LiDO, all at once.

    There is one network for each of lighting, its azimuth, camera and ground colour,
    and one per class for each of shape, azimuth and object colour. Those of all
    classes run, and that of the class is taken.

    Args:
      features: number `C` of features per cell.
      shape_counts: number of shapes of each class; the most is `S`.
      azimuth_bins: number `A` of bins of a turn.
      width: of the three convolutions on the features; after the first, half is
        dropped.
      hidden: width of the dense layer after them.
      lighting_hidden: that of lighting.
      colour_width: width of the convolution of a colour network.
      colour_hidden: width of its two dense layers.

    Returns:
      `Network` from features `[B, 16, 16, C]` and pixels `[B, 128, 128, 3]`,
      normalised, of the patches about the contact points, detections `[B, 3]`
      (contact point x and y, projected size; standardised) and class_id `[B]`, to
      `InitialVotes`.

    Source: LiDO, appendix C, table C.5. The leak of the colour networks is 0.01 and
    their convolution is VALID, which the paper leaves open.
    """
    module = _Initializer(
        shape_counts,
        azimuth_bins,
        width,
        hidden,
        lighting_hidden,
        colour_width,
        colour_hidden,
    )
    side = PATCH_CELLS * STRIDE
    return network_from_linen(
        module,
        jax.ShapeDtypeStruct((1, PATCH_CELLS, PATCH_CELLS, features), jnp.float32),
        jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32),
        jax.ShapeDtypeStruct((1, 3), jnp.float32),
        jax.ShapeDtypeStruct((1,), jnp.int32),
    )


class _Initializer(nn.Module):
    shape_counts: tuple[int, ...]
    azimuth_bins: int
    width: int
    hidden: int
    lighting_hidden: int
    colour_width: int
    colour_hidden: int

    @nn.compact
    def __call__(self, features, pixels, detection, class_id):
        def vote(name, outputs, hidden=self.hidden):
            net = _FeatureNet(self.width, hidden, outputs, name=name)
            return net(features, detection)

        def colour(name):
            net = _ColourNet(self.colour_width, self.colour_hidden, name=name)
            return net(pixels, detection)

        def of_class(nets):
            votes = jnp.stack(list(nets), 1)
            index = class_id[:, None, None]
            return jnp.take_along_axis(votes, index, 1, mode="clip")[:, 0]

        counts, bins = self.shape_counts, self.azimuth_bins
        return InitialVotes(
            shape=of_class(
                _pad_logits(vote(f"shape_{index}", count), max(counts))
                for index, count in enumerate(counts)
            ),
            azimuth=of_class(vote(f"azimuth_{i}", bins) for i in range(len(counts))),
            colour=of_class(colour(f"colour_{i}") for i in range(len(counts))),
            light_azimuth=vote("light_azimuth", bins),
            lighting=nn.sigmoid(vote("lighting", 3, self.lighting_hidden)),
            camera=nn.sigmoid(vote("camera", 2)),
            ground_colour=colour("ground_colour"),
        )


class _FeatureNet(nn.Module):
    width: int
    hidden: int
    outputs: int

    @nn.compact
    def __call__(self, features, detection):
        x = PatchHead(self.width, 1, name="head")(features)
        x = jnp.tanh(nn.Dense(self.hidden)(_join(x, detection)))
        return nn.Dense(self.outputs)(x)


class _ColourNet(nn.Module):
    width: int
    hidden: int

    @nn.compact
    def __call__(self, pixels, detection):
        x = nn.leaky_relu(Conv(self.width, 6, stride=6, padding="VALID")(pixels))
        x = nn.leaky_relu(nn.Dense(self.hidden)(_join(Dropout()(x), detection)))
        x = nn.leaky_relu(nn.Dense(self.hidden)(x))
        return nn.sigmoid(nn.Dense(3)(x))


def _join(features, detection):
    return jnp.concatenate([features.reshape(len(features), -1), detection], -1)


def _pad_logits(logits, count):
    missing = count - logits.shape[-1]
    return jnp.pad(logits, ((0, 0), (0, missing)), constant_values=NO_SHAPE)


__all__ = ["InitialVotes", "NO_SHAPE", "initializer_network"]
