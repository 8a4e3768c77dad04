"""Training of pix2scene for the 3D IQ test, with few labels or none.

A latent has a part for the shape and a part for the view. Critic, reconstruction and
regularization are those of `ivg.train.pix2scene`, on all pictures and without a camera.
Beside them the mutual information of the two parts is lowered, and in some of the steps
references are drawn to their answers and away from the others.

Source: Rajeswar et al., Pix2Scene, section 4.4.1 and algorithm 1.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.iqtt.baselines import draw_questions, flat_pictures
from experiments.iqtt.config import Config
from experiments.iqtt.data import Asked, as_linear
from experiments.iqtt.networks import iqtt_model, split_latent, statistics_of
from ivg.data.tetris import NUM_ANSWERS
from ivg.models.mine import running_information, shuffled
from ivg.train.adversarial import make_adversarial_trainer
from ivg.train.loop import train
from ivg.train.pix2scene import critic_loss, cycle_loss, triplet_hinge
from ivg.train.scene_cycle import (
    Pix2Scene,
    draw_encoding,
    encode,
    init_pix2scene,
    run_cycle,
)
from ivg.typing import Array, PyTree


class Batch(NamedTuple):
    """What a step sees.

    Attributes:
      image: `[B, P, P, 3]` linear RGB, any pictures.
      view: `[B, 0]`, for nobody knows the camera.
      label: `[B]` int32, zero: there are no classes.
      questions: `[G, 4, P, P, 3]` labelled ones; `G` is zero if there are none.
      answers: `[G]` int32.
      is_labelled: `[]` bool, whether the step looks at them.
    """

    image: Array
    view: Array
    label: Array
    questions: Array
    answers: Array
    is_labelled: Array


def pictures_batch(
    pictures: Array, questions=None, answers=None, chosen=False
) -> Batch:
    """A batch of pictures, without labelled questions if there are none.

    Args:
      pictures: `[B, P, P, 3]` linear RGB.
      questions: `[G, 4, P, P, 3]` or None.
      answers: `[G]` int32 or None.
      chosen: `[]` whether the step looks at them.

    Returns:
      `Batch`.
    """
    if questions is None:
        questions = jnp.zeros((0, 1 + NUM_ANSWERS, *pictures.shape[1:]))
        answers = jnp.zeros(0, jnp.int32)
    count = len(pictures)
    return Batch(
        pictures, jnp.zeros((count, 0)), jnp.zeros(count, jnp.int32), questions,
        answers, jnp.asarray(chosen),
    )  # fmt: skip


def batch_maker(config: Config, labels: int) -> Callable[[Array, Asked], Batch]:
    """Makes the function that draws what a step sees.

    Args:
      config: counts.
      labels: how many of the questions, the first ones, have an answer.

    Returns:
      Function of a key and of all questions to `Batch`. One step in `interval` looks
      at labelled questions, drawn by lot, so that a step depends on its key alone.
    """

    def batch(key, asked):
        keys = jax.random.split(key, 3)
        total = asked.answer.shape[0] * (1 + NUM_ANSWERS)
        rows = jax.random.randint(keys[0], (config.batch_size,), 0, total)
        question, place = jnp.divmod(rows, 1 + NUM_ANSWERS)
        pictures = as_linear(asked.pictures[question, place])
        if not labels:
            return pictures_batch(pictures)
        drawn = draw_questions(keys[1], asked, labels, config.question_batch)
        chosen = jax.random.bernoulli(keys[2], 1 / config.interval)
        return pictures_batch(pictures, *drawn, chosen)

    return batch


def teach_critic(
    config: Config, model: Pix2Scene, critic: PyTree, generator: PyTree,
    batch: Batch, key: Array,
) -> tuple[Array, dict[str, Array]]:  # fmt: skip
    """What critic and statistics network minimise.

    Args:
      config: widths and weights.
      model: from `iqtt_model`.
      critic: "critic", "statistics" and "log_mean".
      generator: "encoder" and "decoder".
      batch: pictures.
      key: random key, consumed.

    Returns:
      `[]` loss of the critic less the mutual information that the statistics network
      finds, and the new "log_mean".
    """
    keys = jax.random.split(key, 3)
    own, _ = critic_loss(
        model, config.weights, critic["critic"], generator, batch, keys[0]
    )
    *_, latent = draw_encoding(model, generator, batch, keys[1])
    latent = jax.lax.stop_gradient(latent)
    found, kept = information(config, critic, latent, keys[2])
    return own - found, {"log_mean": kept}


def information(
    config: Config, critic: PyTree, latent: Array, key: Array
) -> tuple[Array, Array]:
    """Mutual information of the parts for shape and view.

    Args:
      config: widths.
      critic: "statistics" and "log_mean".
      latent: `[B, n]` of different pictures.
      key: random key, consumed.

    Returns:
      `[]` nats, differentiable in latents and statistics network, and `[]` the new
      "log_mean".

    Source: Pix2Scene, equation (6). The released code stops the gradient before the
    encoder, which then never learns from it.
    """
    network, params = statistics_of(config), critic["statistics"]
    shape, view = split_latent(config, latent)
    joint = network.apply(params, shape, view)
    apart = network.apply(params, shape, shuffled(key, view))
    return running_information(joint, apart, critic["log_mean"])


def teach_generator(
    config: Config, model: Pix2Scene, generator: PyTree, critic: PyTree,
    batch: Batch, key: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """What encoder and decoder minimise.

    Args:
      config: widths and weights.
      model: from `iqtt_model`.
      generator: "encoder" and "decoder".
      critic: "critic", "statistics" and "log_mean".
      batch: pictures and questions.
      key: random key, consumed.

    Returns:
      `[]` loss, and `[]` root mean square error of the pictures after there and back.
    """
    keys = jax.random.split(key)
    cycle = run_cycle(model, generator, batch, keys[0])
    loss = cycle_loss(model, config.weights, critic["critic"], cycle, batch)
    found, _ = information(config, critic, cycle.encoded, keys[1])
    loss = loss + config.information_weight * found
    if len(batch.answers):
        loss = loss + jax.lax.cond(
            batch.is_labelled,
            lambda g: config.hinge_weight * question_loss(config, model, g, batch),
            lambda g: jnp.zeros(()),
            generator,
        )
    error = jnp.sqrt(jnp.mean((cycle.again_image - batch.image) ** 2))
    return loss, error


def question_loss(
    config: Config, model: Pix2Scene, generator: PyTree, batch: Batch
) -> Array:
    """Right answers are to be nearer to their references than others.

    Args:
      config: widths and margin.
      model: from `iqtt_model`.
      generator: "encoder" and "decoder".
      batch: questions.

    Returns:
      `[]`, see `triplet_hinge`, of the means of the encodings, which answer in a test.
    """
    flat = pictures_batch(flat_pictures(batch.questions))
    latent = encode(model, generator, flat)
    shape, _ = split_latent(config, latent)
    shape = shape.reshape(len(batch.answers), 1 + NUM_ANSWERS, -1)
    turn = jnp.arange(NUM_ANSWERS) + batch.answers[:, None]
    answers = jnp.take_along_axis(
        shape[:, 1:], (turn % NUM_ANSWERS)[..., None], 1
    )  # the right one first
    return triplet_hinge(shape[:, 0], answers[:, 0], answers[:, 1:], config.margin)


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
    optimizers = {
        name: optax.adam(config.learning_rate, b1=0.0, b2=0.99)
        for name in ("critic", "generator")
    }
    start, advance = make_adversarial_trainer(
        functools.partial(teach_critic, config, model),
        functools.partial(teach_generator, config, model),
        batch_maker(config, labels), optimizers, config.critic_steps, seed=config.seed,
    )  # fmt: skip
    steps = config.labelled_steps if labels else config.steps
    save_every = config.chunk * max(1, steps // config.chunk // 10)
    return train(
        start, advance, first_params(config) if before is None else before,
        lambda: Asked(*map(jnp.asarray, data())), steps,
        folder=folder / "runs" / f"pix2scene_{labels}", chunk=config.chunk,
        save_every=save_every, label=f"pix2scene {labels}",
    )  # fmt: skip


__all__ = [
    "Batch",
    "batch_maker",
    "first_params",
    "information",
    "pictures_batch",
    "question_loss",
    "teach_critic",
    "teach_generator",
    "train_pix2scene",
]
