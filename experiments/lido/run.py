"""Trains LiDO's networks, or compares LiDO with searches."""

import dataclasses
import json
import pathlib

import jax
import numpy as np

from experiments.lido.config import PRESETS, Config
from experiments.lido.evaluate import (
    Problems,
    errors_of,
    last_tables,
    lido_paths,
    picture_maker,
    scores_of,
    search_paths,
)
from experiments.lido.examples import Examples
from experiments.lido.figures import (
    error_against_time_png,
    error_changes_png,
    examples_png,
)
from experiments.lido.guesses import (
    guess_maker,
    in_chunks,
    in_order_of,
    pair_tables,
    precision_and_recall,
)
from experiments.lido.scenes import load_scenes, scene_maker
from experiments.lido.statistics import evaluation_metrics
from experiments.lido.tables import image_table, latent_table, time_table
from experiments.lido.train import (
    examples_from_guesses,
    examples_near_truth,
    guess_networks,
    predictor_of,
    train_guess,
    train_predictor,
)
from ivg.data.tabletop import Perturbation
from ivg.io.atomic import check_writable_folder, write_atomic
from ivg.io.checkpoint import load_params
from ivg.models.first_guess import init_guess
from ivg.refine.lido import network_predictor
from ivg.refine.tabletop_baseline import GBO, SIMPLEX
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import tabletop_library
from ivg.viz.plots import curves_png

_NUM_EXAMPLES = 8  # rows of the contact sheet


def run_training(config: Config, output: str) -> dict[str, float]:
    """Makes the data, trains detector, initialization and Prediction Network.

    Everything is kept in the folder; started again, it goes on where it was.

    Args:
      config: sizes.
      output: folder for data, checkpoints (`guess`, `predictor`) and `losses.png`.

    Returns:
      Last losses, and precision and recall on the validation set.

    Raises:
      InputError: if the folder cannot be written.
    """
    folder = pathlib.Path(check_writable_folder(output))
    library = tabletop_library()
    make = scene_maker(library)

    def scenes(split, num):
        return load_scenes(config, split, num, library, folder, make)

    params, guess_losses = train_guess(config, scenes("init", config.num_init), folder)
    guess = guess_maker(guess_networks(config), params, min_score=config.min_score)
    first = scenes("source1", config.num_source1)
    second = scenes("source2", config.num_source2)
    examples = [
        examples_from_guesses(first, guess, library),
        examples_near_truth(
            jax.random.key(config.seed), second, library, Perturbation()
        ),
    ]
    joined: Examples = jax.tree.map(lambda *x: np.concatenate(x), *examples)
    _, losses = train_predictor(config, joined, folder)
    curves = {"guess": guess_losses, "predictor": losses}
    for name, values in curves.items():
        if np.isfinite(values).any():
            label = f"step / {config.chunk}"
            figure = curves_png(
                {name: values}, x_label=label, y_label="loss", log=False
            )
            write_atomic(folder / f"loss_{name}.png", figure)
    problems = make_problems(config, "validation", config.num_validation, guess, scenes)
    precision, recall = precision_and_recall(
        problems.guesses, problems.truths, problems.pairs
    )
    metrics = {
        "loss_guess": float(guess_losses[-1]),
        "loss_predictor": float(losses[-1]),
        "validation_precision": precision,
        "validation_recall": recall,
    }
    write_atomic(folder / "training.json", json.dumps(metrics, indent=2) + "\n")
    return metrics


def make_problems(config: Config, split: str, num: int, guess, scenes) -> Problems:
    """First guesses of a data set, paired with the truth.

    Args:
      config: size of the pictures.
      split: of `SPLITS`.
      num: scenes.
      guess: from `guess_maker`.
      scenes: `(split, num) -> (truths, pictures)`.

    Returns:
      `Problems`.
    """
    truths, pictures = scenes(split, num)
    guesses, votes = in_chunks(guess, pictures)
    pairs = pair_tables(guesses, truths, config.size_px)
    return Problems(pictures, guesses, votes, truths, in_order_of(truths, pairs), pairs)


def run_evaluation(config: Config, output: str, checkpoint: str) -> dict[str, float]:
    """Compares LiDO with the two searches on the test set.

    Args:
      config: sizes.
      output: folder for `table.md`, `metrics.json`, figures, and the data as it is
        made. Searches are slow: each scene is kept, and started again, they go on.
      checkpoint: folder with `guess` and `predictor`.

    Returns:
      Figures by name, see `evaluation_metrics`, and `detector_precision` and
      `detector_recall`.

    Raises:
      InputError: if the folder cannot be written or there is no checkpoint.
    """
    folder, source = (
        pathlib.Path(check_writable_folder(output)),
        pathlib.Path(checkpoint),
    )
    library = tabletop_library()
    networks, network = guess_networks(config), predictor_of(config)
    key = jax.random.key(0)
    params = load_params(
        source / "guess", jax.eval_shape(lambda k: init_guess(networks, k), key)
    )
    weights = load_params(source / "predictor", jax.eval_shape(network.init, key))
    guess = guess_maker(networks, params, min_score=config.min_score)
    problems = make_problems(
        config, "test", config.num_scenes, guess,
        lambda split, num: load_scenes(config, split, num, library, folder),
    )  # fmt: skip
    predict = network_predictor(network, weights)
    gbo, simplex = _limited(GBO, config), _limited(SIMPLEX, config)
    paths = {
        "lido": lido_paths(predict, problems, library, config.num_iterations),
        "gbo": search_paths("gbo", gbo, problems, library, folder / "searches"),
        "simplex": search_paths(
            "simplex", simplex, problems, library, folder / "searches"
        ),
    }
    return report(paths, problems, library, folder)


def _limited(search, config: Config):
    iterations = min(search.iterations, config.search_iterations or search.iterations)
    return dataclasses.replace(search, iterations=iterations)


def report(paths, problems: Problems, library: MeshLibrary, folder: pathlib.Path):
    """Tables, figures and the dictionary of a comparison.

    Args:
      paths: `Paths` of "lido", "gbo" and "simplex".
      problems: scenes.
      library: shapes.
      folder: for `table.md`, `metrics.json`, `errors_over_time.png`,
        `error_changes.png` and `examples.png`.

    Returns:
      Figures by name.
    """
    errors = {name: errors_of(path, problems) for name, path in paths.items()}
    seconds = {name: path.seconds for name, path in paths.items()}
    make_pictures = picture_maker(library, problems.pictures.shape[1])
    ends = {"initial": problems.guesses} | last_tables(paths)
    scored = {name: scores_of(t, problems, make_pictures) for name, t in ends.items()}
    precision, recall = precision_and_recall(
        problems.guesses, problems.truths, problems.pairs
    )
    scores = {name: score for name, (score, _) in scored.items()}
    metrics = evaluation_metrics(errors, scores, seconds)
    metrics |= {"detector_precision": precision, "detector_recall": recall}
    tables = latent_table(metrics), image_table(metrics), time_table(metrics)
    write_atomic(folder / "table.md", "\n".join(tables))
    write_atomic(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    figure = error_against_time_png(errors, seconds)
    write_atomic(folder / "errors_over_time.png", figure)
    write_atomic(folder / "error_changes.png", error_changes_png(errors))
    shown = range(min(_NUM_EXAMPLES, len(problems.pictures)))
    rendered = {
        name: [np.uint8(np.round(255 * pictures[i])) for i in shown]
        for name, (_, pictures) in scored.items()
    }
    sheet = examples_png([problems.pictures[i] for i in shown], rendered)
    write_atomic(folder / "examples.png", sheet)
    return metrics


__all__ = [
    "PRESETS",
    "Config",
    "make_problems",
    "report",
    "run_evaluation",
    "run_training",
]
