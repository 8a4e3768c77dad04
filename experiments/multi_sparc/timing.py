"""How long it takes to align five objects, together and one by one."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.multi_sparc.config import Config
from experiments.multi_sparc.data import restore
from experiments.multi_sparc.networks import network_of
from experiments.timing import median_seconds
from ivg.data.first_poses import first_placements
from ivg.data.sparse_tokens import box_tokens, make_sight, take_detections
from ivg.refine.multi_sparc import Observation, align, multi_sparc_refiner
from ivg.refine.refiner import refine
from ivg.scene.indoor import RoomPicture
from ivg.typing import Array, PyTree

_REPEATS = 15


def timed_runs(config: Config, name: str) -> tuple[Callable, Callable]:
    """Makes what is timed; objects that are not present cost as much as others.

    Args:
      config: sizes.
      name: one of `VARIANTS`.

    Returns:
      Two compiled functions of parameters, mean sizes, a picture and the rows of its
      objects: all starts, updates and scores, and a single update from one start.
    """
    network = network_of(config, name)

    def prepared(params, mean_size_m, picture, rows):
        def predict(*given):
            return network.apply(params, *given)

        sight, key = make_sight(take_detections(picture, rows)), jax.random.key(0)
        box = box_tokens(key, sight, config.counts.box)
        starts = first_placements(sight, box, mean_size_m)
        refiner = multi_sparc_refiner(
            predict, config.counts, config.factor, config.frame
        )
        return refiner, starts, Observation(sight, key)

    def whole(*given):
        found = align(*prepared(*given))
        return found.placement, found.score

    def once(*given):
        refiner, starts, seen = prepared(*given)
        first = jax.tree.map(lambda x: x[:1], starts)
        return refine(refiner, first, seen, 1).params

    return jax.jit(whole), jax.jit(once)


def time_metrics(
    config: Config, params: PyTree, mean_size_m: Array, picture: RoomPicture
) -> dict[str, float]:
    """Times for five objects.

    Args:
      config: sizes.
      params: of "joint"; those of "single" have the same shapes.
      mean_size_m: `[9, 3]` metres.
      picture: any.

    Returns:
      `ms_joint_5` and `ms_single_5`: four starts, three updates and a score of five
      objects together, and in five runs. `ms_pass_joint_5` and `ms_pass_single_5`: one
      update from one start, tokens and network.
    """
    count, metrics = config.sizes.num_objects, {}
    sets = {
        "joint": [jnp.arange(count)],
        "single": [jnp.array([i]) for i in range(count)],
    }
    for name, groups in sets.items():
        for prefix, run in zip(
            ("ms", "ms_pass"), timed_runs(config, name), strict=True
        ):
            metrics[f"{prefix}_{name}_{count}"] = 1e3 * median_seconds(
                lambda run=run, groups=groups: [
                    run(params, mean_size_m, picture, rows) for rows in groups
                ],
                _REPEATS,
            )
    return metrics


def first_picture(pictures) -> RoomPicture:
    """The picture that is timed.

    Args:
      pictures: `Pictures`.

    Returns:
      `RoomPicture` of the one with most detections.
    """
    present = np.asarray(pictures.examples.picture.detections.present)
    row = int(np.argmax(present.sum(1)))
    example = jax.tree.map(lambda x: jnp.asarray(x[row]), pictures.examples)
    return restore(example, pictures.points, pictures.normals).picture


__all__ = ["first_picture", "time_metrics", "timed_runs"]
