"""Training of pix2scene for the 3D IQ test, with few labels or none.

Source: Rajeswar et al., Pix2Scene, section 4.4.1 and algorithm 1.
"""

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.iqtt.baselines import draw_questions, shifted
from experiments.iqtt.config import Config
from experiments.iqtt.data import Asked, as_linear
from experiments.iqtt.losses import (
    Batch,
    pictures_batch,
    teach_critic,
    teach_generator,
)
from experiments.iqtt.networks import iqtt_model, statistics_of
from ivg.data.tetris import NUM_ANSWERS
from ivg.train.adversarial import make_adversarial_trainer
from ivg.train.loop import train
from ivg.train.scene_cycle import init_pix2scene
from ivg.typing import Array, PyTree


def batch_maker(config: Config, labels: int) -> Callable[[Array, Asked], Batch]:
    """Makes the function that draws what a step sees.

    Args:
      config: counts.
      labels: how many of the questions, the first ones, have an answer.

    Returns:
      Function of a key and of all questions to `Batch`. One step in `interval` looks
      at labelled questions, drawn by lot, so that a step depends on its key alone.
    """

    def ask(key, asked, known):
        keys = jax.random.split(key)
        drawn = draw_questions(keys[0], asked, known, config.question_batch)
        return shifted(keys[1], drawn[0], config.shift), drawn[1]

    def batch(key, asked):
        keys, count = jax.random.split(key, 4), asked.answer.shape[0]
        total = count * (1 + NUM_ANSWERS)
        rows = jax.random.randint(keys[0], (config.batch_size,), 0, total)
        question, place = jnp.divmod(rows, 1 + NUM_ANSWERS)
        pictures = as_linear(asked.pictures[question, place])
        unknown = ask(keys[1], asked, count)[0] if config.bag_weight else None
        if not labels:
            return pictures_batch(pictures, unknown=unknown)
        chosen = jax.random.bernoulli(keys[2], 1 / config.interval)
        return pictures_batch(pictures, *ask(keys[3], asked, labels), chosen, unknown)

    return batch


def first_params(config: Config) -> PyTree:
    """Parameters before training.

    Args:
      config: widths and seed.

    Returns:
      "generator", and "critic" with "critic", "statistics" and "log_mean".
    """
    keys = jax.random.split(jax.random.key(config.seed))
    params = init_pix2scene(keys[0], iqtt_model(config))
    beside = statistics_of(config).init(keys[1])
    critic = {
        "critic": params["critic"], "statistics": beside, "log_mean": jnp.zeros(())
    }  # fmt: skip
    return {"generator": params["generator"], "critic": critic}


def train_pix2scene(
    config: Config,
    labels: int,
    data: Callable[[], Asked],
    folder: pathlib.Path,
    before: PyTree | None = None,
) -> tuple[PyTree, np.ndarray]:
    """Trains pix2scene, or goes on with it.

    Args:
      config: widths, batches and rates.
      labels: how many questions have an answer.
      data: makes the questions to train with.
      folder: of the run.
      before: parameters to begin with, or None for random ones.

    Returns:
      Parameters, and the errors of pictures from `train`.
    """
    model = iqtt_model(config)
    steps = config.labelled_steps if labels else config.steps
    optimizers = {
        "critic": _adam(config, steps * config.critic_steps),
        "generator": _adam(config, steps),
    }
    start, advance = make_adversarial_trainer(
        functools.partial(teach_critic, config, model),
        functools.partial(teach_generator, config, model),
        batch_maker(config, labels), optimizers, config.critic_steps, seed=config.seed,
    )  # fmt: skip
    save_every = config.chunk * max(1, steps // config.chunk // 10)
    return train(
        start, advance, first_params(config) if before is None else before,
        lambda: Asked(*map(jnp.asarray, data())), steps,
        folder=folder / "runs" / f"pix2scene_{labels}", chunk=config.chunk,
        save_every=save_every, label=f"pix2scene {labels}",
    )  # fmt: skip


def _adam(config, steps):
    rate = optax.cosine_decay_schedule(config.learning_rate, steps, config.last_rate)
    return optax.adam(rate, b1=config.momentum, b2=config.smoothing)


__all__ = ["batch_maker", "first_params", "train_pix2scene"]
