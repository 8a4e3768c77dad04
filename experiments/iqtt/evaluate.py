"""How many questions are answered rightly."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.iqtt.config import Config
from experiments.iqtt.data import Asked, as_linear
from experiments.iqtt.networks import (
    choices,
    iqtt_model,
    pix2scene_scorer,
    reconstruct_all,
    score_all,
)
from ivg.typing import PyTree


def accuracy_metrics(name: str, chosen: np.ndarray, answer: np.ndarray) -> dict:
    """The share of right answers.

    Args:
      name: of the metric.
      chosen: `[Q]` int.
      answer: `[Q]` int, the right ones.

    Returns:
      `accuracy_{name}`, and its standard error `accuracy_{name}_stderr`.
    """
    share = float(np.mean(chosen == answer))
    error = float(np.sqrt(share * (1 - share) / len(answer)))
    return {f"accuracy_{name}": share, f"accuracy_{name}_stderr": error}


def test_metrics(
    config: Config, models: Mapping[str, PyTree], asked: Asked
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The table, and what there is without any training.

    Args:
      config: widths.
      models: by name.
      asked: questions to test with.

    Returns:
      Metrics: those of `accuracy_metrics` for `{labels}` of pix2scene, for
      `{baseline}_{labels}`, for "random", an encoder before training, and for
      "pixels", the nearest picture; and the choices of each model, `[Q]`.
    """
    found = choices(config, models, asked.pictures)
    metrics = {}
    for name, chosen in found.items():
        short = name.removeprefix("pix2scene_")
        metrics |= accuracy_metrics(short, chosen, asked.answer)
    first = {"encoder": iqtt_model(config).encoder.init(jax.random.key(config.seed))}
    scores = score_all(pix2scene_scorer(config), first, asked.pictures)
    metrics |= accuracy_metrics("random", scores.argmax(1), asked.answer)
    scores = score_all(_nearest_picture, {}, asked.pictures)
    metrics |= accuracy_metrics("pixels", scores.argmax(1), asked.answer)
    return metrics, found


def _nearest_picture(model, pictures):
    del model
    return -jnp.sum((pictures[:, 1:] - pictures[:, :1]) ** 2, (2, 3, 4))


def reconstruction_metrics(
    config: Config, generator: PyTree, asked: Asked, depth: np.ndarray
) -> dict[str, float]:
    """How well pictures come back.

    Args:
      config: widths.
      generator: of pix2scene without labels.
      asked: questions.
      depth: `[Q, P, P]` true depth of the references, metres.

    Returns:
      `image_rmse` of the references, linear; `depth_rmse_m` of what was decoded, and
      `depth_rmse_mean_m` of a mean depth map of these pictures.
    """
    shown = asked.pictures[: len(depth), 0]
    image, decoded = reconstruct_all(config, generator, shown)
    errors = {
        "image_rmse": image - np.asarray(as_linear(shown)),
        "depth_rmse_m": decoded - depth,
        "depth_rmse_mean_m": depth - depth.mean(0),
    }
    return {name: float(np.sqrt(np.mean(x**2))) for name, x in errors.items()}


__all__ = ["accuracy_metrics", "reconstruction_metrics", "test_metrics"]
