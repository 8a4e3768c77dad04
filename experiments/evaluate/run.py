"""Explains many scenes, batch by batch, on all devices of all processes.

How many scenes a device takes at once is what memory allows. XLA says what the
compiled program of a batch will need (`Compiled.memory_analysis`: temporary memory and
results); a batch may take half of the memory that is free for a device, and has 16
scenes at most on a CPU, where more are not faster. The rows of a scene may differ in
their last bits with the size of the batch, never with the number of devices or
processes: every device runs the same program. So a folder keeps the size that it
began with.
"""

import pathlib
import resource
import time
from collections.abc import Callable, Sequence

import jax
import numpy as np
import pyarrow as pa
from jax.sharding import Mesh
from tqdm import tqdm

from experiments.evaluate.config import MOST_AT_ONCE, PRESETS, Config
from experiments.evaluate.report import histograms_png, medians, table
from experiments.evaluate.store import (
    part_paths,
    read_parts,
    write_part,
    write_table,
)
from experiments.evaluate.systems import SYSTEMS, System
from experiments.presets import check_choices
from experiments.settings import check_settings, read_settings, write_settings
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.io.errors import one_line
from ivg.scale import (
    agreed,
    batch_that_fits,
    free_bytes,
    from_local,
    local_parts,
    on_each_device,
    replicate,
    scene_mesh,
)
from ivg.typing import PyTree

_SHARE = 0.5  # of the free memory


def run(
    config: Config,
    output: str,
    num_devices: int | None = None,
    system: System | None = None,
) -> dict[str, float]:
    """Explains scenes and keeps a row of each.

    Killed and started again, it goes on after the last batch that was complete, with
    any number of devices and processes, and with the same rows in the end.

    Args:
      config: what, and how much.
      output: folder for `parts`, and at the end for `scenes.parquet`, `metrics.json`,
        `table.md` and `errors.png`. All processes must see the same.
      num_devices: devices of this process that work, the same number in all; from
        `start_devices`. All if absent.
      system: what is evaluated; that of the config if absent.

    Returns:
      `scenes_per_second` without compilation, of all runs together; `num_scenes`,
      `num_devices`, `num_processes`, `batch_size`, `failed_scenes`,
      `peak_memory_mib` of this process, and `median_{column}`.

    Raises:
      InputError: for an unknown system, or a folder that cannot be written or has
        rows of other settings.
    """
    folder = pathlib.Path(check_writable_folder(output))
    names = ("system", "preset", "seed", "batch_size")
    kept, settings = read_settings(folder), {n: getattr(config, n) for n in names}
    settings["batch_size"] = settings["batch_size"] or kept.get("batch_size")
    check_settings(folder, kept, settings)
    system = system or _system_of(config)
    mesh, working = scene_mesh(), num_devices or jax.local_device_count()
    params = replicate(mesh, system.load())
    batch, program = _compile(
        system, config, mesh, params, int(agreed(settings["batch_size"] or 0))
    )
    if jax.process_index() == 0:
        write_settings(folder, settings | {"batch_size": batch})
    paths = part_paths(folder, config.num_scenes, batch)
    explain = _device_runner(system, config.num_scenes, batch, mesh, program, params)
    _explain_all(explain, paths, config.num_scenes, working)
    agreed(0)  # all parts are there
    rows, seconds = read_parts(list(paths.values()))
    metrics = {
        "scenes_per_second": config.num_scenes / seconds,
        "num_scenes": config.num_scenes,
        "num_devices": working * jax.process_count(),
        "num_processes": jax.process_count(),
        "batch_size": batch,
        "failed_scenes": config.num_scenes - rows["failure"].null_count,
        "peak_memory_mib": _peak_memory_mib(),
    } | medians(rows)
    if jax.process_index() == 0:
        _write(folder, rows, metrics)
    return metrics


def _system_of(config: Config) -> System:
    check_choices("system", [config.system], SYSTEMS)
    return SYSTEMS[config.system](config.preset, config.seed)


def _compile(
    system: System, config: Config, mesh: Mesh, params: PyTree, batch: int
) -> tuple[int, jax.stages.Compiled]:
    """The batch of a device, chosen if it is zero, and the program that runs it."""
    key = jax.random.key(config.seed)

    def explain(params, given):
        scene = given
        if system.read is None:
            scene = system.sample(params, jax.random.fold_in(key, given))
        return system.run(params, scene)

    program = on_each_device(explain, mesh)

    def compiled(size):
        inputs, _ = _inputs(system, [None] * jax.local_device_count(), size, 0)
        return program.lower(params, *from_local(mesh, inputs)).compile()

    if batch:
        return batch, compiled(batch)
    budget = float(agreed(np.float32(_SHARE * free_bytes())))
    most = min(MOST_AT_ONCE[jax.default_backend()], config.num_scenes)
    return batch_that_fits(compiled, most, budget)


def _device_runner(
    system: System,
    num_scenes: int,
    batch: int,
    mesh: Mesh,
    program: Callable,
    params: PyTree,
) -> Callable:
    """Makes the function that explains one batch on each device of this process.

    It takes the first scene of each, None for devices that rest, and returns for each
    device its rows, and why scenes failed.
    """
    num_devices = jax.local_device_count()

    def explain(starts):
        padded = starts + [None] * (num_devices - len(starts))
        inputs, reasons = _inputs(system, padded, batch, num_scenes)
        parts = local_parts(program(params, *from_local(mesh, inputs)))
        return [
            (part, _reasons(own, part))
            for part, own in zip(parts, reasons, strict=True)
        ][: len(starts)]

    return explain


def _explain_all(
    explain: Callable, paths: dict[int, pathlib.Path], num_scenes: int, working: int
) -> None:
    """Makes the parts that are not there, one on each working device at a time."""
    starts = np.array(list(paths))
    is_left = agreed(np.array([not path.exists() for path in paths.values()]))
    left = starts[is_left].tolist()
    ends = dict(zip(paths, [*starts[1:].tolist(), num_scenes], strict=True))
    first, total = jax.process_index() * working, jax.process_count() * working
    is_quiet = jax.process_index() > 0
    bar = tqdm(total=num_scenes, unit="scene", disable=is_quiet)
    bar.update(num_scenes - sum(ends[start] - start for start in left))
    for i in range(0, len(left), total):
        now = left[i : i + total]
        began = time.perf_counter()
        mine = now[first : first + working]
        rows = explain(mine)
        share = (time.perf_counter() - began) / len(now)
        for start, (part, reasons) in zip(mine, rows, strict=True):
            write_part(paths[start], start, part, reasons, share)
        bar.update(sum(ends[start] - start for start in now))
    bar.close()


def _inputs(
    system: System, starts: Sequence[int | None], batch: int, num_scenes: int
) -> tuple[PyTree, list[list[str | None]]]:
    """What each device of this process is given, and why some of it is blank."""
    is_on = np.array([start is not None for start in starts])
    index = np.array([start or 0 for start in starts])[:, None] + np.arange(batch)
    counts = [0 if s is None else min(batch, num_scenes - s) for s in starts]
    if system.read is None:
        reasons = [[None] * count for count in counts]
        return (is_on, index.reshape(-1).astype(np.int32)), reasons
    scenes, reasons = [], []
    for row, count in zip(index, counts, strict=True):
        made = [_read(system, int(i)) for i in row[:count]]
        reasons.append([reason for _, reason in made])
        scenes += [scene for scene, _ in made] + [system.blank] * (batch - count)
    return (is_on, jax.tree.map(lambda *x: np.stack(x), *scenes)), reasons


def _read(system: System, index: int) -> tuple[PyTree, str | None]:
    try:
        return system.read(index), None
    except Exception as error:  # whatever it is, the other scenes go on
        return system.blank, one_line(error)


def _reasons(
    reasons: list[str | None], part: dict[str, np.ndarray]
) -> list[str | None]:
    """Why scenes failed: what the host said, or which numbers are not finite."""

    def why(i):
        bad = [name for name, values in part.items() if not np.isfinite(values[i])]
        return f"not finite: {', '.join(bad)}" if bad else None

    return [reason or why(i) for i, reason in enumerate(reasons)]


def _write(folder: pathlib.Path, rows: pa.Table, metrics: dict[str, float]) -> None:
    write_table(folder / "scenes.parquet", rows)
    write_atomic(folder / "table.md", table(rows))
    write_atomic(folder / "errors.png", histograms_png(rows))
    write_json(folder / "metrics.json", metrics)


def _peak_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


__all__ = ["PRESETS", "Config", "run"]
