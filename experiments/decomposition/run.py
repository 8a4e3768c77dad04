"""Trains the Scene Decomposition Model, or measures what it gains."""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from experiments.chunks import in_chunks
from experiments.decomposition.config import PRESETS, SHIPPED, VARIANTS, Config
from experiments.decomposition.data import (
    Example,
    Problem,
    example_maker,
    sample_woods,
)
from experiments.decomposition.evaluate import (
    depth_metrics,
    moved,
    order_metrics,
    predict_changes,
)
from experiments.decomposition.figures import (
    examples_png,
    top_view_maker,
    top_views_png,
)
from experiments.decomposition.tables import decomposition_table
from experiments.decomposition.train import check_steps, model_of, train_variant
from experiments.losses import write_losses
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.io.checkpoint import load_params
from ivg.scene.stack import stack_library

SPLITS = ("train", "test")


def make_scenes(config: Config, split: str, num: int) -> tuple[Problem, Example]:
    """A data set.

    Args:
      config: sizes and seed.
      split: one of `SPLITS`; they share neither scenes nor grains of wood.
      num: number `M` of scenes. The first ones are the same whatever their number.

    Returns:
      `Problem`s and `Example`s `[M]`.
    """
    key = jax.random.fold_in(jax.random.key(config.seed), SPLITS.index(split))
    make = maker_of(config, split)

    def make_rows(index):
        return make(jax.vmap(jax.random.fold_in, (None, 0))(key, index))

    return in_chunks(make_rows, np.arange(num), chunk=config.scenes_at_once)


def maker_of(config: Config, split: str):
    """The function that makes the scenes of a data set.

    Args:
      config: sizes and seed.
      split: one of `SPLITS`.

    Returns:
      As `example_maker`.
    """
    key = jax.random.fold_in(jax.random.key(config.seed), 100 + SPLITS.index(split))
    woods = sample_woods(key, config.num_woods)
    return example_maker(stack_library(), woods, config.noise_m, config.size_px)


def run_training(config: Config, output: str) -> dict[str, float]:
    """Trains both variants, which can be interrupted and goes on where it was.

    Args:
      config: sizes.
      output: folder for the checkpoints (`rgb`, `rgbd`), `training.json` and
        `losses.png`.

    Returns:
      `loss_{rgb,rgbd}`, the last ones, in units of the squared noise.

    Raises:
      InputError: if the folder cannot be written, or for steps that cannot be made.
    """
    check_steps(config)
    folder = pathlib.Path(check_writable_folder(output))
    make = maker_of(config, "train")

    @functools.cache
    def data():
        if config.num_train is None:
            return ()
        examples = make_scenes(config, "train", config.num_train)[1]
        return jax.tree.map(jnp.asarray, examples)

    losses = {v: train_variant(config, v, make, data, folder) for v in VARIANTS}
    write_losses(folder / "losses.png", losses, config.chunk)
    metrics = {f"loss_{name}": float(values[-1]) for name, values in losses.items()}
    write_json(folder / "training.json", metrics)
    return metrics


def run_evaluation(config: Config, output: str, checkpoint: str) -> dict[str, float]:
    """Measures the errors of depths on the test set, before and after one pass.

    Args:
      config: sizes.
      output: folder for `metrics.json`, `table.md`, `examples.png` and
        `top_views.png`, the pictures of the variant that sees no depth.
      checkpoint: folder with `rgb` and `rgbd`.

    Returns:
      `error_mm_{rgb,rgbd,no_change}_{small,large}`, those of single objects, see
      `depth_metrics`, and `error_mm_{rgb,rgbd,no_change}_{front,behind}`.

    Raises:
      InputError: if the folder cannot be written or there is no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    params = {v: load_variant(config, v, checkpoint) for v in VARIANTS}
    problems, examples = make_scenes(config, "test", config.num_scenes)
    said = {v: predict_changes(config, v, params[v], examples) for v in VARIANTS}
    changes = {variant: change for variant, (change, _) in said.items()}
    changes["no_change"] = np.zeros_like(examples.change)
    metrics = depth_metrics(changes, examples.change, config.noise_m)
    metrics |= order_metrics(changes, examples.change, problems.truth.position_m)
    write_json(folder / "metrics.json", metrics)
    table = decomposition_table(metrics, 1000 * config.noise_m)
    write_atomic(folder / "table.md", table)
    write_pictures(config, problems, examples, said["rgb"], folder)
    return metrics


def load_variant(config: Config, variant: str, checkpoint: str):
    """Reads what `run_training` has written.

    Args:
      config: widths.
      variant: one of `VARIANTS`.
      checkpoint: folder with `rgb` and `rgbd`.

    Returns:
      Parameters.

    Raises:
      InputError: if there is no checkpoint, or one of other widths.
    """
    like = jax.eval_shape(model_of(config, variant).init, jax.random.key(0))
    return load_params(pathlib.Path(checkpoint) / variant, like)


def write_pictures(
    config: Config, problems: Problem, examples: Example, said, folder: pathlib.Path
) -> None:
    """Writes `examples.png` and `top_views.png` of the first test scenes.

    Args:
      config: number and size of the pictures.
      problems: `[M]`.
      examples: `[M]`.
      said: from `predict_changes`.
      folder: where to.
    """
    shown = range(min(config.num_shown, config.num_scenes))
    changes, maps = (values[: len(shown)] for values in said)
    first = jax.tree.map(lambda x: x[: len(shown)], examples)
    sheet = examples_png(first, maps, config.noise_m)
    write_atomic(folder / "examples.png", sheet)
    before = [jax.tree.map(lambda x, i=i: x[i], problems) for i in shown]
    after = [moved(p, c) for p, c in zip(before, changes, strict=True)]
    view = top_view_maker(stack_library(), config.view_px)
    write_atomic(folder / "top_views.png", top_views_png(before, after, view))


__all__ = [
    "PRESETS",
    "SHIPPED",
    "SPLITS",
    "Config",
    "load_variant",
    "make_scenes",
    "maker_of",
    "run_evaluation",
    "run_training",
    "write_pictures",
]
