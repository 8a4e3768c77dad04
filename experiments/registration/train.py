"""Training of the U-Net and of the direct regressor of a family.

Every batch is rendered when it is needed: shapes are drawn from the latent space of
the training instances, views and noise as in the test.
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.registration.config import Config
from experiments.registration.networks import Features, regressor, segmenter
from experiments.registration.scenes import (
    make_look,
    pose_units,
    render_object,
    sample_noise,
    sample_view,
)
from experiments.registration.shapes import Family, parts_of_faces
from ivg.data.textures import clouds
from ivg.refine.registration import corrected_view, deformed_mesh
from ivg.train.loop import make_trainer, train
from ivg.typing import Array, PyTree

_PERCENTILE_PICTURES = 32
_LEAST_HIGHEST = 1e-2  # of the highest channel, for channels that are never on


def sample_backdrop(key: Array, size_px: int) -> Array:
    """What is behind an object: black half of the time, otherwise cloudy colours.

    Args:
      key: random key, consumed.
      size_px: side.

    Returns:
      `[S, S, 3]` linear RGB in [0, 1].
    """
    key_black, key_colour, key_clouds = jax.random.split(key, 3)
    low, high = jax.random.uniform(key_colour, (2, 1, 1, 3))
    share = clouds(key_clouds, size_px)[..., None]
    is_black = jax.random.bernoulli(key_black)
    return jnp.where(is_black, 0, low + (high - low) * share)


def make_labelled(config: Config):
    """Makes the function that draws pictures with the label of each pixel.

    Args:
      config: views and noise.

    Returns:
      `(key, (family, parts)) -> (picture [H, W, 3], labels [H, W])`; `parts` from
      `parts_of_faces`, label zero is background.
    """
    look = make_look(config)

    def labelled(key, data):
        family, parts = data
        key_shape, key_view, key_noise, key_back = jax.random.split(key, 4)
        latents = jax.random.normal(key_shape, (config.num_latents,))
        noise = sample_noise(key_noise, config)
        view = corrected_view(noise, sample_view(key_view, config))
        seen = render_object(deformed_mesh(family.deformable, latents), view, look)
        behind = (1 - seen.alpha[..., None]) * sample_backdrop(key_back, config.size_px)
        labels = jnp.where(seen.face_index >= 0, parts[seen.face_index], 0)
        return seen.rgb + behind, labels

    return labelled


def train_features(
    config: Config, name: str, family: Family, folder: pathlib.Path
) -> tuple[Features, np.ndarray]:
    """Trains the U-Net of a family to tell its parts from each other.

    Args:
      config: widths, steps, batches.
      name: of the family.
      family: its shapes.
      folder: of the run.

    Returns:
      `Features`, and the losses from `train`.
    """
    network, labelled = segmenter(config), jax.vmap(make_labelled(config), (0, None))

    def loss(params, batch, key):
        del key
        pictures, labels = batch
        logits = network.apply(params, pictures).logits
        each = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return jnp.mean(each)

    def draw(key, data):
        return labelled(jax.random.split(key, config.unet_batch), data)

    data = family, parts_of_faces(config, family)
    params, losses = _train(
        config, folder / "runs" / f"unet_{name}", loss, draw, network, data,
        config.unet_steps,
    )  # fmt: skip
    keys = jax.random.split(jax.random.key(config.seed), _PERCENTILE_PICTURES)
    pictures, _ = jax.jit(labelled)(keys, data)
    features = jax.lax.map(
        lambda x: network.apply(params, x[None]).features[0], pictures
    )
    return Features(params, highest_features(features, config.highest_percent)), losses


def highest_features(features: Array, percent: float) -> Array:
    """What each channel hardly exceeds.

    Args:
      features: `[B, H, W, C]` of many pictures, not negative.
      percent: percentile, of the pixels where a channel is not zero.

    Returns:
      `[C]` positive.
    """
    flat = features.reshape(-1, features.shape[-1])
    highest = jnp.nan_to_num(
        jnp.nanpercentile(jnp.where(flat > 0, flat, jnp.nan), percent, axis=0)
    )
    return jnp.maximum(highest, _LEAST_HIGHEST * jnp.max(highest) + 1e-6)


def make_pair(config: Config):
    """Makes the function that draws what the regressor sees and should say.

    Args:
      config: views and noise.

    Returns:
      `(key, family) -> (pictures [H, W, 6], target [K + 5])`: an observed picture and
      that of the canonical shape in the assumed pose, which is right half of the time.
    """
    look, unit = make_look(config), pose_units(config)

    def pair(key, family):
        key_shape, key_view, key_noise, key_right = jax.random.split(key, 4)
        latents = jax.random.normal(key_shape, (config.num_latents,))
        true = sample_view(key_view, config)
        is_right = jax.random.bernoulli(key_right)
        noise = sample_noise(key_noise, config)
        noise = jax.tree.map(lambda x: jnp.where(is_right, 0, x), noise)
        mesh = deformed_mesh(family.deformable, latents)
        seen = render_object(mesh, true, look).rgb
        # As in the test, the true pose is in the middle and the assumed one is not.
        assumed = corrected_view(noise, true)
        shown = render_object(family.deformable.mesh, assumed, look).rgb
        target = latents, -noise.shift_m / unit.shift_m, -noise.turn_rad / unit.turn_rad
        return jnp.concatenate([seen, shown], -1), jnp.concatenate(target)

    return pair


def train_regressor(
    config: Config, name: str, family: Family, folder: pathlib.Path
) -> tuple[PyTree, np.ndarray]:
    """Trains the direct regressor of a family.

    Args:
      config: widths, steps, batches.
      name: of the family.
      family: its shapes.
      folder: of the run.

    Returns:
      Parameters, and the losses from `train`.
    """
    network, pairs = regressor(config), jax.vmap(make_pair(config), (0, None))

    def loss(params, batch, key):
        del key
        pictures, target = batch
        guess = network.apply(params, pictures)
        said = jnp.concatenate([guess.latents, guess.shift, guess.turn], -1)
        return jnp.mean((said - target) ** 2)

    def draw(key, data):
        return pairs(jax.random.split(key, config.regressor_batch), data)

    return _train(
        config, folder / "runs" / f"regressor_{name}", loss, draw, network, family,
        config.regressor_steps,
    )  # fmt: skip


def _train(config, folder, loss, draw, network, data, num_steps):
    """Adam with a slow start and a slow end."""
    rate = optax.warmup_cosine_decay_schedule(
        0, config.learning_rate, config.warmup, num_steps
    )
    start, advance = make_trainer(loss, draw, optax.adam(rate), seed=config.seed)
    first = network.init(jax.random.key(config.seed))
    return train(
        start, advance, first, lambda: data, num_steps, folder=folder,
        chunk=config.chunk, save_every=10 * config.chunk, label=folder.name,
    )  # fmt: skip


__all__ = [
    "highest_features",
    "make_labelled",
    "make_pair",
    "sample_backdrop",
    "train_features",
    "train_regressor",
]
