"""Renders that Gauss-Newton, Adam, SGD and L-BFGS need to find a pose.

All methods minimise half the sum of squared differences of the same blurred
pictures over the same scaled parameters. A render is one evaluation of the picture;
a derivative along one parameter (jvp) counts as one more, and so does a gradient
(vjp). Adam and SGD so pay 2 per step and L-BFGS 2 per evaluation of its line
search. Gauss-Newton pays 1 per step, and 3 (parameters) for the derivatives at the
start and after each accepted step; in batches it renders more than is counted.
"""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
from jax.flatten_util import ravel_pytree
from tqdm import tqdm

from experiments.refine_pose.problem import (
    Problem,
    picture_of,
    pose_bounds,
    pose_error,
    sample_problem,
)
from experiments.tables import markdown_table
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.refine.gauss_newton import gauss_newton_refiner
from ivg.refine.gradient import gradient_refiner
from ivg.refine.leaves import from_units, project, to_units
from ivg.refine.refiner import refine
from ivg.scene.shapes.families import tabletop_library
from ivg.viz.plots import error_curves_png

METHODS = ("Gauss-Newton", "Adam", "SGD", "L-BFGS")
GOAL = 0.1  # of the first error
NUM_PARAMETERS = 3
_PER_GRADIENT = 2


@dataclasses.dataclass(frozen=True)
class Config:
    """Size of the experiment.

    Attributes:
      num_scenes: scenes.
      batch_size: scenes refined at once.
      size_px: side of the pictures.
      blur_px: standard deviation of the blur of all pictures.
      renders: renders that each method may make.
      dampings: first dampings of Gauss-Newton to choose from.
      adam_rates: step sizes of Adam to choose from, in widths of the bounds.
      sgd_rates: step sizes of SGD to choose from; the energy is divided by its
        first value.
      lbfgs_scales: factors of that energy to choose from; they set the length of
        the first step.
      seed: of scenes and perturbations.
    """

    num_scenes: int = 50
    batch_size: int = 10
    size_px: int = 64
    blur_px: float = 1.5
    renders: int = 120
    dampings: tuple[float, ...] = (0.001, 0.1)
    adam_rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)
    sgd_rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    lbfgs_scales: tuple[float, ...] = (0.01, 0.1, 1.0)
    seed: int = 0


PRESETS = {
    "smoke": Config(
        num_scenes=2, batch_size=2, size_px=16, renders=12, dampings=(0.01,),
        adam_rates=(0.03,),
        sgd_rates=(0.01,), lbfgs_scales=(0.1,),
    ),
    "cpu": Config(),
}  # fmt: skip


def run(config: Config, output: str) -> dict[str, float]:
    """Finds the poses of the same scenes with all methods.

    Args:
      config: size of the experiment.
      output: folder for `table.md`, `metrics.json` and `errors.png`.

    Returns:
      For each method `median_renders_{method}` until the error is a tenth of the
      first one (unsolved scenes count as one more than `renders`),
      `share_solved_{method}`, `median_final_{method}`, the error that is left as a
      share, and the `rate_{method}` chosen: step size, first damping or scale.

    Raises:
      InputError: if the folder cannot be written.
    """
    check_writable_folder(output)
    library = tabletop_library()
    make = jax.jit(
        jax.vmap(
            lambda key: sample_problem(key, library, config.size_px, config.blur_px)
        )
    )
    problems = make(jax.random.split(jax.random.key(config.seed), config.num_scenes))

    def residuals(pose, problem):
        shown = picture_of(pose, problem.table, library, config.size_px, config.blur_px)
        return problem.weight * (shown - problem.observation)

    curves = {
        "Gauss-Newton": newton_errors(residuals, problems, config),
        "Adam": descent_errors(residuals, optax.adam, problems, config),
        "SGD": descent_errors(residuals, optax.sgd, problems, config),
        "L-BFGS": lbfgs_errors(residuals, problems, config),
    }
    best = {name: best_rate(options) for name, options in curves.items()}
    chosen = {name: curves[name][rate] for name, rate in best.items()}
    metrics = {}
    for name, errors in chosen.items():
        metrics |= summary(name, errors)
        metrics[f"rate_{name}"] = best[name]
    _write(Path(output), metrics, chosen)
    return metrics


def _energy(residuals):
    return lambda pose, problem: jnp.sum(residuals(pose, problem) ** 2) / 2


def _in_batches(function, problems: Problem, config: Config) -> np.ndarray:
    """Applies a vmapped function to a few scenes at a time; scenes come last."""
    starts = range(0, config.num_scenes, config.batch_size)
    parts = [
        function(jax.tree.map(lambda x, i=i: x[i : i + config.batch_size], problems))
        for i in tqdm(starts, desc="refine", unit="batch")
    ]
    return np.moveaxis(np.concatenate(parts), 0, -1)


def _refined_errors(refiner, problem: Problem, steps: int):
    """`[T + 1]` errors over the steps of a refiner."""
    path = refine(refiner, problem.start, problem, steps).trajectory
    return jax.vmap(pose_error, (0, None))(path, problem)


def newton_errors(
    residuals, problems: Problem, config: Config
) -> dict[float, np.ndarray]:
    """Errors of Gauss-Newton steps for each first damping.

    Args:
      residuals: `(pose, problem) -> [H, W, 3]`.
      problems: `M` problems, stacked.
      config: size of the experiment.

    Returns:
      Damping to `[R + 1, M]` error after each number of renders, as a share of the
      first.
    """
    steps = max((config.renders - NUM_PARAMETERS - 1) // 2, 1)

    @jax.jit
    def path(problems, damping):
        def of_one(problem):
            bounds = pose_bounds(problem)
            refiner = gauss_newton_refiner(residuals, bounds, damping=damping)
            result = refine(refiner, problem.start, problem, steps)
            errors = jax.vmap(pose_error, (0, None))(result.trajectory, problem)
            return errors, newton_renders(result.info["accepted"])

        return jnp.stack(jax.vmap(of_one)(problems), 1)

    def errors(damping):
        both = _in_batches(lambda x: path(x, damping), problems, config)
        return np.stack([_by_renders(*x, config) for x in np.moveaxis(both, 2, 0)], 1)

    return {damping: errors(damping) for damping in config.dampings}


def newton_renders(accepted: jax.Array) -> jax.Array:
    """Renders that have been made when the result of each step is known.

    The first derivatives cost one render and one more per parameter. A step costs
    one render; if it is accepted, its derivatives cost one per parameter before the
    next step.

    Args:
      accepted: `[T]` bool.

    Returns:
      `[T + 1]`.
    """
    steps = jnp.arange(1, accepted.shape[0] + 1)
    before = jnp.cumsum(accepted) - accepted
    made = NUM_PARAMETERS * (1 + before) + 1 + steps
    return jnp.concatenate([jnp.zeros(1, made.dtype), made])


def descent_errors(
    residuals, make_optimizer, problems: Problem, config: Config
) -> dict[float, np.ndarray]:
    """Errors of an optax optimizer for each step size.

    Args:
      residuals: `(pose, problem) -> [H, W, 3]`.
      make_optimizer: from a step size to an optax transformation.
      problems: `M` problems, stacked.
      config: size of the experiment.

    Returns:
      Step size to `[R + 1, M]` errors, as from `newton_errors`.
    """
    steps = config.renders // _PER_GRADIENT
    energy = _energy(residuals)

    @jax.jit
    def errors(problems, rate):
        def of_one(problem):
            bounds = pose_bounds(problem)
            refiner = gradient_refiner(energy, make_optimizer(rate), bounds)
            return _refined_errors(refiner, problem, steps)

        return jax.vmap(of_one)(problems)

    rates = config.adam_rates if make_optimizer is optax.adam else config.sgd_rates
    renders = _PER_GRADIENT * np.arange(steps + 1)
    return {
        rate: _by_renders(
            _in_batches(lambda x, rate=rate: errors(x, rate), problems, config),
            renders,
            config,
        )
        for rate in rates
    }


def lbfgs_errors(
    residuals, problems: Problem, config: Config
) -> dict[float, np.ndarray]:
    """Errors of SciPy's L-BFGS-B for each scale of the energy.

    Args:
      residuals: `(pose, problem) -> [H, W, 3]`.
      problems: `M` problems, stacked.
      config: size of the experiment.

    Returns:
      Scale to `[R + 1, M]` errors, as from `newton_errors`.
    """
    unravel = ravel_pytree(jax.tree.map(lambda x: x[0], problems.start))[1]
    energy = _energy(residuals)

    def pose_of(flat, problem):
        bounds = pose_bounds(problem)
        units = project(jax.tree.leaves(unravel(flat)), problem.start, bounds)
        return from_units(units, problem.start, bounds)

    slope = jax.jit(
        jax.value_and_grad(
            lambda flat, problem: energy(pose_of(flat, problem), problem)
        )
    )
    error = jax.jit(lambda flat, problem: pose_error(pose_of(flat, problem), problem))
    start = jax.jit(
        lambda problem: ravel_pytree(to_units(problem.start, pose_bounds(problem)))[0]
    )

    def path(problem, scale):
        evaluations = [0]

        def scaled(x):
            evaluations[0] += 1
            value, gradient = slope(jnp.asarray(x, jnp.float32), problem)
            return scale * float(value), scale * np.asarray(gradient, np.float64)

        def callback(x):
            renders.append(_PER_GRADIENT * evaluations[0])
            errors.append(error(jnp.asarray(x, jnp.float32), problem))

        first = start(problem)
        renders, errors = [0], [error(first, problem)]
        scipy.optimize.minimize(
            scaled, np.asarray(first, np.float64), jac=True, method="L-BFGS-B",
            bounds=[(0, 1)] * first.size, callback=callback,
            options={"maxfun": config.renders // _PER_GRADIENT, "ftol": 0, "gtol": 0},
        )  # fmt: skip
        return _by_renders(np.stack(errors)[:, None], np.array(renders), config)

    scenes = [jax.tree.map(lambda x, i=i: x[i], problems)
              for i in range(config.num_scenes)]  # fmt: skip
    return {
        scale: np.concatenate([path(scene, scale) for scene in scenes], 1)
        for scale in config.lbfgs_scales
    }


def _by_renders(errors: np.ndarray, renders: np.ndarray, config: Config) -> np.ndarray:
    """Error after each number of renders, as a share of the first error."""
    at = np.searchsorted(renders, np.arange(config.renders + 1), side="right") - 1
    return errors[at] / errors[0]


def renders_needed(errors: np.ndarray) -> np.ndarray:
    """Renders until the error is a tenth of the first one.

    Args:
      errors: `[R + 1, M]` share of the first error that is left.

    Returns:
      `[M]`; one more than `R` where it never is.
    """
    there = errors <= GOAL
    return np.where(there.any(0), there.argmax(0), len(errors))


def best_rate(options: dict[float, np.ndarray]) -> float:
    """The step size that suits a method best.

    Args:
      options: step size to `[R + 1, M]` errors.

    Returns:
      That with the least median of renders needed; of equals, that which solves
      most scenes.
    """

    def badness(rate):
        needed = renders_needed(options[rate])
        return np.median(needed), np.mean(needed)

    return min(options, key=badness)


def summary(name: str, errors: np.ndarray) -> dict[str, float]:
    """What is reported of a method.

    Args:
      name: name of the method.
      errors: `[R + 1, M]` share of the first error that is left.

    Returns:
      `median_renders_{name}`, `share_solved_{name}` and `median_final_{name}`.
    """
    needed = renders_needed(errors)
    return {
        f"median_renders_{name}": float(np.median(needed)),
        f"share_solved_{name}": float(np.mean(needed < len(errors))),
        f"median_final_{name}": float(np.median(errors[-1])),
    }


def table(metrics: dict[str, float]) -> str:
    """The comparison as Markdown.

    Args:
      metrics: as returned by `run`.

    Returns:
      Table with a row per method.
    """
    heads = [
        "method", "chosen setting", "renders to a tenth of the error (median)",
        "scenes that get there", "error left (median)",
    ]  # fmt: skip
    rows = [
        [
            name,
            f"{metrics[f'rate_{name}']:g}",
            f"{metrics[f'median_renders_{name}']:g}",
            f"{100 * metrics[f'share_solved_{name}']:.0f} %",
            f"{100 * metrics[f'median_final_{name}']:.2g} %",
        ]
        for name in METHODS
    ]
    return markdown_table(heads, rows)


def _write(folder: Path, metrics, curves: dict[str, np.ndarray]) -> None:
    write_atomic(folder / "table.md", table(metrics))
    write_json(folder / "metrics.json", metrics)
    picture = error_curves_png(
        curves, x_label="renders", y_label="pose error / first", log=True
    )
    write_atomic(folder / "errors.png", picture)


__all__ = [
    "GOAL",
    "METHODS",
    "NUM_PARAMETERS",
    "PRESETS",
    "Config",
    "best_rate",
    "descent_errors",
    "lbfgs_errors",
    "newton_errors",
    "newton_renders",
    "renders_needed",
    "run",
    "summary",
    "table",
]
