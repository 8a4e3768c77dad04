"""How far off the depths are, before and after one pass of the model."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.chunks import in_chunks
from experiments.decomposition.config import VARIANTS, Config
from experiments.decomposition.data import OBJECTS, Example, Problem
from experiments.decomposition.train import inputs_of, model_of
from ivg.models.decomposition import object_changes
from ivg.typing import PyTree

ROWS = (*VARIANTS, "no_change")
BINS = ("small", "large")
ORDER = ("front", "behind")
_MM = 1000.0


def predict_changes(
    config: Config, variant: str, params: PyTree, examples: Example
) -> tuple[np.ndarray, np.ndarray]:
    """What the model says of many scenes.

    Args:
      config: widths and noise.
      variant: one of `VARIANTS`.
      params: parameters of the model.
      examples: `[M]`.

    Returns:
      `[M, 2]` metres, change of the depth of each object, and `[M, 2, h, w]` metres,
      the maps of both layers that it is the mean of.
    """
    network = model_of(config, variant)

    @jax.jit
    def predict(examples):
        maps = network.apply(params, inputs_of(examples, variant)) * config.noise_m
        found = jax.vmap(object_changes, (0, 0, None))(
            maps, examples.objects, len(OBJECTS)
        )
        return found, maps

    return in_chunks(predict, examples, chunk=config.scenes_at_once)


def moved(problem: Problem, change: np.ndarray) -> Problem:
    """A problem whose estimate has changed its depths.

    Args:
      problem: one problem.
      change: `[2]` metres, added to the depth of each object.

    Returns:
      `Problem`.
    """
    estimate = problem.estimate
    position = jnp.asarray(estimate.position_m).at[:, 2].add(-jnp.asarray(change))
    return problem.replace(estimate=estimate.replace(position_m=position))


def depth_metrics(
    changes: dict[str, np.ndarray], truth: np.ndarray, noise_m: float
) -> dict[str, float]:
    """Mean absolute errors of depths by how far off the estimate was.

    Args:
      changes: of each row of the table, `[M, 2]` metres, predicted changes.
      truth: `[M, 2]` metres, true changes.
      noise_m: greatest error of an estimate; half of it parts the two bins.

    Returns:
      `error_mm_{row}_{small,large}` over both objects, and the same ending with the
      name of each object; NaN for a bin without any.
    """
    is_large = np.abs(truth) > noise_m / 2
    metrics = {}
    for row, change in changes.items():
        wrong = _MM * np.abs(change - truth)
        for name, inside in zip(BINS, (~is_large, is_large), strict=True):
            key = f"error_mm_{row}_{name}"
            metrics[key] = _mean(wrong[inside])
            for i, thing in enumerate(OBJECTS):
                metrics[f"{key}_{thing}"] = _mean(wrong[:, i][inside[:, i]])
    return metrics


def order_metrics(
    changes: dict[str, np.ndarray], truth: np.ndarray, positions_m: np.ndarray
) -> dict[str, float]:
    """Mean absolute errors of the depths of what hides and of what is hidden.

    Args:
      changes: of each row of the table, `[M, 2]` metres, predicted changes.
      truth: `[M, 2]` metres, true changes.
      positions_m: `[M, 2, 3]` true positions in the frame of the camera.

    Returns:
      `error_mm_{row}_{front,behind}`.
    """
    is_front = positions_m[..., 2] == np.max(positions_m[..., 2], 1, keepdims=True)
    return {
        f"error_mm_{row}_{name}": _mean(_MM * np.abs(change - truth)[inside])
        for row, change in changes.items()
        for name, inside in zip(ORDER, (is_front, ~is_front), strict=True)
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


__all__ = [
    "BINS",
    "ORDER",
    "ROWS",
    "depth_metrics",
    "moved",
    "order_metrics",
    "predict_changes",
]
