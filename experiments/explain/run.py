"""Explains one picture: picture in, editable 3D scene out."""

import dataclasses
import math
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.explain.outputs import write_outputs
from experiments.explain.refiners import (
    LIDO_PX,
    View,
    by_gradient,
    by_lido,
    by_simplex,
)
from experiments.explain.search import SEARCH_PX, coarse_search, num_stages
from experiments.lido.config import PRESETS, SHIPPED
from experiments.lido.networks import Trained, load_trained
from experiments.paths import ASSETS
from ivg.colour import srgb_from_linear
from ivg.io.atomic import check_writable_folder, write_json
from ivg.io.errors import InputError
from ivg.io.image import central_square, load_image, resize_image
from ivg.io.scene_json import load_tabletop
from ivg.metrics.image import intersection_over_union
from ivg.models.first_guess import first_guess
from ivg.models.votes import Votes
from ivg.refine.refiner import Refinement
from ivg.render.linear import preload_kernels
from ivg.render.pipeline import render
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import (
    MAX_OBJECTS,
    OBJECT_CLASSES,
    Tabletop,
    scene_from_tabletop,
)

REFINERS = ("lido", "gradient", "simplex")
_STEPS = {"lido": 30, "gradient": 150, "simplex": 0}
PICTURES = ASSETS / "pictures"


@dataclasses.dataclass(frozen=True)
class Config:
    """What to explain and how.

    Attributes:
      image: path of the picture, the path-traced `tabletop_1.png` if None.
      initial: path of a scene.json to begin with, or None.
      truth: path of the true scene.json, to score against, or None.
      objects: classes of the objects, to be found by a coarse search; if empty and
        there is no `initial`, LiDO's detector finds objects of any class.
      refiner: one of `REFINERS`; after `lido` with one step or more, detected objects
        get the shapes that explain the picture best, and it refines them once more.
      checkpoint: folder with LiDO's networks, those that ivg ships if None.
      min_score: least probability of a detection.
      starts: how many guesses, of different poses, the search hands on.
      steps: of LiDO or of the gradient, from each; if None 30 and 150.
      fov_deg: vertical field of view of the central square, degrees; that of
        `initial` if None and given, else 50.
      learning_rate: of Adam, in widths of the bounds.
      seed: of the random variations in the search.
    """

    image: str | None = None
    initial: str | None = None
    truth: str | None = None
    objects: tuple[str, ...] = ()
    refiner: str = "lido"
    checkpoint: str | None = None
    min_score: float = 0.35
    starts: int = 4
    steps: int | None = None
    fov_deg: float | None = None
    learning_rate: float = 0.001
    seed: int = 0


def run(config: Config, output: str) -> dict[str, float]:
    """Explains a picture and writes the scene and its pictures.

    Args:
      config: what to explain and how.
      output: folder to write `scene.json`, `scene.glb`, `overlay.png`, `steps.gif`,
        `summary.png`, `report.html` and `metrics.json` to.

    Returns:
      `num_objects`, `energy_initial`, `energy_final`, `seconds`, and with a truth
      `iou_initial` and `iou_final`, of the masks of all objects together.

    Raises:
      InputError: if an input cannot be used or the folder cannot be written.
    """
    start = time.perf_counter()
    _check(config)
    picture = central_square(load_image(config.image or PICTURES / "tabletop_1.png"))
    check_writable_folder(output)
    preload_kernels()
    library = tabletop_library()
    initial, fov_deg = _load_initial(config, library)
    truth = None if config.truth is None else load_tabletop(config.truth, library)
    steps = _STEPS[config.refiner] if config.steps is None else config.steps
    stages = num_stages(config.objects) if config.objects else 1
    free = _has_free_shapes(config)
    stages = 0 if config.initial else stages + free
    total = stages + (2 if free else 1) * steps + 2
    with tqdm(total=total, desc="explain", unit="step") as bar:
        view = View(picture, library, math.radians(fov_deg), bar.update)
        starts, votes, predict = _starts(config, view, initial)
        refinement = _refine(config, view, starts, votes, predict, steps)
        metrics = _figures(refinement, view, truth)
        metrics["seconds"] = time.perf_counter() - start
        write_outputs(output, picture, refinement, library, fov_deg, metrics)
        bar.update()
    metrics["seconds"] = time.perf_counter() - start
    write_json(Path(output) / "metrics.json", metrics)
    return metrics


def _check(config: Config) -> None:
    """Refuses values that no picture could be explained with."""
    unknown = [name for name in config.objects if name not in OBJECT_CLASSES]
    if unknown or len(config.objects) > MAX_OBJECTS:
        raise InputError(
            f"--objects={','.join(config.objects)}: name 1 to {MAX_OBJECTS} of "
            f"{', '.join(OBJECT_CLASSES)}"
        )
    if config.refiner not in REFINERS:
        raise InputError(
            f"--refiner={config.refiner}: choose one of {', '.join(REFINERS)}"
        )
    if not 0 <= config.min_score <= 1:
        raise InputError(f"--min_score={config.min_score}: give 0 to 1")
    if (config.steps or 0) < 0:
        raise InputError(f"--steps={config.steps}: give zero or more")
    if config.refiner == "simplex" and config.steps is not None:
        raise InputError(
            f"--steps={config.steps}: simplex ends by itself; leave the flag out, or "
            "name another --refiner"
        )
    if config.fov_deg is not None and not 5 <= config.fov_deg <= 120:
        raise InputError(f"--fov_deg={config.fov_deg}: give 5 to 120 degrees")


def _load_initial(config: Config, library: MeshLibrary):
    """The latents to begin with, or None, and the field of view in degrees."""
    if config.initial is None:
        return None, config.fov_deg or 50.0
    initial, fov_deg = load_tabletop(config.initial, library)
    return initial, config.fov_deg or fov_deg


def _starts(config: Config, view: View, initial: Tabletop | None):
    """First guesses, what objects say about what they share, and LiDO's predictor."""
    trained = None
    if config.refiner == "lido" or _is_detected(config):
        trained = load_trained(
            PRESETS["cpu"], config.checkpoint or SHIPPED, view.fov_rad
        )
    predict = None if trained is None else trained.predict
    if initial is not None:
        return [initial], None, predict
    if config.objects:
        small = jnp.asarray(resize_image(view.picture, SEARCH_PX, SEARCH_PX))
        starts = coarse_search(
            jax.random.key(config.seed), small, config.objects, view.library,
            fov_rad=view.fov_rad, num_best=config.starts, on_stage=view.on_step,
        )  # fmt: skip
        return starts, None, predict
    guess, votes = _detect(trained, config, view)
    view.on_step()
    return [guess], votes, predict


def _detect(trained: Trained, config: Config, view: View) -> tuple[Tabletop, Votes]:
    """The first guess of LiDO's networks."""
    small = srgb_from_linear(resize_image(view.picture, LIDO_PX, LIDO_PX))

    @jax.jit
    def guess(params, picture):
        return first_guess(
            trained.networks, params, picture,
            min_score=config.min_score, fov_rad=view.fov_rad,
        )  # fmt: skip

    table, votes, _ = jax.tree.map(np.asarray, guess(trained.params, small))
    if not table.mask.any():
        raise InputError(
            f"no {', '.join(OBJECT_CLASSES)} was found in the picture: give less than "
            f"--min_score={config.min_score}, or name what there is (--objects)"
        )
    return table, votes


def _refine(config: Config, view: View, starts, votes, predict, steps) -> Refinement:
    if config.refiner == "gradient":
        return by_gradient(view, starts, config.learning_rate, steps)
    if config.refiner == "simplex":
        return by_simplex(view, starts[0])
    free = _has_free_shapes(config)
    return by_lido(view, starts[0], votes, predict, steps, has_free_shapes=free)


def _is_detected(config: Config) -> bool:
    """Whether LiDO's networks find the objects: nobody has named any, or a scene."""
    return config.initial is None and not config.objects


def _has_free_shapes(config: Config) -> bool:
    """Whether LiDO refines what its networks found, shapes among it."""
    return _is_detected(config) and config.refiner == "lido" and config.steps != 0


def _figures(refinement: Refinement, view: View, truth) -> dict[str, float]:
    energies = refinement.info["energy"]
    metrics = {
        "num_objects": int(refinement.params.mask.sum()),
        "energy_initial": float(energies[0]),
        "energy_final": float(energies[-1]),
    }
    if truth is not None:
        metrics |= _overlaps(refinement, view.fov_rad, *truth, view.library)
    return metrics


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


__all__ = ["PICTURES", "REFINERS", "Config", "run"]
