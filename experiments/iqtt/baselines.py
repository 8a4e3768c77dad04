"""The two baselines: a network that chooses, and one that measures distances.

Both learn from labelled questions alone.

Source: Rajeswar et al., Pix2Scene, section 4.4.1 and appendix D. The released code
trains the first with a binary cross-entropy on the softmax, here it is that of the
three answers together, and the answers of a batch come in any order.
"""

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.iqtt.config import Config
from experiments.iqtt.data import Asked, as_linear
from ivg.data.tetris import NUM_ANSWERS
from ivg.models.iqtt import choice_network, feature_network
from ivg.models.normalization import NormalizedNetwork, mean_statistics
from ivg.numerics import safe_norm
from ivg.train.loop import make_trainer, train
from ivg.typing import Array, PyTree


def baseline_network(config: Config, name: str) -> NormalizedNetwork:
    """The network of a baseline.

    Args:
      config: widths.
      name: "cnn" or "siamese".

    Returns:
      `choice_network` or `feature_network`.
    """
    make = {"cnn": choice_network, "siamese": feature_network}[name]
    return make(config.trunk)


def draw_questions(
    key: Array, asked: Asked, known: int, count: int
) -> tuple[Array, Array]:
    """Some labelled questions, their answers in a new order.

    Args:
      key: random key, consumed.
      asked: questions.
      known: how many of them, the first ones, have an answer.
      count: `B`.

    Returns:
      Pictures `[B, 4, P, P, 3]` linear, and answers `[B]` int32.
    """
    key_row, key_order = jax.random.split(key)
    rows = jax.random.randint(key_row, (count,), 0, known)
    orders = jax.vmap(lambda k: jax.random.permutation(k, NUM_ANSWERS))(
        jax.random.split(key_order, count)
    )
    first = jnp.zeros((count, 1), orders.dtype)
    places = jnp.concatenate([first, 1 + orders], 1)
    pictures = jnp.asarray(asked.pictures)[rows[:, None], places]
    answers = jnp.argmax(orders == jnp.asarray(asked.answer)[rows][:, None], 1)
    return as_linear(pictures), answers.astype(jnp.int32)


def shifted(key: Array, pictures: Array, most: int) -> Array:
    """Pictures moved by whole pixels, each by its own; what comes in is their edge.

    Args:
      key: random key, consumed.
      pictures: `[..., H, W, C]`.
      most: pixels along each side.

    Returns:
      The same shape.
    """
    flat = pictures.reshape(-1, *pictures.shape[-3:])
    beside = [(0, 0), (most, most), (most, most), (0, 0)]
    wide = jnp.pad(flat, beside, mode="edge")
    first = jax.random.randint(key, (len(flat), 2), 0, 2 * most + 1)

    def cut(picture, first):
        return jax.lax.dynamic_slice(picture, (*first, 0), flat.shape[1:])

    return jax.vmap(cut)(wide, first).reshape(pictures.shape)


def choice_loss(
    network: NormalizedNetwork, params: PyTree, batch: tuple[Array, Array], key: Array
) -> Array:
    """Cross-entropy of the answers.

    Args:
      network: from `choice_network`.
      params: its parameters.
      batch: from `draw_questions`.
      key: not used.

    Returns:
      `[]` nats.
    """
    del key
    pictures, answers = batch
    logits = network.apply(params, pictures)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, answers)
    return jnp.mean(losses)


def contrastive(distance: Array, is_other: Array, margin: float) -> Array:
    """What brings equal things together, and others apart.

    Args:
      distance: `[...]` not negative.
      is_other: `[...]` bool, whether the two are to be apart.
      margin: distance from which others are far enough.

    Returns:
      `[...]`, half of the squared distance, or of what it lacks from the margin.

    Source: Pix2Scene, equation (7); Hadsell, Chopra and LeCun, 2006.
    """
    lack = jnp.maximum(margin - distance, 0)
    return 0.5 * jnp.where(is_other, lack**2, distance**2)


def siamese_loss(
    margin: float, network: NormalizedNetwork, params: PyTree, batch, key: Array
) -> Array:
    """Contrastive loss of the references with each of their answers.

    Args:
      margin: of the loss.
      network: from `feature_network`.
      params: its parameters.
      batch: from `draw_questions`.
      key: not used.

    Returns:
      `[]` mean over pairs.
    """
    del key
    pictures, answers = batch
    distance = _distances(lambda x: network.apply(params, x), pictures)
    is_other = jnp.arange(NUM_ANSWERS) != answers[:, None]
    return jnp.mean(contrastive(distance, is_other, margin))


def _distances(code: Callable, pictures: Array) -> Array:
    """`[B, 3]` from the codes of references to those of their answers."""
    codes = code(flat_pictures(pictures)).reshape(*pictures.shape[:2], -1)
    return safe_norm(codes[:, 1:] - codes[:, :1])


def flat_pictures(pictures: Array) -> Array:
    """The pictures of questions one after another.

    Args:
      pictures: `[B, 4, H, W, 3]`.

    Returns:
      `[4 B, H, W, 3]`.
    """
    return pictures.reshape(-1, *pictures.shape[2:])


def draw_shifted(
    config: Config, key: Array, asked: Asked, known: int
) -> tuple[Array, Array]:
    """What a step of a baseline sees.

    Args:
      config: size of the batch, and how far pictures are moved.
      key: random key, consumed.
      asked: questions.
      known: how many of them, the first ones, have an answer.

    Returns:
      See `draw_questions`; the pictures are `shifted`.
    """
    keys = jax.random.split(key)
    pictures, answers = draw_questions(keys[0], asked, known, config.baseline_batch)
    return shifted(keys[1], pictures, config.shift), answers


def train_baseline(
    config: Config, name: str, labels: int, data: Callable[[], Asked],
    folder: pathlib.Path,
) -> tuple[PyTree, np.ndarray]:  # fmt: skip
    """Trains a baseline, or goes on with it, and observes its statistics.

    Args:
      config: widths, batches and rates.
      name: one of `BASELINES`.
      labels: how many questions it sees, the first ones.
      data: makes the questions to train with.
      folder: of the run.

    Returns:
      Dictionary with "params" and "statistics", and the losses from `train`.
    """
    network = baseline_network(config, name)
    contrast = functools.partial(siamese_loss, config.contrast)
    loss = {"cnn": choice_loss, "siamese": contrast}[name]
    steps = config.baseline_steps
    rate = optax.cosine_decay_schedule(config.baseline_rate, steps, config.last_rate)
    start, advance = make_trainer(
        functools.partial(loss, network),
        lambda key, asked: draw_shifted(config, key, asked, labels),
        optax.adam(rate),
        seed=config.seed,
    )
    save_every = config.chunk * max(1, steps // config.chunk // 4)
    params, losses = train(
        start, advance, network.init(jax.random.key(config.seed)),
        lambda: Asked(*map(jnp.asarray, data())), steps,
        folder=folder / "runs" / f"{name}_{labels}", chunk=config.chunk,
        save_every=save_every, label=f"{name} {labels}",
    )  # fmt: skip
    observed = observe(config, name, labels, params, data())
    return {"params": params, "statistics": observed}, losses


def observe(
    config: Config, name: str, labels: int, params: PyTree, asked: Asked
) -> PyTree:
    """The statistics of batches such as those of the training.

    Args:
      config: number and size of the batches.
      name: one of `BASELINES`.
      labels: how many questions it was trained with, the first ones.
      params: of its network.
      asked: questions.

    Returns:
      Statistics for `apply`.
    """
    keys = jax.random.split(jax.random.key(config.seed + 1), config.observed)
    run = functools.partial(_observed, config, name, labels, params)
    asked = Asked(*map(jnp.asarray, asked))
    return mean_statistics([run(key, asked) for key in keys])


@jax.jit(static_argnums=(0, 1, 2))
def _observed(config, name, labels, params, key, asked):
    pictures, _ = draw_shifted(config, key, asked, labels)
    seen = pictures if name == "cnn" else flat_pictures(pictures)
    return baseline_network(config, name).observe(params, seen)


@functools.cache
def baseline_scorer(config: Config, name: str) -> Callable[[PyTree, Array], Array]:
    """Makes the function that says how well answers fit.

    Args:
      config: widths.
      name: one of `BASELINES`.

    Returns:
      Function of the model and of pictures `[B, 4, P, P, 3]`, linear, to `[B, 3]`;
      the greatest is the choice.
    """
    network = baseline_network(config, name)

    def score(model, pictures):
        code = functools.partial(
            network.apply, model["params"], statistics=model["statistics"]
        )
        return code(pictures) if name == "cnn" else -_distances(code, pictures)

    return score


__all__ = [
    "baseline_network",
    "baseline_scorer",
    "choice_loss",
    "contrastive",
    "draw_questions",
    "draw_shifted",
    "flat_pictures",
    "observe",
    "shifted",
    "siamese_loss",
    "train_baseline",
]
