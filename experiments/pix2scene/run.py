"""Trains pix2scene for several kinds of rooms, or measures what it has learned."""

import pathlib

from experiments.losses import write_losses
from experiments.pix2scene.config import VARIANTS, Config, variant_config
from experiments.pix2scene.data import make_sweep, make_views
from experiments.pix2scene.evaluate import (
    baseline_metrics,
    encodings,
    geometry_metrics,
    picture_metrics,
    reconstruct,
    sweep_metrics,
    turned_views,
)
from experiments.pix2scene.figures import (
    random_lights_png,
    reconstruction_png,
    samples_png,
    turned_png,
    turning_gif,
)
from experiments.pix2scene.generation import (
    conditional_png,
    generate,
    generated_png,
    interpolation_png,
    spread_metrics,
)
from experiments.pix2scene.networks import load_model, save_model
from experiments.pix2scene.refine import gain_metrics, refine_latents
from experiments.pix2scene.tables import (
    baseline_table,
    reconstruction_table,
    sweep_table,
    time_table,
)
from experiments.pix2scene.timing import time_metrics
from experiments.pix2scene.train import train_model
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.typing import PyTree
from ivg.viz.plots import curves_png


def run_training(
    config: Config, output: str, checkpoint: str | None = None
) -> dict[str, float]:
    """Trains a model for each kind of rooms, and the variants.

    Everything is kept in the folder; started again, it goes on where it was.

    Args:
      config: sizes.
      output: folder for the runs (`runs`), the models (`box`, `shape`, ...),
        `training.json`, `losses.png` and, of the pictures, `samples.png`.
      checkpoint: folder with models to begin with, in the place of random ones.

    Returns:
      `loss_{name}`, the last ones: root mean square errors of reconstructed pictures.

    Raises:
      InputError: if the folder cannot be written, or there is no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    names = (*config.kinds, *config.variants)
    begins = load_models(config, checkpoint) if checkpoint else {}
    kinds = dict.fromkeys(VARIANTS.get(name, name) for name in names)
    write_atomic(folder / "samples.png", samples_png(config, tuple(kinds)))
    losses = {}
    for name in names:
        own, kind = variant_config(config, name), VARIANTS.get(name, name)

        def pictures(own=own, kind=kind):
            return make_views(own, kind, "train")

        begin = begins.get(name)
        params, losses[name] = train_model(own, name, pictures, folder, begin)
        save_model(folder / name, params)
    metrics = {f"loss_{name}": float(values[-1]) for name, values in losses.items()}
    write_json(folder / "training.json", metrics)
    write_losses(folder / "losses.png", losses, config.chunk, "RMSE of pictures")
    return metrics


def load_models(config: Config, checkpoint: str) -> dict[str, PyTree]:
    """Reads the models of a preset.

    Args:
      config: sizes, kinds and variants.
      checkpoint: folder from `run_training`.

    Returns:
      "encoder" and "decoder" of each.

    Raises:
      InputError: if one of them is not there.
    """
    return {
        name: load_model(variant_config(config, name), pathlib.Path(checkpoint) / name)
        for name in (*config.kinds, *config.variants)
    }


def run_evaluation(config: Config, output: str, checkpoint: str) -> dict[str, float]:
    """Measures models in rooms that they have not seen.

    Args:
      config: sizes.
      output: folder for `metrics.json`, `table.md` and the pictures of `write_kind`
        and `variant_metrics`.
      checkpoint: folder from `run_training`.

    Returns:
      What `kind_metrics` returns for every kind, `variant_metrics` for every variant,
      and `time_metrics`.

    Raises:
      InputError: if the folder cannot be written or there is no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    models, metrics = load_models(config, checkpoint), {}
    for kind in config.kinds:
        metrics |= kind_metrics(config, kind, models[kind], folder)
    for name in config.variants:
        metrics |= variant_metrics(config, name, models[name], folder)
    metrics |= time_metrics(config)
    tables = (reconstruction_table, baseline_table, sweep_table, time_table)
    write_atomic(folder / "table.md", "\n".join(make(metrics) for make in tables))
    write_json(folder / "metrics.json", metrics)
    return metrics


def kind_metrics(
    config: Config, kind: str, params: PyTree, folder: pathlib.Path
) -> dict[str, float]:
    """Everything about the model of one kind of rooms.

    Args:
      config: sizes.
      kind: of rooms.
      params: of encoder and decoder.
      folder: for `reconstruction_{kind}.png`, `interpolation_{kind}.png`,
        `generated_{kind}.png`, `refinement_{kind}.png`, and what `sweep_of` writes.

    Returns:
      What `geometry_metrics`, `picture_metrics`, `baseline_metrics`, `gain_metrics`
      and `spread_metrics` return, and `sweep_of`.
    """
    views = make_views(config, kind, "test")
    z = encodings(config, params, views)
    refined = refine_latents(config, params, views, z)
    found, better = (reconstruct(config, params, views, x) for x in (z, refined.z))
    generated = generate(config, params, views, config.seed)
    metrics = geometry_metrics(config, kind, found.depth, views)
    metrics |= geometry_metrics(config, f"refined_{kind}", better.depth, views)
    metrics |= picture_metrics(config, kind, found, views)
    metrics |= picture_metrics(config, f"refined_{kind}", better, views)
    others = make_views(config, kind, "mean")
    metrics |= baseline_metrics(config, kind, params, views, others)
    metrics |= gain_metrics(kind, found.depth, better.depth, views)
    metrics |= spread_metrics(kind, generated.depth, views)
    if kind == "box":
        metrics |= other_metrics(config, "box_translated", params)
    figures = {
        "reconstruction": reconstruction_png(config, views, found, better),
        "interpolation": interpolation_png(config, params, views, z),
        "generated": generated_png(config, generated),
        "refinement": curves_png(
            {"energy": refined.energy.T}, x_label="step", y_label="energy", log=True
        ),
    }
    for name, content in figures.items():
        write_atomic(folder / f"{name}_{kind}.png", content)
    return metrics | sweep_of(config, kind, params, folder)


def sweep_of(
    config: Config, kind: str, params: PyTree, folder: pathlib.Path
) -> dict[str, float]:
    """Views from turned cameras, of encodings and of refined latents.

    Args:
      config: angles.
      kind: of rooms.
      params: of encoder and decoder.
      folder: for `turned_{kind}.png` and `turning_{kind}.gif`.

    Returns:
      What `sweep_metrics` returns for `{kind}` and `refined_{kind}`.
    """
    sweep = make_sweep(config, kind)
    views = turned_views(sweep, 0)
    z = encodings(config, params, views)
    refined = refine_latents(config, params, views, z).z
    write_atomic(folder / f"turned_{kind}.png", turned_png(config, params, sweep, z))
    write_atomic(folder / f"turning_{kind}.gif", turning_gif(config, params, sweep, z))
    metrics = sweep_metrics(config, kind, params, sweep, z)
    return metrics | sweep_metrics(config, f"refined_{kind}", params, sweep, refined)


def other_metrics(config: Config, kind: str, params: PyTree) -> dict[str, float]:
    """How a model does in rooms of a kind that it was not trained for.

    Args:
      config: sizes.
      kind: of rooms.
      params: of encoder and decoder.

    Returns:
      What `geometry_metrics` and `picture_metrics` return.
    """
    views = make_views(config, kind, "test")
    found = reconstruct(config, params, views, encodings(config, params, views))
    metrics = geometry_metrics(config, kind, found.depth, views)
    return metrics | picture_metrics(config, kind, found, views)


def variant_metrics(
    config: Config, name: str, params: PyTree, folder: pathlib.Path
) -> dict[str, float]:
    """Everything about a variant.

    Args:
      config: sizes, of the ordinary models.
      name: one of `VARIANTS`.
      params: of encoder and decoder.
      folder: for `conditional.png` or `random_lights.png`.

    Returns:
      What `geometry_metrics` and `picture_metrics` return.
    """
    own, kind = variant_config(config, name), VARIANTS[name]
    views = make_views(own, kind, "test")
    z = encodings(own, params, views)
    found = reconstruct(own, params, views, z)
    if name == "conditional":
        figure = conditional_png(own, params, kind)
    else:
        figure = random_lights_png(own, params, views, z)
    write_atomic(folder / f"{name}.png", figure)
    metrics = geometry_metrics(own, name, found.depth, views)
    return metrics | picture_metrics(own, name, found, views)


__all__ = [
    "kind_metrics",
    "load_models",
    "other_metrics",
    "run_evaluation",
    "run_training",
    "sweep_of",
    "variant_metrics",
]
