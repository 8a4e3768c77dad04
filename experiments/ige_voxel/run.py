"""Trains IGE-Net's networks for voxels, or compares them."""

import functools
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from experiments.ige_voxel.config import FINE_CATEGORIES, Config
from experiments.ige_voxel.data import Views, load_views, make_views
from experiments.ige_voxel.evaluate import (
    cost_metrics,
    fine_metrics,
    loss_metrics,
    row_metrics,
)
from experiments.ige_voxel.figures import reconstructions_png, save_mesh
from experiments.ige_voxel.networks import (
    base_reconstructor,
    descender,
    first_estimator,
    load_model,
    save_model,
)
from experiments.ige_voxel.tables import category_table, fine_table, loss_table
from experiments.ige_voxel.things import load_things
from experiments.ige_voxel.train import train_base, train_descent
from experiments.losses import write_losses
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.models.voxel_networks import GRID_SIDE
from ivg.scene.shapes.categories import NAMES
from ivg.typing import PyTree


def model_names(config: Config) -> list[str]:
    """What is trained and kept.

    Args:
      config: resolutions.

    Returns:
      Names of the networks.
    """
    descents = [f"ige_{loss}_{r}" for r in config.resolutions for loss in config.losses]
    return ["base_frustum", "base_world", *descents]


def run_training(
    config: Config, output: str, data: str | None = None
) -> dict[str, float]:
    """Trains everything that is compared.

    Everything is kept in the folder; started again, it goes on where it was.

    Args:
      config: sizes.
      output: folder for the views (`data`), the runs (`runs`), the networks
        (`ige_iou_32`, `base_frustum`, ...), `training.json` and `losses.png`.
      data: folder of ShapeNet's models; procedural things if None.

    Returns:
      `loss_{name}`, the last ones.

    Raises:
      InputError: if the folder cannot be written or the data cannot be used.
    """
    folder = pathlib.Path(check_writable_folder(output))
    views = views_maker(config, folder, data)
    losses = {}
    for grids in ("frustum", "world"):
        name = f"base_{grids}"
        model, losses[name] = train_base(
            config, grids, functools.partial(views, GRID_SIDE), folder
        )
        save_model(folder / name, model)
    for loss in config.losses:
        before = None
        for resolution in config.resolutions:
            name = f"ige_{loss}_{resolution}"
            model, losses[name] = train_descent(
                config, resolution, loss, functools.partial(views, resolution), folder,
                before,
            )  # fmt: skip
            save_model(folder / name, model)
            before = model["params"]
    metrics = {f"loss_{name}": float(values[-1]) for name, values in losses.items()}
    write_json(folder / "training.json", metrics)
    write_losses(folder / "losses.png", losses, config.chunk, "loss of a grid")
    return metrics


def views_maker(
    config: Config, folder: pathlib.Path, data: str | None
) -> Callable[[int], Views]:
    """Makes the function that makes the views to train with, or reads them.

    Args:
      config: counts.
      folder: of the run.
      data: folder of ShapeNet's models, or None.

    Returns:
      Function of a resolution to `Views`; it keeps the last ones.
    """
    things = functools.cache(lambda: load_things(config, "train", data))

    @functools.lru_cache(maxsize=1)
    def views(resolution):
        num = config.views if resolution == GRID_SIDE else config.fine_views
        kind = "things" if data is None else "models"
        counts = f"{config.seed}_{config.num_train}_{num}_{resolution}"
        path = folder / "data" / f"{kind}_{counts}.npz"
        return load_views(path, config, things, "train", num, resolution)

    return views


def test_views(config: Config, data: str | None) -> tuple[dict[int, Views], Views]:
    """Views of held-out things.

    Args:
      config: counts.
      data: folder of ShapeNet's models, or None.

    Returns:
      `Views` by resolution, and those of the fine grids.
    """
    things = load_things(config, "test", data)
    tests = {}
    for side in sorted({*config.resolutions, *config.more_resolutions}):
        num = config.test_views if side == GRID_SIDE else config.fine_test_views
        tests[side] = make_views(config, things, "test", num, side)
    fine = []
    for name in FINE_CATEGORIES:
        own = [thing for thing in things if NAMES[thing.category] == name]
        fine += own[: config.fine_things]
    return tests, make_views(config, fine, "test", 1, config.fine_side)


def run_evaluation(
    config: Config, output: str, checkpoint: str, data: str | None = None
) -> dict[str, float]:
    """Compares the networks on held-out things.

    Args:
      config: sizes.
      output: folder for `metrics.json`, `table.md`, `reconstructions.png` and
        `meshes`.
      checkpoint: folder from `run_training`.
      data: folder of ShapeNet's models; procedural things if None.

    Returns:
      What `row_metrics`, `loss_metrics`, `fine_metrics` and `cost_metrics` return.

    Raises:
      InputError: if the folder cannot be written, the data cannot be used or there is
        no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    source = pathlib.Path(checkpoint)
    models = load_models(config, source)
    tests, fine = test_views(config, data)
    metrics = cost_metrics(config, models, fine.pictures[0])
    metrics |= row_metrics(config, models, tests[GRID_SIDE])
    metrics |= loss_metrics(config, models, tests)
    metrics |= fine_metrics(config, models, fine)
    parts = [
        category_table(metrics),
        loss_table(metrics, config.losses, list(tests), config.resolutions),
        fine_table(metrics, config.resolutions, config.fine_side),
    ]
    write_atomic(folder / "table.md", "\n".join(parts))
    write_json(folder / "metrics.json", metrics)
    write_pictures(config, models, tests[GRID_SIDE], folder)
    write_fine_mesh(config, models, fine, folder)
    return metrics


def load_models(config: Config, folder: pathlib.Path) -> dict[str, PyTree]:
    """Reads what `run_training` kept.

    Args:
      config: widths, losses and resolutions.
      folder: of the networks.

    Returns:
      Networks by name. Those of other losses than the first one at resolutions above
      32 may be missing, as among those that ivg ships; the tables then have gaps.

    Raises:
      InputError: if another one is missing, or has other widths.
    """
    fine = {
        f"ige_{loss}_{r}"
        for loss in config.losses[1:]
        for r in config.resolutions
        if r > GRID_SIDE
    }
    names = [n for n in model_names(config) if n not in fine or (folder / n).exists()]
    return {name: load_model(folder / name, config, name) for name in names}


def write_pictures(
    config: Config, models: Mapping[str, PyTree], views: Views, folder: pathlib.Path
) -> None:
    """Writes `reconstructions.png`, and the shown grids as `meshes/*.glb`.

    Args:
      config: number and size of the pictures.
      models: by name.
      views: at 32.
      folder: where to.
    """
    total = len(views.thing)
    rows = np.linspace(0, total - 1, min(config.num_shown, total)).astype(int)
    runs = {
        "first": (first_estimator(config), "ige_iou_32"),
        "IGE": (descender(config, GRID_SIDE, GRID_SIDE), "ige_iou_32"),
        "base": (base_reconstructor(config), "base_frustum"),
    }
    truth = np.unpackbits(views.frustum[rows], axis=-1).astype(float)
    grids = {"truth": 2 * truth - 1}
    for title, (run, name) in runs.items():
        found = [run(models[name], views.pictures[row]) for row in rows]
        grids[title] = np.stack([np.asarray(x) for x in found])
    labels = [NAMES[views.category[row]] for row in rows]
    sheet = reconstructions_png(
        views.pictures[rows], views.angles[rows], grids, labels, config.view_px
    )
    write_atomic(folder / "reconstructions.png", sheet)
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        for title in ("truth", "IGE"):
            path = folder / "meshes" / f"{i}_{label}_{title.lower()}.glb"
            path.parent.mkdir(exist_ok=True)
            save_mesh(path, grids[title][i], views.angles[row], label)


def write_fine_mesh(
    config: Config, models: Mapping[str, PyTree], fine: Views, folder: pathlib.Path
) -> None:
    """Writes one fine grid as `meshes/fine_*.glb`.

    Args:
      config: resolutions.
      models: by name.
      fine: views with fine grids.
      folder: where to.
    """
    trained = max(config.resolutions)
    run = descender(config, trained, config.fine_side)
    values = np.asarray(run(models[f"ige_iou_{trained}"], fine.pictures[0]))
    label = NAMES[fine.category[0]]
    path = folder / "meshes" / f"fine_{label}_{config.fine_side}.glb"
    save_mesh(path, values, fine.angles[0], label)


__all__ = [
    "load_models",
    "model_names",
    "run_evaluation",
    "run_training",
    "test_views",
    "views_maker",
    "write_fine_mesh",
    "write_pictures",
]
