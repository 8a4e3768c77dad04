"""Learned updates of the poses of several objects, from four starts at once.

A network sees sparse tokens of the picture and of the models in their assumed poses
and says how to change all poses, and how likely they are accurate as they are.

Source: Langer et al., Sparse Multi-Object Render-and-Compare, section 3.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.data.box_frames import BoxFrames, box_frames, in_box_frames, in_units
from ivg.data.sparse_tokens import (
    Sight,
    TokenCounts,
    Tokens,
    box_tokens,
    join_tokens,
    model_tokens,
)
from ivg.geometry import rotation
from ivg.geometry.polar import polar_from_position, position_from_polar
from ivg.numerics import safe_normalize
from ivg.refine.refiner import Refiner, refine
from ivg.scene.indoor import Placement
from ivg.typing import Array

NUM_UPDATES = 3
FACTORS = ("sigmoid", "exp")
FRAMES = ("camera", "box")
PredictFn = Callable[[Array, Array, Array], Array]


class PoseUpdate(NamedTuple):
    """How to change the pose of an object.

    Attributes:
      distance: `[]` factor, positive.
      angles_rad: `[2]` to add to azimuth and elevation of the position.
      quaternion: `[4]` wxyz, length one, `model_from_new_model`.
      size: `[3]` factors, positive.
      score: `[]` logit: how likely the pose before the update is accurate.
    """

    distance: Array
    angles_rad: Array
    quaternion: Array
    size: Array
    score: Array


class Observation(NamedTuple):
    """What poses are to explain.

    Attributes:
      sight: picture with `N` detections.
      key: random key of all samples.
    """

    sight: Sight
    key: Array


class Alignment(NamedTuple):
    """Aligned objects of a picture.

    Attributes:
      placement: `Placement` of `[N]`, from the start with the best score.
      score: `[N]` probability that it is accurate.
      start: `[N]` int32, which start that was.
      placements: `Placement` of `[A, N]`, from all starts.
      scores: `[A, N]` their probabilities.
    """

    placement: Placement
    score: Array
    start: Array
    placements: Placement
    scores: Array


def positive_factor(number: Array, factor: str = "sigmoid") -> Array:
    """A positive factor that is one at zero.

    Args:
      number: `[...]`.
      factor: "sigmoid" for `2 sigmoid(x)`, in (0, 2), or "exp".

    Returns:
      `[...]`.

    Raises:
      ValueError: for another name.

    Source: Multi-SPARC, section 3, says a sigmoid; it alone could only shrink.
    """
    if factor not in FACTORS:
        raise ValueError(f"factor must be one of {FACTORS}, got {factor!r}")
    return 2 * jax.nn.sigmoid(number) if factor == "sigmoid" else jnp.exp(number)


def update_from_numbers(numbers: Array, factor: str = "sigmoid") -> PoseUpdate:
    """What the 11 numbers of an object mean.

    Args:
      numbers: `[11]`: distance, two angles, quaternion, size, score. Zero changes
        nothing.
      factor: see `positive_factor`.

    Returns:
      `PoseUpdate`.

    Source: the quaternion is an offset from the identity, as in SPARC's released code.
    """
    identity = jnp.array(rotation.IDENTITY, numbers.dtype)
    return PoseUpdate(
        positive_factor(numbers[0], factor),
        numbers[1:3],
        safe_normalize(identity + numbers[3:7]),
        positive_factor(numbers[7:10], factor),
        numbers[10],
    )


def apply_update(placement: Placement, update: PoseUpdate) -> Placement:
    """A pose after an update.

    Distances and sizes are multiplied, angles added, rotations multiplied from the
    right: `R' = R dR`.

    Args:
      placement: of one object.
      update: how to change it.

    Returns:
      `Placement`. Differentiable in both arguments.

    Source: Multi-SPARC, section 3.
    """
    polar = polar_from_position(placement.position)
    angles = polar[1:] + update.angles_rad
    polar = jnp.concatenate([polar[:1] * update.distance, angles])
    turned = rotation.multiply(placement.quaternion, update.quaternion)
    return Placement(
        position_from_polar(polar),
        safe_normalize(turned),
        placement.size * update.size,
    )


def updated(
    placements: Placement, numbers: Array, factor: str = "sigmoid"
) -> Placement:
    """Poses of many objects after what a network says.

    Args:
      placements: `Placement` of `[..., N]`.
      numbers: `[..., N, 11]`.
      factor: see `positive_factor`.

    Returns:
      `Placement` of `[..., N]`.
    """

    def one(placement, own):
        return apply_update(placement, update_from_numbers(own, factor))

    run = one
    for _ in numbers.shape[:-1]:
        run = jax.vmap(run)
    return run(placements, numbers)


def assumed_tokens(
    key: Array,
    sight: Sight,
    box: Tokens,
    placements: Placement,
    count: int,
    own: bool = False,
) -> Tokens:
    """All tokens of objects in assumed poses, of several assumptions.

    Args:
      key: random key, consumed; all assumptions use the same points.
      sight: picture with `N` detections.
      box: from `box_tokens`.
      placements: `Placement` of `[A, N]`.
      count: points of each model.
      own: see `model_tokens`.

    Returns:
      `Tokens` of `[A, N, T]`.
    """

    def one(placement):
        return join_tokens(box, model_tokens(key, sight, placement, count, own))

    return jax.vmap(one)(placements)


def framed(predict: PredictFn, frames: BoxFrames, count: int) -> PredictFn:
    """A network that sees objects in the frames of their boxes.

    Args:
      predict: network, see `multi_sparc_refiner`.
      frames: of `[N]` or `[A, N]`.
      count: points of each model.

    Returns:
      The same for tokens in the frame of the camera.
    """

    def run(values, mask, present):
        numbers = predict(in_box_frames(values, frames, count), mask, present)
        return in_units(numbers, frames)

    return run


def multi_sparc_refiner(
    predict: PredictFn,
    counts: TokenCounts,
    factor: str = "sigmoid",
    frame: str = "camera",
) -> Refiner:
    """Learned updates of poses.

    Its params are `Placement` of `[A, N]`, of `A` independent attempts, and what it
    observes is an `Observation`. Samples of the boxes are drawn once, points of the
    models anew in each step.

    Args:
      predict: network, `(values [A, N, T, 13], mask [A, N, T], present [A, N])` to
        `[A, N, 11]`.
      counts: numbers of tokens.
      factor: see `positive_factor`.
      frame: "camera", or "box" for tokens and updates in the frames of the boxes.

    Returns:
      `Refiner` that reports `score` `[A, N]`, the logit of the poses before the step.

    Raises:
      ValueError: for another frame; in a step, for another factor.
    """
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {FRAMES}, got {frame!r}")

    def init(params, observation):
        del params
        key = jax.random.fold_in(observation.key, 0)
        return box_tokens(key, observation.sight, counts.box)

    def update(step, state, params, observation):
        key = jax.random.fold_in(observation.key, step + 1)
        sight = observation.sight
        in_box = frame == "box"
        tokens = assumed_tokens(key, sight, state, params, counts.model, in_box)
        present = jnp.broadcast_to(sight.detections.present, tokens.mask.shape[:2])
        say = predict
        if in_box:
            say = framed(predict, box_frames(sight, state), counts.model)
        numbers = say(tokens.values, tokens.mask, present)
        return state, updated(params, numbers, factor), {"score": numbers[..., 10]}

    return Refiner(init, update)


def align(
    refiner: Refiner,
    starts: Placement,
    observation: Observation,
    num_updates: int = NUM_UPDATES,
) -> Alignment:
    """Refines from several starts, scores what came out and takes the best.

    The score of a pose is what the network says together with the update that would
    come next, which is not made.

    Args:
      refiner: from `multi_sparc_refiner`.
      starts: `Placement` of `[A, N]`.
      observation: what to explain.
      num_updates: updates before the score.

    Returns:
      `Alignment`.

    Source: Multi-SPARC, section 3 and figure 4a.
    """
    found = refine(refiner, starts, observation, num_updates + 1)
    last = jax.tree.map(lambda x: x[num_updates], found.trajectory)
    scores = jax.nn.sigmoid(found.info["score"][num_updates])
    best = jnp.argmax(scores, 0)
    objects = jnp.arange(scores.shape[1])
    return Alignment(
        jax.tree.map(lambda x: x[best, objects], last),
        scores[best, objects], best, last, scores,
    )  # fmt: skip


__all__ = [
    "FACTORS",
    "FRAMES",
    "NUM_UPDATES",
    "Alignment",
    "Observation",
    "PoseUpdate",
    "PredictFn",
    "align",
    "apply_update",
    "assumed_tokens",
    "framed",
    "multi_sparc_refiner",
    "positive_factor",
    "update_from_numbers",
    "updated",
]
