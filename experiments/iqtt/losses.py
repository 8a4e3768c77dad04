"""The losses of pix2scene for the 3D IQ test, with few labels or none.

A latent has a part for the shape and a part for the view. Critic, regularization and
reconstruction of latents are those of `ivg.train.pix2scene`, on all pictures and
without a camera; reconstructed pictures are compared by squares.
Beside them the mutual information of the two parts is lowered, and in some of the steps
references are drawn to their answers and away from those of all questions of the batch.
Where the answer is not known it is still one of three, which is used in the same way.

Source: Rajeswar et al., Pix2Scene, section 4.4.1 and algorithm 1.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from experiments.iqtt.baselines import flat_pictures
from experiments.iqtt.config import Config
from experiments.iqtt.networks import split_latent, statistics_of
from ivg.data.tetris import NUM_ANSWERS
from ivg.models.mine import running_information, shuffled
from ivg.train.pix2scene import (
    adversarial_loss,
    critic_loss,
    mean_distance,
    regularization,
)
from ivg.train.scene_cycle import Cycle, Pix2Scene, draw_encoding, encode, run_cycle
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
      open: `[O, 4, P, P, 3]` questions of which the answer is not used.
    """

    image: Array
    view: Array
    label: Array
    questions: Array
    answers: Array
    is_labelled: Array
    open: Array


def pictures_batch(
    pictures: Array, questions=None, answers=None, chosen=False, unknown=None
) -> Batch:
    """A batch of pictures, without questions if there are none.

    Args:
      pictures: `[B, P, P, 3]` linear RGB.
      questions: `[G, 4, P, P, 3]` labelled ones, or None.
      answers: `[G]` int32, or None.
      chosen: `[]` whether the step looks at them.
      unknown: `[O, 4, P, P, 3]` questions without answers, or None.

    Returns:
      `Batch`.
    """
    count = len(pictures)
    none = jnp.zeros((0, 1 + NUM_ANSWERS, *pictures.shape[1:]))
    return Batch(
        pictures, jnp.zeros((count, 0)), jnp.zeros(count, jnp.int32),
        none if questions is None else questions,
        jnp.zeros(0, jnp.int32) if answers is None else answers,
        jnp.asarray(chosen), none if unknown is None else unknown,
    )  # fmt: skip


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
    loss = picture_loss(config, model, critic["critic"], cycle, batch)
    found, _ = information(config, critic, cycle.encoded, keys[1])
    loss = loss + config.information_weight * found
    if len(batch.open):
        bags = jnp.ones((len(batch.open), NUM_ANSWERS))
        again = match_loss(config, model, generator, batch.open, bags)
        loss = loss + config.bag_weight * again
    if len(batch.answers):
        right = jax.nn.one_hot(batch.answers, NUM_ANSWERS)
        own = functools.partial(match_loss, config, model)
        loss = loss + config.label_weight * jax.lax.cond(
            batch.is_labelled, own, lambda *_: jnp.zeros(()), generator,
            batch.questions, right,
        )  # fmt: skip
    error = jnp.sqrt(jnp.mean((cycle.again_image - batch.image) ** 2))
    return loss, error


def picture_loss(
    config: Config, model: Pix2Scene, critic: PyTree, cycle: Cycle, batch: Batch
) -> Array:
    """What encoder and decoder minimise without labels, but for the information.

    Args:
      config: weights.
      model: from `iqtt_model`.
      critic: parameters of the critic.
      cycle: from `run_cycle`.
      batch: pictures.

    Returns:
      `[]`.
    """
    return (
        config.weights.adversarial * adversarial_loss(model, critic, cycle, batch)
        + config.weights.image * square_distance(cycle.again_image, batch.image)
        + config.weights.latent * mean_distance(cycle.again_latent, cycle.latent)
        + regularization(model, config.weights, cycle, batch)
    )


def square_distance(first: Array, second: Array) -> Array:
    """Squared distance of pictures, as they are and with half as many rows and columns.

    The wall is most of a picture: distances of pixels that are not squared are least
    for the wall alone, and nothing else is learned. In the smaller pictures a change of
    depth counts more, and what it does to the normals beside it counts less.

    Args:
      first: `[B, H, W, C]`, `H` and `W` even.
      second: `[B, H, W, C]`.

    Returns:
      `[]` mean over the batch of half of the sum of squares, and of four times that of
      the smaller pictures, which are means over two by two pixels.
    """
    apart = first - second
    count, rows, columns, channels = apart.shape
    blocks = apart.reshape(count, rows // 2, 2, columns // 2, 2, channels)
    small = jnp.mean(blocks, (2, 4))
    return (jnp.sum(apart**2) / 2 + 4 * jnp.sum(small**2)) / count


def match_loss(
    config: Config, model: Pix2Scene, generator: PyTree, questions: Array, may: Array
) -> Array:
    """Right answers are to be nearer to their references than all others of a batch.

    Args:
      config: widths and softness.
      model: from `iqtt_model`.
      generator: "encoder" and "decoder".
      questions: `[G, 4, P, P, 3]` linear RGB.
      may: `[G, 3]`, one for answers that may be right, else zero. One of them is: the
        right one, or all three if it is not known.

    Returns:
      `[]` nats, less the mean logarithm of what answers that may be right have of a
      softmax of minus the squared distances to the answers of all `G` questions, in
      units of `config.softness`; of the means of encodings, which answer in a test.

    Source: Pix2Scene, equation (5), whose difference of distances has no least value
    and knows two distractors for each reference. Questions without an answer are ours.
    """
    latent = encode(model, generator, pictures_batch(flat_pictures(questions)))
    shape, _ = split_latent(config, latent)
    shape = shape.reshape(*questions.shape[:2], -1)
    answers = shape[:, 1:].reshape(-1, shape.shape[-1])
    square = jnp.sum((shape[:, :1] - answers) ** 2, -1)
    share = jax.nn.log_softmax(-square / config.softness, 1)
    share = share.reshape(len(questions), -1, NUM_ANSWERS)
    own = jnp.diagonal(share, axis1=0, axis2=1).T
    return -jnp.mean(jax.nn.logsumexp(own, axis=1, b=may))


__all__ = [
    "Batch",
    "information",
    "match_loss",
    "picture_loss",
    "pictures_batch",
    "square_distance",
    "teach_critic",
    "teach_generator",
]
