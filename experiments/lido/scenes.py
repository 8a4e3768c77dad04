"""The data sets: random table-tops and their pictures, made once and kept on disk."""

import concurrent.futures
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from tqdm import tqdm

from experiments.lido.config import Config
from experiments.lido.store import read_tables, write_tables
from experiments.paths import ASSETS
from ivg.data.rich_tabletop import (
    Surroundings,
    make_surroundings,
    sample_rich_tabletop,
)
from ivg.io.errors import InputError
from ivg.io.scene_json import load_tabletop
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import held_out_library, primitive_library
from ivg.scene.tabletop import Tabletop
from ivg.typing import Array

SPLITS = ("init", "source1", "source2", "validation", "tune", "test", "source3")
SHIFTED = ASSETS / "lido_shifted"


def split_key(config: Config, split: str) -> Array:
    """The random key of a data set, by its place in `SPLITS`; no two share scenes.

    Args:
      config: gives the seed.
      split: one of `SPLITS`.

    Returns:
      Random key.
    """
    return jax.random.fold_in(jax.random.key(config.seed), SPLITS.index(split))


def surroundings_of(config: Config, split: str) -> Surroundings:
    """Textures and rooms; those of the test set are not seen in training.

    Args:
      config: counts and seed.
      split: one of `SPLITS`.

    Returns:
      `Surroundings`.
    """
    is_test = split in ("validation", "tune", "test")
    key = jax.random.fold_in(jax.random.key(config.seed), 100 + is_test)
    return _make_surroundings(
        key, primitive_library(), config.num_textures, config.num_backdrops,
        config.size_px,
    )  # fmt: skip


@jax.jit(static_argnums=(2, 3, 4))
def _make_surroundings(key, primitives, num_textures, num_backdrops, size):
    return make_surroundings(
        key, primitives, num_textures=num_textures, num_backdrops=num_backdrops,
        size=size,
    )  # fmt: skip


def scene_maker(library: MeshLibrary) -> Callable:
    """Makes the compiled function that makes scenes.

    Args:
      library: shapes.

    Returns:
      Function of `[M]` keys and `Surroundings` to `Tabletop`s and pictures
      `[M, H, W, 3]` uint8 sRGB.
    """

    @jax.jit
    def make(keys, surroundings):
        def one(key):
            table, picture = sample_rich_tabletop(key, library, surroundings)
            return table, jnp.round(255 * picture).astype(jnp.uint8)

        return jax.lax.map(one, keys)

    return make


def load_scenes(
    config: Config,
    split: str,
    num: int,
    library: MeshLibrary,
    folder: pathlib.Path,
    make: Callable | None = None,
) -> tuple[Tabletop, np.ndarray]:
    """A data set, from disk as far as it is there.

    Args:
      config: counts and seed.
      split: one of `SPLITS`.
      num: number `M` of scenes. The first ones are the same whatever their number.
      library: shapes.
      folder: of the files.
      make: from `scene_maker`, to share what it compiled.

    Returns:
      True latents with a leading axis `[M]` and pictures `[M, H, W, 3]` uint8 sRGB.
    """
    starts = range(0, num, config.scenes_in_file)
    missing = [s for s in starts if not _file(folder, config, split, s).exists()]
    if missing:
        make = make or scene_maker(library)
        surroundings = surroundings_of(config, split)

        def fill(start):
            keys = jax.vmap(jax.random.fold_in, (None, 0))(
                split_key(config, split), start + jnp.arange(config.scenes_in_file)
            )
            tables, pictures = make(keys, surroundings)
            file = _file(folder, config, split, start)
            write_tables(file, tables, picture=pictures)

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(tqdm(pool.map(fill, missing), total=len(missing), desc=split))
    parts = [read_tables(_file(folder, config, split, s), "picture") for s in starts]
    return jax.tree.map(lambda *x: np.concatenate(x)[:num], *parts)


def load_shifted(num: int) -> tuple[Tabletop, np.ndarray]:
    """The second test set: by another renderer, of shapes from `held_out_library`.

    Args:
      num: number of scenes at most; there are 50.

    Returns:
      As `load_scenes`.

    Raises:
      InputError: if there are none.
    """
    files = sorted(SHIFTED.glob("*.png"))[:num]
    if not files:
        raise InputError(f"{SHIFTED}: no pictures; run tools/make_shifted_pictures.py")
    library = held_out_library()
    tables = [load_tabletop(f.with_suffix(".json"), library)[0] for f in files]
    pictures = np.stack([np.asarray(Image.open(f).convert("RGB")) for f in files])
    return jax.tree.map(lambda *x: np.stack(x), *tables), pictures


def _file(folder: pathlib.Path, config: Config, split: str, start: int):
    counts = config.num_textures, config.num_backdrops, config.scenes_in_file
    bank = "-".join(map(str, (config.seed, config.size_px, *counts)))
    return folder / "scenes" / bank / split / f"{start:06d}.npz"


__all__ = [
    "SPLITS",
    "load_scenes",
    "load_shifted",
    "scene_maker",
    "split_key",
    "surroundings_of",
]
