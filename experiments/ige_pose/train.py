"""Training of base networks and of descents, in pieces that can be interrupted."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.ige_pose.config import Config
from experiments.ige_pose.examples import batch_maker
from experiments.ige_pose.networks import energy_of, init_descent, lift
from ivg.metrics.pose import pose_loss
from ivg.models.pose_lifting import base_network, freeze_statistics
from ivg.refine.unrolled import outer_loss
from ivg.train.loop import make_trainer, train
from ivg.typing import Array, PyTree

Poses = tuple[np.ndarray, np.ndarray]


def base_loss(network, params: PyTree, batch, key: Array) -> Array:
    """How far a base network is from the truth, under dropout.

    Args:
      network: from `base_network`.
      params: its parameters.
      batch: `(Sight, truth)` `[B]`.
      key: for dropout.

    Returns:
      `[]`, summed over the batch: in a mean, the first gradients of an energy would
      drown in the epsilon of Adam.
    """
    sights, truth = batch
    poses = network.apply(params, sights.joints, key=key, by_batch=True)
    return jnp.sum(jax.vmap(pose_loss)(poses, truth))


def train_base(
    config: Config,
    source: str,
    size: tuple[int, int],
    poses: Poses,
    folder: pathlib.Path,
    num_steps: int,
    first: PyTree | None = None,
) -> tuple[PyTree, np.ndarray]:
    """Trains a base network, or goes on with it.

    Args:
      config: batches and rates.
      source: "gt" or "noisy".
      size: width and blocks.
      poses: poses and procedural ones to train with.
      folder: of the run.
      num_steps: training steps.
      first: parameters to begin with, not frozen; random ones if None.

    Returns:
      Parameters that are normalised by the batch, and the losses from `train`.
    """
    network = base_network(*size)
    name = f"base_{size[0]}_{size[1]}_{source}"
    if first is None:
        first = network.init(jax.random.key(config.seed))
    return _train(
        config, source, name, lambda p, b, k: base_loss(network, p, b, k),
        first, poses, folder,
        rate=config.base_rate, batch_size=config.batch_size, num_steps=num_steps,
    )  # fmt: skip


def frozen(config: Config, source: str, params: PyTree, poses: Poses) -> PyTree:
    """A base network with the statistics of many training samples.

    Args:
      config: how many.
      source: "gt" or "noisy".
      params: from `train_base`.
      poses: poses and procedural ones.

    Returns:
      Parameters that no longer need a batch.
    """
    key_batch, key_drop = jax.random.split(jax.random.key(config.seed + 1))
    draw = batch_maker(source, config.statistics, config.procedural_share)
    sights, _ = jax.jit(draw)(key_batch, jax.tree.map(jnp.asarray, poses))
    return freeze_statistics(params, sights.joints, key=key_drop)


def descent_loss(
    config: Config, num_steps: int, params: PyTree, batch, key: Array
) -> Array:
    """The outer loss of a descent.

    Args:
      config: widths, and whether the first estimate has dropout.
      num_steps: `T`.
      params: as from `init_descent`.
      batch: `(Sight, truth)` `[B]`.
      key: for dropout.

    Returns:
      `[]`, summed over the batch.
    """
    sights, truth = batch
    key = key if config.has_dropout else None
    paths = lift(energy_of(config), params, sights, num_steps, key)

    def one(path, truth):
        return outer_loss(path, lambda pose: pose_loss(pose, truth))

    return jnp.sum(jax.vmap(one)(paths, truth))


def first_descent(config: Config, start: PyTree) -> PyTree:
    """What the shortest descent is trained from.

    Args:
      config: widths and seed.
      start: trained network of the first estimate, frozen.

    Returns:
      Parameters as from `init_descent`; energies and descent are new.
    """
    return init_descent(config, jax.random.key(config.seed)) | {"start": start}


def train_descent(
    config: Config,
    source: str,
    num_unroll: int,
    first: PyTree,
    poses: Poses,
    folder: pathlib.Path,
    num_steps: int,
    rate: float,
) -> tuple[PyTree, np.ndarray]:
    """Trains energies and descent together with the first estimate.

    Args:
      config: widths, batches and rates.
      source: "gt" or "noisy".
      num_unroll: `T`.
      first: parameters as from `first_descent`, or of a descent of other length.
      poses: poses and procedural ones to train with.
      folder: of the run.
      num_steps: training steps.
      rate: of Adam, at first.

    Returns:
      Parameters as from `init_descent`, and the losses from `train`.
    """
    return _train(
        config, source, f"ige_{num_unroll}_{source}",
        lambda p, b, k: descent_loss(config, num_unroll, p, b, k),
        first, poses, folder,
        rate=rate, batch_size=config.unroll_batch, num_steps=num_steps,
    )  # fmt: skip


def _train(
    config, source, name, loss, params, poses, folder, *, rate, batch_size, num_steps
):
    """Adam, its rate falling by the same factor in every step."""
    schedule = optax.exponential_decay(rate, num_steps, config.last_rate)
    draw = batch_maker(source, batch_size, config.procedural_share)
    start, advance = make_trainer(loss, draw, optax.adam(schedule), seed=config.seed)
    return train(
        start, advance, params, lambda: jax.tree.map(jnp.asarray, poses), num_steps,
        folder=folder / "runs" / name, chunk=config.chunk,
        save_every=_save_every(num_steps, config.chunk), label=name,
    )  # fmt: skip


def _save_every(num_steps, chunk):
    return chunk * max(1, num_steps // chunk // 4)


__all__ = [
    "Poses",
    "base_loss",
    "descent_loss",
    "first_descent",
    "frozen",
    "train_base",
    "train_descent",
]
