"""How well networks align the objects of rooms that they have not seen."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.multi_sparc.config import Config
from experiments.multi_sparc.data import TestRooms
from ivg.data.indoor_cameras import in_world
from ivg.metrics.alignment import (
    Aligned,
    alignment_errors,
    is_accurate,
    match_scene,
    shared_fold,
    suppress,
)
from ivg.metrics.detection import Calibration, calibration_curve, match_boxes
from ivg.metrics.mesh_f1 import ap_mesh, ap_mesh_mean, mesh_f1
from ivg.metrics.tally import Tally, accuracy_percent, tally
from ivg.refine.multi_sparc import Alignment
from ivg.scene.indoor import INDOOR_NAMES, place_points

RHOS = (0.3, 0.5, 0.7)


class Result(NamedTuple):
    """What a method finds in test rooms.

    Attributes:
      alignment: `Alignment` of `[E]` pictures, those of a room one after another.
      score: `[E, N]` by which predictions are put in order.
    """

    alignment: Alignment
    score: np.ndarray


def room_truth(tests: TestRooms, num_views: int) -> Aligned:
    """The true objects of rooms: those that some view shows.

    Args:
      tests: `S` rooms.
      num_views: `V`.

    Returns:
      `Aligned` of `[S, K]`, in the world.
    """
    rooms, models = tests.rooms, tests.models
    seen = np.asarray(tests.clean.object_id).reshape(len(rooms.mask), num_views, -1)
    places = np.arange(rooms.mask.shape[1])
    shown = (seen[..., None] == places).any((1, 2))
    return Aligned(
        placement=rooms.placement,
        present=rooms.mask & shown,
        category=np.asarray(models.category)[rooms.model],
        fold=np.asarray(models.fold)[rooms.model],
        score=np.ones(rooms.mask.shape, np.float32),
    )


@jax.jit
def _scene_tally(cameras, placements, found, score, truth: Aligned):
    """`Tally` of a room from the predictions of its views."""
    world = jax.vmap(in_world)(cameras, placements)
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), world)
    predictions = Aligned(
        flat, *(x.reshape(-1) for x in (found.present, found.category, found.fold)),
        score.reshape(-1),
    )  # fmt: skip
    kept = suppress(predictions)
    predictions = predictions._replace(present=kept)
    hits = match_scene(predictions, truth)
    counts = tally(hits, predictions.category, truth.present, truth.category)
    return counts, kept, hits


def scene_tallies(config: Config, tests: TestRooms, result: Result) -> Tally:
    """The per-scene protocol: views together, repetitions suppressed.

    Args:
      config: views.
      tests: `S` rooms.
      result: of a method, of the first `S' <= S` rooms.

    Returns:
      `Tally` of `[S', 9]`.

    Source: Multi-SPARC, section 4; the variant of ROCA and SPARC.
    """
    truth = room_truth(tests, config.num_views)
    found = tests.pictures.examples.picture.detections
    rows = len(result.score) // config.num_views
    parts = []
    for room in range(rows):
        own = slice(room * config.num_views, (room + 1) * config.num_views)
        cameras, placements, seen = jax.tree.map(
            lambda x, own=own: x[own],
            (tests.clean.camera, result.alignment.placement, found),
        )
        true = jax.tree.map(lambda x, room=room: x[room], truth)
        counts, _, _ = _scene_tally(cameras, placements, seen, result.score[own], true)
        parts.append(jax.tree.map(np.asarray, counts))
    return jax.tree.map(lambda *x: np.stack(x), *parts)


def accuracy_metrics(
    config: Config, row: str, tallies: Tally, full: bool
) -> dict[str, float]:
    """Accuracies of a method with an interval over rooms.

    Args:
      config: draws.
      row: name of the method.
      tallies: of `[S, 9]`.
      full: whether categories and their mean are wanted.

    Returns:
      `accuracy_{row}`, `accuracy_{row}_low` and `_high` (95 %), per cent; if wanted
      `accuracy_{row}_class` and `accuracy_{row}_{category}`.
    """
    total = accuracy_percent(jax.tree.map(lambda x: x.sum(0), tallies))
    hits, counts = (np.asarray(x).sum(-1) for x in tallies)
    low, high = _interval(config, hits, counts)
    name = f"accuracy_{row}"
    metrics = {name: total.instance, f"{name}_low": low, f"{name}_high": high}
    if full:
        metrics[f"{name}_class"] = total.category_mean
        known = zip(INDOOR_NAMES, total.per_category, strict=True)
        metrics |= {f"{name}_{c}": x for c, x in known if np.isfinite(x)}
    return {key: float(value) for key, value in metrics.items()}


def difference_metrics(
    config: Config, row: str, tallies: Tally, other: Tally
) -> dict[str, float]:
    """How much better "joint" is than another method, on the same rooms.

    Args:
      config: draws.
      row: name of the other.
      tallies: of "joint", `[S, 9]`.
      other: `[S', 9]`, of the first rooms.

    Returns:
      `gain_over_{row}` and the ends of its interval of 95 % over rooms, points of
      per cent.
    """
    hits, counts = (np.asarray(x).sum(-1)[: len(other.hits)] for x in tallies)
    gain = hits - np.asarray(other.hits).sum(-1)
    low, high = _interval(config, gain, counts)
    name, mean = f"gain_over_{row}", 100 * gain.sum() / max(counts.sum(), 1)
    return {name: float(mean), f"{name}_low": float(low), f"{name}_high": float(high)}


def _interval(config, hits, counts):
    """The 95 % of a share in per cent, over draws of rooms `[S]` with replacement."""
    rng = np.random.default_rng(config.seed)
    draws = rng.integers(0, len(hits), (config.bootstrap, len(hits)))
    shares = 100 * hits[draws].sum(1) / np.maximum(counts[draws].sum(1), 1)
    return np.percentile(shares, [2.5, 97.5])


class PictureResult(NamedTuple):
    """Predictions of all pictures, `D` of them.

    Attributes:
      accurate: `[D]` bool.
      f1: `[D, 3]` of the meshes, at `RHOS`.
      score: `[D]`.
      detector: `[D]` confidence of the detector.
      category: `[D]` of the detection.
      truth: `[D]` number of the true object over all pictures, -1 for none.
      true_category: `[T]` of all true objects.
    """

    accurate: np.ndarray
    f1: np.ndarray
    score: np.ndarray
    detector: np.ndarray
    category: np.ndarray
    truth: np.ndarray
    true_category: np.ndarray


def picture_result(tests: TestRooms, result: Result) -> PictureResult:
    """The per-image protocol: each detection against the object under its box.

    Args:
      tests: rooms.
      result: of a method.

    Returns:
      `PictureResult`.

    Source: Multi-SPARC, section 4.
    """
    clean, noisy = tests.clean, tests.pictures.examples
    models = tests.models

    @jax.jit
    def one(given):
        clean, noisy, placement = given
        found, true = noisy.picture.detections, clean.picture.detections
        rows = match_boxes(
            found.box_px, found.category, found.present,
            true.box_px, clean.category, true.present,
        )  # fmt: skip
        truth = jax.tree.map(lambda x: x[rows], clean.truth)
        fold = shared_fold(found.fold, clean.fold[rows])
        accurate = jax.vmap(is_accurate)(placement, truth, fold) & (rows >= 0)

        def f1(own, true, points, true_points):
            placed = place_points(own, points), place_points(true, true_points)
            return mesh_f1(*placed, jnp.max(true.size), RHOS)

        points = models.points[noisy.retrieved], models.points[clean.model[rows]]
        scores = jax.lax.map(lambda x: f1(*x), (placement, truth, *points))
        return rows, accurate & found.present, scores

    given = (clean, noisy, result.alignment.placement)
    given = jax.tree.map(jnp.asarray, given)
    rows, accurate, f1 = map(np.asarray, jax.lax.map(one, given))
    found = noisy.picture.detections
    shown, there = (np.asarray(x.picture.detections.present) for x in (noisy, clean))
    numbers = np.where(there, np.cumsum(there).reshape(there.shape) - 1, -1)
    truth = np.where(rows >= 0, np.take_along_axis(numbers, np.maximum(rows, 0), 1), -1)
    return PictureResult(
        accurate[shown], f1[shown], np.asarray(result.score)[shown],
        np.asarray(found.score)[shown], np.asarray(found.category)[shown],
        truth[shown], np.asarray(clean.category)[there],
    )  # fmt: skip


def picture_metrics(result: PictureResult) -> dict[str, float]:
    """Table 2.

    Args:
      result: of a method.

    Returns:
      `image_accuracy` and `image_accuracy_class`, `ap50_{3,5,7}` and `apmean_{3,5,7}`,
      per cent.
    """
    counts = tally(
        jnp.asarray(result.accurate), jnp.asarray(result.category),
        jnp.ones(len(result.category), bool), jnp.asarray(result.category),
    )  # fmt: skip
    total = accuracy_percent(counts)
    metrics = {
        "image_accuracy": total.instance, "image_accuracy_class": total.category_mean
    }  # fmt: skip
    for column, rho in enumerate(RHOS):
        own = (
            result.score, result.category, result.truth, result.f1[:, column],
            result.true_category,
        )  # fmt: skip
        name = f"{round(10 * rho)}"
        metrics[f"ap50_{name}"] = 100 * ap_mesh(*own)
        metrics[f"apmean_{name}"] = 100 * ap_mesh_mean(*own)
    return {key: float(value) for key, value in metrics.items()}


def calibrations(result: PictureResult, num_groups: int = 10) -> dict[str, Calibration]:
    """Fig. 4b: accuracy of predictions in groups of their scores.

    Args:
      result: of "joint".
      num_groups: of about as many predictions.

    Returns:
      `Calibration` by name: of the learned score and of the detector's confidence.
    """
    scores = {"3D classification": result.score, "2D confidence": result.detector}
    groups = min(num_groups, len(result.score))
    return {
        name: calibration_curve(score, result.accurate, groups)
        for name, score in scores.items()
    }


def error_metrics(tests: TestRooms, result: Result) -> dict[str, float]:
    """Medians of the errors of all detections, and the best of all starts.

    Args:
      tests: rooms.
      result: of "joint".

    Returns:
      `median_translation_m`, `median_rotation_deg`, `median_scale_percent`;
      `image_accuracy_own` of detections against their own objects, and
      `image_accuracy_best_start`, what it would be if the score chose perfectly.
    """
    noisy, clean = tests.pictures.examples, tests.clean
    shown = np.asarray(noisy.picture.detections.present)
    fold = np.asarray(clean.fold)
    errors = jax.jit(jax.vmap(jax.vmap(alignment_errors)))(
        result.alignment.placement, clean.truth, fold
    )
    check = jax.vmap(jax.vmap(jax.vmap(is_accurate)), (1, None, None), 1)
    right = np.asarray(jax.jit(check)(result.alignment.placements, clean.truth, fold))
    own = jax.vmap(jax.vmap(is_accurate))(result.alignment.placement, clean.truth, fold)
    names = ("median_translation_m", "median_rotation_deg", "median_scale_percent")
    values = [np.median(np.asarray(x)[shown]) for x in errors]
    values[1] = np.rad2deg(values[1])
    metrics = dict(zip(names, map(float, values), strict=True))
    metrics["image_accuracy_own"] = float(100 * np.asarray(own)[shown].mean())
    metrics["image_accuracy_best_start"] = float(100 * right.any(1)[shown].mean())
    return metrics


def results_of(
    alignments: Mapping[str, Alignment], tests: TestRooms
) -> dict[str, Result]:
    """All methods, and "joint" put in order by the confidence of the detector.

    Args:
      alignments: by name.
      tests: rooms.

    Returns:
      `Result` by name, "confidence_2d" among them.
    """
    detector = np.asarray(tests.pictures.examples.picture.detections.score)
    results = {name: Result(x, np.asarray(x.score)) for name, x in alignments.items()}
    return results | {"confidence_2d": Result(alignments["joint"], detector)}


__all__ = [
    "RHOS",
    "PictureResult",
    "Result",
    "accuracy_metrics",
    "calibrations",
    "difference_metrics",
    "error_metrics",
    "picture_metrics",
    "picture_result",
    "results_of",
    "room_truth",
    "scene_tallies",
]
