"""Training of the networks of LiDO, in pieces that can be interrupted."""

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.lido.config import Config
from experiments.lido.examples import (
    Examples,
    example_maker,
    near_truth,
    network_inputs,
    only_objects,
    prediction_loss,
)
from experiments.lido.guesses import in_chunks, in_order_of, pair_tables
from ivg.data.tabletop import Perturbation
from ivg.io.checkpoint import save_params
from ivg.io.pretrained import (
    efficientnet_lite0_params,
    find_efficientnet_lite0,
    read_weights,
    vgg16_params,
)
from ivg.models.backbones import efficientnet_lite0, small_cnn, vgg16
from ivg.models.detector import (
    Detections,
    DetectorGrid,
    cell_centres,
    detector_head,
)
from ivg.models.first_guess import (
    GuessNetworks,
    GuessTargets,
    features_of,
    grid_labels,
    guess_targets,
    init_guess,
    initializer_inputs,
)
from ivg.models.initializer import InitialVotes, initializer_network
from ivg.models.network import Network
from ivg.models.predictor import prediction_network
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import Tabletop
from ivg.train.loop import make_trainer, train
from ivg.typing import Array, PyTree


def predictor_of(config: Config) -> Network:
    """The Prediction Network in the widths of a preset.

    Args:
      config: widths.

    Returns:
      `Network`.
    """
    return prediction_network(
        trunk=config.trunk, branch=config.branch, colour=config.colour
    )


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
      random ones then.

    Raises:
      InputError: if a file is missing or holds something else.
    """
    path = config.backbone_weights
    if config.backbone == "small" or (config.backbone == "vgg16" and not path):
        return None
    weights = read_weights(path or find_efficientnet_lite0())
    make = vgg16_params if config.backbone == "vgg16" else efficientnet_lite0_params
    return make(weights)


def detector_loss(
    grids: DetectorGrid, targets: GuessTargets, centres_px: Array
) -> Array:
    """Cross-entropy of the class of each cell, and the error of sizes.

    Args:
      grids: `DetectorGrid` `[B, h, w]`.
      targets: `GuessTargets` `[B, N]`.
      centres_px: `[h, w, 2]`.

    Returns:
      `[]`, per cell with an object. Cells without count a third: there are 50 of them
      for each with an object, the paper takes three.
    """
    labels = jax.vmap(grid_labels, (0, None))(targets, centres_px)
    label, size, weight = labels
    log_share = jax.nn.log_softmax(grids.class_logits)
    entropy = -jnp.take_along_axis(log_share, label[..., None], -1)[..., 0]
    is_object = (label < log_share.shape[-1] - 1).astype(weight.dtype)
    num = jnp.maximum(jnp.sum(is_object), 1)
    total = jnp.sum(weight * entropy * jnp.where(is_object > 0, 1, 1 / 3))
    wrong = jnp.abs(grids.size - size)
    return (total + 10 * jnp.sum(is_object * (wrong + wrong**2))) / num


def initializer_loss(votes: InitialVotes, target: InitialVotes, mask: Array) -> Array:
    """Cross-entropy of shapes and azimuths, squared errors of all else.

    Args:
      votes: `[M]`.
      target: `[M]`, with indices for shapes and azimuths.
      mask: `[M]` which places have an object.

    Returns:
      `[]` mean over objects; squared errors are in units of their variance.
    """

    def one(said, truth):
        if truth.ndim == 1:
            log_share = jax.nn.log_softmax(said)
            return -jnp.take_along_axis(log_share, truth[:, None], 1)[:, 0]
        return 12 * jnp.mean((said - truth) ** 2, -1)

    losses = jax.tree.leaves(jax.tree.map(one, votes, target))
    return jnp.sum(sum(losses) * mask) / jnp.maximum(jnp.sum(mask), 1)


def guess_loss(networks: GuessNetworks, is_frozen: bool):
    """Makes the loss of detector and initialization networks together.

    Args:
      networks: networks.
      is_frozen: whether the backbone stays as it is.

    Returns:
      Function `(params, (Tabletop, [B, H, W, 3] uint8 pictures), key) -> []`.
    """

    def loss(params, batch, key):
        tables, pictures = batch
        pictures = pictures / 255.0
        key_features, key_votes, key_place = jax.random.split(key, 3)
        targets = jax.vmap(guess_targets, (0, None))(tables, pictures.shape[1])
        features = features_of(networks, params, pictures)
        features = jax.lax.stop_gradient(features) if is_frozen else features
        grids = networks.detector.apply(params["detector"], features, key=key_features)
        place, size = _disturb(key_place, targets)
        detections = Detections(targets.class_id, size, place, size, targets.mask)
        inputs = jax.vmap(initializer_inputs)(pictures, features, detections)
        flat = [x.reshape(-1, *x.shape[2:]) for x in inputs]
        votes = networks.initializer.apply(params["initializer"], *flat, key=key_votes)
        flat_targets = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), targets)
        return detector_loss(
            grids, targets, cell_centres(*grids.size.shape[1:])
        ) + initializer_loss(votes, flat_targets.votes, flat_targets.mask)

    return loss


def _disturb(key, targets: GuessTargets):
    """Places and sizes as a detector would find them: up to 6 pixels and 6 % off."""
    noise = jax.random.uniform(key, (*targets.size.shape, 3), minval=-1, maxval=1)
    return targets.position_px + 6 * noise[..., :2], targets.size + 0.013 * noise[
        ..., 2
    ]


def train_guess(
    config: Config, scenes: tuple[Tabletop, np.ndarray], folder: pathlib.Path
) -> tuple[PyTree, np.ndarray]:
    """Trains detector and initialization networks, or goes on with it.

    Args:
      config: widths, steps, batches.
      scenes: true latents and pictures `[M, H, W, 3]`.
      folder: of the run; `guess` in it holds the parameters at the end.

    Returns:
      Parameters, and the losses from `train`.
    """
    networks, backbone = guess_networks(config), read_backbone(config)
    first = init_guess(networks, jax.random.key(config.seed))
    first |= {} if backbone is None else {"backbone": backbone}

    def draw(key, data):
        total = data[1].shape[0]
        rows = jax.random.randint(key, (config.guess_batch,), 0, total)
        return jax.tree.map(lambda x: x[rows], data)

    rate = optax.cosine_decay_schedule(config.guess_rate, config.guess_steps)
    start, advance = make_trainer(
        guess_loss(networks, config.backbone != "small"),
        draw,
        optax.adam(rate),
        seed=config.seed,
    )
    params, losses = train(
        start,
        advance,
        first,
        jax.tree.map(jnp.asarray, scenes),
        config.guess_steps,
        folder=folder / "runs" / "guess",
        chunk=config.chunk,
        save_every=10 * config.chunk,
        label="guess",
    )
    save_params(folder / "guess", params)
    return params, losses


def examples_from_guesses(
    scenes: tuple[Tabletop, np.ndarray], guess: Callable, library: MeshLibrary
) -> Examples:
    """Source 1: estimates are first guesses of the networks.

    Args:
      scenes: true latents and pictures `[M, H, W, 3]`.
      guess: from `guess_maker`.
      library: shapes.

    Returns:
      `Examples` of all objects that were found.
    """
    truths, pictures = scenes
    tables, votes = in_chunks(guess, pictures)
    found = in_order_of(truths, pair_tables(tables, truths, pictures.shape[1]))
    made = in_chunks(example_maker(library), found, pictures, tables, votes)
    return only_objects(made, found.mask)


def examples_near_truth(
    key: Array,
    scenes: tuple[Tabletop, np.ndarray],
    library: MeshLibrary,
    spread: Perturbation,
) -> Examples:
    """Source 2: estimates are the truth with a little noise.

    Args:
      key: random key, consumed.
      scenes: true latents and pictures `[M, H, W, 3]`.
      library: shapes.
      spread: half widths of the uniform noise.

    Returns:
      `Examples` of all objects.
    """
    truths, pictures = scenes
    keys = jax.random.split(key, len(pictures))
    disturb = jax.jit(jax.vmap(near_truth, (0, 0, None)))
    tables, votes = disturb(keys, truths, spread)
    made = in_chunks(example_maker(library), truths, pictures, tables, votes)
    return only_objects(made, truths.mask)


def train_predictor(
    config: Config, examples: Examples, folder: pathlib.Path
) -> tuple[PyTree, np.ndarray]:
    """Trains the Prediction Network, or goes on with it.

    Args:
      config: widths, steps, batches.
      examples: all examples.
      folder: of the run; `predictor` in it holds the parameters at the end.

    Returns:
      Parameters, and the losses from `train`.
    """
    network = predictor_of(config)

    def loss(params, batch, key):
        patches, latents = network_inputs(batch)
        prediction = network.apply(params, patches, latents, key=key)
        return prediction_loss(prediction, batch.target)

    def draw(key, data):
        total = data.latents.shape[0]
        rows = jax.random.randint(key, (config.batch_size,), 0, total)
        return jax.tree.map(lambda x: x[rows], data)

    rate = optax.cosine_decay_schedule(config.learning_rate, config.predictor_steps)
    start, advance = make_trainer(loss, draw, optax.adam(rate), seed=config.seed)
    params, losses = train(
        start,
        advance,
        network.init(jax.random.key(config.seed)),
        jax.tree.map(jnp.asarray, examples),
        config.predictor_steps,
        folder=folder / "runs" / "predictor",
        chunk=config.chunk,
        save_every=10 * config.chunk,
        label="predictor",
    )
    save_params(folder / "predictor", params)
    return params, losses


__all__ = [
    "detector_loss",
    "examples_from_guesses",
    "examples_near_truth",
    "guess_loss",
    "guess_networks",
    "initializer_loss",
    "predictor_of",
    "read_backbone",
    "train_guess",
    "train_predictor",
]
