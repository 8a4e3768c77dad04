"""Trains IGE-Net's networks for poses, or compares them."""

import json
import pathlib
from collections.abc import Callable, Mapping

import jax
import numpy as np

from experiments.ige_pose.config import SOURCES, Config
from experiments.ige_pose.evaluate import (
    PATH_STEPS,
    lifters,
    mean_errors,
    pose_metrics,
    seconds_to_lift,
    size_metrics,
)
from experiments.ige_pose.examples import Views, make_views
from experiments.ige_pose.figures import poses_png, sizes_png
from experiments.ige_pose.networks import (
    base_lifter,
    lifter,
    load_base,
    load_descent,
    save_base,
    save_descent,
)
from experiments.ige_pose.splits import load_split, procedural_split
from experiments.ige_pose.tables import Size, error_table, size_table, step_table
from experiments.ige_pose.train import first_descent, frozen, train_base, train_descent
from experiments.losses import write_losses
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.io.errors import InputError, check_file, one_line
from ivg.metrics.pose import best_scale
from ivg.models.network import count_parameters
from ivg.models.pose_lifting import base_multiply_adds, step_multiply_adds
from ivg.scene.skeleton import with_pelvis
from ivg.typing import PyTree
from ivg.viz.plots import curves_png

_START = (128, 1)
_NUM_EXAMPLES = 6  # rows of the contact sheet


def run_training(
    config: Config, output: str, data: str | None = None
) -> dict[str, float]:
    """Trains everything that is compared.

    Everything is kept in the folder; started again, it goes on where it was.

    Args:
      config: sizes.
      output: folder for checkpoints (`base_gt`, `ige8_gt`, ...), `sizes.json` of
        Fig. 4, `training.json` and `losses.png`.
      data: file or folder of recorded poses; procedural ones alone if None.

    Returns:
      Errors on the validation poses, names as from `pose_metrics`.

    Raises:
      InputError: if the folder cannot be written or the data cannot be used.
    """
    folder = pathlib.Path(check_writable_folder(output))
    split, procedural = load_split(config, data), procedural_split(config)
    poses = split.train, procedural.train
    views = make_views(config.seed, split.validation, config.num_test)
    networks, losses = train_networks(config, poses, folder)
    metrics = pose_metrics(config, lifters(config, networks), views)
    write_json(folder / "training.json", metrics)
    curves = {name: values / config.unroll_batch for name, values in losses.items()}
    write_losses(folder / "losses.png", curves, config.chunk, "loss of a pose")
    test = make_views(config.seed, split.test, config.num_test)
    sizes = train_sizes(config, networks, poses, test, folder)
    rows = [size._asdict() for size in sizes]
    write_json(folder / "sizes.json", rows)
    return metrics


def train_networks(
    config: Config, poses: tuple[np.ndarray, np.ndarray], folder: pathlib.Path
) -> tuple[dict[str, PyTree], dict[str, np.ndarray]]:
    """Trains the networks of Table 1 and writes them.

    A descent starts from the shorter one, the shortest for noisy joints from that for
    true joints, and the base network for noisy joints from that for true joints.

    Args:
      config: sizes.
      poses: poses and procedural ones to train with.
      folder: of the runs and the checkpoints.

    Returns:
      Parameters and losses, by names such as "ige8_gt" and "base_noisy".
    """
    networks, losses, base = {}, {}, None
    start = train_start(config, poses, folder)
    before, rate = first_descent(config, start), config.unroll_rate
    for source in SOURCES:
        for num in config.unrolls:
            name = f"ige{num}_{source}"
            num_steps = steps_of(config, source, config.unroll_steps)
            params, losses[name] = train_descent(
                config, source, num, before, poses, folder, num_steps, rate
            )
            networks[name] = before = params
            rate = config.later_rate if source == SOURCES[0] else config.noisy_rate
            save_descent(folder / name, params)
        before, rate = networks[f"ige{config.unrolls[0]}_{source}"], config.noisy_rate
        name, num_steps = f"base_{source}", steps_of(config, source, config.base_steps)
        base, losses[name] = train_base(
            config, source, config.bases[-1], poses, folder, num_steps, base
        )
        networks[name] = frozen(config, source, base, poses)
        save_base(folder / name, networks[name])
    return networks, losses


def train_start(
    config: Config, poses: tuple[np.ndarray, np.ndarray], folder: pathlib.Path
) -> PyTree:
    """Trains the network of the first estimate, with true joints.

    Args:
      config: sizes.
      poses: poses and procedural ones to train with.
      folder: of the run.

    Returns:
      Parameters, frozen.
    """
    steps = config.start_steps
    params, _ = train_base(config, SOURCES[0], _START, poses, folder, steps)
    return frozen(config, SOURCES[0], params, poses)


def steps_of(config: Config, source: str, num_steps: int) -> int:
    """Training steps for a kind of joints.

    Args:
      config: share of noisy joints, and the chunk.
      source: "gt" or "noisy".
      num_steps: steps with true joints.

    Returns:
      Steps, a multiple of the chunk.
    """
    if source == SOURCES[0]:
        return num_steps
    return config.chunk * max(1, round(config.noisy_share * num_steps / config.chunk))


def train_sizes(
    config: Config,
    networks: Mapping[str, PyTree],
    poses: tuple[np.ndarray, np.ndarray],
    views: Views,
    folder: pathlib.Path,
) -> list[Size]:
    """Fig. 4: networks of other sizes, trained with true joints.

    Args:
      config: sizes and training steps.
      networks: those that are kept, by name.
      poses: poses and procedural ones to train with.
      views: what is tested.
      folder: of the runs.

    Returns:
      A `Size` for each, and for those that are kept.
    """
    source, sizes = SOURCES[0], []
    start = train_start(config, poses, folder)
    for size in config.bases:
        if size == config.bases[-1]:
            params = networks[f"base_{source}"]
        elif size == _START:
            params = start
        else:
            params, _ = train_base(
                config, source, size, poses, folder, config.more_steps
            )
            params = frozen(config, source, params, poses)
        sizes.append(size_of("base", size, params, base_run(params), views, config))
    for num in sorted({*config.unrolls, *config.more_unrolls}):
        if num == 0:
            sizes.append(size_of("ige", (0,), start, base_run(start), views, config))
            continue
        nearest = min(config.unrolls, key=lambda kept: abs(kept - num))
        params = networks[f"ige{nearest}_{source}"]
        if num != nearest:
            params, _ = train_descent(
                config, source, num, params, poses, folder,
                config.more_unroll_steps, config.later_rate,
            )  # fmt: skip
        run = descent_run(config, num, params)
        sizes.append(size_of("ige", (num,), params, run, views, config))
    return sizes


def base_run(params: PyTree) -> Callable:
    """A base network as something that lifts.

    Args:
      params: its parameters.

    Returns:
      Function of `Sight` `[M]`.
    """
    return lambda sights: base_lifter(params, sights)


def descent_run(config: Config, num: int, params: PyTree) -> Callable:
    """A descent as something that lifts.

    Args:
      config: widths.
      num: steps.
      params: its parameters.

    Returns:
      Function of `Sight` `[M]`.
    """
    run = lifter(config, num)
    return lambda sights: run(params, sights)


def size_of(
    kind: str, size: tuple[int, ...], params: PyTree, lift: Callable, views, config
) -> Size:
    """A point of Fig. 4.

    Args:
      kind: "ige" or "base".
      size: steps, or width and blocks.
      params: parameters.
      lift: function of `Sight` `[M]`.
      views: what is tested.
      config: width of the energies.

    Returns:
      `Size`.
    """
    p2 = float(mean_errors(lift, views, SOURCES[0])[-1, 1])
    operations = (
        base_multiply_adds(*size)
        if kind == "base"
        else base_multiply_adds(*_START) + size[0] * step_multiply_adds(config.hidden)
    )
    return Size(kind, tuple(size), p2, operations, count_parameters(params))


def load_networks(config: Config, folder: str | pathlib.Path) -> dict[str, PyTree]:
    """Reads what `run_training` has written.

    Args:
      config: widths and numbers of steps.
      folder: folder of the checkpoints.

    Returns:
      Parameters by name.

    Raises:
      InputError: if one is missing, or of other widths.
    """
    root, networks = pathlib.Path(folder), {}
    for source in SOURCES:
        for num in config.unrolls:
            name = f"ige{num}_{source}"
            networks[name] = load_descent(root / name, config)
        name = f"base_{source}"
        networks[name] = load_base(root / name, *config.bases[-1])
    return networks


def load_sizes(path: str | pathlib.Path) -> list[Size]:
    """Reads `sizes.json`.

    Args:
      path: file.

    Returns:
      Its points of Fig. 4.

    Raises:
      InputError: if there is none, or it is broken.
    """
    try:
        rows = json.loads(check_file(path, "sizes").read_text("utf-8"))
        return [Size(**row)._replace(size=tuple(row["size"])) for row in rows]
    except InputError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{str(path)!r} is broken ({one_line(error)}): train again"
        ) from None


def run_evaluation(
    config: Config, output: str, checkpoint: str, data: str | None = None
) -> dict[str, float]:
    """Compares the networks on test poses.

    Args:
      config: sizes.
      output: folder for `metrics.json`, `table.md`, `sizes.png`, `steps.png` and
        `poses.png`.
      checkpoint: folder from `run_training`.
      data: file or folder of recorded poses; procedural ones alone if None.

    Returns:
      `p1a_...`, `p2_...` as from `pose_metrics`, `parameters_...` and
      `seconds_10000` (of as many poses as the preset says). With `data`, those of
      procedural poses too; they begin with `procedural_`.

    Raises:
      InputError: if the folder cannot be written, the data cannot be used or there is
        no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    networks = load_networks(config, checkpoint)
    sizes = load_sizes(pathlib.Path(checkpoint) / "sizes.json")
    lifts = lifters(config, networks)
    tests = {"": load_split(config, data).test}
    if data is not None:
        tests["procedural_"] = procedural_split(config).test
    metrics = size_metrics(config, networks)
    parts, longest = [], max(config.unrolls)
    steps = [step for step in PATH_STEPS if step <= longest]
    for prefix, poses in tests.items():
        views = make_views(config.seed, poses, config.num_test)
        metrics |= pose_metrics(config, lifts, views, prefix)
        parts.append("Procedural poses\n" if prefix or not data else "Recorded poses\n")
        parts.append(error_table(metrics, config.unrolls, prefix))
        parts.append(step_table(metrics, steps, prefix))
        if not prefix:
            path = lifts[f"ige{longest}_{SOURCES[0]}"]
            write_atomic(folder / "poses.png", example_poses(path, views, longest))
            write_atomic(folder / "steps.png", steps_png(path, views))
            metrics["seconds_10000"] = seconds_to_lift(
                path, views.sights, config.num_timed
            )
    parts += ["Networks of other sizes, where they were trained\n", size_table(sizes)]
    write_atomic(folder / "table.md", "\n".join(parts))
    write_atomic(folder / "sizes.png", sizes_png(sizes))
    write_json(folder / "metrics.json", metrics)
    return metrics


def steps_png(lift: Callable, views: Views) -> bytes:
    """Errors after each step of a descent.

    Args:
      lift: function of `Sight` `[M]`.
      views: what is tested.

    Returns:
      Content of a PNG file.
    """
    errors = mean_errors(lift, views, SOURCES[0])
    curves = {"protocol 1a": errors[:, 0], "protocol 2": errors[:, 1]}
    return curves_png(curves, x_label="step", y_label="error / mm", log=False)


def example_poses(lift: Callable, views: Views, longest: int) -> bytes:
    """Estimates before, in and after a descent.

    Args:
      lift: function of `Sight` `[M]`.
      views: what is tested.
      longest: steps of the descent.

    Returns:
      Content of a PNG file.
    """
    total = len(views.poses_m)
    rows = np.linspace(0, total - 1, min(_NUM_EXAMPLES, total) + 1).astype(int)[1:]
    sights, truths = jax.tree.map(lambda x: x[rows], (views.sights, views.poses_m))
    paths = lift(sights)

    @jax.vmap
    def scaled(pose, truth):
        return best_scale(with_pelvis(pose), truth) * with_pelvis(pose)

    shown = sorted({0, min(2, longest), longest})
    poses = {f"step {t}": np.asarray(scaled(paths[:, t], truths)) for t in shown}
    return poses_png(np.asarray(sights.joints), poses, np.asarray(truths))


__all__ = [
    "base_run",
    "descent_run",
    "example_poses",
    "load_networks",
    "load_sizes",
    "run_evaluation",
    "run_training",
    "size_of",
    "steps_of",
    "steps_png",
    "train_networks",
    "train_sizes",
    "train_start",
]
