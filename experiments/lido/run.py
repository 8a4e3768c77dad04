"""Trains LiDO's networks, or compares LiDO with searches."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable

import numpy as np

from experiments.chunks import in_chunks
from experiments.lido.config import PRESETS, Config
from experiments.lido.evaluate import (
    Paths,
    errors_of,
    last_tables,
    learned_paths,
    limited,
    picture_maker,
    scores_of,
    search_paths,
    true_nodes,
)
from experiments.lido.examples import example_maker
from experiments.lido.figures import (
    error_against_time_png,
    error_changes_png,
    examples_png,
)
from experiments.lido.guesses import (
    Problems,
    guess_maker,
    make_problems,
    precision_and_recall,
)
from experiments.lido.networks import guess_networks, load_trained, predictor_of
from experiments.lido.scenes import load_scenes, load_shifted, scene_maker
from experiments.lido.sources import (
    concatenate,
    examples_of_paper,
    examples_on_the_way,
    way_maker,
)
from experiments.lido.statistics import LEARNED, evaluation_metrics
from experiments.lido.tables import image_table, latent_table, time_table
from experiments.lido.train import train_guess, train_predictor
from experiments.losses import write_losses
from experiments.settings import check_settings, read_settings, write_settings
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.refine.lido import PredictFn, network_predictor
from ivg.refine.tabletop_baseline import GBO, SIMPLEX
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import held_out_library, tabletop_library

_NUM_EXAMPLES = 8  # rows of the contact sheet
_AS_LIT = ("initial", *LEARNED)  # latents that say how rich pictures are lit
_NOT_OF_TRAINING = ("num_scenes", "num_tune", "num_iterations", "search_iterations")


def run_training(config: Config, output: str) -> dict[str, float]:
    """Makes the data, trains detector, initialization and Prediction Network.

    Everything is kept in the folder; started again, it goes on where it was.

    Args:
      config: sizes.
      output: folder for data, checkpoints (`guess`, `predictor`, and
        `first_predictor` of the first of two stages), `training.json`,
        `loss_guess.png` and `loss_predictor.png`.

    Returns:
      Last losses, and precision and recall on the validation set.

    Raises:
      InputError: if the folder cannot be written, or has a training at other sizes.
    """
    folder = pathlib.Path(check_writable_folder(output))
    fields = dataclasses.asdict(config).items()
    settings = {name: value for name, value in fields if name not in _NOT_OF_TRAINING}
    check_settings(folder, read_settings(folder), settings, "a training")
    write_settings(folder, settings)
    library = tabletop_library()
    make = scene_maker(library)

    def scenes(split, num):
        return load_scenes(config, split, num, library, folder, make)

    params, guess_losses = train_guess(
        config, lambda: scenes("init", config.num_init), folder
    )
    guess = guess_maker(guess_networks(config), params, min_score=config.min_score)

    losses = train_in_stages(config, scenes, guess, library, folder)
    curves = {"guess": guess_losses, "predictor": losses}
    for name, values in curves.items():
        path = folder / f"loss_{name}.png"
        write_losses(path, {name: values}, config.chunk, log=False)
    problems = make_problems(*scenes("validation", config.num_validation), guess)
    precision, recall = precision_and_recall(
        problems.guesses, problems.truths, problems.pairs
    )
    metrics = {
        "loss_guess": float(guess_losses[-1]),
        "loss_predictor": float(losses[-1]),
        "validation_precision": precision,
        "validation_recall": recall,
    }
    write_json(folder / "training.json", metrics)
    return metrics


def train_in_stages(
    config: Config,
    scenes: Callable,
    guess: Callable,
    library: MeshLibrary,
    folder: pathlib.Path,
) -> np.ndarray:
    """Trains the Prediction Network on two sources, and then on a third one as well.

    Args:
      config: counts, widths, steps; without scenes for source 3 there is one stage.
      scenes: `(split, num) -> (truths, pictures)`.
      guess: from `guess_maker`.
      library: shapes.
      folder: for the checkpoints `predictor` and, of the first of two stages,
        `first_predictor`.

    Returns:
      Losses of the last stage.
    """
    make_examples = example_maker(library)

    @functools.cache
    def two():
        return examples_of_paper(config, scenes, guess, make_examples)

    if not config.num_source3:
        return train_predictor(config, two, folder)[1]
    first, _ = train_predictor(
        config, two, folder, name="first_predictor", num_steps=config.first_steps
    )

    def three():
        # About the picture as it is: the shipped networks come from such estimates.
        predict = network_predictor(predictor_of(config), first)
        explain = way_maker(predict, library, config.way_steps)
        third = examples_on_the_way(config, scenes, guess, explain, make_examples)
        joined = concatenate(two(), *third)
        two.cache_clear()
        return joined

    return train_predictor(config, three, folder, first=first)[1]


def run_evaluation(config: Config, output: str, checkpoint: str) -> dict[str, float]:
    """Compares LiDO with the two searches on the test set and on a second one.

    LiDO keeps the shapes of the first guess; a fourth method lets it try others.

    The second one comes from another renderer, with shapes and textures that no other
    set has. It stands for the photographs of the paper's Table 4.

    Args:
      config: sizes.
      output: folder for `metrics.json`, `table.md`, figures, those of the second test
        set in `shifted`, and the data as it is made. Searches are slow: each scene is
        kept, and started again, they go on.
      checkpoint: folder with `guess` and `predictor`.

    Returns:
      Figures by name, see `evaluation_metrics`, and `detector_precision` and
      `detector_recall`; those of the second set begin with `shifted_`.

    Raises:
      InputError: if the folder cannot be written or there is no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    library, trained = tabletop_library(), load_trained(config, checkpoint)
    guess = guess_maker(trained.networks, trained.params, min_score=config.min_score)
    scenes = load_scenes(config, "test", config.num_scenes, library, folder)
    problems = make_problems(*scenes, guess)
    paths = run_methods(config, trained.predict, problems, library, folder)
    metrics = report(paths, problems, library, library, folder)
    shifted = make_problems(*load_shifted(config.num_scenes), guess)
    paths = run_methods(config, trained.predict, shifted, library, folder)
    metrics |= report(
        paths, shifted, library, held_out_library(), folder / "shifted", "shifted_"
    )
    write_json(folder / "metrics.json", metrics)
    return metrics


def run_methods(
    config: Config, predict: PredictFn, problems: Problems, library, folder
) -> dict[str, Paths]:
    """All methods on the same scenes.

    Args:
      config: iterations.
      predict: from `load_trained`.
      problems: scenes.
      library: shapes.
      folder: results of the searches go to `searches` in it.

    Returns:
      `Paths` of each of `METHODS`.
    """
    gbo, simplex = limited(GBO, config), limited(SIMPLEX, config)
    learned = learned_paths(predict, problems, library, config.num_iterations)
    return learned | {
        "gbo": search_paths("gbo", gbo, problems, library, folder / "searches"),
        "simplex": search_paths(
            "simplex", simplex, problems, library, folder / "searches"
        ),
    }


def report(
    paths: dict[str, Paths],
    problems: Problems,
    library: MeshLibrary,
    true_library: MeshLibrary,
    folder: pathlib.Path,
    prefix: str = "",
) -> dict[str, float]:
    """Tables, figures and the dictionary of a comparison.

    Args:
      paths: `Paths` of each of `METHODS`.
      problems: scenes.
      library: shapes of the estimates.
      true_library: shapes of the truth.
      folder: for `table.md`, `errors_over_time.png`, `error_changes.png` and
        `examples.png`.
      prefix: begins the names of the figures.

    Returns:
      Figures by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    errors = {name: errors_of(path, problems) for name, path in paths.items()}
    seconds = {name: path.seconds for name, path in paths.items()}
    size_px = problems.pictures.shape[1]
    ends = {"initial": problems.guesses} | last_tables(paths)
    true_index, _ = in_chunks(
        picture_maker(true_library, size_px), problems.truths, problems.pictures
    )
    nodes = true_nodes(true_index, problems.pairs)
    plain = picture_maker(library, size_px)
    matched = picture_maker(library, size_px, is_matched=True)
    scored = {
        name: scores_of(tables, nodes, problems, matched if name in _AS_LIT else plain)
        for name, tables in ends.items()
    }
    precision, recall = precision_and_recall(
        problems.guesses, problems.truths, problems.pairs
    )
    scores = {name: score for name, (score, _) in scored.items()}
    metrics = evaluation_metrics(errors, scores, seconds, prefix)
    found = {"detector_precision": precision, "detector_recall": recall}
    metrics |= {prefix + name: value for name, value in found.items()}
    tables = [
        table(metrics, prefix) for table in (latent_table, image_table, time_table)
    ]
    write_atomic(folder / "table.md", "\n".join(tables))
    figure = error_against_time_png(errors, seconds)
    write_atomic(folder / "errors_over_time.png", figure)
    write_atomic(folder / "error_changes.png", error_changes_png(errors))
    shown = range(min(_NUM_EXAMPLES, len(problems.pictures)))
    rendered = {
        name: [np.uint8(np.round(255 * pictures[i])) for i in shown]
        for name, (_, pictures) in scored.items()
    }
    observed, outlines = (
        [x[i] for i in shown] for x in (problems.pictures, true_index)
    )
    sheet = examples_png(observed, rendered, outlines)
    write_atomic(folder / "examples.png", sheet)
    return metrics


__all__ = [
    "PRESETS",
    "Config",
    "report",
    "run_evaluation",
    "run_methods",
    "run_training",
    "train_in_stages",
]
