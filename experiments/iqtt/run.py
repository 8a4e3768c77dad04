"""Trains the models of the 3D IQ test, compares them, or answers questions."""

import functools
import pathlib
from collections.abc import Mapping

import numpy as np

from experiments.iqtt.asked import load_questions
from experiments.iqtt.baselines import train_baseline
from experiments.iqtt.config import BASELINES, Config
from experiments.iqtt.data import (
    Asked,
    make_split,
    reference_depth,
    split_questions,
)
from experiments.iqtt.evaluate import (
    accuracy_metrics,
    reconstruction_metrics,
    test_metrics,
)
from experiments.iqtt.figures import (
    accuracy_png,
    questions_png,
    reconstructions_png,
    save_questions,
)
from experiments.iqtt.networks import (
    choices,
    load_models,
    model_shapes,
    reconstruct_all,
    save_model,
    score_all,
    scorer_of,
)
from experiments.iqtt.tables import (
    accuracy_table,
    check_table,
    reconstruction_table,
)
from experiments.iqtt.train import train_pix2scene
from experiments.losses import write_losses
from experiments.presets import check_choices
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.io.checkpoint import load_params
from ivg.typing import PyTree

_DEPTHS = 500  # references of which the depth is looked at


def run_training(config: Config, output: str) -> dict[str, float]:
    """Trains everything that is compared.

    Everything is kept in the folder; started again, it goes on where it was. Pix2scene
    with labels begins with what it has learned without.

    Args:
      config: sizes.
      output: folder for the runs (`runs`), the models (`pix2scene_0`, `cnn_200`, ...),
        `training.json`, `errors.png` and `losses.png`.

    Returns:
      `error_pix2scene_{labels}` of pictures and `loss_{baseline}_{labels}`, the last
      ones, and `valid_{model}`, the accuracies with questions that are not those of the
      test.

    Raises:
      InputError: if the folder cannot be written.
    """
    folder = pathlib.Path(check_writable_folder(output))
    asked = functools.cache(lambda: make_split(config, "train"))
    errors, losses, models, before = {}, {}, {}, None
    for labels in (0, *config.labels):
        name = f"pix2scene_{labels}"
        params, errors[name] = train_pix2scene(config, labels, asked, folder, before)
        models[name] = params["generator"]
        before = params if before is None else before
    for kind in BASELINES:
        for labels in config.labels:
            name = f"{kind}_{labels}"
            models[name], losses[name] = train_baseline(
                config, kind, labels, asked, folder
            )
    for name, model in models.items():
        save_model(folder / name, model)
    metrics = {f"error_{name}": float(values[-1]) for name, values in errors.items()}
    metrics |= {f"loss_{name}": float(values[-1]) for name, values in losses.items()}
    valid = make_split(config, "valid")
    for name, chosen in choices(config, models, valid.pictures).items():
        share = accuracy_metrics(name, chosen, valid.answer)
        metrics[f"valid_{name}"] = share[f"accuracy_{name}"]
    write_json(folder / "training.json", metrics)
    write_losses(folder / "errors.png", errors, config.chunk, "error of pictures")
    write_losses(folder / "losses.png", losses, config.chunk)
    return metrics


def run_evaluation(config: Config, output: str, checkpoint: str) -> dict[str, float]:
    """Compares the models on questions about shapes that they have not seen.

    Args:
      config: sizes.
      output: folder for `metrics.json`, `table.md`, `accuracy.png`, `questions.png`,
        `reconstructions.png` and some questions for `--questions` (`questions`).
      checkpoint: folder from `run_training`.

    Returns:
      What `test_metrics` and `reconstruction_metrics` return.

    Raises:
      InputError: if the folder cannot be written or a model is missing.
    """
    folder = pathlib.Path(check_writable_folder(output))
    models = load_models(config, checkpoint)
    asked = make_split(config, "test")
    depth = reference_depth(config, *split_questions(config, "test"), _DEPTHS)
    metrics, found = test_metrics(config, models, asked)
    metrics |= reconstruction_metrics(config, models["pix2scene_0"], asked, depth)
    parts = [
        accuracy_table(metrics, config), check_table(metrics),
        reconstruction_table(metrics),
    ]  # fmt: skip
    write_atomic(folder / "table.md", "\n".join(parts))
    write_json(folder / "metrics.json", metrics)
    write_atomic(folder / "accuracy.png", accuracy_png(metrics, config))
    write_pictures(config, models, asked, found, depth, folder)
    return metrics


def write_pictures(
    config: Config,
    models: Mapping[str, PyTree],
    asked: Asked,
    found: Mapping[str, np.ndarray],
    depth: np.ndarray,
    folder: pathlib.Path,
) -> None:
    """Writes questions with answers, and reconstructions.

    Args:
      config: number and size of the pictures.
      models: by name.
      asked: questions.
      found: choices by model.
      depth: `[E, P, P]` of the first references, metres.
      folder: where to.
    """
    rows = slice(0, min(config.num_shown, len(depth)))
    pictures, answer = asked.pictures[rows], asked.answer[rows]
    chosen = found[f"pix2scene_{config.labels[-1]}"][rows]
    names = [f"{i:02d}" for i in range(len(answer))]
    sheet = questions_png(pictures, chosen, answer, names, config.shown_px)
    write_atomic(folder / "questions.png", sheet)
    save_questions(folder / "questions", pictures, names)
    generator = models["pix2scene_0"]
    image, decoded = reconstruct_all(config, generator, pictures[:, 0])
    sheet = reconstructions_png(
        pictures[:, 0], image, decoded, depth[rows], config.shown_px
    )
    write_atomic(folder / "reconstructions.png", sheet)


def run_questions(
    config: Config, output: str, checkpoint: str, questions: str, labels: int | None
) -> dict[str, int]:
    """Answers questions of the user, and prints the choices.

    Args:
      config: widths.
      output: folder for `answers.json` and `answers.png`.
      checkpoint: folder from `run_training`.
      questions: folder, see `load_questions`.
      labels: which pix2scene answers, by the labels it has seen; the most if None.

    Returns:
      0, 1 or 2 by the name of the question.

    Raises:
      InputError: if the folder cannot be written, there is no such model, or the
        questions cannot be used.
    """
    labels = config.labels[-1] if labels is None else labels
    check_choices("labels", [labels], (0, *config.labels))
    names, pictures = load_questions(questions, config.sizes.pixels)
    folder = pathlib.Path(check_writable_folder(output))
    name = f"pix2scene_{labels}"
    path = pathlib.Path(checkpoint) / name
    model = load_params(path, model_shapes(config, name))
    scores = score_all(scorer_of(config, name), model, pictures)
    chosen = scores.argmax(1)
    answers = {n: int(i) for n, i in zip(names, chosen, strict=True)}
    details = {
        n: {"choice": i, "squared_distances": [-float(x) for x in row]}
        for (n, i), row in zip(answers.items(), scores, strict=True)
    }
    write_json(folder / "answers.json", details)
    sheet = questions_png(pictures, chosen, None, names, config.shown_px)
    write_atomic(folder / "answers.png", sheet)
    for question, choice in answers.items():
        print(f"{question}: a{choice}")
    return answers


__all__ = ["run_evaluation", "run_questions", "run_training", "write_pictures"]
