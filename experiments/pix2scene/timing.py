"""How long surfels take, and what share of a training step that is."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from experiments.pix2scene.config import Config
from experiments.pix2scene.data import make_views
from experiments.pix2scene.networks import first_params, render_room
from experiments.pix2scene.train import trainer_of
from experiments.timing import median_seconds
from ivg.data.room_views import SceneViews

_REPEATS = 10
_STEP_REPEATS = 2


def time_metrics(config: Config) -> dict[str, float]:
    """Times of rendering surfels, and of a step with the same pictures.

    Args:
      config: widths and critic steps; pictures are `timed_batch` of `timed_pixels`.

    Returns:
      `ms_surfels_forward` and `ms_surfels` (forward and backward) of one batch;
      `ms_step` of encoder and decoder together with the steps of the critic before;
      and `share_surfels` of that: two pictures are rendered there and back, of an
      encoding and of a drawn latent, and one forward in each step of the critic.
    """
    sizes = config.sizes._replace(pixels=config.timed_pixels)
    config = dataclasses.replace(
        config, sizes=sizes, batch_size=config.timed_batch, num_test=config.timed_batch
    )
    views = jax.tree.map(jnp.asarray, make_views(config, "box", "test"))
    forward, both = surfel_seconds(views)
    step = step_seconds(config, views)
    surfels = 2 * both + config.critic_steps * forward
    return {
        "ms_surfels_forward": 1e3 * forward,
        "ms_surfels": 1e3 * both,
        "ms_step": 1e3 * step,
        "share_surfels": surfels / step,
    }


def surfel_seconds(views: SceneViews) -> tuple[float, float]:
    """Times of rendering a batch.

    Args:
      views: `[B]`.

    Returns:
      Seconds forward, and forward and backward.
    """

    def pictures(depth):
        return jax.vmap(render_room)(depth, views)

    def error(depth):
        return jnp.mean((pictures(depth) - views.image) ** 2)

    depth = views.depth * np.float32(1.01)
    runs = jax.jit(pictures), jax.jit(jax.value_and_grad(error))
    return tuple(median_seconds(lambda r=r: r(depth), _REPEATS) for r in runs)


def step_seconds(config: Config, views: SceneViews) -> float:
    """Time of a training step.

    Args:
      config: sizes.
      views: `[E]` to draw batches from.

    Returns:
      Seconds.
    """
    start, advance = trainer_of(config)
    state = start(first_params(config))
    return median_seconds(lambda: advance(state, views, 1), _STEP_REPEATS)


__all__ = ["step_seconds", "surfel_seconds", "time_metrics"]
