"""Models and pictures: of random objects, of rooms to train with and to test with."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.chunks import in_chunks
from experiments.multi_sparc.config import Config
from ivg.data.indoor_layout import Room
from ivg.data.indoor_models import IndoorModels, make_models
from ivg.data.indoor_noise import add_noise
from ivg.data.indoor_rooms import (
    IndoorExample,
    sample_pretraining,
    sample_room,
    sample_views,
)
from ivg.io.errors import InputError
from ivg.io.furniture_library import load_furniture
from ivg.scene.indoor import INDOOR_NAMES
from ivg.scene.shapes.indoor import Furniture, draw_indoor, make_indoor
from ivg.typing import Array

SPLITS = ("pretrain", "train", "test", "unseen")
APART = "blendswap"  # in the name of the library that is for the last split
_TEST_EVERY = 4
_MAX_FACES = 1500
_UNITS = 127


class Pictures(NamedTuple):
    """Many examples in little space, and the points of their models.

    Attributes:
      examples: `IndoorExample` with a leading axis `[E]`: colours in 8 bits, normals
        in 8, depths in 16, and no points.
      points: `[M, P, 3]` of the models.
      normals: `[M, P, 3]`.
    """

    examples: IndoorExample
    points: Array
    normals: Array


class TestRooms(NamedTuple):
    """Rooms to test with, `S` of `V` views each.

    Attributes:
      pictures: `Pictures` of `[S * V]`, room after room, with noise.
      clean: `IndoorExample` of `[S * V]` without noise and pictures.
      rooms: `Room` of `[S]`.
      models: of the rooms.
    """

    pictures: Pictures
    clean: IndoorExample
    rooms: Room
    models: IndoorModels


def load_models(config: Config, split: str, library: str | None = None) -> IndoorModels:
    """Models of a split.

    Args:
      config: seed and counts.
      split: one of `SPLITS`; they share no model.
      library: of Sweet Home 3D, a file or a folder, or None. Every fourth piece of a
        category is for "test", the others for "train"; `APART` makes up "unseen".

    Returns:
      `IndoorModels`.

    Raises:
      InputError: if the library cannot be used, or lacks what a split needs.
    """
    found = _procedural(config, split) if split != "unseen" else {}
    for category, pieces in _library(split, library).items():
        found[category] = [*found.get(category, ()), *pieces]
    if not found:
        raise InputError(f"--library={library}: there is no {APART} among its files")
    ordered = {name: found[name] for name in INDOOR_NAMES if name in found}
    return make_models(ordered, seed=config.seed + SPLITS.index(split))


def _procedural(config: Config, split: str) -> dict[str, list[Furniture]]:
    seed = len(SPLITS) * config.seed + SPLITS.index(split)
    count = getattr(config, f"{split}_models")
    return {
        name: [make_indoor(name, values) for values in draw_indoor(name, seed, count)]
        for name in INDOOR_NAMES
    }


def _library(split: str, library: str | None) -> dict[str, list[Furniture]]:
    if library is None or split == "pretrain":
        return {}
    is_apart = split == "unseen"
    files = [f for f in library_files(library) if (APART in f.name.lower()) == is_apart]
    if not files:
        return {}
    pieces, _ = load_furniture(files, max_faces=_MAX_FACES)
    found: dict[str, list[Furniture]] = {}
    for name in INDOOR_NAMES:
        own = [piece for entry, piece in pieces if entry.category == name]
        if not is_apart:
            is_test = split == "test"
            own = [p for i, p in enumerate(own) if (i % _TEST_EVERY == 0) == is_test]
        if own:
            found[name] = own
    return found


def library_files(library: str) -> list[pathlib.Path]:
    """The files of a library.

    Args:
      library: `.sh3f` file, or a folder with such at any depth.

    Returns:
      Paths, in the order of their names.

    Raises:
      InputError: if there is none.
    """
    path = pathlib.Path(library)
    files = [path] if path.is_file() else sorted(path.rglob("*.sh3f"))
    if not files:
        raise InputError(f"--library={library}: there is no .sh3f file")
    return files


def compact(example: IndoorExample) -> IndoorExample:
    """An example in a seventh of the space.

    Args:
      example: one example.

    Returns:
      `IndoorExample` with 8-bit colours and normals, 16-bit depths, 8-bit owners, and
      no points.
    """
    picture = example.picture
    found = picture.detections
    none = jnp.zeros((len(found.present), 0, 3))
    return example._replace(
        picture=picture._replace(
            rgb=jnp.round(255 * picture.rgb).astype(jnp.uint8),
            depth=picture.depth.astype(jnp.float16),
            normals=jnp.round(_UNITS * picture.normals).astype(jnp.int8),
            owner=picture.owner.astype(jnp.int8),
            detections=found._replace(points=none, normals=none),
        )
    )


def restore(example: IndoorExample, points: Array, normals: Array) -> IndoorExample:
    """The inverse of `compact`, up to rounding, traced.

    Args:
      example: one example in little space.
      points: `[M, P, 3]` of the models.
      normals: `[M, P, 3]` of the models.

    Returns:
      `IndoorExample`.
    """
    picture, chosen = example.picture, example.retrieved
    found = picture.detections._replace(points=points[chosen], normals=normals[chosen])
    return example._replace(
        picture=picture._replace(
            rgb=picture.rgb.astype(float) / 255,
            depth=picture.depth.astype(float),
            normals=picture.normals.astype(float) / _UNITS,
            owner=picture.owner.astype(jnp.int32),
            detections=found,
        )
    )


def make_pictures(config: Config, models: IndoorModels, split: str) -> Pictures:
    """Pictures to train with, with noise.

    Args:
      config: seed, counts and sizes.
      models: what is seen.
      split: "pretrain" or "train".

    Returns:
      `Pictures` of `num_pretrain` or `num_train`.
    """
    sample = sample_pretraining if split == "pretrain" else sample_room
    count = getattr(config, f"num_{split}")

    def one(key):
        key_room, key_noise = jax.random.split(key)
        size = {"height": config.height, "width": config.width}
        example = sample(key_room, models, **size)
        return compact(add_noise(key_noise, example, models))

    examples = _make_all(config, one, _keys(config, split, count), split)
    return Pictures(examples, models.points, models.normals)


def make_test_rooms(
    config: Config, models: IndoorModels, split: str = "test"
) -> TestRooms:
    """Rooms to test with, with noise.

    Args:
      config: seed, counts and sizes.
      models: what they are furnished with.
      split: "test" or "unseen".

    Returns:
      `TestRooms`.
    """
    num_views = config.num_views

    def one(key):
        key_room, key_noise = jax.random.split(key)
        size = {"height": config.height, "width": config.width}
        clean, room = sample_views(key_room, models, num_views, **size)
        keys = jax.random.split(key_noise, num_views)
        noisy = jax.vmap(lambda k, x: compact(add_noise(k, x, models)))(keys, clean)
        return noisy, jax.vmap(_without_pictures)(clean), room

    keys = _keys(config, split, config.num_scenes)
    noisy, clean, rooms = _make_all(config, one, keys, split)
    flat = jax.tree.map(
        lambda x: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), (noisy, clean)
    )
    return TestRooms(
        Pictures(flat[0], models.points, models.normals), flat[1], rooms, models
    )


def _without_pictures(example):
    blank = jnp.zeros((0, 0))
    picture = example.picture
    none = jnp.zeros((len(picture.detections.present), 0, 3))
    return example._replace(
        picture=picture._replace(
            rgb=blank, depth=blank, normals=blank, owner=blank,
            detections=picture.detections._replace(points=none, normals=none),
        )
    )  # fmt: skip


def _keys(config: Config, split: str, count: int) -> Array:
    key = jax.random.fold_in(jax.random.key(config.seed), SPLITS.index(split))
    return jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count))


def _make_all(config: Config, one, keys: Array, label: str):
    """All examples, some at a time, on the host."""
    run = jax.jit(lambda keys: jax.lax.map(one, keys))
    return in_chunks(run, keys, chunk=config.render_at_once, label=f"{label} pictures")


def mean_sizes(models: Sequence[IndoorModels]) -> np.ndarray:
    """Mean sizes of the categories.

    Args:
      models: some models.

    Returns:
      `[9, 3]` metres; the mean of all where a category is missing.
    """
    size = np.concatenate([np.asarray(m.size_m) for m in models])
    category = np.concatenate([np.asarray(m.category) for m in models])
    rows = [size[category == i] for i in range(len(INDOOR_NAMES))]
    return np.stack([(row if len(row) else size).mean(0) for row in rows])


__all__ = [
    "APART",
    "SPLITS",
    "Pictures",
    "TestRooms",
    "compact",
    "library_files",
    "load_models",
    "make_pictures",
    "make_test_rooms",
    "mean_sizes",
    "restore",
]
