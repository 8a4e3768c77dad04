"""Training of the networks, in pieces that can be interrupted."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.multi_sparc.config import VARIANTS, Config
from experiments.multi_sparc.data import Pictures, restore
from experiments.multi_sparc.networks import (
    box_places,
    network_of,
    regressed,
    unposed_tokens,
)
from ivg.data.box_frames import box_frames
from ivg.data.first_poses import (
    sample_scored,
    sample_starts,
    turn_about,
)
from ivg.data.sparse_tokens import (
    Sight,
    Tokens,
    box_tokens,
    choose_points,
    join_tokens,
    make_sight,
    model_tokens,
    take_detections,
)
from ivg.data.token_noise import drop_tokens, jitter_sight
from ivg.geometry import rotation
from ivg.metrics.alignment import MOST_FOLDS
from ivg.models.network import Network
from ivg.numerics import turn
from ivg.refine.multi_sparc import NUM_UPDATES, framed, updated
from ivg.refine.multi_sparc_loss import mean_point_loss, score_loss
from ivg.scene.indoor import Placement
from ivg.train.detached import detached_sum
from ivg.train.loop import make_trainer, train
from ivg.typing import Array, PyTree

_OUTSIDE = 0.75  # of the box of one unit: such pixels belong to something else


class Batch(NamedTuple):
    """Pictures to train with, of `N` detections each.

    Attributes:
      sights: `Sight` of `[B]`.
      truth: `Placement` of `[B, N]`.
      fold: `[B, N]` int32.
      mean_size_m: `[9, 3]` metres.
    """

    sights: Sight
    truth: Placement
    fold: Array
    mean_size_m: Array


def batch_maker(config: Config) -> Callable[[Array, tuple[Pictures, Array]], Batch]:
    """Makes the function that draws a training batch.

    Args:
      config: number of pictures and of objects.

    Returns:
      Function of a key and of pictures with mean sizes to `Batch`; some of the
      detections of each picture, in any order, with other colours and depths.
    """

    def batch(key, data):
        pictures, mean_size_m = data
        keys = jax.random.split(key)
        total = len(pictures.examples.category)
        rows = jax.random.randint(keys[0], (config.batch_size,), 0, total)
        chosen = jax.tree.map(lambda x: x[rows], pictures.examples)

        def one(key, example):
            keys = jax.random.split(key)
            example = restore(example, pictures.points, pictures.normals)
            present = example.picture.detections.present
            order = jnp.argsort(jax.random.uniform(keys[0], present.shape) + ~present)
            order = order[: config.sizes.num_objects]
            sight = make_sight(take_detections(example.picture, order))
            truth = jax.tree.map(lambda x: x[order], example.truth)
            return jitter_sight(keys[1], sight), truth, example.fold[order]

        keys = jax.random.split(keys[1], config.batch_size)
        return Batch(*jax.vmap(one)(keys, chosen), mean_size_m)

    return batch


def update_loss(
    config: Config, network: Network, params: PyTree, batch: Batch, key: Array
) -> Array:
    """Three updates from random starts, each with its own loss, and scored poses.

    Poses have no gradient from one update to the next.

    Args:
      config: counts and weights.
      network: from `multi_sparc_network`.
      params: its parameters.
      batch: pictures.
      key: random key.

    Returns:
      `[]`: metres of the three updates, and the weighted cross-entropy, per object.

    Source: Multi-SPARC, section 3 ("Loss") and 4; SPARC's code makes a step of the
    optimizer after each update, here the three are summed.
    """
    count = len(batch.fold)
    key_box, key_start, key_loss, key_scan = jax.random.split(key, 4)
    box = jax.vmap(lambda k, s: box_tokens(k, s, config.counts.box))(
        jax.random.split(key_box, count), batch.sights
    )
    starts = jax.vmap(sample_starts, (0, 0, 0, 0, None))(
        jax.random.split(key_start, count), batch.sights, box, batch.truth,
        batch.mean_size_m,
    )  # fmt: skip
    points, present = _loss_points(config, key_loss, batch.sights)
    say = _framed(config, network.apply, batch.sights, box)

    def step(params, placements, given):
        index, key = given
        keys = jax.random.split(key, (3, count))
        tokens = _posed_tokens(config, keys[0], batch.sights, box, placements)
        numbers = say(params, tokens.values, tokens.mask, present)
        moved = updated(placements, numbers, config.factor)
        known = (batch.truth, batch.fold)
        distance = jax.vmap(mean_point_loss)(moved, *known, points, present)
        doubt = jax.vmap(score_loss)(numbers[..., 10], placements, *known, present)
        is_scored = index == NUM_UPDATES
        loss = jnp.where(is_scored, config.score_weight * doubt, distance)
        moved = jax.lax.stop_gradient(moved)
        scored = _poses_to_score(config, keys[1:], batch.truth, moved)
        is_last = index == NUM_UPDATES - 1
        placements = jax.tree.map(lambda a, b: jnp.where(is_last, a, b), scored, moved)
        return jnp.sum(loss) / jnp.maximum(jnp.sum(present), 1), placements

    rows = jnp.arange(NUM_UPDATES + 1)
    inputs = (rows, jax.random.split(key_scan, len(rows)))
    return detached_sum(step, params, starts, inputs)


def _loss_points(config, key, sights):
    """`[B, N, P, 3]` points, and `[B, N]` which objects are there."""
    found = sights.detections
    keys = jax.random.split(key, len(found.present))
    choose = jax.vmap(lambda k, d: choose_points(k, d, config.loss_points)[0])
    return choose(keys, found), found.present


def _framed(config, apply, sights, box):
    """The network, of tokens in the frame of the camera."""
    if config.frame == "camera":
        return apply
    frames = jax.vmap(box_frames)(sights, box)

    def say(params, *given):
        predict = functools.partial(apply, params)
        return framed(predict, frames, config.counts.model)(*given)

    return say


def _posed_tokens(config, keys, sights, box, placements) -> Tokens:
    def one(key, sight, box, placement):
        own, dropped = jax.random.split(key)
        count, in_box = config.counts.model, config.frame == "box"
        tokens = model_tokens(own, sight, placement, count, in_box)
        return drop_tokens(dropped, join_tokens(box, tokens), config.drop)

    return jax.vmap(one)(keys, sights, box, placements)


def _poses_to_score(config, keys, truth, moved) -> Placement:
    """About the truth, or where updates ended, half of these turned by quarters.

    The paper samples poses of the score apart. What the score is for, though, is to
    tell ends of updates apart, of which three in four began in a wrong quarter.
    """

    def one(key, other, truth, moved):
        sampled = sample_scored(key, truth)
        keys = jax.random.split(other, 3)
        count = len(truth.size)
        turns = jax.random.randint(keys[0], (count,), 1, 4) * (0.5 * jnp.pi)
        turns = jnp.where(jax.random.bernoulli(keys[1], 0.5, (count,)), turns, 0.0)
        still = jnp.zeros(count)
        turned = jax.vmap(turn_about)(moved.quaternion, still, still, turns)
        ended = moved._replace(quaternion=turned)
        takes = jax.random.bernoulli(keys[2], config.refined_share, (count, 1))
        return jax.tree.map(lambda a, b: jnp.where(takes, a, b), ended, sampled)

    return jax.vmap(one)(*keys, truth, moved)


def regression_loss(
    config: Config, network: Network, params: PyTree, batch: Batch, key: Array
) -> Array:
    """Distance of the poses that are said at once.

    Args:
      config: counts.
      network: from `multi_sparc_network`.
      params: its parameters.
      batch: pictures.
      key: random key.

    Returns:
      `[]` metres, per object.
    """
    key_points, keys = _split(key, len(batch.fold))
    points, present = _loss_points(config, key_points, batch.sights)
    seen = _unposed(config, keys, batch.sights)
    numbers = network.apply(params, *seen.tokens, present)
    found = jax.vmap(functools.partial(regressed, config), (0, 0, 0, None))(
        numbers, batch.sights, seen, batch.mean_size_m
    )
    known = (batch.truth, batch.fold, points, present)
    losses = jax.vmap(mean_point_loss)(found, *known)
    return jnp.sum(losses) / jnp.maximum(jnp.sum(present), 1)


def _split(key, count):
    first, second = jax.random.split(key)
    return first, jax.random.split(second, (2, count))


def _unposed(config, keys, sights):
    def one(keys, sight):
        seen = unposed_tokens(config, keys[0], sight)
        return seen._replace(tokens=drop_tokens(keys[1], seen.tokens, config.drop))

    return jax.vmap(one, (1, 0))(keys, sights)


def correspondence_loss(
    config: Config, network: Network, params: PyTree, batch: Batch, key: Array
) -> Array:
    """Distance of object coordinates from those that depth and the true pose give.

    Of the turns of an object that look the same, the one that fits all its pixels best
    counts.

    Args:
      config: counts.
      network: from `correspondence_network`.
      params: its parameters.
      batch: pictures.
      key: random key.

    Returns:
      `[]`, in boxes of one unit, summed over the axes, mean over pixels.
    """
    _, keys = _split(key, len(batch.fold))
    seen = _unposed(config, keys, batch.sights)
    present = batch.sights.detections.present
    found = network.apply(params, *seen.tokens, present, seen.asked)
    places, known = box_places(seen.box)
    one = jax.vmap(jax.vmap(_coordinate_loss))
    losses, counts = one(found, places, known, batch.truth, batch.fold)
    return jnp.sum(losses) / jnp.maximum(jnp.sum(counts), 1)


def _coordinate_loss(found, places, known, truth, fold):
    """`[]` distances of the pixels of an object, summed, and their number."""
    matrix = rotation.matrix_from_quaternion(truth.quaternion)
    points = turn(places - truth.position, matrix) / truth.size
    known = known & jnp.all(jnp.abs(points) < _OUTSIDE, -1)

    def at(azimuth):
        about = rotation.quaternion_from_azimuth(-azimuth)
        turned = turn(points, rotation.matrix_from_quaternion(about).T)
        distances = jnp.sum(jnp.abs(found - turned), -1)
        return jnp.sum(jnp.where(known, distances, 0))

    azimuths = 2 * jnp.pi * jnp.arange(MOST_FOLDS) / fold
    sums = jax.lax.stop_gradient(jax.vmap(at)(azimuths))
    return at(azimuths[jnp.argmin(sums)]), jnp.sum(known)


SCORE_STAGE = {"score_weight": 1.0, "refined_share": 0.8, "learning_rate": 2e-3}
LOSSES = {"regression": regression_loss, "correspondence": correspondence_loss}


def stages_of(config: Config, name: str) -> tuple[str, ...]:
    """The stages of the training of a network, one after the other.

    Args:
      config: counts of steps.
      name: one of `NAMES`.

    Returns:
      Of "pretrain", "train" and "score".
    """
    if name not in VARIANTS:
        return ("train",)
    first = ("pretrain",) if VARIANTS[name][1] else ()
    return (*first, "train", *(("score",) if config.score_steps else ()))


def train_network(
    config: Config,
    name: str,
    stage: str,
    data: Callable[[], tuple[Pictures, Array]],
    folder: pathlib.Path,
    first: PyTree | None = None,
) -> tuple[PyTree, np.ndarray]:
    """Trains a network, or goes on with it.

    Args:
      config: widths, batches and rates.
      name: one of `NAMES`.
      stage: "pretrain", "train", or "score": with the changes of `SCORE_STAGE` and
        other batches.
      data: makes the pictures to train with, and mean sizes.
      folder: of the run.
      first: parameters to begin with; random ones if None.

    Returns:
      Parameters, and the losses from `train`.
    """
    if stage == "score":
        config = dataclasses.replace(config, seed=config.seed + 5, **SCORE_STAGE)
    network = network_of(config, name)
    if first is None:
        first = network.init(jax.random.key(config.seed))
    steps = getattr(config, f"{stage}_steps")
    steps = steps if name in VARIANTS else config.baseline_steps
    loss = functools.partial(LOSSES.get(name, update_loss), config, network)
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, max(1, int(config.warm_up * steps)), steps
    )
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.lamb(schedule))
    start, advance = make_trainer(
        loss, batch_maker(config), optimizer, seed=config.seed
    )
    save_every = config.chunk * max(1, steps // config.chunk // 8)
    return train(
        start, advance, first, lambda: jax.tree.map(jnp.asarray, data()), steps,
        folder=folder / "runs" / f"{name}_{stage}", chunk=config.chunk,
        save_every=save_every, label=f"{name} {stage}",
    )  # fmt: skip


__all__ = [
    "LOSSES",
    "SCORE_STAGE",
    "Batch",
    "batch_maker",
    "correspondence_loss",
    "regression_loss",
    "stages_of",
    "train_network",
    "update_loss",
]
