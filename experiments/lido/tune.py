"""Hyper-parameters of the baselines, chosen on problems whose truth is known.

The paper does not say how it chose its own. A comparison is fair if the baselines get
their best, so searches are ranked by the errors that they leave.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import jax
import numpy as np
from tqdm import tqdm

from experiments.lido.config import Config
from experiments.lido.evaluate import limited
from experiments.lido.guesses import Problems, guess_maker, make_problems
from experiments.lido.networks import load_trained
from experiments.lido.scenes import load_scenes
from experiments.lido.statistics import SETS, improvement
from experiments.tables import markdown_table
from ivg.colour import linear_from_srgb
from ivg.energy.tabletop import tabletop_energy
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.metrics.tabletop import tabletop_errors
from ivg.refine.scipy_baseline import Search
from ivg.refine.tabletop_baseline import GBO, SIMPLEX, tabletop_minimizer
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import Tabletop
from ivg.typing import Array

BASELINES = {"gbo": GBO, "simplex": SIMPLEX}
_METHODS = {"gbo": ("TNC", "L-BFGS-B", "CG"), "simplex": ("Nelder-Mead", "COBYLA")}
_STEPS = (0.02, 0.05, 0.1)


@dataclasses.dataclass(frozen=True)
class Trial:
    """What came of a search.

    Attributes:
      search: method, iterations, rounds and step.
      improvements: per cent for each of `SETS`.
      seconds_per_scene: mean on the host's clock, without compilation.
      evaluations_per_scene: mean.
      accepted_share: of the evaluations.
    """

    search: Search
    improvements: Mapping[str, float]
    seconds_per_scene: float
    evaluations_per_scene: float
    accepted_share: float

    @property
    def score(self) -> float:
        """Mean of the improvements of the sets, each at least -100 per cent."""
        known = [x for x in self.improvements.values() if np.isfinite(x)]
        return float(np.mean(np.maximum(known, -100))) if known else -100.0


def variants(
    search: Search, methods: Iterable[str], steps: Iterable[float]
) -> list[Search]:
    """A search by other methods and with other first steps.

    Args:
      search: gives all else; its options are those of its own method alone.
      methods: of SciPy.
      steps: as in `Search`.

    Returns:
      A search for each pair.
    """
    return [
        dataclasses.replace(_by_method(search, method), step=step)
        for method in methods
        for step in steps
    ]


def try_searches(
    library: MeshLibrary,
    problems: Sequence[tuple[Tabletop, Tabletop, Array]],
    searches: Sequence[Search],
) -> list[Trial]:
    """Runs each search on each problem.

    Args:
      library: shapes that the estimates refer to.
      problems: true latents, first estimate and `[H, W, 3]` picture; of one size.
      searches: what to try.

    Returns:
      `Trial`s, the highest score first.
    """
    measure, energy = jax.jit(tabletop_errors), tabletop_energy(library)
    trials = []
    for search in tqdm(searches, desc="tune", unit="search"):
        explain = tabletop_minimizer(energy, search)
        before, after, infos = [], [], []
        for truth, estimate, picture in problems:
            result = explain(estimate, picture)
            before.append(measure(estimate, truth))
            after.append(measure(result.params, truth))
            infos.append(result.info)
        trials.append(_trial(search, before, after, infos))
    return sorted(trials, key=lambda trial: -trial.score)


def run_tuning(config: Config, output: str, checkpoint: str) -> dict[str, float]:
    """Tries all methods and a few first steps on the scenes kept for it.

    Args:
      config: sizes.
      output: folder for `tuning.md` and `tuning.json`.
      checkpoint: folder with `guess` and `predictor`.

    Returns:
      `score_{gbo,simplex}`, those of the best search of each kind.

    Raises:
      InputError: if the folder cannot be written or there is no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    library, trained = tabletop_library(), load_trained(config, checkpoint)
    guess = guess_maker(trained.networks, trained.params, min_score=config.min_score)
    scenes = load_scenes(config, "tune", config.num_tune, library, folder)
    cases = _cases(make_problems(*scenes, guess))
    trials, metrics = [], {}
    for name, methods in _METHODS.items():
        search = limited(BASELINES[name], config)
        ranked = try_searches(library, cases, variants(search, methods, _STEPS))
        trials += ranked
        metrics[f"score_{name}"] = ranked[0].score
    write_atomic(folder / "tuning.md", tuning_table(trials))
    write_json(folder / "tuning.json", metrics)
    return metrics


def _by_method(search: Search, method: str) -> Search:
    """The search by a method, which takes no options of another."""
    options = search.options if method == search.method else {}
    return dataclasses.replace(search, method=method, options=options)


def _cases(problems: Problems) -> list[tuple[Tabletop, Tabletop, Array]]:
    """True latents, first estimate and linear picture of each scene."""
    pictures = [np.asarray(linear_from_srgb(p / 255.0)) for p in problems.pictures]

    def row(i):
        return jax.tree.map(lambda x: np.asarray(x[i]), rows)

    rows = problems.found, problems.guesses
    return [(*row(i), picture) for i, picture in enumerate(pictures)]


def tuning_table(trials: Sequence[Trial]) -> str:
    """Searches and what came of them, as Markdown.

    Args:
      trials: in the order of the rows.

    Returns:
      Table with a row per trial.
    """
    heads = [
        "method", "iterations", "rounds", "step", "score",
        *(name.replace("_", " ") for name in SETS),
        "seconds per scene", "evaluations", "accepted",
    ]  # fmt: skip
    rows = []
    for trial in trials:
        search = trial.search
        rows.append(
            [search.method, str(search.iterations), str(search.rounds)]
            + [f"{search.step:g}", f"{trial.score:.1f}"]
            + [f"{trial.improvements[name]:.0f}" for name in SETS]
            + [f"{trial.seconds_per_scene:.1f}", f"{trial.evaluations_per_scene:.0f}"]
            + [f"{trial.accepted_share:.2f}"]
        )
    return markdown_table(heads, rows)


def _trial(search: Search, before: list, after: list, infos: list) -> Trial:
    def stack(dictionaries, name):
        return np.stack([np.asarray(errors[name]) for errors in dictionaries])

    improvements = {
        name: improvement(stack(before, source), stack(after, source))
        for name, source in SETS.items()
    }
    evaluations = sum(int(info["num_evaluations"].sum()) for info in infos)
    accepted = sum(int(info["num_accepted"].sum()) for info in infos)
    return Trial(
        search,
        improvements,
        float(np.mean([info["seconds"].sum() for info in infos])),
        evaluations / len(infos),
        accepted / evaluations if evaluations else float("nan"),
    )


__all__ = [
    "BASELINES",
    "Trial",
    "run_tuning",
    "try_searches",
    "tuning_table",
    "variants",
]
