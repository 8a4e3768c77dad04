"""Three ways from a first guess to an explanation."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.explain.contours import edge_distance, photograph_energy
from ivg.energy.tabletop import tabletop_energy
from ivg.io.image import resize_image
from ivg.models.votes import Votes, unanimous_votes
from ivg.refine.gradient import gradient_refiner
from ivg.refine.lido import PredictFn, lido_refiner
from ivg.refine.refiner import Refinement, Refiner, refine
from ivg.refine.shapes import choose_shapes
from ivg.refine.tabletop_baseline import SIMPLEX, tabletop_minimizer
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import Tabletop, tabletop_bounds

LIDO_PX = 256
GRADIENT_PX = 128


class View(NamedTuple):
    """What is explained.

    Attributes:
      picture: `[H, H, 3]` linear RGB.
      library: shapes.
      fov_rad: vertical field of view, radians.
      on_step: called after each step.
    """

    picture: np.ndarray
    library: MeshLibrary
    fov_rad: float
    on_step: Callable


def by_lido(
    view: View,
    start: Tabletop,
    votes: Votes | None,
    predict: PredictFn,
    steps: int,
    *,
    has_free_shapes: bool = False,
) -> Refinement:
    """LiDO: a network says where to go.

    Args:
      view: picture.
      start: first guess.
      votes: what its objects say, those of the guess if None.
      predict: Prediction Network.
      steps: `T`.
      has_free_shapes: whether shapes are chosen at the end (`choose_shapes`) and LiDO
        then refines once more, which the paper does not do.

    Returns:
      `Refinement`, with free shapes of `2 T + 1` steps; its `info` has the `energy` of
      the start and after each step, Eq. 1 of the paper, which LiDO does not look at.
      The choice of shapes may raise it, since it is made at matched brightness.
    """
    observation = jnp.asarray(resize_image(view.picture, LIDO_PX, LIDO_PX))

    @jax.jit
    def explain(start, votes, seen):
        refiner = lido_refiner(predict, view.library, votes, fov_rad=view.fov_rad)
        refiner = _with_progress(refiner, view.on_step)
        return refine(refiner, start, seen, steps)

    def path_from(start, votes):
        found = jax.tree.map(np.asarray, explain(start, votes, observation))
        jax.effects_barrier()  # the last ticks of the progress bar
        return found

    found = path_from(start, unanimous_votes(start) if votes is None else votes)
    if has_free_shapes:
        start = _with_chosen_shapes(view, found.params, observation)
        again = path_from(start, unanimous_votes(start))
        paths = found.trajectory, again.trajectory
        joined = jax.tree.map(lambda x, y: np.concatenate([x, y]), *paths)
        found = again.replace(trajectory=joined)
    return _with_energy(view, found, observation)


def by_simplex(view: View, start: Tabletop) -> Refinement:
    """LiDO's baseline: Nelder and Mead's search, block by block.

    Args:
      view: picture.
      start: first guess.

    Returns:
      `Refinement` with an entry for each block; `energy` is Eq. 1 of the paper.
    """
    energy = tabletop_energy(view.library, fov_rad=view.fov_rad)
    observation = jnp.asarray(resize_image(view.picture, GRADIENT_PX, GRADIENT_PX))
    found = tabletop_minimizer(energy, SIMPLEX)(start, observation)
    return _with_energy(view, found, observation)


def by_gradient(
    view: View, starts: Sequence[Tabletop], rate: float, steps: int
) -> Refinement:
    """Adam on colours and contours from several guesses; the best end is kept.

    Args:
      view: picture.
      starts: first guesses.
      rate: of Adam, in widths of the bounds.
      steps: number of steps.

    Returns:
      `Refinement` with `energy` `[T + 1]`, the one that falls.
    """
    small = resize_image(view.picture, GRADIENT_PX, GRADIENT_PX)
    observation = (jnp.asarray(small), jnp.asarray(edge_distance(small)))
    energy = photograph_energy(view.library, fov_rad=view.fov_rad)
    schedule = optax.cosine_decay_schedule(rate, max(steps, 1))
    refiner = gradient_refiner(energy, optax.adam(schedule), tabletop_bounds())
    refiner = _with_progress(refiner, view.on_step)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None))
    def explain(start, observation):
        # One step more tells the energy of where the path ends, and is forgotten.
        found = refine(refiner, start, observation, steps + 1)
        path = jax.tree.map(lambda x: x[:-1], found.trajectory)
        return Refinement(jax.tree.map(lambda x: x[-1], path), path, found.info)

    stacked = jax.tree.map(lambda *x: np.stack(x), *starts)
    refinements = jax.tree.map(np.asarray, explain(stacked, observation))
    jax.effects_barrier()
    best = int(np.argmin(refinements.info["energy"][:, -1]))
    return jax.tree.map(lambda x: x[best], refinements)


def _with_chosen_shapes(view: View, table: Tabletop, observation) -> Tabletop:
    @jax.jit
    def choose(table, observation):
        return choose_shapes(table, observation, view.library, view.fov_rad)

    chosen = jax.tree.map(np.asarray, choose(table, observation))
    view.on_step()
    return chosen


def _with_energy(view: View, found: Refinement, observation) -> Refinement:
    energy = tabletop_energy(view.library, fov_rad=view.fov_rad)

    @jax.jit
    def measure(path, observation):
        return jax.lax.map(lambda table: energy(table, observation), path)

    values = np.asarray(measure(found.trajectory, observation))
    view.on_step()
    return found.replace(info={"energy": values})


def _with_progress(refiner: Refiner, on_step: Callable) -> Refiner:
    def update(step, state, params, observation):
        jax.debug.callback(lambda _: on_step(), step)  # once for all starts
        return refiner.update(step, state, params, observation)

    return Refiner(refiner.init, update)


__all__ = ["GRADIENT_PX", "LIDO_PX", "View", "by_gradient", "by_lido", "by_simplex"]
