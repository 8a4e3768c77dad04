"""The networks of the experiment in the widths of a preset, and what is on disk."""

import pathlib

import jax
import jax.numpy as jnp
from flax import struct

from experiments.registration.config import Config
from experiments.registration.shapes import Family, decoder_shapes, make_families
from ivg.energy.features import feature_map
from ivg.io.checkpoint import load_params, save_params
from ivg.models.network import Network
from ivg.models.shape_regressor import shape_regressor
from ivg.models.unet import unet
from ivg.shape_space.latent_space import ShapeDecoder
from ivg.typing import Array, PyTree


@struct.dataclass
class Features:
    """The last features of a trained U-Net.

    Attributes:
      params: of the U-Net.
      highest: `[C]` what becomes one.
    """

    params: PyTree
    highest: Array


@struct.dataclass
class Trained:
    """All that is learned of a family.

    Attributes:
      family: shapes.
      features: U-Net.
      regressor: parameters of the direct regressor.
    """

    family: Family
    features: Features
    regressor: PyTree


def segmenter(config: Config) -> Network:
    """The U-Net that tells parts and background apart.

    Args:
      config: widths.

    Returns:
      `Network`.
    """
    return unet(config.num_parts + 1, config.unet_widths)


def regressor(config: Config) -> Network:
    """The direct regressor.

    Args:
      config: widths.

    Returns:
      `Network`.
    """
    return shape_regressor(config.num_latents, config.size_px, config.regressor_widths)


def features_like(config: Config) -> Features:
    """Shapes of `Features`.

    Args:
      config: widths.

    Returns:
      `Features` of `jax.ShapeDtypeStruct`.
    """
    params = jax.eval_shape(segmenter(config).init, jax.random.key(0))
    highest = jax.ShapeDtypeStruct((config.unet_widths[0],), jnp.float32)
    return Features(params, highest)


def picture_map(config: Config, features: Features, picture: Array) -> Array:
    """What is compared of a picture: its features, as one channel.

    Args:
      config: widths.
      features: U-Net.
      picture: `[H, W, 3]` linear RGB.

    Returns:
      `[H, W]`, differentiable.
    """
    found = segmenter(config).apply(features.params, picture[None])
    return feature_map(found.features[0], features.highest)


def load_trained(config: Config, folder: str | pathlib.Path) -> dict[str, Trained]:
    """Reads what `run_training` has written.

    Args:
      config: families and widths.
      folder: folder with `shapes`, `unet` and `regressor`.

    Returns:
      `Trained` by family.

    Raises:
      InputError: if there is no checkpoint, or one of other sizes.
    """
    source, names = pathlib.Path(folder), config.families
    families = make_families(config, load_shapes(config, source))
    guess = jax.eval_shape(regressor(config).init, jax.random.key(0))
    nets = _load(source / "unet", dict.fromkeys(names, features_like(config)))
    guesses = _load(source / "regressor", dict.fromkeys(names, guess))
    return {n: Trained(families[n], nets[n], guesses[n]) for n in names}


def load_shapes(config: Config, folder: pathlib.Path) -> dict[str, ShapeDecoder]:
    """Reads the latent spaces.

    Args:
      config: families and resolution.
      folder: folder with `shapes`.

    Returns:
      As from `fit_decoders`.

    Raises:
      InputError: if there is no checkpoint, or one of other sizes.
    """
    return _load(folder / "shapes", decoder_shapes(config))


def save_learned(folder: pathlib.Path, learned: dict[str, PyTree]) -> None:
    """Writes what was learned of each family, in half precision.

    Args:
      folder: to make.
      learned: by family.
    """
    save_params(folder, {n: _as_dict(x) for n, x in learned.items()}, jnp.float16)


def _load(folder: pathlib.Path, like: dict[str, PyTree]) -> dict[str, PyTree]:
    read = load_params(folder, {n: _as_dict(x) for n, x in like.items()})
    return {n: type(x)(**read[n]) for n, x in like.items()}


def _as_dict(tree: PyTree) -> dict[str, PyTree]:
    """Checkpoints hold dictionaries only."""
    return tree if isinstance(tree, dict) else dict(vars(tree))


__all__ = [
    "Features",
    "Trained",
    "features_like",
    "load_shapes",
    "load_trained",
    "picture_map",
    "regressor",
    "save_learned",
    "segmenter",
]
