"""Trains what registration needs, or compares the methods."""

import pathlib

import numpy as np
from tqdm import tqdm

from experiments.losses import write_losses
from experiments.registration.config import PRESETS, Config
from experiments.registration.evaluate import (
    METHODS,
    MODES,
    Distances,
    evaluate_method,
    methods_of,
)
from experiments.registration.figures import make_figures
from experiments.registration.networks import load_shapes, load_trained, save_learned
from experiments.registration.scenes import observe_instances
from experiments.registration.shapes import (
    fit_decoders,
    held_out_meshes,
    make_families,
    make_instances,
)
from experiments.registration.tables import (
    ABLATION,
    paper_table,
    ratio_table,
    registration_metrics,
    result_table,
)
from experiments.registration.train import train_features, train_regressor
from ivg.io.atomic import check_writable_folder, write_atomic, write_json


def run_training(config: Config, output: str) -> dict[str, float]:
    """Fits the latent spaces, trains a U-Net and a direct regressor for each family.

    Everything is kept in the folder; started again, it goes on where it was.

    Args:
      config: sizes.
      output: folder for `shapes`, `unet` and `regressor`, `training.json` and
        `loss_unet.png` and `loss_regressor.png`.

    Returns:
      Last losses.

    Raises:
      InputError: if the folder cannot be written.
    """
    folder = pathlib.Path(check_writable_folder(output))
    if not (folder / "shapes").exists():
        save_learned(folder / "shapes", fit_decoders(config))
    families = make_families(config, load_shapes(config, folder))
    metrics = {}
    for kind, learn in (("unet", train_features), ("regressor", train_regressor)):
        made = {n: learn(config, n, f, folder) for n, f in families.items()}
        params = {name: found for name, (found, _) in made.items()}
        save_learned(folder / kind, params)
        losses = {name: values for name, (_, values) in made.items()}
        write_losses(folder / f"loss_{kind}.png", losses, config.chunk)
        metrics |= {f"loss_{kind}_{n}": float(v[-1]) for n, v in losses.items()}
    write_json(folder / "training.json", metrics)
    return metrics


def run_evaluation(config: Config, output: str, checkpoint: str) -> dict[str, float]:
    """Registers the test instances with all methods, with known and noisy poses.

    Args:
      config: settings.
      output: folder for `metrics.json`, `table.md`, `examples.png` and
        `registration.gif`.
      checkpoint: folder with `shapes`, `unet` and `regressor`.

    Returns:
      Figures by name, see `registration_metrics`.

    Raises:
      InputError: if the folder cannot be written or there is no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    trained = load_trained(config, checkpoint)
    meshes = {name: held_out_meshes(config, name) for name in config.families}
    instances = make_instances(config, meshes)
    observations = observe_instances(config, instances, config.seed)
    distances = compare(config, trained, instances, observations)
    truth = np.concatenate(
        [np.linalg.norm(x.fit - x.reference, axis=-1) for x in instances.values()]
    )
    names = [f"{n} T{i + 1}" for n in meshes for i in range(config.num_test)]
    metrics = registration_metrics(truth, distances)
    tables = [
        result_table(names, truth, distances),
        ratio_table(names, metrics, distances),
        result_table(names, truth, distances, ABLATION),
        paper_table(),
    ]
    write_atomic(folder / "table.md", "\n".join(tables))
    write_json(folder / "metrics.json", metrics)
    sheet, animation = make_figures(config, trained, observations, names)
    write_atomic(folder / "examples.png", sheet)
    write_atomic(folder / "registration.gif", animation)
    return metrics


def compare(config: Config, trained, instances, observations) -> Distances:
    """All methods on all pictures.

    Args:
      config: settings.
      trained: `Trained` by family.
      instances: `Instance` by family.
      observations: `Observation` by family.

    Returns:
      `[I, V, M]` metres for each of `METHODS` and `MODES`, of the instances of all
      families.
    """
    functions, found = methods_of(config), {}
    for method in tqdm(METHODS, desc="evaluate", unit="method"):
        found[method] = {}
        for mode in MODES:
            rows = [
                evaluate_method(
                    functions[method], name, trained[name], instances[name],
                    observations[name], mode == "noisy",
                )
                for name in trained
            ]  # fmt: skip
            found[method][mode] = np.concatenate(rows)
    return found


__all__ = ["PRESETS", "compare", "run_evaluation", "run_training"]
