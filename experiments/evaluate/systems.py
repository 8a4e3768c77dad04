"""What can be evaluated: how a scene is made, and what becomes of it."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

import experiments.ige_pose.config as ige_pose
import experiments.lido.config as lido
import experiments.refine_tabletop.run as plain
from experiments.ige_pose.evaluate import errors_mm
from experiments.ige_pose.examples import sight_of
from experiments.ige_pose.networks import energy_of, init_descent, lift, load_descent
from experiments.lido.guesses import PAIR_SHARE
from experiments.lido.networks import (
    guess_networks,
    load_weights,
    predictor_of,
    trained_predictor,
)
from experiments.lido.scenes import surroundings_of
from ivg.colour import linear_from_srgb
from ivg.data.pose_views import human36m_cameras, sample_view
from ivg.data.poses import sample_pose
from ivg.data.rich_tabletop import sample_rich_tabletop
from ivg.energy.tabletop import tabletop_energy
from ivg.metrics.tabletop import tabletop_errors
from ivg.models.first_guess import first_guess, init_guess
from ivg.refine.gradient import gradient_refiner
from ivg.refine.lido import lido_refiner
from ivg.refine.refiner import Refiner, refine
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import (
    OBJECT_FIELDS,
    Tabletop,
    contact_px,
    tabletop_bounds,
    tabletop_camera,
)
from ivg.typing import Array, PyTree


class System(NamedTuple):
    """A system that explains scenes.

    Attributes:
      load: `() -> params`, arrays that all scenes share.
      sample: `(params, key) -> scene`, traced: a scene is made where it is explained.
      run: `(params, scene) -> row`, traced: a number for each name. Names that end
        with `_initial` and `_final` belong together. A row with a number that is not
        finite is one of a failure.
      read: `index -> scene` on the host, from files say, in the place of `sample`.
        What it raises is the reason of a failure.
      blank: the scene that is computed where `read` has none; what comes out is
        dropped.
    """

    load: Callable[[], PyTree]
    sample: Callable[[PyTree, Array], PyTree] | None
    run: Callable[[PyTree, PyTree], dict[str, Array]]
    read: Callable[[int], PyTree] | None = None
    blank: PyTree = None


def lido_system(preset: str, seed: int) -> System:
    """Table-tops as a camera sees them, found by a detector and refined by LiDO.

    Args:
      preset: "smoke" or "cpu".
      seed: of textures and rooms.

    Returns:
      `System`.
    """
    library = tabletop_library()
    config = lido.PRESETS[preset]

    def refiner(params, votes):
        predict = trained_predictor(config, params["predictor"])
        return lido_refiner(predict, library, votes)

    return _found_tabletops(preset, seed, library, refiner, config.num_iterations)


def gradient_system(preset: str, seed: int) -> System:
    """The scenes and the first guesses of `lido_system`, refined by a gradient.

    Args:
      preset: "smoke" or "cpu".
      seed: of textures and rooms.

    Returns:
      `System`.
    """
    library, config = tabletop_library(), plain.PRESETS[preset]

    def refiner(params, votes):
        del params, votes
        return _gradient(library, config)

    return _found_tabletops(preset, seed, library, refiner, config.steps)


def tabletop_system(preset: str, seed: int) -> System:
    """`experiments.refine_tabletop`: plain table-tops, their latents perturbed.

    Args:
      preset: "smoke" or "cpu".
      seed: not used.

    Returns:
      `System`.
    """
    del seed
    library, config = tabletop_library(), plain.PRESETS[preset]

    def sample(params, key):
        del params
        return plain.sample_problem(key, library, config.size_px)

    def run(params, scene):
        del params
        truth, first, picture = scene
        last = refine(_gradient(library, config), first, picture, config.steps).params
        return _before_and_after(_tabletop_row, truth, first, last)

    return System(dict, sample, run)


def ige_pose_system(preset: str, seed: int) -> System:
    """Procedural human poses, lifted from true joints by IGE-Net's longest descent.

    Args:
      preset: "smoke" or "cpu".
      seed: not used.

    Returns:
      `System`.
    """
    del seed
    config, cameras = ige_pose.PRESETS[preset], human36m_cameras()
    energy, num_steps = energy_of(config), max(config.unrolls)

    def load():
        if preset == "smoke":
            return init_descent(config, jax.random.key(0))
        return load_descent(ige_pose.SHIPPED / f"ige{num_steps}_gt", config)

    def sample(params, key):
        del params
        key_pose, key_view = jax.random.split(key)
        view = sample_view(key_view, cameras, sample_pose(key_pose))
        return sight_of(None, view), view.pose

    def run(params, scene):
        sights, poses = jax.tree.map(lambda x: x[None], scene)
        paths = lift(energy, params, sights, num_steps)
        first, last = errors_mm(paths[:, jnp.array([0, -1])], poses)[0]
        names = ("p1a_mm", "p2_mm")
        return _pairs(
            dict(zip(names, first, strict=True)), dict(zip(names, last, strict=True))
        )

    return System(load, sample, run)


def _found_tabletops(
    preset: str, seed: int, library: MeshLibrary, refiner: Callable, num_steps: int
) -> System:
    """Rich table-tops, first guesses by LiDO's networks, and some refiner."""
    config = lido.PRESETS[preset]
    networks = guess_networks(config)

    def load():
        scenery = dataclasses.replace(config, seed=seed)
        return _lido_weights(config, preset) | {
            "surroundings": surroundings_of(scenery, "test")
        }

    def sample(params, key):
        truth, picture = sample_rich_tabletop(key, library, params["surroundings"])
        return truth, jnp.round(255 * picture) / 255

    def run(params, scene):
        truth, picture = scene
        first, votes, _ = first_guess(
            networks, params["guess"], picture, min_score=config.min_score
        )
        observed = linear_from_srgb(picture)
        last = refine(refiner(params, votes), first, observed, num_steps).params
        found = found_truth(first, truth, picture.shape[0])
        row = _before_and_after(_tabletop_row, found, first, last)
        counts = {"true": truth.mask, "guessed": first.mask, "found": found.mask}
        return row | {f"objects_{k}": jnp.sum(v) for k, v in counts.items()}

    return System(load, sample, run)


def _lido_weights(config: lido.Config, preset: str) -> dict[str, PyTree]:
    if preset != "smoke":
        return load_weights(config, lido.SHIPPED)
    keys = jax.random.split(jax.random.key(0))
    return {
        "guess": init_guess(guess_networks(config), keys[0]),
        "predictor": predictor_of(config).init(keys[1]),
    }


def _gradient(library: MeshLibrary, config: plain.Config) -> Refiner:
    rate = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    return gradient_refiner(
        tabletop_energy(library), optax.adam(rate), tabletop_bounds()
    )


def found_truth(guess: Tabletop, truth: Tabletop, size_px: int) -> Tabletop:
    """The truth with its objects in the places of their guesses, traced.

    Args:
      guess: latents of `N` places, the surest objects first.
      truth: latents of `K` places.
      size_px: side of the picture.

    Returns:
      Latents of `N` places whose mask tells which guesses have a true object: the
      nearest of their class within a tenth of the side that no surer guess has.

    Source: Romaszko et al., Learning Direct Optimization, section 6.2.
    """

    def seen(table):
        return contact_px(table, tabletop_camera(table, height=size_px, width=size_px))

    distance = jnp.linalg.norm(seen(guess)[0][:, None] - seen(truth)[0], axis=-1)
    fits = guess.class_id[:, None] == truth.class_id
    fits &= guess.mask[:, None] & truth.mask & (distance <= PAIR_SHARE * size_px)

    def choose(is_free, row):
        cost = jnp.where(row[1] & is_free, row[0], jnp.inf)
        best = jnp.argmin(cost)
        is_found = jnp.isfinite(cost[best])
        return is_free.at[best].min(~is_found), (best, is_found)

    everything = jnp.ones(truth.mask.shape, bool)
    _, (pairs, mask) = jax.lax.scan(choose, everything, (distance, fits))
    fields = {name: getattr(truth, name)[pairs] for name in OBJECT_FIELDS}
    return truth.replace(**fields | {"mask": mask})


def _tabletop_row(estimate: Tabletop, truth: Tabletop) -> dict[str, Array]:
    """Errors of a scene: means over its objects; NaN if it has none."""
    return jax.tree.map(jnp.nanmean, tabletop_errors(estimate, truth))


def _before_and_after(errors: Callable, truth, first, last) -> dict[str, Array]:
    return _pairs(errors(first, truth), errors(last, truth))


def _pairs(before: dict[str, Array], after: dict[str, Array]) -> dict[str, Array]:
    ends = {"initial": before, "final": after}
    return {f"{name}_{end}": ends[end][name] for name in before for end in ends}


SYSTEMS: dict[str, Callable[[str, int], System]] = {
    "lido": lido_system,
    "gradient": gradient_system,
    "refine_tabletop": tabletop_system,
    "ige_pose": ige_pose_system,
}

__all__ = [
    "SYSTEMS",
    "System",
    "found_truth",
    "gradient_system",
    "ige_pose_system",
    "lido_system",
    "tabletop_system",
]
