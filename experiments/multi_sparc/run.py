"""Trains the networks of Multi-SPARC, or compares them."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from experiments.losses import write_losses
from experiments.multi_sparc.config import ROWS, Config
from experiments.multi_sparc.data import (
    APART,
    TestRooms,
    library_files,
    load_models,
    make_pictures,
    make_test_rooms,
    mean_sizes,
)
from experiments.multi_sparc.evaluate import (
    Result,
    accuracy_metrics,
    calibrations,
    difference_metrics,
    error_metrics,
    picture_metrics,
    picture_result,
    results_of,
    scene_tallies,
)
from experiments.multi_sparc.figures import (
    calibration_png,
    overlays,
    overlays_png,
    save_room,
)
from experiments.multi_sparc.gradient import align_by_gradient
from experiments.multi_sparc.networks import (
    align_all,
    load_networks,
    save_network,
    trained_networks,
)
from experiments.multi_sparc.tables import (
    accuracy_table,
    gain_table,
    image_table,
    time_table,
)
from experiments.multi_sparc.timing import first_picture, time_metrics
from experiments.multi_sparc.train import stages_of, train_network
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.io.checkpoint import save_params
from ivg.metrics.detection import calibration_error
from ivg.typing import PyTree


def run_training(
    config: Config, output: str, library: str | None = None
) -> dict[str, float]:
    """Trains everything that is compared.

    Everything is kept in the folder; started again, it goes on where it was.

    Args:
      config: sizes.
      output: folder for the runs (`runs`), the networks (`joint`, `single`, ...),
        `training.json` and `losses.png`.
      library: of Sweet Home 3D, beside procedural furniture, or None.

    Returns:
      `loss_{run}`, the last ones.

    Raises:
      InputError: if the folder cannot be written or the library cannot be used.
    """
    folder = pathlib.Path(check_writable_folder(output))
    models = functools.cache(lambda split: load_models(config, split, library))
    sizes = functools.cache(lambda: mean_sizes([models("train")]))
    pictures = functools.lru_cache(maxsize=2)(
        lambda split: make_pictures(config, models(split), split)
    )
    losses = {}
    for name in config.networks:
        params = None
        for stage in stages_of(config, name):
            split = "pretrain" if stage == "pretrain" else "train"
            params, losses[f"{name}_{stage}"] = train_network(
                config, name, stage, lambda split=split: (pictures(split), sizes()),
                folder, params,
            )  # fmt: skip
        save_network(folder / name, params)
    save_params(folder / "mean_size_m", jnp.asarray(sizes(), jnp.float32))
    metrics = {f"loss_{name}": float(values[-1]) for name, values in losses.items()}
    write_json(folder / "training.json", metrics)
    write_losses(folder / "losses.png", losses, config.chunk, "loss of an object")
    return metrics


def run_evaluation(
    config: Config, output: str, checkpoint: str, library: str | None = None
) -> dict[str, float]:
    """Compares networks that are trained, in rooms with furniture they have not seen.

    Args:
      config: sizes.
      output: folder for `metrics.json`, `table.md`, `calibration.png`,
        `overlays.png`, `starts.png`, `overlays` and `room.glb`.
      checkpoint: folder from `run_training`.
      library: of Sweet Home 3D, beside procedural furniture, or None; with one that
        is to be kept apart, `accuracy_unseen_library` is measured too.

    Returns:
      What `accuracy_metrics`, `difference_metrics`, `picture_metrics`,
      `error_metrics` and `time_metrics` return, and `calibration_error_{3d,2d}`.

    Raises:
      InputError: if the folder cannot be written, the library cannot be used or there
        is no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    names = trained_networks(config, checkpoint)
    config = dataclasses.replace(config, networks=names)
    networks = load_networks(config, checkpoint)
    tests = make_test_rooms(config, load_models(config, "test", library))
    picture = first_picture(tests.pictures)
    metrics = time_metrics(config, networks["joint"], networks["mean_size_m"], picture)
    results = all_results(config, networks, tests)
    metrics |= comparison(config, tests, results)
    metrics |= unseen_metrics(config, networks, library)
    metrics |= error_metrics(tests, results["joint"])
    shown = picture_result(tests, results["joint"])
    metrics |= picture_metrics(shown)
    curves = calibrations(shown)
    for key, curve in zip(("3d", "2d"), curves.values(), strict=True):
        metrics[f"calibration_error_{key}"] = calibration_error(curve)
    tables = (accuracy_table, gain_table, image_table, time_table)
    write_atomic(folder / "table.md", "\n".join(make(metrics) for make in tables))
    write_json(folder / "metrics.json", metrics)
    write_atomic(folder / "calibration.png", calibration_png(curves))
    write_pictures(config, tests, results["joint"], folder)
    return metrics


def all_results(
    config: Config, networks: Mapping[str, PyTree], tests: TestRooms
) -> dict[str, Result]:
    """What every method finds in the same rooms.

    Args:
      config: sizes.
      networks: from `load_networks`.
      tests: rooms.

    Returns:
      `Result` by name, of those of `ROWS` that there are.
    """
    found = {n: align_all(config, n, networks, tests.pictures) for n in config.networks}
    scenes = min(config.gradient_scenes, config.num_scenes)
    found["gradient"] = align_by_gradient(
        config, tests.models, networks["mean_size_m"], tests.pictures,
        scenes * config.num_views,
    )  # fmt: skip
    return results_of(found, tests)


def comparison(
    config: Config, tests: TestRooms, results: Mapping[str, Result]
) -> dict[str, float]:
    """Accuracies of all methods, and how much better "joint" is.

    Args:
      config: views and draws.
      tests: rooms.
      results: from `all_results`.

    Returns:
      What `accuracy_metrics` and `difference_metrics` return.
    """
    rows = [row for row in ROWS if row in results]
    tallies = {row: scene_tallies(config, tests, results[row]) for row in rows}
    metrics = {}
    for row, own in tallies.items():
        metrics |= accuracy_metrics(config, row, own, True)
        if row != "joint":
            metrics |= difference_metrics(config, row, tallies["joint"], own)
    return metrics


def unseen_metrics(
    config: Config, networks: Mapping[str, PyTree], library: str | None
) -> dict[str, float]:
    """Accuracy with the part of a library that nobody trained with.

    Args:
      config: sizes.
      networks: from `load_networks`.
      library: of Sweet Home 3D, or None.

    Returns:
      What `accuracy_metrics` returns for "unseen_library"; nothing without a library
      that is kept apart.
    """
    files = library_files(library) if library is not None else []
    if not any(APART in file.name.lower() for file in files):
        return {}
    models = load_models(config, "unseen", library)
    tests = make_test_rooms(config, models, "unseen")
    found = align_all(config, "joint", networks, tests.pictures)
    result = Result(found, np.asarray(found.score))
    tallies = scene_tallies(config, tests, result)
    return accuracy_metrics(config, "unseen_library", tallies, False)


def write_pictures(
    config: Config, tests: TestRooms, result: Result, folder: pathlib.Path
) -> None:
    """Writes overlays of some pictures, and a room.

    Args:
      config: number and size of the pictures.
      tests: rooms.
      result: of "joint".
      folder: where to.
    """
    total = len(result.score)
    rows = np.linspace(0, total - 1, min(config.num_shown, total)).astype(int)
    size = config.shown_px
    placed = overlays(tests, result.alignment.placement, rows, size)
    truth = overlays(tests, tests.clean.truth, rows, size)
    sheets = [[*a, b[1]] for a, b in zip(placed, truth, strict=True)]
    labels = ["picture", "aligned", "truth"]
    write_atomic(folder / "overlays.png", overlays_png(sheets, labels, size))
    for row, cells in zip(rows, placed, strict=True):
        single = overlays_png([cells], labels[:2], size)
        write_atomic(folder / "overlays" / f"{row:04d}.png", single)
    starts = overlays(tests, result.alignment.placements, rows[:4], size)
    angles = ["picture", *(f"start {a} degrees" for a in (0, 90, 180, 270))]
    write_atomic(folder / "starts.png", overlays_png(starts, angles, size))
    save_room(folder / "room.glb", tests, result, config.num_views, 0)


__all__ = [
    "all_results",
    "comparison",
    "run_evaluation",
    "run_training",
    "unseen_metrics",
    "write_pictures",
]
