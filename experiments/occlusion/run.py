"""Whether objects that the estimate hides come forward to their places."""

import dataclasses
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import optax
from tqdm import tqdm

from experiments.occlusion.figures import (
    peels_png,
    problems_png,
    steps_gif,
    steps_png,
)
from experiments.occlusion.problem import Problem, depth_errors, sample_problem
from experiments.tables import markdown_table
from ivg.energy.stack import stack_energy
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.refine.annealed import annealed_refiner
from ivg.refine.refiner import Refiner, refine
from ivg.scene.library import MeshLibrary
from ivg.scene.stack import (
    Stack,
    depths_of,
    pose_of,
    stack_library,
    with_depths,
    with_pose,
)
from ivg.viz.plots import error_curves_png

GOAL_M = 0.01
_SHOWN = 1  # scene in the pictures


class Method(NamedTuple):
    """A way to see, and what is searched for.

    Attributes:
      title: in tables.
      mode: of `render`.
      num_layers: peels, or faces that blend at a pixel.
      num_behind: objects that the estimate hides.
      has_pose: whether six numbers of each object are searched for, or its depth.
    """

    title: str
    mode: str
    num_layers: int
    num_behind: int = 1
    has_pose: bool = False


METHODS = {
    "standard": Method("standard rendering", "antialias", 1),
    "soft": Method("soft rasterization", "soft", 8),
    "aggregate": Method("aggregate of 2 peels", "peeled", 2),
    "aggregate_four": Method("aggregate of 4 peels", "peeled", 4),
    "three_objects": Method("aggregate of 4 peels, three objects", "peeled", 4, 2),
    "six_dof": Method("aggregate of 2 peels, six numbers", "peeled", 2, 1, True),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Size of the experiment.

    Attributes:
      num_scenes: scenes of every method but soft rasterization.
      num_soft: scenes of that, which is slow; the first ones.
      batch_size: scenes refined at once.
      size_px: side of the pictures.
      steps: gradient steps.
      rate: of Adam at first, metres and radians; it falls to zero along a cosine.
      tau: first temperature, in `(far - depth) / (far - near)`.
      decay: its factor after each step.
      methods: names of `METHODS`, "aggregate" among them.
      seed: of scenes and estimates.
    """

    num_scenes: int = 100
    num_soft: int = 20
    batch_size: int = 10
    size_px: int = 128
    steps: int = 100
    rate: float = 0.01
    tau: float = 1e-2
    decay: float = 0.95
    methods: tuple[str, ...] = tuple(METHODS)
    seed: int = 0


PRESETS = {
    "smoke": Config(
        num_scenes=2, batch_size=1, size_px=24, steps=3, methods=("aggregate",)
    ),
    "cpu": Config(),
    "paper": Config(num_soft=100, size_px=256),
}


class Outcome(NamedTuple):
    """What a method made of `M` scenes.

    Attributes:
      problems: `Problem`s `[M]`.
      paths: `Stack`s `[M, T + 1]`.
      errors: `[M, T + 1]` metres, greatest depth error of the hidden objects.
      seconds: per scene, without the first batch.
    """

    problems: Problem
    paths: Stack
    errors: np.ndarray
    seconds: float


def make_refiner(method: Method, config: Config, library: MeshLibrary) -> Refiner:
    """The loop of the paper: the temperature falls with every step.

    Args:
      method: way to see.
      config: steps, rate, temperatures.
      library: shapes.

    Returns:
      `Refiner` of depths `[N]` or of a `StackPose`.

    Source: StillebenDR, section on analytical gradients. The paper does not name its
    optimizer.
    """
    place = with_pose if method.has_pose else with_depths
    name = "gamma" if method.mode == "soft" else "tau"

    def energy_at(temperature):
        options = {"mode": method.mode, "num_layers": method.num_layers}
        return stack_energy(library, place, **options, **{name: temperature})

    return annealed_refiner(
        energy_at,
        optax.exponential_decay(config.tau, 1, config.decay),
        optax.adam(optax.cosine_decay_schedule(config.rate, config.steps)),
    )


def run_method(method: Method, config: Config, num_scenes: int) -> Outcome:
    """Refines the scenes of one row of the table.

    Args:
      method: way to see.
      config: sizes.
      num_scenes: scenes `M`.

    Returns:
      `Outcome`.
    """
    library = stack_library()
    refiner = make_refiner(method, config, library)
    place = with_pose if method.has_pose else with_depths
    start = pose_of if method.has_pose else depths_of

    @jax.jit
    @jax.vmap
    def solve(key):
        problem = sample_problem(
            key, library, num_behind=method.num_behind, size_px=config.size_px,
            noise=float(method.has_pose),
        )  # fmt: skip
        estimate = problem.estimate
        found = refine(
            refiner, start(estimate), (problem.picture, estimate), config.steps
        )
        path = jax.vmap(place, (None, 0))(estimate, found.trajectory)
        errors = jax.vmap(depth_errors, (0, None))(path, problem.truth)
        return problem, path, errors.max(-1)

    count = -(-num_scenes // config.batch_size)
    keys = jax.random.split(jax.random.key(config.seed), count * config.batch_size)
    results, seconds = [], []
    for batch in tqdm(keys.reshape(count, -1), desc=method.title, unit="batch"):
        began = time.perf_counter()
        results.append(jax.block_until_ready(solve(batch)))
        seconds.append((time.perf_counter() - began) / config.batch_size)
    joined = jax.tree.map(lambda *x: np.concatenate(x)[:num_scenes], *results)
    return Outcome(*joined, float(np.median(seconds[1:] or seconds)))


def run(config: Config, output: str) -> dict[str, float]:
    """All methods on the same scenes, as far as they have the same objects.

    Args:
      config: size of the experiment.
      output: folder for `table.md`, `metrics.json`, `depth_errors.png`,
        `problems.png`, `peels.png`, `steps.png` and `steps.gif`.

    Returns:
      `success_{name}`, `median_error_mm_{name}` and `seconds_{name}` of every
      method; a scene is a success if all hidden objects end within a centimetre of
      their true depth.

    Raises:
      InputError: if the folder cannot be written.
    """
    folder = Path(check_writable_folder(output))
    outcomes = {}
    for name in config.methods:
        method = METHODS[name]
        num = config.num_soft if method.mode == "soft" else config.num_scenes
        outcomes[name] = run_method(method, config, min(num, config.num_scenes))
    metrics = {}
    for name, outcome in outcomes.items():
        metrics |= summary(name, outcome)
    _write(folder, config, metrics, outcomes)
    return metrics


def summary(name: str, outcome: Outcome) -> dict[str, float]:
    """What is reported of a method.

    Args:
      name: name of the method.
      outcome: what it made of the scenes.

    Returns:
      `success_{name}`, `median_error_mm_{name}` and `seconds_{name}`.
    """
    last = outcome.errors[:, -1]
    return {
        f"success_{name}": float(np.mean(last < GOAL_M)),
        f"median_error_mm_{name}": float(1e3 * np.median(last)),
        f"seconds_{name}": outcome.seconds,
    }


def table(metrics: dict[str, float], counts: dict[str, int]) -> str:
    """The comparison as Markdown.

    Args:
      metrics: as returned by `run`.
      counts: scenes of each method.

    Returns:
      Table with a row per method.
    """
    heads = "rendering", "scenes", "hidden objects within 1 cm"
    rows = [
        [
            METHODS[name].title,
            str(count),
            f"{100 * metrics[f'success_{name}']:.0f} %",
            f"{metrics[f'median_error_mm_{name}']:.1f} mm",
            f"{metrics[f'seconds_{name}']:.2f}",
        ]
        for name, count in counts.items()
    ]
    heads = [*heads, "depth error (median)", "seconds per scene"]
    return markdown_table(heads, rows)


def _write(folder: Path, config: Config, metrics, outcomes: dict[str, Outcome]) -> None:
    counts = {name: len(outcome.errors) for name, outcome in outcomes.items()}
    write_atomic(folder / "table.md", table(metrics, counts))
    write_json(folder / "metrics.json", metrics)
    curves = {METHODS[n].title: 1e3 * o.errors.T for n, o in outcomes.items()}
    picture = error_curves_png(curves, y_label="depth error / mm", log=True)
    write_atomic(folder / "depth_errors.png", picture)
    library = stack_library()
    shown = outcomes["aggregate"]
    index = min(_SHOWN, len(shown.errors) - 1)
    first = jax.tree.map(lambda x: x[index], (shown.problems, shown.paths))
    write_atomic(folder / "problems.png", problems_png(first[0], library))
    write_atomic(folder / "peels.png", peels_png(first[0], library, config.tau))
    options = config.tau, config.decay, library
    write_atomic(folder / "steps.png", steps_png(*first, *options))
    write_atomic(folder / "steps.gif", steps_gif(*first, *options))


__all__ = [
    "GOAL_M",
    "METHODS",
    "PRESETS",
    "Config",
    "Method",
    "Outcome",
    "make_refiner",
    "run",
    "run_method",
    "summary",
    "table",
]
