"""How well models are aligned to the objects of a scene: Scan2CAD's accuracy.

An alignment is accurate if its category is right and translation, rotation and scale
are within thresholds, where turns that look the same are the same. `P` predictions and
`T` true objects of one scene, or of one picture, are padded; batch with `jax.vmap`.

Source: Avetisyan et al., Scan2CAD, 2019, with the variants of Vid2CAD, ROCA and SPARC;
Langer et al., Sparse Multi-Object Render-and-Compare, section 4.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.geometry import rotation
from ivg.numerics import safe_norm
from ivg.scene.indoor import Placement
from ivg.typing import Array

MOST_FOLDS = 36


class Thresholds(NamedTuple):
    """Greatest errors.

    Attributes:
      translation_m: metres.
      rotation_rad: radians.
      scale_percent: percent.
    """

    translation_m: float = 0.2
    rotation_rad: float = math.radians(20.0)
    scale_percent: float = 20.0


ACCURATE = Thresholds()
SAME_OBJECT = Thresholds(0.4, math.radians(60.0), 60.0)


class Errors(NamedTuple):
    """Errors of an alignment.

    Attributes:
      translation_m: `[]` metres.
      rotation_rad: `[]` radians, in [0, pi].
      scale_percent: `[]` percent.
    """

    translation_m: Array
    rotation_rad: Array
    scale_percent: Array


class Aligned(NamedTuple):
    """Objects of a scene, predicted or true, padded to `N`.

    Attributes:
      placement: `Placement` of `[N]`, all in one frame.
      present: `[N]` bool, false for padding.
      category: `[N]` int32, place in `INDOOR_NAMES`.
      fold: `[N]` int32, turns about y that look the same, of the model.
      score: `[N]` confidence; of no meaning for true objects.
    """

    placement: Placement
    present: Array
    category: Array
    fold: Array
    score: Array


def rotation_error(quaternion: Array, truth: Array, fold: Array) -> Array:
    """Angle to the nearest of the true orientations that look the same.

    Args:
      quaternion: `[4]` wxyz.
      truth: `[4]` wxyz.
      fold: `[]` int32 in [1, 36], turns about the y axis of the model that look the
        same; 36 stands for all.

    Returns:
      `[]` radians in [0, pi].
    """
    turns = 2 * jnp.pi * (jnp.arange(MOST_FOLDS) % fold) / fold

    def angle(turn):
        alike = rotation.multiply(truth, rotation.quaternion_from_azimuth(turn))
        return rotation.angle_between(quaternion, alike)

    return jnp.min(jax.vmap(angle)(turns))


def shared_fold(fold: Array, true_fold: Array) -> Array:
    """Turns that count as the same when the model was retrieved.

    Args:
      fold: `[...]` int32 of the predicted model.
      true_fold: `[...]` int32 of the true one.

    Returns:
      `[...]` int32: theirs if they agree, else one.

    Source: evaluation of SPARC; Scan2CAD's looks at the true model alone.
    """
    return jnp.where(fold == true_fold, true_fold, 1)


def scale_error(size: Array, truth: Array, *, official: bool = False) -> Array:
    """Error of the size in percent.

    Args:
      size: `[3]` metres, positive.
      truth: `[3]` metres, positive.
      official: whether errors of the axes may cancel each other, as in Scan2CAD:
        `100 |mean(s / s_gt) - 1|`; else `100 mean |s / s_gt - 1|`, as in SPARC.

    Returns:
      `[]` percent.
    """
    excess = size / truth - 1
    return 100 * (jnp.abs(jnp.mean(excess)) if official else jnp.mean(jnp.abs(excess)))


def alignment_errors(
    placement: Placement, truth: Placement, fold: Array, *, official: bool = False
) -> Errors:
    """Errors of one alignment.

    Args:
      placement: predicted.
      truth: true, in the same frame.
      fold: `[]` int32, turns about y that look the same.
      official: see `scale_error`.

    Returns:
      `Errors`.
    """
    return Errors(
        safe_norm(placement.position - truth.position),
        rotation_error(placement.quaternion, truth.quaternion, fold),
        scale_error(placement.size, truth.size, official=official),
    )


def is_accurate(
    placement: Placement,
    truth: Placement,
    fold: Array,
    *,
    thresholds: Thresholds = ACCURATE,
    official: bool = False,
) -> Array:
    """Whether one alignment is accurate.

    Args:
      placement: predicted.
      truth: true, in the same frame.
      fold: `[]` int32, turns about y that look the same.
      thresholds: greatest errors.
      official: see `scale_error`.

    Returns:
      `[]` bool.
    """
    errors = alignment_errors(placement, truth, fold, official=official)
    return jnp.all(jnp.stack(errors) <= jnp.asarray(thresholds))


def _are_close(a: Aligned, b: Aligned, thresholds: Thresholds, official: bool):
    """`[N, M]` bool: present, of one category and within the thresholds."""

    def pair(i, j):
        one, other = (
            jax.tree.map(lambda x, k=k: x[k], x.placement) for x, k in ((a, i), (b, j))
        )
        fold = b.fold[j] if official else shared_fold(a.fold[i], b.fold[j])
        near = is_accurate(one, other, fold, thresholds=thresholds, official=official)
        return near & (a.category[i] == b.category[j]) & a.present[i] & b.present[j]

    n, m = (jnp.arange(x.present.shape[0]) for x in (a, b))
    return jax.vmap(jax.vmap(pair, (None, 0)), (0, None))(n, m)


def suppress(predictions: Aligned, *, thresholds: Thresholds = SAME_OBJECT) -> Array:
    """Which predictions of several views of a room are not repetitions of a better one.

    Args:
      predictions: of all views together, in the world.
      thresholds: errors up to which two of a category are the same object.

    Returns:
      `[P]` bool, present and kept: by descending score, each unless it is close to one
      that was kept.

    Source: Vid2CAD's evaluation, which ROCA and SPARC use: 0.4 m, 60 degrees and 0.6,
    all three at once. We read the last as a scale error of 60 percent.
    """
    close = _are_close(predictions, predictions, thresholds, False)

    def step(kept, i):
        keep = predictions.present[i] & ~jnp.any(close[i] & kept)
        return kept.at[i].set(keep), None

    order = jnp.argsort(-predictions.score)
    kept, _ = jax.lax.scan(step, jnp.zeros_like(predictions.present), order)
    return kept


def match_scene(
    predictions: Aligned,
    truth: Aligned,
    *,
    thresholds: Thresholds = ACCURATE,
    official: bool = False,
    capped: bool = True,
) -> Array:
    """Which predictions are accurate, each true object being found once.

    Args:
      predictions: `P` of one scene.
      truth: `T`, in the same frame.
      thresholds: greatest errors.
      official: scale error and symmetry as in Scan2CAD, see `scale_error` and
        `shared_fold`; else as in SPARC.
      capped: whether only as many predictions of a category count as there are true
        objects of it, the best ones.

    Returns:
      `[P]` bool. By descending score a prediction takes the first free true object
      that it is accurate for.
    """
    order = jnp.argsort(-predictions.score)
    if capped:
        present = predictions.present & _within_caps(predictions, truth, order)
        predictions = predictions._replace(present=present)
    close = _are_close(predictions, truth, thresholds, official)

    def step(free, i):
        fits = close[i] & free
        return free & ~(jnp.arange(free.shape[0]) == _first(fits)), jnp.any(fits)

    _, hits = jax.lax.scan(step, truth.present, order)
    return jnp.zeros_like(hits).at[order].set(hits)


def _first(fits: Array) -> Array:
    """First true place, or one past the end."""
    return jnp.where(jnp.any(fits), jnp.argmax(fits), fits.shape[0])


def _within_caps(predictions: Aligned, truth: Aligned, order: Array) -> Array:
    same = predictions.category[:, None] == predictions.category
    rank = jnp.zeros_like(order).at[order].set(jnp.arange(order.shape[0]))
    better = same & predictions.present & (rank < rank[:, None])
    alike = (predictions.category[:, None] == truth.category) & truth.present
    return jnp.sum(better, 1) < jnp.sum(alike, 1)


__all__ = [
    "ACCURATE",
    "MOST_FOLDS",
    "SAME_OBJECT",
    "Aligned",
    "Errors",
    "Thresholds",
    "alignment_errors",
    "is_accurate",
    "match_scene",
    "rotation_error",
    "scale_error",
    "shared_fold",
    "suppress",
]
