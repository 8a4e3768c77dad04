"""Explains one picture: picture in, editable 3D scene out."""

import dataclasses
import functools
import json
import math
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from experiments.explain.contours import edge_distance, photograph_energy
from experiments.explain.outputs import write_outputs
from experiments.explain.search import SEARCH_PX, coarse_search, num_stages
from ivg.io.atomic import check_writable_folder, write_atomic
from ivg.io.errors import InputError
from ivg.io.image import central_square, load_image, resize_image
from ivg.io.scene_json import load_tabletop
from ivg.metrics.image import intersection_over_union
from ivg.refine.gradient import gradient_refiner
from ivg.refine.refiner import Refinement, Refiner, refine
from ivg.render.linear import preload_kernels
from ivg.render.pipeline import render
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import (
    MAX_OBJECTS,
    OBJECT_CLASSES,
    Tabletop,
    scene_from_tabletop,
    tabletop_bounds,
)

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"


@dataclasses.dataclass(frozen=True)
class Config:
    """What to explain and how.

    Attributes:
      image: path of the picture, the shipped photograph if None.
      initial: path of a scene.json to begin with, a coarse search if None.
      truth: path of the true scene.json, to score against, or None.
      objects: classes to look for, without `initial`.
      starts: how many guesses, of different poses, the search hands on.
      steps: gradient steps from each.
      fov_deg: vertical field of view of the central square, degrees; that of
        `initial` if None and given, else 50.
      size_px: side of the picture that is compared.
      learning_rate: of Adam, in widths of the bounds.
      seed: of the random variations in the search.
    """

    image: str | None = None
    initial: str | None = None
    truth: str | None = None
    objects: tuple[str, ...] = ("mug",)
    starts: int = 4
    steps: int = 150
    fov_deg: float | None = None
    size_px: int = 128
    learning_rate: float = 0.001
    seed: int = 0


def run(config: Config, output: str) -> dict[str, float]:
    """Explains a picture and writes the scene and its pictures.

    Args:
      config: what to explain and how.
      output: folder to write `scene.json`, `scene.glb`, `overlay.png`, `steps.gif`,
        `summary.png`, `report.html` and `metrics.json` to.

    Returns:
      `energy_initial`, `energy_final`, `seconds`, and with a truth `iou_initial` and
      `iou_final`, of the masks of all objects together.

    Raises:
      InputError: if an input cannot be used or the folder cannot be written.
    """
    start = time.perf_counter()
    _check(config)
    picture = central_square(load_image(config.image or PICTURES / "coffee.png"))
    check_writable_folder(output)
    preload_kernels()
    library = tabletop_library()
    initial, fov_deg = _load_initial(config, library)
    truth = None if config.truth is None else load_tabletop(config.truth, library)
    stages = 0 if config.initial else num_stages(config.objects)
    fov_rad = math.radians(fov_deg)
    with tqdm(total=stages + config.steps + 2, desc="explain", unit="step") as bar:
        starts = [initial]
        if initial is None:
            small = jnp.asarray(resize_image(picture, SEARCH_PX, SEARCH_PX))
            key = jax.random.key(config.seed)
            starts = coarse_search(
                key, small, config.objects, library, fov_rad=fov_rad,
                num_best=config.starts, on_stage=bar.update,
            )  # fmt: skip
        refinement, metrics = _refine(config, starts, picture, library, fov_rad, bar)
        if truth is not None:
            metrics |= _overlaps(refinement, fov_rad, *truth, library)
        metrics["seconds"] = time.perf_counter() - start
        write_outputs(output, picture, refinement, library, fov_deg, metrics)
        bar.update()
    metrics["seconds"] = time.perf_counter() - start
    write_atomic(Path(output) / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    return metrics


def _check(config: Config) -> None:
    """Refuses values that no picture could be explained with."""
    unknown = [name for name in config.objects if name not in OBJECT_CLASSES]
    if unknown or not 1 <= len(config.objects) <= MAX_OBJECTS:
        raise InputError(
            f"--objects={','.join(config.objects)}: name 1 to {MAX_OBJECTS} of "
            f"{', '.join(OBJECT_CLASSES)}"
        )
    if config.steps < 0:
        raise InputError(f"--steps={config.steps}: give zero or more")
    if config.fov_deg is not None and not 5 <= config.fov_deg <= 120:
        raise InputError(f"--fov_deg={config.fov_deg}: give 5 to 120 degrees")


def _load_initial(config: Config, library: MeshLibrary):
    """The latents to begin with, or None, and the field of view in degrees."""
    if config.initial is None:
        return None, config.fov_deg or 50.0
    initial, fov_deg = load_tabletop(config.initial, library)
    return initial, config.fov_deg or fov_deg


def _with_progress(refiner: Refiner, bar: tqdm) -> Refiner:
    def update(step, state, params, observation):
        jax.debug.callback(lambda _: bar.update(), step)  # once for all starts
        return refiner.update(step, state, params, observation)

    return Refiner(refiner.init, update)


def _refine(
    config: Config, starts: list[Tabletop], picture: np.ndarray, library, fov_rad, bar
) -> tuple[Refinement, dict[str, float]]:
    """Follows the gradient of the energy from all starts and keeps the best end.

    Takes one step more than asked for, which tells the energy of where it ends, and
    forgets it. Also gives the energies before and after.
    """
    small = resize_image(picture, config.size_px, config.size_px)
    observation = (jnp.asarray(small), jnp.asarray(edge_distance(small)))
    energy = photograph_energy(library, fov_rad=fov_rad)
    schedule = optax.cosine_decay_schedule(config.learning_rate, max(config.steps, 1))
    refiner = gradient_refiner(energy, optax.adam(schedule), tabletop_bounds())
    refiner = _with_progress(refiner, bar)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None))
    def explain(start, observation):
        found = refine(refiner, start, observation, config.steps + 1)
        path = jax.tree.map(lambda x: x[:-1], found.trajectory)
        return Refinement(jax.tree.map(lambda x: x[-1], path), path, found.info)

    stacked = jax.tree.map(lambda *x: np.stack(x), *starts)
    refinements = jax.tree.map(np.asarray, explain(stacked, observation))
    jax.effects_barrier()  # the last ticks of the progress bar
    best = int(np.argmin(refinements.info["energy"][:, -1]))
    refinement = jax.tree.map(lambda x: x[best], refinements)
    energies = refinement.info["energy"]
    return refinement, {
        "energy_initial": float(energies[0]),
        "energy_final": float(energies[-1]),
    }


def _overlaps(
    refinement: Refinement, fov_rad, truth: Tabletop, truth_fov_deg: float, library
) -> dict[str, float]:
    """Intersection over union of the masks of all objects, before and after."""

    def mask(latents, fov_rad):
        scene = scene_from_tabletop(latents, library, fov_rad=fov_rad)
        return render(scene, mode="hard").object_index > 0

    true_mask = mask(truth, math.radians(truth_fov_deg))
    first = jax.tree.map(lambda x: x[0], refinement.trajectory)
    return {
        "iou_initial": float(intersection_over_union(mask(first, fov_rad), true_mask)),
        "iou_final": float(
            intersection_over_union(mask(refinement.params, fov_rad), true_mask)
        ),
    }


__all__ = ["PICTURES", "Config", "run"]
