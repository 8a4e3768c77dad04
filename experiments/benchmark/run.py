"""Times the renderer beside its peers, in turn within one process."""

import dataclasses
import platform
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.benchmark import contestants, scaling
from experiments.benchmark.scenes import SUBDIVISIONS, make_soup
from experiments.presets import check_choices
from experiments.tables import markdown_table
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.viz.plots import curves_png


@dataclasses.dataclass(frozen=True)
class Config:
    """Size of the benchmark.

    Attributes:
      sizes: sides of the pictures.
      rounds: rounds in which every contestant runs once.
      peers: other renderers, left out where they are not installed.
      batches: numbers of scenes that are rendered at once.
      layers: numbers of layers that are rasterized.
    """

    sizes: tuple[int, ...] = (128, 256, 512, 1024)
    rounds: int = 9
    peers: tuple[str, ...] = ("deodr", "mitsuba", "embree")
    batches: tuple[int, ...] = (1, 8, 64, 256)
    layers: tuple[int, ...] = (1, 4, 8, 16, 64)


PRESETS = {
    "smoke": Config(sizes=(64,), rounds=2, peers=(), batches=(1, 8), layers=(1, 4)),
    "cpu": Config(),
    "paper": Config(rounds=51),
}
_PEERS = {
    "deodr": contestants.make_deodr,
    "mitsuba": contestants.make_mitsuba,
    "embree": contestants.make_embree,
}
_MODES = ("antialias", "hard", "soft", "layers")
_MOST_FOR_ALL_MODES = 256  # beyond, the soft mode takes seconds


def run(config: Config, output: str) -> dict[str, float]:
    """Times all contestants on all scenes.

    Args:
      config: size of the benchmark.
      output: folder for `metrics.json`, `benchmark.md` and `benchmark.png`.

    Returns:
      `ratio_{peer}_forward_{size}` and `ratio_{peer}_forward_backward_{size}`, our
      antialiased time over theirs, `ratio_{peer}_hard_...` for the hard mode;
      `vmap_gain_64`, `reference_over_cpu_256`, `bytes_per_pixel_layer_512_k8` (soft)
      and `_layers4`, `surfel_128_ms`, `ms_per_scene_{alone,in_eights,number}` and
      `ms_visibility_256_k{layers}`; and medians in milliseconds,
      `ms_{who}_{what}_{size}`.

    Raises:
      InputError: for a size that there is no scene for, an unknown peer, or if the
        folder cannot be written.
    """
    check_choices("sizes", config.sizes, SUBDIVISIONS)
    check_choices("peers", config.peers, _PEERS)
    check_writable_folder(output)
    medians: dict[tuple[str, str, int], float] = {}
    for size in tqdm(config.sizes, desc="benchmark", unit="scene"):
        timed = _contestants(config, size)
        for (who, what), times in _time_in_turn(timed, config.rounds).items():
            medians[who, what, size] = float(np.median(times))
    growth = _growth(config)
    metrics = (
        _ratios(medians)
        | growth
        | {
            f"ms_{who}_{what}_{size}": value
            for (who, what, size), value in medians.items()
        }
    )
    _write(Path(output), metrics, medians, growth)
    return metrics


def _growth(config: Config) -> dict[str, float]:
    """Batches, layers, memory, surfels and the reference backend, in one dict."""
    rounds, size = max(config.rounds // 2, 2), min(256, max(config.sizes))
    batches = scaling.time_batches(config.batches, rounds)
    layers = scaling.time_layers(size, config.layers, rounds)
    most = max(config.batches)
    named = {0: "alone", -1: "in_eights"}
    memory_px = min(512, max(config.sizes))
    return {
        "vmap_gain_64": batches[0] / batches[min(most, 64)],
        f"reference_over_cpu_{size}": scaling.reference_over_cpu(size, rounds),
        f"bytes_per_pixel_layer_{memory_px}_k8": scaling.bytes_per_pixel_layer(
            memory_px, "soft", 8
        ),
        f"bytes_per_pixel_layer_{memory_px}_layers4": scaling.bytes_per_pixel_layer(
            memory_px, "layers", 4
        ),
        "surfel_128_ms": scaling.surfel_ms(128, 4 * rounds),
        **{f"ms_per_scene_{named.get(n, n)}": ms for n, ms in batches.items()},
        **{f"ms_visibility_{size}_k{k}": value for k, value in layers.items()},
    }


def _contestants(config: Config, size: int) -> dict[tuple[str, str], Callable]:
    """All functions to be timed, by renderer and task."""
    soup = make_soup(size)
    modes = _MODES if size <= _MOST_FOR_ALL_MODES else _MODES[:2]
    found = {mode: contestants.make_ivg(soup, mode) for mode in modes}
    found["ivg"] = contestants.make_visibility(soup)
    for peer in config.peers:
        try:
            found[peer] = _PEERS[peer](soup)
        except ImportError as error:
            print(f"{peer} is left out: {error}", file=sys.stderr)
    return {(who, what): f for who, fs in found.items() for what, f in fs.items()}


def _time_in_turn(timed, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Milliseconds of each function in every round, after one that compiles.

    Of two calls in a row the second is timed, as in a loop: the first finds the
    caches full of what the contestant before left there.
    """
    times = {key: [] for key in timed}
    for i in range(rounds + 1):
        for key, function in timed.items():
            function()
            start = time.perf_counter()
            function()
            if i:
                times[key].append(1e3 * (time.perf_counter() - start))
    return times


def _ratios(medians) -> dict[str, float]:
    """Our medians over those of the peers."""
    ratios = {}
    for (who, what, size), value in medians.items():
        if who in _PEERS and what != "visibility":
            for mode, name in (("antialias", ""), ("hard", "hard_")):
                ours = medians[mode, what, size]
                ratios[f"ratio_{who}_{name}{what}_{size}"] = ours / value
    return ratios


def describe_machine() -> str:
    """Processor, cores and versions, for the record.

    Returns:
      One line.
    """
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if "model name" in line]
        model = f"{names[0]}, {len(names)} cores" if names else model
    versions = []
    for name in ("jax", "numba", "deodr", "mitsuba"):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return f"{model}; Python {platform.python_version()}, {', '.join(versions)}"


def table(medians) -> str:
    """All medians as Markdown.

    Args:
      medians: milliseconds by renderer, task and size.

    Returns:
      Table with a row per renderer and task, and a line that names the machine.
    """
    sizes = sorted({size for _, _, size in medians})
    rows = dict.fromkeys((who, what) for who, what, _ in medians)
    names = {
        "antialias": "ivg, antialiased",
        "hard": "ivg, hard",
        "soft": "ivg, soft, 8 layers",
        "layers": "ivg, 4 layers",
    }
    cells = []
    for who, what in rows:
        values = (medians.get((who, what, s)) for s in sizes)
        label = f"{names.get(who, who)}: {what.replace('_', ' + ')}"
        cells.append([label, *("" if v is None else f"{v:.2f}" for v in values)])
    heads = ["median milliseconds", *(f"{s}²" for s in sizes)]
    return f"{markdown_table(heads, cells)}\nMachine: {describe_machine()}.\n"


def _growth_table(growth: dict[str, float]) -> str:
    rows = [[f"`{name}`", f"{value:.3g}"] for name, value in growth.items()]
    return markdown_table(["how it grows", ""], rows)


def _write(folder: Path, metrics, medians, growth) -> None:
    page = table(medians) + "\n" + _growth_table(growth)
    write_atomic(folder / "benchmark.md", page)
    sizes = sorted({size for _, _, size in medians})
    rows = dict.fromkeys((who, what) for who, what, _ in medians)
    curves = {
        f"{who} {what.replace('_', ' + ')}": np.array(
            [medians.get((who, what, s), np.nan) for s in sizes]
        )
        for who, what in rows
        if what != "forward"
    }
    figure = curves_png(curves, x_label="scene", y_label="milliseconds", log=True)
    write_atomic(folder / "benchmark.png", figure)
    write_json(folder / "metrics.json", metrics)


__all__ = [
    "PRESETS",
    "Config",
    "describe_machine",
    "run",
    "table",
]
