"""Training of the Scene Decomposition Model, which can be interrupted."""

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.decomposition.config import VARIANTS, Config
from experiments.decomposition.data import Example
from ivg.io.checkpoint import save_params
from ivg.io.errors import InputError
from ivg.models.decomposition import (
    DecompositionInput,
    decomposition_loss,
    decomposition_model,
)
from ivg.models.network import Network
from ivg.train.loop import make_trainer, train
from ivg.typing import Array, PyTree

_LARGEST_SLOPE = 1.0  # longer gradients are cut


def model_of(config: Config, variant: str) -> Network:
    """The model in the widths of a preset.

    Args:
      config: widths.
      variant: one of `VARIANTS`.

    Returns:
      `Network`.
    """
    return decomposition_model(
        num_depths=VARIANTS[variant],
        stage_widths=config.stage_widths,
        width=config.width,
        num_blocks=config.num_blocks,
        depth_change_m=config.noise_m,
        joined=config.joined,
    )


def inputs_of(examples: Example, variant: str) -> DecompositionInput:
    """What the model may see of examples.

    Args:
      examples: `[B]`.
      variant: one of `VARIANTS`; only "rgbd" sees the observed depth.

    Returns:
      `DecompositionInput` `[B]`.
    """
    return DecompositionInput(
        observed=examples.observed / 255.0,
        rendered=examples.rendered / 255.0,
        peels=examples.peels / 255.0,
        depths=examples.depths[..., : VARIANTS[variant]],
    )


def mirror(example: Example) -> Example:
    """An example as seen in a mirror, left and right exchanged.

    Args:
      example: one example.

    Returns:
      `Example`; depths stay.
    """
    return example.replace(
        observed=example.observed[:, ::-1],
        rendered=example.rendered[:, ::-1],
        peels=example.peels[:, :, ::-1],
        depths=example.depths[:, ::-1],
        objects=example.objects[..., ::-1],
    )


def batch_maker(config: Config, make: Callable) -> Callable[[Array, PyTree], Example]:
    """Makes the function that draws batches.

    Args:
      config: size of a batch, and whether scenes are rendered before the training.
      make: from `example_maker`.

    Returns:
      Function `(key, data) -> Example` `[B]`: random rows of the data, half of them
      mirrored, or new scenes.
    """

    def render(key, data):
        return make(jax.random.split(key, config.batch_size))[1]

    def draw(key, data):
        key_row, key_mirror = jax.random.split(key)
        row = jax.random.randint(key_row, (config.batch_size,), 0, config.num_train)
        turned = jax.random.bernoulli(key_mirror, shape=(config.batch_size,))
        chosen = jax.tree.map(lambda x: x[row], data)
        return jax.vmap(_mirror_if)(turned, chosen)

    return render if config.num_train is None else draw


def _mirror_if(turned, example):
    return jax.tree.map(lambda a, b: jnp.where(turned, a, b), mirror(example), example)


def variant_loss(config: Config, variant: str) -> Callable:
    """Makes the loss of a variant.

    Args:
      config: widths and noise.
      variant: one of `VARIANTS`.

    Returns:
      Function `(params, Example [B], key) -> []`: the mean squared error in units of
      the noise; always zero would cost 1/3.
    """
    network = model_of(config, variant)

    def loss(params, examples, key):
        maps = network.apply(params, inputs_of(examples, variant))
        change = examples.change / config.noise_m
        return decomposition_loss(maps, examples.objects, change)

    return loss


def check_steps(config: Config) -> None:
    """Refuses a number of training steps that cannot be made.

    Args:
      config: steps and warm-up.

    Raises:
      InputError: unless there are more steps than those of the warm-up.
    """
    if config.steps <= config.warmup:
        raise InputError(
            f"--steps={config.steps}: give more than {config.warmup}, the warm-up"
        )


def train_variant(
    config: Config,
    variant: str,
    make: Callable,
    make_data: Callable[[], PyTree],
    folder: pathlib.Path,
) -> np.ndarray:
    """Trains one variant, or goes on with it.

    Args:
      config: widths, steps, batches.
      variant: one of `VARIANTS`.
      make: from `example_maker`.
      make_data: makes what batches are drawn from; called if a step is left to do.
      folder: of the run; the variant's name in it is the folder of the parameters.

    Returns:
      Losses from `train`.
    """
    schedule = optax.warmup_cosine_decay_schedule(
        0, config.learning_rate, config.warmup, config.steps
    )
    optimizer = optax.chain(
        optax.clip_by_global_norm(_LARGEST_SLOPE), optax.adam(schedule)
    )
    start, advance = make_trainer(
        variant_loss(config, variant), batch_maker(config, make), optimizer,
        seed=config.seed,
    )  # fmt: skip
    first = model_of(config, variant).init(jax.random.key(config.seed))
    params, losses = train(
        start, advance, first, make_data, config.steps,
        folder=folder / "runs" / variant, chunk=config.chunk,
        save_every=2 * config.chunk, label=variant,
    )  # fmt: skip
    save_params(folder / variant, params, jnp.float16)
    return losses


__all__ = [
    "batch_maker",
    "check_steps",
    "inputs_of",
    "mirror",
    "model_of",
    "train_variant",
    "variant_loss",
]
