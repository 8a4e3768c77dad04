"""Where the estimates come from that the Prediction Network learns to mend.

Source: Romaszko et al., Learning Direct Optimization, section 6.2, for the first two.
"""

from collections.abc import Callable

import jax
import numpy as np

from experiments.chunks import in_chunks
from experiments.lido.config import Config
from experiments.lido.examples import (
    Examples,
    median_errors,
    near_truth,
    only_objects,
)
from experiments.lido.guesses import Problems, make_problems
from ivg.colour import linear_from_srgb
from ivg.data.perturb import Perturbation
from ivg.refine.lido import PredictFn, lido_refiner
from ivg.refine.refiner import refine
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import Tabletop
from ivg.typing import Array


def examples_from_guesses(problems: Problems, make_examples: Callable) -> Examples:
    """Source 1: estimates are first guesses of the networks.

    Args:
      problems: scenes with their guesses.
      make_examples: from `example_maker`.

    Returns:
      `Examples` of all objects that were found.
    """
    scenes = problems.found, problems.pictures, problems.guesses, problems.votes
    made = in_chunks(make_examples, *scenes)
    return only_objects(made, problems.found.mask)


def examples_near_truth(
    key: Array,
    scenes: tuple[Tabletop, np.ndarray],
    spread: Perturbation,
    make_examples: Callable,
) -> Examples:
    """Source 2: estimates are the truth with a little noise, drawn once for each scene.

    Args:
      key: random key, consumed.
      scenes: true latents and pictures `[M, H, W, 3]`.
      spread: half widths of the uniform noise.
      make_examples: from `example_maker`.

    Returns:
      `Examples` of all objects.
    """
    truths, pictures = scenes
    keys = jax.random.split(key, len(pictures))
    disturb = jax.jit(jax.vmap(near_truth, (0, 0, None)))
    tables, votes = disturb(keys, truths, spread)
    made = in_chunks(make_examples, truths, pictures, tables, votes)
    return only_objects(made, truths.mask)


def examples_on_the_way(
    config: Config,
    scenes: Callable,
    guess: Callable,
    explain: Callable,
    make_examples: Callable,
) -> list[Examples]:
    """Source 3: estimates are where a refinement stands after some of its steps.

    Errors of a network repeat themselves: what it says of its own estimates is not
    what it learned from random ones. Here it learns what to say of them.

    Args:
      config: counts.
      scenes: `(split, num) -> (truths, pictures)`.
      guess: from `guess_maker`.
      explain: from `way_maker`.
      make_examples: from `example_maker`.

    Returns:
      `Examples` of all objects that were found, for each draw.

    Source: ours, after Ross et al., A Reduction of Imitation Learning and Structured
    Prediction to No-Regret Online Learning, 2011 (DAgger).
    """
    problems = make_problems(*scenes("source3", config.num_source3), guess)
    num, draws = len(problems.pictures), config.way_draws
    keys = jax.random.split(_source_key(config, 3), (num, draws))
    start = problems.guesses, problems.votes, problems.pictures
    estimates = in_chunks(explain, keys, *start, label="source3 estimates")

    def of_draw(i):
        tables, votes = jax.tree.map(lambda x: x[:, i], estimates)
        return problems.replace(guesses=tables, votes=votes)

    return [examples_from_guesses(of_draw(i), make_examples) for i in range(draws)]


def way_maker(predict: PredictFn, library: MeshLibrary, num_steps: int) -> Callable:
    """Makes the compiled function that refines and stops somewhere.

    Args:
      predict: predictor.
      library: shapes.
      num_steps: `T` of the refinement.

    Returns:
      Function of random keys `[M, D]`, first latents, `Votes` and pictures `[M]` to the
      latents and votes `[M, D]` after 1 to `T` steps, each as likely.
    """

    def one(scene):
        keys, table, votes, picture = scene
        refiner = lido_refiner(predict, library, votes)
        linear = linear_from_srgb(picture / 255.0)

        found = refine(refiner, table, linear, num_steps)
        tables = jax.tree.map(lambda x: x[1:], found.trajectory)
        stops = jax.vmap(lambda k: jax.random.randint(k, (), 0, num_steps))(keys)
        return jax.tree.map(lambda x: x[stops], (tables, found.info["votes"]))

    @jax.jit
    def explain(*scenes):
        return jax.lax.map(one, scenes)

    return explain


def concatenate(*examples: Examples) -> Examples:
    """All examples in one row.

    Args:
      *examples: `Examples`.

    Returns:
      `Examples` of as many objects as all of them have.
    """
    return jax.tree.map(lambda *x: np.concatenate(x), *examples)


def examples_of_paper(
    config: Config, scenes: Callable, guess: Callable, make_examples: Callable
) -> Examples:
    """What the Prediction Network learns from at first: the two sources of the paper.

    Args:
      config: counts.
      scenes: `(split, num) -> (truths, pictures)`.
      guess: from `guess_maker`.
      make_examples: from `example_maker`.

    Returns:
      `Examples`. The noise of source 2 is as wide as the median errors of source 1.
    """
    first = make_problems(*scenes("source1", config.num_source1), guess)
    second = scenes("source2", config.num_source2)
    spread = median_errors(first.guesses, first.found)
    keys = jax.random.split(_source_key(config, 2), config.source2_draws)
    parts = [examples_from_guesses(first, make_examples)]
    parts += [examples_near_truth(k, second, spread, make_examples) for k in keys]
    return concatenate(*parts)


def _source_key(config: Config, source: int) -> Array:
    """Of the noise of a source; scenes and surroundings have other numbers."""
    return jax.random.fold_in(jax.random.key(config.seed), 200 + source)


__all__ = [
    "concatenate",
    "examples_from_guesses",
    "examples_near_truth",
    "examples_of_paper",
    "examples_on_the_way",
    "way_maker",
]
