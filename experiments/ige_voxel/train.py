"""Training of base networks and of descents, in pieces that can be interrupted."""

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.ige_voxel.config import Config
from experiments.ige_voxel.data import Views
from experiments.ige_voxel.networks import (
    grow,
    init_descent,
    sizes_at,
    trajectories,
)
from ivg.data.voxel_views import unpack_grid
from ivg.metrics.voxels import focal_loss, soft_iou_loss
from ivg.models.normalization import NormalizedNetwork, mean_statistics
from ivg.models.voxel_networks import GRID_SIDE, base_network, start_network
from ivg.refine.unrolled import outer_loss
from ivg.train.loop import make_trainer, train
from ivg.typing import Array, PyTree

GRID_LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "iou": soft_iou_loss,
    "ce": focal_loss,
    "balanced": functools.partial(focal_loss, alpha=0.7),
    "focal": functools.partial(focal_loss, gamma=2.0),
}


def batch_maker(batch_size: int, grids: str) -> Callable:
    """Makes the function that draws a training batch.

    Args:
      batch_size: `B`.
      grids: "frustum" or "world".

    Returns:
      Function `(key, Views)` to pictures `[B, 128, 128, 3]` and grids `[B, N, N, N]`,
      both float.
    """

    def batch(key, views):
        rows = jax.random.randint(key, (batch_size,), 0, len(views.thing))
        if grids == "frustum":
            packed = views.frustum[rows]
        else:
            packed = views.world[views.thing[rows]]
        return views.pictures[rows].astype(float), unpack_grid(packed)

    return batch


def base_loss(network: NormalizedNetwork, params: PyTree, batch, key: Array) -> Array:
    """One minus the IoU of what a base network says.

    Args:
      network: from `base_network`.
      params: its parameters.
      batch: pictures and grids.
      key: not used.

    Returns:
      `[]` mean over the batch.
    """
    del key
    pictures, grids = batch
    logits = network.apply(params, pictures)
    return jnp.mean(jax.vmap(soft_iou_loss)(logits, grids))


def descent_loss(
    config: Config, resolution: int, loss: str, params: PyTree, batch, key: Array
) -> Array:
    """The outer loss of a descent.

    Args:
      config: widths and steps.
      resolution: of the grids.
      loss: one of `GRID_LOSSES`.
      params: from `init_descent`.
      batch: pictures and grids.
      key: not used.

    Returns:
      `[]` mean over the batch.
    """
    del key
    pictures, grids = batch
    paths = trajectories(config, resolution, params, pictures)

    def one(path, grid):
        own = GRID_LOSSES[loss]
        return outer_loss(path, lambda logits: own(logits, grid), config.decay)

    return jnp.mean(jax.vmap(one)(paths, grids))


def train_base(
    config: Config, grids: str, views: Callable[[], Views], folder: pathlib.Path
) -> tuple[PyTree, np.ndarray]:
    """Trains a base network, or goes on with it, and observes its statistics.

    Args:
      config: widths, batches and rates.
      grids: "frustum" or "world".
      views: makes the views to train with.
      folder: of the run.

    Returns:
      Dictionary with "params" and "statistics", and the losses from `train`.
    """
    network, name = base_network(config.sizes), f"base_{grids}"
    params, losses = _train(
        config, functools.partial(base_loss, network), batch_maker(
            config.batch_size, grids
        ), network.init(jax.random.key(config.seed)), views, folder / "runs" / name,
        config.base_steps,
    )  # fmt: skip
    statistics = observe(config, network, params, views())
    return {"params": params, "statistics": statistics}, losses


def train_descent(
    config: Config,
    resolution: int,
    loss: str,
    views: Callable[[], Views],
    folder: pathlib.Path,
    before: PyTree | None = None,
) -> tuple[PyTree, np.ndarray]:
    """Trains first estimate, energies and descent together, or goes on with them.

    Args:
      config: widths, batches and rates.
      resolution: voxels along each side.
      loss: one of `GRID_LOSSES`.
      views: makes the views to train with.
      folder: of the run.
      before: parameters at a lower resolution to go on from, or None.

    Returns:
      Dictionary with "params" and "statistics", and the losses from `train`.
    """
    first = init_descent(config, resolution, jax.random.key(config.seed))
    first = first if before is None else grow(first, before)
    is_coarse = resolution == GRID_SIDE
    params, losses = _train(
        config, functools.partial(descent_loss, config, resolution, loss),
        batch_maker(config.batch_size if is_coarse else config.fine_batch, "frustum"),
        first, views, folder / "runs" / f"ige_{loss}_{resolution}",
        config.ige_steps if is_coarse else config.fine_steps,
    )  # fmt: skip
    network = start_network(sizes_at(config, resolution))
    statistics = observe(config, network, params["start"], views())
    return {"params": params, "statistics": statistics}, losses


def observe(
    config: Config, network: NormalizedNetwork, params: PyTree, views: Views
) -> PyTree:
    """The statistics of batches such as those of the training.

    Args:
      config: number and size of the batches.
      network: that was trained.
      params: its parameters.
      views: that it was trained with.

    Returns:
      Statistics for `apply`.
    """
    rng = np.random.default_rng(config.seed)
    run = jax.jit(network.observe)
    rows = rng.integers(0, len(views.thing), (config.statistics, config.batch_size))
    pictures = (jnp.asarray(views.pictures[own], float) for own in rows)
    return mean_statistics([run(params, own) for own in pictures])


def _train(config, loss, draw, params, views, folder, num_steps):
    """Adam, its rate falling by the same factor in every step."""
    schedule = optax.exponential_decay(
        config.learning_rate, num_steps, config.last_rate
    )
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    start, advance = make_trainer(loss, draw, optimizer, seed=config.seed)
    save_every = config.chunk * max(1, num_steps // config.chunk // 12)
    return train(
        start, advance, params, lambda: jax.tree.map(jnp.asarray, views()), num_steps,
        folder=folder, chunk=config.chunk, save_every=save_every, label=folder.name,
    )  # fmt: skip


__all__ = [
    "GRID_LOSSES",
    "base_loss",
    "batch_maker",
    "descent_loss",
    "observe",
    "train_base",
    "train_descent",
]
