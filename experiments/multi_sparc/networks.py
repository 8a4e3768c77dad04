"""The networks of the experiment: which there are, how they align and are kept."""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.multi_sparc.config import VARIANTS, Config
from experiments.multi_sparc.data import Pictures, restore
from ivg.data.box_frames import BoxFrames, box_frames, in_box_frames, in_units
from ivg.data.first_poses import first_placements
from ivg.data.sparse_tokens import (
    DEPTH,
    DEPTH_M,
    OWNED,
    Sight,
    Tokens,
    box_tokens,
    canonical_tokens,
    join_tokens,
    make_sight,
    take_detections,
)
from ivg.io.checkpoint import load_params, save_params
from ivg.models.multi_sparc import (
    MultiSparcSizes,
    correspondence_network,
    multi_sparc_network,
)
from ivg.models.network import Network
from ivg.numerics import safe_divide
from ivg.refine.multi_sparc import (
    Alignment,
    Observation,
    align,
    multi_sparc_refiner,
    updated,
)
from ivg.refine.multi_sparc_loss import pose_from_correspondences
from ivg.scene.indoor import Placement, RoomPicture
from ivg.typing import Array, PyTree

Aligner = Callable[[PyTree, RoomPicture, Array, Array], Alignment]


def sizes_of(config: Config, name: str) -> MultiSparcSizes:
    """Sizes of a network.

    Args:
      config: sizes of all.
      name: one of `NAMES`.

    Returns:
      `MultiSparcSizes`.
    """
    changes, _ = VARIANTS.get(name, ({}, False))
    return config.sizes._replace(**changes)


def network_of(config: Config, name: str) -> Network:
    """A network.

    Args:
      config: sizes.
      name: one of `NAMES`.

    Returns:
      `Network`.
    """
    make = correspondence_network if name == "correspondence" else multi_sparc_network
    return make(sizes_of(config, name))


def save_network(folder: pathlib.Path, params: PyTree) -> None:
    """Keeps a trained network, in half precision.

    Args:
      folder: to make.
      params: of the network.
    """
    save_params(folder, params, jnp.float16)


def trained_networks(config: Config, folder: str | pathlib.Path) -> tuple[str, ...]:
    """Which networks can be compared.

    Args:
      config: names of networks.
      folder: with a folder for each that is trained.

    Returns:
      "joint", without which there is no comparison, and the others that are there.
    """
    others = (name for name in config.networks if name != "joint")
    return ("joint", *(n for n in others if (pathlib.Path(folder) / n).exists()))


def load_networks(config: Config, folder: str | pathlib.Path) -> dict[str, PyTree]:
    """All trained networks.

    Args:
      config: sizes.
      folder: with a folder for each.

    Returns:
      Parameters by name, and "mean_size_m" `[9, 3]`.

    Raises:
      InputError: if one is missing or does not fit.
    """
    key, root = jax.random.key(0), pathlib.Path(folder)
    shapes = {
        n: jax.eval_shape(network_of(config, n).init, key) for n in config.networks
    }
    shapes["mean_size_m"] = jax.ShapeDtypeStruct((9, 3), jnp.float32)
    return {name: load_params(root / name, like) for name, like in shapes.items()}


def in_groups(picture: RoomPicture, size: int) -> Array:
    """Which detections are aligned together: those that are there first.

    Args:
      picture: with `N` detections.
      size: of a group.

    Returns:
      `[G, size]` int32 rows, -1 for padding.

    Source: Multi-SPARC, section 4: more than five detections are split into blocks.
    """
    present = picture.detections.present
    rows = jnp.argsort(~present, stable=True)
    rows = jnp.where(present[rows], rows, -1)
    padding = -len(rows) % size
    return jnp.pad(rows, (0, padding), constant_values=-1).reshape(-1, size)


def by_groups(one: Callable, picture: RoomPicture, key: Array, size: int) -> Alignment:
    """Aligns a picture group by group, and puts the results back in order.

    Args:
      one: from a picture with `size` detections, and a key, to `Alignment`.
      picture: with `N` detections.
      key: random key, consumed.
      size: of a group.

    Returns:
      `Alignment` of `[N]`; of no meaning where nothing is present.
    """
    groups = in_groups(picture, size)
    own = [take_detections(picture, rows) for rows in groups]
    like = jax.eval_shape(one, own[0], key)

    def skip(*_):
        return jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), like)

    parts = [
        jax.lax.cond(rows[0] >= 0, one, skip, part, jax.random.fold_in(key, i))
        for i, (rows, part) in enumerate(zip(groups, own, strict=True))
    ]
    count = len(picture.detections.present)
    rows = jnp.where(groups < 0, count, groups).reshape(-1)

    def whole(axis, *leaves):
        flat = jnp.moveaxis(jnp.concatenate(leaves, axis), axis, 0)
        filled = jnp.ones((count + 1, *flat.shape[1:]), flat.dtype).at[rows].set(flat)
        return jnp.moveaxis(filled[:count], 0, axis)

    first = functools.partial(jax.tree.map, functools.partial(whole, 0))
    second = functools.partial(jax.tree.map, functools.partial(whole, 1))
    return Alignment(
        *(first(*(p[i] for p in parts)) for i in range(3)),
        *(second(*(p[i] for p in parts)) for i in (3, 4)),
    )


def learned_aligner(config: Config, name: str) -> Aligner:
    """Makes the function that aligns the detections of a picture by updates.

    Args:
      config: sizes.
      name: one of `VARIANTS`.

    Returns:
      Function of parameters, mean sizes, a picture and a key.
    """
    network = network_of(config, name)

    def run(params, mean_size_m, picture, key):
        refiner = multi_sparc_refiner(
            functools.partial(network.apply, params),
            config.counts,
            config.factor,
            config.frame,
        )

        def one(picture, key):
            sight = make_sight(picture)
            box = box_tokens(jax.random.fold_in(key, 0), sight, config.counts.box)
            starts = first_placements(sight, box, mean_size_m)
            return align(refiner, starts, Observation(sight, key))

        return by_groups(one, picture, key, config.sizes.num_objects)

    return run


def once(placements, score) -> Alignment:
    """What a method without starts and without a score of its own finds.

    Args:
      placements: `Placement` of `[N]`.
      score: `[N]`, of the detector.

    Returns:
      `Alignment` of a single start.
    """
    row = jax.tree.map(lambda x: x[None], placements)
    start = jnp.zeros(score.shape, jnp.int32)
    return Alignment(placements, score, start, row, score[None])


class Unposed(NamedTuple):
    """What networks see that assume no pose, of `N` objects.

    Attributes:
      box: samples of the boxes, in the frame of the camera.
      frames: of the boxes.
      asked: `[N, P, 13]` values of `box` as the network sees them.
      tokens: these and points of the models in their own frames.
    """

    box: Tokens
    frames: BoxFrames
    asked: Array
    tokens: Tokens


def unposed_tokens(config: Config, key: Array, sight: Sight) -> Unposed:
    """The tokens of networks that assume no pose.

    Args:
      config: counts and frame.
      key: random key, consumed.
      sight: picture.

    Returns:
      `Unposed`.
    """
    keys = jax.random.split(key)
    box = box_tokens(keys[0], sight, config.counts.box)
    own = canonical_tokens(keys[1], sight, config.counts.model)
    frames = box_frames(sight, box)
    in_box = config.frame == "box"
    asked = in_box_frames(box.values, frames) if in_box else box.values
    return Unposed(box, frames, asked, join_tokens(box._replace(values=asked), own))


def regressed(
    config: Config, numbers: Array, sight: Sight, seen: Unposed, mean_size_m: Array
) -> Placement:
    """Poses that are said at once: an update of the first of the starts.

    Args:
      config: frame.
      numbers: `[N, 11]` of the network.
      sight: picture.
      seen: from `unposed_tokens`.
      mean_size_m: `[9, 3]` mean sizes of the categories, metres.

    Returns:
      `Placement` of `[N]`. Differentiable in the numbers.
    """
    starts = first_placements(sight, seen.box, mean_size_m)
    start = jax.tree.map(lambda x: x[0], starts)
    own = in_units(numbers, seen.frames) if config.frame == "box" else numbers
    return updated(start, own, config.factor)


def box_places(box: Tokens) -> tuple[Array, Array]:
    """Where the samples of boxes lie in space.

    Args:
      box: from `box_tokens`, of `[..., P, 13]`.

    Returns:
      `[..., P, 3]` metres, in the frame of the camera, and `[..., P]` bool: of the
      mask of the object, with a known depth.
    """
    depth = DEPTH_M * box.values[..., DEPTH]
    ray = box.values[..., :3]
    places = ray * safe_divide(depth, -ray[..., 2])[..., None]
    return places, box.mask & (box.values[..., OWNED] > 0) & (depth > 0)


def unposed_aligner(config: Config, name: str) -> Aligner:
    """Makes the function that says poses at once, without reprojection.

    Args:
      config: sizes.
      name: "regression" or "correspondence".

    Returns:
      Function of parameters, mean sizes, a picture and a key.
    """
    network = network_of(config, name)

    def run(params, mean_size_m, picture, key):
        def one(picture, key):
            sight = make_sight(picture)
            seen = unposed_tokens(config, key, sight)
            given = (*seen.tokens, sight.detections.present)
            say = functools.partial(network.apply, params, *(x[None] for x in given))
            if name == "regression":
                found = regressed(config, say()[0], sight, seen, mean_size_m)
            else:
                found = _fitted(say(seen.asked[None])[0], sight, seen.box, mean_size_m)
            return once(found, sight.detections.score)

        return by_groups(one, picture, key, config.sizes.num_objects)

    return run


def _fitted(points, sight, box, mean_size_m):
    """`Placement` of `[N]` that fits normalised object coordinates."""
    places, known = box_places(box)
    size = mean_size_m[sight.detections.category]
    fit = jax.vmap(pose_from_correspondences)
    return fit(points, places, known.astype(points.dtype), size)


def aligner_of(config: Config, name: str) -> Aligner:
    """The way a network aligns.

    Args:
      config: sizes.
      name: one of `NAMES`.

    Returns:
      Function of parameters, mean sizes, a picture and a key.
    """
    make = learned_aligner if name in VARIANTS else unposed_aligner
    return make(config, name)


def align_all(
    config: Config,
    name: str,
    networks: Mapping[str, PyTree],
    pictures: Pictures,
) -> Alignment:
    """Aligns many pictures with a network.

    Args:
      config: sizes.
      name: one of `NAMES`.
      networks: from `load_networks`.
      pictures: `E`.

    Returns:
      `Alignment` with a leading axis `[E]`, on the host.
    """
    run = aligner_of(config, name)

    @jax.jit
    def every(params, mean_size_m, pictures, keys):
        def one(row):
            example = restore(row[0], pictures.points, pictures.normals)
            return run(params, mean_size_m, example.picture, row[1])

        return jax.lax.map(one, (pictures.examples, keys))

    count = len(pictures.examples.category)
    keys = jax.random.split(jax.random.key(config.seed + 1), count)
    found = every(networks[name], networks["mean_size_m"], pictures, keys)
    return jax.tree.map(np.asarray, found)


__all__ = [
    "Aligner",
    "Unposed",
    "align_all",
    "aligner_of",
    "box_places",
    "by_groups",
    "in_groups",
    "learned_aligner",
    "load_networks",
    "network_of",
    "once",
    "regressed",
    "save_network",
    "sizes_of",
    "trained_networks",
    "unposed_aligner",
    "unposed_tokens",
]
