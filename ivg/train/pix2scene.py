"""The losses of pix2scene.

The critic sees pairs: of a real picture and its encoding, and of a drawn latent and its
picture. Encoder and decoder are trained together so that it cannot tell them apart,
that pictures and latents are the same after there and back, and that depth is regular.

Equation (2) of the paper prints the logarithms of an ordinary GAN; its training is that
of WGAN-GP (section 3.3.3), as here. The released code maximises its regularizers: they
are part of what is multiplied by minus one. Here they are minimised, and averaged over
all samples.

Source: Rajeswar et al., Pix2Scene, sections 3.3 and 4.4.1.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.train.adversarial import gradient_penalty, interpolate
from ivg.train.depth_losses import edge_loss, normal_loss, range_loss
from ivg.train.scene_cycle import (
    Cycle,
    Pictures,
    Pix2Scene,
    draw_encoding,
    draw_picture,
    run_cycle,
)
from ivg.typing import Array, PyTree

_EPSILON = 1e-8  # added to squares, for the root has no gradient at zero
_LEAST = 0.01  # distance of colours below which it counts as its square


class LossWeights(NamedTuple):
    """Factors of what is summed.

    Attributes:
      penalty: of the gradient penalty of the critic.
      image: of the reconstruction of pictures.
      latent: of the reconstruction of latents.
      range: of depths out of range.
      normal: of points that normals do not explain.
      edge: of bends of the depth where the picture is even.
      adversarial: of what deceives the critic.
    """

    penalty: float = 10.0
    image: float = 1.0
    latent: float = 1.0
    range: float = 10.0
    normal: float = 3.0
    edge: float = 1.0
    adversarial: float = 1.0


def critic_loss(
    model: Pix2Scene,
    weights: LossWeights,
    critic: PyTree,
    generator: PyTree,
    batch: Pictures,
    key: Array,
) -> tuple[Array, dict[str, Array]]:
    """What the critic minimises.

    Args:
      model: model.
      weights: factors.
      critic: parameters of the critic; the gradient is taken in these.
      generator: those of encoder and decoder.
      batch: pictures.
      key: random key, consumed.

    Returns:
      `[]`: mean for decoded pairs, less that for encoded pairs, and the penalty; and an
      empty dictionary, see `make_adversarial_trainer`.
    """
    keys = jax.random.split(key, 3)
    *_, encoded = draw_encoding(model, generator, batch, keys[0])
    latent = jax.random.normal(keys[1], encoded.shape)
    _, image = draw_picture(model, generator, latent, batch)
    real, made = (batch.image, encoded), (image, latent)
    real, made = jax.lax.stop_gradient((real, made))

    def judge(points):
        return model.critic.apply(critic, *points, batch.view, batch.label)

    penalty = gradient_penalty(judge, interpolate(keys[2], real, made))
    gap = jnp.mean(judge(real)) - jnp.mean(judge(made))
    return weights.penalty * penalty - gap, {}


def adversarial_loss(
    model: Pix2Scene, critic: PyTree, cycle: Cycle, batch: Pictures
) -> Array:
    """What encoder and decoder minimise to deceive the critic.

    Args:
      model: model.
      critic: parameters of the critic.
      cycle: from `run_cycle`.
      batch: pictures.

    Returns:
      `[]` mean of the critic for encoded pairs, less that for decoded pairs.
    """
    about = (batch.view, batch.label)
    real = model.critic.apply(critic, batch.image, cycle.encoded, *about)
    made = model.critic.apply(critic, cycle.image, cycle.latent, *about)
    return jnp.mean(real) - jnp.mean(made)


def mean_distance(first: Array, second: Array) -> Array:
    """Mean Euclidean distance of samples.

    Args:
      first: `[B, ...]`.
      second: `[B, ...]`.

    Returns:
      `[]`, with a finite gradient where they are the same.

    Source: Pix2Scene, equation (4).
    """
    square = jnp.sum((first - second) ** 2, tuple(range(1, first.ndim)))
    return jnp.mean(jnp.sqrt(square + _EPSILON))


def pixel_distance(first: Array, second: Array) -> Array:
    """Mean distance of pictures, pixel by pixel.

    Along an outline a picture of the true depth differs from the true picture in some
    pixels by much. In the norm of equation (4), over the whole picture, these outweigh
    all others; a sum of the distances of pixels counts them linearly.

    Args:
      first: `[B, H, W, C]`.
      second: `[B, H, W, C]`.

    Returns:
      `[]`; `mean_distance` if all pixels of a picture are equally far, else less. The
      gradient is finite where they are the same.
    """
    square = jnp.sum((first - second) ** 2, -1)
    apart = jnp.mean(jnp.sqrt(square + _LEAST**2), (1, 2))
    return math.sqrt(square[0].size) * jnp.mean(apart)


def regularization(
    model: Pix2Scene, weights: LossWeights, cycle: Cycle, batch: Pictures
) -> Array:
    """How irregular the depths of pictures and of drawn latents are.

    Args:
      model: model.
      weights: factors.
      cycle: from `run_cycle`.
      batch: pictures.

    Returns:
      `[]` weighted sum of `range_loss`, `normal_loss` and `edge_loss`.
    """
    depth = jnp.stack([cycle.again_depth, cycle.depth])
    image = jnp.stack([batch.image, cycle.image])
    return (
        weights.range * range_loss(depth, model.near, model.far)
        + weights.normal * normal_loss(depth)
        + weights.edge * edge_loss(depth, image)
    )


def cycle_loss(
    model: Pix2Scene,
    weights: LossWeights,
    critic: PyTree,
    cycle: Cycle,
    batch: Pictures,
) -> Array:
    """What encoder and decoder minimise.

    Args:
      model: model.
      weights: factors.
      critic: parameters of the critic.
      cycle: from `run_cycle`.
      batch: pictures.

    Returns:
      `[]` sum of the adversarial loss, the reconstructions of pictures and latents,
      and the regularization.
    """
    return (
        weights.adversarial * adversarial_loss(model, critic, cycle, batch)
        + weights.image * pixel_distance(cycle.again_image, batch.image)
        + weights.latent * mean_distance(cycle.again_latent, cycle.latent)
        + regularization(model, weights, cycle, batch)
    )


def generator_loss(
    model: Pix2Scene,
    weights: LossWeights,
    generator: PyTree,
    critic: PyTree,
    batch: Pictures,
    key: Array,
) -> tuple[Array, Array]:
    """`cycle_loss` of a new cycle, for `make_adversarial_trainer`.

    Args:
      model: model.
      weights: factors.
      generator: parameters of encoder and decoder; the gradient is taken in these.
      critic: those of the critic.
      batch: pictures.
      key: random key, consumed.

    Returns:
      `[]` loss, and `[]` root mean square error of the pictures after there and back.
    """
    cycle = run_cycle(model, generator, batch, key)
    error = jnp.sqrt(jnp.mean((cycle.again_image - batch.image) ** 2))
    return cycle_loss(model, weights, critic, cycle, batch), error


def triplet_hinge(
    reference: Array, answer: Array, distractors: Array, margin: float = 1.0
) -> Array:
    """Answers should be closer to a reference than distractors are, by a margin.

    Args:
      reference: `[B, n]`.
      answer: `[B, n]`.
      distractors: `[B, D, n]`.
      margin: by which mean squared distances should differ.

    Returns:
      `[]` mean over the batch of the sum over distractors of
      `max(0, near - away + margin)`.

    Source: Pix2Scene, equation (5), whose difference of distances has no least value;
    the hinge is the released code's.
    """
    near = jnp.mean((reference - answer) ** 2, -1)[:, None]
    away = jnp.mean((reference[:, None] - distractors) ** 2, -1)
    return jnp.mean(jnp.sum(jnp.maximum(near - away + margin, 0), -1))


__all__ = [
    "LossWeights",
    "adversarial_loss",
    "critic_loss",
    "cycle_loss",
    "generator_loss",
    "mean_distance",
    "pixel_distance",
    "regularization",
    "triplet_hinge",
]
