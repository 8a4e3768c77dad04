"""The networks of LiDO in the widths of a preset, and their parameters on disk."""

import functools
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp

from experiments.lido.config import Config
from ivg.geometry.camera import FOV_RAD
from ivg.io.checkpoint import load_params
from ivg.io.pretrained import (
    efficientnet_lite0_params,
    find_efficientnet_lite0,
    read_weights,
    vgg16_params,
)
from ivg.models.backbones import efficientnet_lite0, small_cnn, vgg16
from ivg.models.detector import detector_head
from ivg.models.first_guess import GuessNetworks, init_guess
from ivg.models.initializer import initializer_network
from ivg.models.network import Network
from ivg.models.predictor import prediction_network
from ivg.models.views import view_cycle
from ivg.refine.lido import PredictFn, network_predictor
from ivg.typing import PyTree

_ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}


class Trained(NamedTuple):
    """What explains pictures.

    Attributes:
      networks: detector and initialization networks.
      params: their parameters.
      predict: the Prediction Network, asked about one view after the other.
    """

    networks: GuessNetworks
    params: dict[str, PyTree]
    predict: PredictFn


def load_trained(
    config: Config, folder: str | pathlib.Path, fov_rad=FOV_RAD
) -> Trained:
    """Reads what `run_training` has written.

    Args:
      config: widths.
      folder: folder with `guess` and `predictor`.
      fov_rad: `[]` vertical field of view of the pictures, radians.

    Returns:
      `Trained`.

    Raises:
      InputError: if there is no checkpoint, or one of other widths.
    """
    weights = load_weights(config, folder)
    predict = trained_predictor(config, weights["predictor"], fov_rad)
    return Trained(guess_networks(config), weights["guess"], predict)


def trained_predictor(config: Config, params: PyTree, fov_rad=FOV_RAD) -> PredictFn:
    """What a refinement asks: the network, about one view after the other.

    Args:
      config: widths; whether it has learned from channels in other orders and from
        mirrors, and so can be asked about such views.
      params: parameters of the Prediction Network.
      fov_rad: `[]` vertical field of view of the pictures, radians.

    Returns:
      Predictor.
    """
    views = view_cycle(config.has_other_colours, config.has_mirrored)
    return network_predictor(predictor_of(config), params, fov_rad, views)


def load_weights(config: Config, folder: str | pathlib.Path) -> dict[str, PyTree]:
    """Reads the parameters alone, to be handed to compiled functions.

    Args:
      config: widths.
      folder: folder with `guess` and `predictor`.

    Returns:
      Dictionary with "guess" and "predictor".

    Raises:
      InputError: if there is no checkpoint, or one of other widths.
    """
    networks, network = guess_networks(config), predictor_of(config)
    key, source = jax.random.key(0), pathlib.Path(folder)
    like = jax.eval_shape(functools.partial(init_guess, networks), key)
    return {
        "guess": load_params(source / "guess", like),
        "predictor": load_params(
            source / "predictor", jax.eval_shape(network.init, key)
        ),
    }


def predictor_of(config: Config) -> Network:
    """The Prediction Network in the widths of a preset.

    Args:
      config: widths.

    Returns:
      `Network`.
    """
    return prediction_network(
        trunk=config.trunk, branch=config.branch, colour=config.colour,
        activation=_ACTIVATIONS[config.activation],
        has_two_trunks=config.has_two_trunks,
    )  # fmt: skip


def guess_networks(config: Config) -> GuessNetworks:
    """Detector and initialization networks in the widths of a preset.

    Args:
      config: widths.

    Returns:
      `GuessNetworks`.
    """
    backbone = {
        "efficientnet": efficientnet_lite0,
        "vgg16": vgg16,
        "small": functools.partial(small_cnn, config.small_widths),
    }[config.backbone]()
    like = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    params = jax.eval_shape(backbone.init, jax.random.key(0))
    features = jax.eval_shape(backbone.apply, params, like).shape[-1]
    return GuessNetworks(
        backbone,
        detector_head(features, config.detector_width, 4 * config.detector_width),
        initializer_network(features, width=config.initializer_width),
    )


def read_backbone(config: Config) -> PyTree | None:
    """The trained weights under detector and initialization networks.

    Args:
      config: which ones, and from which file.

    Returns:
      Parameters of the backbone; None for "small", and for "vgg16" without a file:
      random ones are trained then.

    Raises:
      InputError: if a file is missing or holds something else.
    """
    path = config.backbone_weights
    if config.backbone == "small" or (config.backbone == "vgg16" and not path):
        return None
    weights = read_weights(path or find_efficientnet_lite0())
    make = vgg16_params if config.backbone == "vgg16" else efficientnet_lite0_params
    return make(weights)


__all__ = [
    "Trained",
    "guess_networks",
    "load_trained",
    "load_weights",
    "predictor_of",
    "read_backbone",
    "trained_predictor",
]
