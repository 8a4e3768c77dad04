"""Things to see: procedural ones, or models of ShapeNet from a folder."""

import pathlib
from typing import NamedTuple

import numpy as np

from experiments.ige_voxel.config import Config
from ivg.io.binvox import read_binvox
from ivg.io.errors import InputError
from ivg.io.mesh_file import SUFFIXES, load_mesh
from ivg.scene.mesh import Mesh
from ivg.scene.shapes.categories import NAMES, draw_instances, make_thing
from ivg.scene.shapes.voxel_surface import world_surface
from ivg.scene.voxels import fit_unit

SPLITS = ("train", "test")
# Folders of ShapeNet's first version, in the order of `NAMES`.
SYNSETS = (
    "02691156", "02828884", "02933112", "02958343", "04401088", "03001627", "04256520",
    "04090263", "03636649", "03211117", "03691459", "04379243", "04530566",
)  # fmt: skip
_TEST_EVERY = 5  # ShapeNet's files: a fifth is for the test
_MAX_FACES = 200_000


class Thing(NamedTuple):
    """One thing.

    Attributes:
      category: place in `NAMES`.
      mesh: about the origin, in a ball of radius one half.
      tints: `[V]` int, which of three colours each vertex has.
    """

    category: int
    mesh: Mesh
    tints: np.ndarray


def procedural_things(config: Config, split: str) -> list[Thing]:
    """Things of all categories.

    Args:
      config: seed and counts.
      split: one of `SPLITS`; they share nothing.

    Returns:
      As many of each category, one category after the other.
    """
    seed = 2 * config.seed + SPLITS.index(split)
    count = config.num_train if split == "train" else config.num_test
    return [
        Thing(place, *make_thing(name, values))
        for place, name in enumerate(NAMES)
        for values in draw_instances(name, seed, count)
    ]


def model_files(folder: str | pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """The models of a folder: a folder per category, in it one per model.

    Args:
      folder: with folders named as the categories or as ShapeNet's synsets.

    Returns:
      For each category a file per model, in the order of their names: a mesh if there
      is one, otherwise a `.binvox`.

    Raises:
      InputError: if the folder is missing, or a category has fewer than two models.
    """
    root = pathlib.Path(folder)
    if not root.is_dir():
        raise InputError(f"--data={folder}: there is no such folder")
    found = {}
    for name, synset in zip(NAMES, SYNSETS, strict=True):
        places = [p for p in (root / name, root / synset) if p.is_dir()]
        models = sorted(m for p in places for m in p.iterdir())
        files = [f for f in map(_model_file, models) if f is not None]
        if len(files) < 2:
            raise InputError(
                f"--data={folder}: {name} ({synset}) has {len(files)} models; put two "
                "or more there"
            )
        found[name] = files
    return found


def _model_file(model: pathlib.Path) -> pathlib.Path | None:
    files = [model] if model.is_file() else sorted(model.rglob("*"))
    for suffixes in (SUFFIXES, (".binvox",)):
        for file in files:
            if file.suffix.lower() in suffixes:
                return file
    return None


def thing_from_file(category: int, path: pathlib.Path) -> Thing:
    """A model of one colour.

    Args:
      category: place in `NAMES`.
      path: mesh, or `.binvox`, whose surface is taken.

    Returns:
      `Thing`.

    Raises:
      InputError: if the file cannot be used.
    """
    if path.suffix.lower() == ".binvox":
        grid = read_binvox(path).grid
        mesh = world_surface(np.where(grid, 1.0, -1.0))
        if mesh is None:
            raise InputError(f"{str(path)!r} has no full voxel: leave it out")
    else:
        mesh = load_mesh(path, max_faces=_MAX_FACES)
    return Thing(category, fit_unit(mesh), np.zeros(len(mesh.vertices), int))


def load_things(config: Config, split: str, data: str | None = None) -> list[Thing]:
    """Things to train or to test with.

    Args:
      config: seed and counts.
      split: one of `SPLITS`.
      data: folder for `model_files`, or None for procedural things. Every fifth model
        of a category, the first among them, is for the test.

    Returns:
      Things, one category after the other, at most as many of each as the preset says.

    Raises:
      InputError: if the folder or a file cannot be used.
    """
    if data is None:
        return procedural_things(config, split)
    things, is_test = [], split == "test"
    count = config.num_test if is_test else config.num_train
    for category, files in enumerate(model_files(data).values()):
        own = [f for i, f in enumerate(files) if (i % _TEST_EVERY == 0) == is_test]
        things += [thing_from_file(category, file) for file in own[:count]]
    return things


__all__ = [
    "SPLITS",
    "SYNSETS",
    "Thing",
    "load_things",
    "model_files",
    "procedural_things",
    "thing_from_file",
]
