"""Training of the networks of LiDO, in pieces that can be interrupted."""

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.chunks import in_chunks
from experiments.lido.config import Config
from experiments.lido.examples import (
    Examples,
    dim_channels,
    network_inputs,
    prediction_loss,
    random_views,
    view_examples,
)
from experiments.lido.networks import guess_networks, predictor_of, read_backbone
from ivg.io.checkpoint import save_params
from ivg.models.detector import (
    Detections,
    DetectorGrid,
    cell_centres,
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
from ivg.models.initializer import InitialVotes
from ivg.scene.tabletop import Tabletop
from ivg.train.loop import make_trainer, train
from ivg.typing import Array, PyTree


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
      for each with an object, the paper takes three. Mean absolute and mean squared
      errors of sizes count ten times: they are shares of a wide range.
    """
    label, size, weight = jax.vmap(grid_labels, (0, None))(targets, centres_px)
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


def guess_loss(networks: GuessNetworks, *, has_dropout: bool):
    """Makes the loss of detector and initialization networks together.

    Args:
      networks: networks.
      has_dropout: whether half of the activations are dropped, as in the paper.

    Returns:
      Function `(params, (Tabletop, pictures, features), key) -> []` of pictures
      `[B, H, W, 3]` uint8 and what `features_of` says about them. Without features
      (None) the backbone runs, and learns too.
    """

    def loss(params, batch, key):
        tables, pictures, features = batch
        pictures = pictures / 255.0
        key_grids, key_votes, key_place = jax.random.split(key, 3)
        if not has_dropout:
            key_grids = key_votes = None
        targets = jax.vmap(guess_targets, (0, None))(tables, pictures.shape[1])
        if features is None:
            features = features_of(networks, params, pictures)
        features = features.astype(jnp.float32)
        grids = networks.detector.apply(params["detector"], features, key=key_grids)
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
    place = targets.position_px + 6 * noise[..., :2]
    return place, targets.size + 0.013 * noise[..., 2]


def _all_features(networks: GuessNetworks, params: dict, pictures: np.ndarray):
    """What a backbone that does not learn says, in half precision."""

    @jax.jit
    def make(pictures):
        def one(picture):
            features = features_of(networks, params, picture[None] / 255.0)
            return features[0].astype(jnp.float16)

        return jax.lax.map(one, pictures)

    return in_chunks(make, pictures)


def train_guess(
    config: Config,
    make_scenes: Callable[[], tuple[Tabletop, np.ndarray]],
    folder: pathlib.Path,
) -> tuple[PyTree, np.ndarray]:
    """Trains detector and initialization networks, or goes on with it.

    Args:
      config: widths, steps, batches.
      make_scenes: makes true latents and pictures `[M, H, W, 3]`; called if a step is
        left to do.
      folder: of the run; `guess` in it holds the parameters at the end.

    Returns:
      Parameters, and the losses from `train`.
    """
    networks, backbone = guess_networks(config), read_backbone(config)
    first = init_guess(networks, jax.random.key(config.seed))
    if backbone is not None:
        # The file holds more than the features need.
        first["backbone"] = {name: backbone[name] for name in first["backbone"]}
    loss = guess_loss(networks, has_dropout=config.guess_dropout)

    def data():
        scenes, is_frozen = make_scenes(), backbone is not None
        features = _all_features(networks, first, scenes[1]) if is_frozen else None
        return jax.tree.map(jnp.asarray, (*scenes, features))

    return _train_on_rows(
        config, folder, "guess", loss, first, data, config.guess_rate,
        batch_size=config.guess_batch, num_steps=config.guess_steps,
    )  # fmt: skip


def train_predictor(
    config: Config,
    make_examples: Callable[[], Examples],
    folder: pathlib.Path,
    *,
    name: str = "predictor",
    num_steps: int | None = None,
    first: PyTree | None = None,
) -> tuple[PyTree, np.ndarray]:
    """Trains the Prediction Network, or goes on with it.

    Args:
      config: widths, steps, batches.
      make_examples: makes all examples; called if a step is left to do.
      folder: of the run; `name` in it holds the parameters at the end.
      name: of the checkpoint.
      num_steps: training steps; those of the preset if None.
      first: parameters to begin with; random ones if None.

    Returns:
      Parameters, and the losses from `train`.
    """
    network = predictor_of(config)

    def loss(params, batch, key):
        key_order, key_share, key_side, key_dropout = jax.random.split(key, 4)
        views = random_views(
            key_order, key_side, len(batch.inputs),
            has_orders=config.has_other_colours, has_mirrored=config.has_mirrored,
        )  # fmt: skip
        batch = view_examples(views, batch)
        if config.has_other_colours:
            batch = dim_channels(key_share, batch)
        patches, latents = network_inputs(batch)
        key = key_dropout if config.predictor_dropout else None
        prediction = network.apply(params, patches, latents, key=key)
        weights = config.azimuth_weight, config.hue_weight
        return prediction_loss(prediction, batch.target, *weights)

    def data():
        return jax.tree.map(jnp.asarray, make_examples())

    if first is None:
        first = network.init(jax.random.key(config.seed))
    if num_steps is None:
        num_steps = config.predictor_steps
    return _train_on_rows(
        config, folder, name, loss, first, data, config.learning_rate,
        batch_size=config.batch_size, num_steps=num_steps,
    )  # fmt: skip


def _train_on_rows(
    config, folder, name, loss, params, make_data, rate, *, batch_size, num_steps
):
    """Trains with Adam on random rows of the data, and keeps what comes out."""
    # Thousands of inputs can meet in a tanh: without a slow start Adam saturates it.
    schedule = optax.warmup_cosine_decay_schedule(0, rate, config.warmup, num_steps)

    def draw(key, data):
        total = len(jax.tree.leaves(data)[0])
        rows = jax.random.randint(key, (batch_size,), 0, total)
        return jax.tree.map(lambda x: x[rows], data)

    start, advance = make_trainer(loss, draw, optax.adam(schedule), seed=config.seed)
    params, losses = train(
        start, advance, params, make_data, num_steps,
        folder=folder / "runs" / name, chunk=config.chunk,
        save_every=10 * config.chunk, label=name,
    )  # fmt: skip
    save_params(folder / name, params, jnp.float16)
    return params, losses


__all__ = [
    "detector_loss",
    "guess_loss",
    "initializer_loss",
    "train_guess",
    "train_predictor",
]
