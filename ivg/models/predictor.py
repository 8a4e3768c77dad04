"""The network that predicts better latent variables from the current ones.

It sees the observed and the rendered patch about one object, their difference, the
current latent variables, and the colours that would make render and picture equally
bright (`encode_inputs`). Outputs are changes, in the units of `Prediction`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from ivg.models.layers import Conv, Dropout, max_pool
from ivg.models.network import Network, network_from_linen
from ivg.models.tabletop_coding import Prediction
from ivg.models.turns import NUM_BINS, turn_logits
from ivg.typing import Array

PATCH_SIZE = 64
Activation = Callable[[Array], Array]


def prediction_network(
    latent_size: int = 76,
    trunk: tuple[int, ...] = (32, 64, 128),
    branch: tuple[int, ...] = (64, 32),
    colour: tuple[int, ...] = (32, 64, 128),
    hidden: int = 40,
    activation: Activation = jnp.tanh,
    has_two_trunks: bool = False,
) -> Network:
    """The Prediction Network of LiDO.

    A trunk of three convolutions, or two with `has_two_trunks`, is shared by a branch
    for each of position, size, azimuth, lighting and camera; the two colours have
    networks of their own. The branch of the azimuth says a turn beside the terms of its
    bins, see `turn_logits`.

    Args:
      latent_size: number `Z` of inputs beside patches, see `encode_inputs`.
      trunk: widths of the three convolutions of a trunk.
      branch: widths of the two convolutions of a branch.
      colour: widths of the three convolutions of a colour network.
      hidden: width of the dense layers.
      activation: in trunk and branches; colours have rectifiers, as in the paper.
      has_two_trunks: whether lighting and camera have a trunk of their own. Their
        errors are large, and few convolutions that serve both do not learn to see the
        small ones of poses.

    Returns:
      `Network` from patches `[B, 64, 64, 9]` (observed, rendered, observed minus
      rendered; pixels as `normalize_pixels` makes them, zero outside the picture)
      and `[B, Z]` numbers from `encode_inputs` to `Prediction`.

    Source: LiDO, table 1, with tanh and one trunk; the turn is ours. The paper does not
    say how it pads; here the convolutions are SAME, so that the first dense layer sees
    8 by 8 cells.
    """
    module = _Predictor(trunk, branch, colour, hidden, activation, has_two_trunks)
    return network_from_linen(
        module,
        jax.ShapeDtypeStruct((1, PATCH_SIZE, PATCH_SIZE, 9), jnp.float32),
        jax.ShapeDtypeStruct((1, latent_size), jnp.float32),
    )


class _Predictor(nn.Module):
    trunk: tuple[int, ...]
    branch: tuple[int, ...]
    colour: tuple[int, ...]
    hidden: int
    activation: Activation
    has_two_trunks: bool

    @nn.compact
    def __call__(self, patches, latents):
        def trunk(name):
            return _Trunk(self.trunk, self.activation, name=name)(patches)

        def branch(name, outputs, features):
            widths = self.branch, self.hidden, outputs
            return _Branch(*widths, self.activation, name=name)(features, latents)

        def colour(name):
            return _Colour(self.colour, self.hidden, name=name)(patches, latents)

        own = trunk("trunk")
        shared = trunk("shared_trunk") if self.has_two_trunks else own
        return Prediction(
            position=branch("position", 2, own),
            size=branch("size", 1, own)[:, 0],
            azimuth=turn_logits(branch("azimuth", 1 + NUM_BINS, own)),
            lighting=branch("lighting", 5, shared),
            camera=branch("camera", 2, shared),
            colour=colour("colour"),
            ground_colour=colour("ground_colour"),
        )


class _Trunk(nn.Module):
    widths: tuple[int, ...]
    activation: Activation

    @nn.compact
    def __call__(self, patches):
        first, second, third = self.widths
        x = self.activation(Conv(first, 3)(patches))
        x = max_pool(Dropout()(self.activation(Conv(second, 3)(x))))
        return max_pool(Dropout()(self.activation(Conv(third, 3)(x))))


class _Branch(nn.Module):
    widths: tuple[int, ...]
    hidden: int
    outputs: int
    activation: Activation

    @nn.compact
    def __call__(self, features, latents):
        first, second = self.widths
        x = max_pool(Dropout()(self.activation(Conv(first, 3)(features))))
        x = self.activation(Conv(second, 3)(x))
        dense = _Dense(self.hidden, self.outputs, self.activation, name="dense")
        return dense(x, latents)


class _Colour(nn.Module):
    widths: tuple[int, ...]
    hidden: int

    @nn.compact
    def __call__(self, patches, latents):
        first, second, third = self.widths
        x = nn.relu(Conv(first, 3, stride=2)(patches))
        x = nn.relu(Conv(second, 3, stride=2)(x))
        x = Dropout()(nn.relu(Conv(third, 3, stride=2)(x)))
        return _Dense(self.hidden, 3, nn.relu, name="dense")(x, latents)


class _Dense(nn.Module):
    """Three layers and an output; every one of them also sees the latents (Fz)."""

    hidden: int
    outputs: int
    activation: Activation

    @nn.compact
    def __call__(self, features, latents):
        x = features.reshape(len(features), -1)
        for _ in range(3):
            x = self.activation(nn.Dense(self.hidden)(_join(x, latents)))
        return nn.Dense(self.outputs)(_join(x, latents))


def _join(features, latents):
    return jnp.concatenate([features, latents], -1)


__all__ = ["PATCH_SIZE", "prediction_network"]
