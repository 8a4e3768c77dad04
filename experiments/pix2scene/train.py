"""Training of a model, in pieces that can be interrupted."""

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.pix2scene.config import Config
from experiments.pix2scene.networks import (
    RoomBatch,
    first_params,
    model_of,
    room_batch,
)
from ivg.data.room_views import SceneViews, octant_lights
from ivg.train.adversarial import make_adversarial_trainer
from ivg.train.loop import train
from ivg.train.pix2scene import LossWeights, critic_loss, generator_loss
from ivg.typing import Array, PyTree


def batch_maker(config: Config) -> Callable[[Array, SceneViews], RoomBatch]:
    """Makes the function that draws a training batch.

    Args:
      config: size of a batch, and whether lights are known.

    Returns:
      Function of a key and of `SceneViews` `[E]` to `RoomBatch`, with other lights than
      those of the pictures if they are not known.
    """

    def batch(key, views):
        key_rows, key_lights = jax.random.split(key)
        rows = jax.random.randint(key_rows, (config.batch_size,), 0, len(views.label))
        chosen = room_batch(jax.tree.map(lambda x: x[rows], views))
        if not config.random_lights:
            return chosen
        keys = jax.random.split(key_lights, config.batch_size)
        light, light_rgb = jax.vmap(octant_lights)(keys)
        return chosen._replace(light=light, light_rgb=light_rgb)

    return batch


def weights_of(config: Config) -> LossWeights:
    """Factors of the losses.

    Args:
      config: weights.

    Returns:
      `LossWeights`. If lights are not known, pictures are not compared with their
      reconstructions, which have other lights.
    """
    return LossWeights(
        penalty=config.penalty,
        image=0.0 if config.random_lights else config.image_weight,
        latent=config.latent_weight,
        range=config.range_weight,
        normal=config.normal_weight,
        edge=config.edge_weight,
        adversarial=config.adversarial_weight,
    )


def trainer_of(config: Config) -> tuple[Callable, Callable]:
    """The two functions of a training run.

    Args:
      config: sizes, batches, weights and rates.

    Returns:
      `start` and `advance`, see `make_adversarial_trainer`.
    """
    model, weights = model_of(config), weights_of(config)
    rate = optax.cosine_decay_schedule(
        config.learning_rate, config.steps, config.last_rate
    )
    teach = optax.cosine_decay_schedule(
        config.learning_rate, config.steps * config.critic_steps, config.last_rate
    )
    return make_adversarial_trainer(
        functools.partial(critic_loss, model, weights),
        functools.partial(generator_loss, model, weights),
        batch_maker(config),
        {
            "critic": optax.adam(teach, b1=config.momentum, b2=config.smoothing),
            "generator": optax.chain(
                optax.clip_by_global_norm(config.clip),
                optax.adam(rate, b1=config.momentum, b2=config.smoothing),
            ),
        },
        config.critic_steps,
        seed=config.seed,
    )


def train_model(
    config: Config,
    kind: str,
    data: Callable[[], SceneViews],
    folder: pathlib.Path,
    begin: PyTree | None = None,
) -> tuple[PyTree, np.ndarray]:
    """Trains a model, or goes on with it.

    Args:
      config: sizes, batches, weights and rates.
      kind: name of the run.
      data: makes the pictures to train with.
      folder: of all runs.
      begin: "encoder" and "decoder" to begin with, in the place of random ones. The
        critic always begins anew.

    Returns:
      Dictionary with "encoder" and "decoder", and the losses from `train`: root mean
      square errors of pictures after there and back.
    """
    start, advance = trainer_of(config)
    first = first_params(config)
    if begin is not None:
        first = first | {"generator": begin}
    save_every = config.chunk * max(1, config.steps // config.chunk // 8)
    params, losses = train(
        start, advance, first, lambda: jax.tree.map(jnp.asarray, data()), config.steps,
        folder=folder / "runs" / kind, chunk=config.chunk, save_every=save_every,
        label=f"pix2scene {kind}",
    )  # fmt: skip
    return params["generator"], losses


__all__ = ["batch_maker", "first_params", "train_model", "trainer_of", "weights_of"]
