"""The models of the 3D IQ test: what they are, how they answer, how they are kept."""

import functools
import math
import pathlib
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.chunks import in_chunks
from experiments.iqtt.baselines import (
    baseline_network,
    baseline_scorer,
    flat_pictures,
)
from experiments.iqtt.config import BASELINES, Config
from experiments.iqtt.data import as_linear
from ivg.data.tetris_views import (
    ALBEDO,
    FAR_M,
    NEAR_M,
    iqtt_camera,
    iqtt_lights,
)
from ivg.io.checkpoint import load_params, save_params
from ivg.models.mine import statistics_network
from ivg.models.network import Network
from ivg.train.scene_cycle import (
    Pix2Scene,
    decode,
    make_pix2scene,
    picture_of_depth,
)
from ivg.typing import Array, PyTree

Scorer = Callable[[PyTree, Array], Array]
_AT_ONCE = 100
_FIRST_RAW = 1.0  # depth begins at three quarters of its range
_MOST_RAW = 20.0  # gradients end


@functools.cache
def iqtt_model(config: Config) -> Pix2Scene:
    """Pix2scene without a camera, which stands where it always stands.

    Args:
      config: widths.

    Returns:
      `Pix2Scene`.
    """

    def one(depth):
        camera = iqtt_camera(config.sizes.pixels)
        return picture_of_depth(depth, camera, iqtt_lights(), jnp.full(3, ALBEDO))

    def render(depth, batch):
        del batch
        return jax.vmap(one)(depth)

    model = make_pix2scene(config.sizes, render, NEAR_M, FAR_M)
    return model._replace(decoder=bounded(model.decoder))


def bounded(decoder: Network) -> Network:
    """A decoder that puts nothing behind the wall.

    Args:
      decoder: from `decoder_network`.

    Returns:
      `Network` with the same parameters, whose depth, see `depth_from_raw`, lies
      between `NEAR_M` and `FAR_M`: any great number is the wall.
    """

    def apply(params, z, view, label, *, key=None):
        raw = decoder.apply(params, z, view, label, key=key)
        share = jax.nn.sigmoid(jnp.clip(_FIRST_RAW + raw, -_MOST_RAW, _MOST_RAW))
        return jnp.log(jnp.expm1(2 * share)) - math.log(math.e - 1)

    return Network(decoder.init, apply)


def split_latent(config: Config, latent: Array) -> tuple[Array, Array]:
    """The part of a latent that is for the shape, and that for the view.

    Args:
      config: widths.
      latent: `[..., n]`.

    Returns:
      `[..., n - v]` and `[..., v]`.
    """
    first = config.sizes.latent - config.view_latent
    return latent[..., :first], latent[..., first:]


def statistics_of(config: Config) -> Network:
    """The network that estimates mutual information.

    Args:
      config: widths.

    Returns:
      `Network`, see `ivg.models.mine`.
    """
    shape = config.sizes.latent - config.view_latent
    return statistics_network(shape, config.view_latent, config.statistics)


def encode_pictures(config: Config, generator: PyTree, pictures: Array) -> Array:
    """Latents of pictures.

    Args:
      config: widths.
      generator: "encoder", and what else there is.
      pictures: `[B, P, P, 3]` linear RGB.

    Returns:
      `[B, n]` means.
    """
    view, label = jnp.zeros((len(pictures), 0)), jnp.zeros(len(pictures), jnp.int32)
    encoder = iqtt_model(config).encoder
    return encoder.apply(generator["encoder"], pictures, view, label)[0]


def reconstruct(
    config: Config, generator: PyTree, pictures: Array
) -> tuple[Array, Array]:
    """Pictures there and back.

    Args:
      config: widths.
      generator: "encoder" and "decoder".
      pictures: `[B, P, P, 3]` linear RGB.

    Returns:
      `[B, P, P, 3]` pictures, and `[B, P, P]` depth, metres.
    """
    model, latent = iqtt_model(config), encode_pictures(config, generator, pictures)
    view, label = jnp.zeros((len(pictures), 0)), jnp.zeros(len(pictures), jnp.int32)
    depth = decode(model, generator, latent, view, label)
    return model.render(depth, None), depth


@functools.cache
def pix2scene_scorer(config: Config) -> Scorer:
    """Makes the function that says how near answers are to their references.

    Args:
      config: widths.

    Returns:
      Function of a generator and of pictures `[B, 4, P, P, 3]`, linear, to `[B, 3]`,
      less than zero: the squared distance of the parts for the shape.
    """

    def score(generator, pictures):
        latent = encode_pictures(config, generator, flat_pictures(pictures))
        shape, _ = split_latent(config, latent)
        shape = shape.reshape(*pictures.shape[:2], -1)
        return -jnp.sum((shape[:, 1:] - shape[:, :1]) ** 2, -1)

    return score


def model_names(config: Config) -> list[str]:
    """All models.

    Args:
      config: numbers of labels.

    Returns:
      "pix2scene_{labels}", none among these, and "{baseline}_{labels}".
    """
    ours = [f"pix2scene_{labels}" for labels in (0, *config.labels)]
    return ours + [f"{name}_{labels}" for name in BASELINES for labels in config.labels]


def scorer_of(config: Config, name: str) -> Scorer:
    """How a model says how well answers fit.

    Args:
      config: widths.
      name: of `model_names`.

    Returns:
      Function of the model and of pictures `[B, 4, P, P, 3]`, linear, to `[B, 3]`.
    """
    kind = name.rsplit("_", 1)[0]
    if kind in BASELINES:
        return baseline_scorer(config, kind)
    return pix2scene_scorer(config)


def model_shapes(config: Config, name: str) -> PyTree:
    """What the parameters of a model look like.

    Args:
      config: widths.
      name: of `model_names`.

    Returns:
      Pytree of shapes and types.
    """
    kind, key = name.rsplit("_", 1)[0], jax.random.key(0)
    if kind not in BASELINES:
        model = iqtt_model(config)
        parts = {"encoder": model.encoder, "decoder": model.decoder}
        return {n: jax.eval_shape(own.init, key) for n, own in parts.items()}
    network, side = baseline_network(config, kind), config.sizes.pixels
    params = jax.eval_shape(network.init, key)
    shape = (4, side, side, 3) if kind == "siamese" else (1, 4, side, side, 3)
    seen = jax.ShapeDtypeStruct(shape, jnp.float32)
    statistics = jax.eval_shape(network.observe, params, seen)
    return {"params": params, "statistics": statistics}


def save_model(folder: pathlib.Path, model: PyTree) -> None:
    """Keeps a model in half precision.

    Args:
      folder: of the model.
      model: parameters.
    """
    save_params(folder, model, jnp.float16)


def load_models(config: Config, folder: str | pathlib.Path) -> dict[str, PyTree]:
    """Reads what a training kept.

    Args:
      config: widths and numbers of labels.
      folder: of the models.

    Returns:
      All of `model_names` by name.

    Raises:
      InputError: if one is missing, or has other widths.
    """
    path = pathlib.Path(folder)
    return {
        name: load_params(path / name, model_shapes(config, name))
        for name in model_names(config)
    }


def score_all(score: Scorer, model: PyTree, pictures: np.ndarray) -> np.ndarray:
    """Scores of many questions.

    Args:
      score: from `scorer_of`.
      model: its parameters.
      pictures: `[Q, 4, P, P, 3]` uint8 sRGB.

    Returns:
      `[Q, 3]`; the greatest is the choice.
    """
    run = functools.partial(_scores, score, model)
    return in_chunks(run, pictures, chunk=_AT_ONCE)


@jax.jit(static_argnums=0)
def _scores(score, model, pictures):
    return score(model, as_linear(pictures))


def reconstruct_all(
    config: Config, generator: PyTree, pictures: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Many pictures there and back.

    Args:
      config: widths.
      generator: "encoder" and "decoder".
      pictures: `[E, P, P, 3]` uint8 sRGB.

    Returns:
      `[E, P, P, 3]` linear RGB, and `[E, P, P]` depth, metres.
    """
    run = functools.partial(_reconstructed, config, generator)
    return in_chunks(run, pictures, chunk=_AT_ONCE)


@jax.jit(static_argnums=0)
def _reconstructed(config, generator, pictures):
    return reconstruct(config, generator, as_linear(pictures))


def choices(
    config: Config, models: Mapping[str, PyTree], pictures: np.ndarray
) -> dict[str, np.ndarray]:
    """What all models answer.

    Args:
      config: widths.
      models: by name.
      pictures: `[Q, 4, P, P, 3]` uint8 sRGB.

    Returns:
      `[Q]` int in [0, 3) by name.
    """
    return {
        name: score_all(scorer_of(config, name), model, pictures).argmax(1)
        for name, model in models.items()
    }


__all__ = [
    "Scorer",
    "choices",
    "encode_pictures",
    "iqtt_model",
    "load_models",
    "model_names",
    "model_shapes",
    "pix2scene_scorer",
    "reconstruct",
    "reconstruct_all",
    "save_model",
    "score_all",
    "scorer_of",
    "split_latent",
    "statistics_of",
]
