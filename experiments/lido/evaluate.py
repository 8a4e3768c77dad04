"""The comparison: first guess, two searches, LiDO without and with other shapes."""

import dataclasses
import hashlib
import pathlib
import time
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from tqdm import tqdm

from experiments.chunks import in_chunks
from experiments.lido.config import Config
from experiments.lido.guesses import Problems
from experiments.lido.store import read_tables, write_tables
from ivg.colour import linear_from_srgb
from ivg.energy.tabletop import display, tabletop_energy
from ivg.metrics.tabletop import tabletop_errors
from ivg.metrics.tabletop_image import tabletop_image_metrics
from ivg.models.votes import unanimous_votes
from ivg.refine.lido import PredictFn, lido_refiner, match_brightness
from ivg.refine.refiner import refine
from ivg.refine.scipy_baseline import Search, cumulative_seconds
from ivg.refine.shapes import choose_shapes
from ivg.refine.tabletop_baseline import tabletop_minimizer
from ivg.render.pipeline import render
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import Tabletop, scene_from_tabletop


@struct.dataclass
class Paths:
    """What a method did with `M` scenes.

    Attributes:
      tables: latents `[M, T + 1]`.
      seconds: `[M, T + 1]` since the start of the scene, on the host's clock and
        without compilation.
    """

    tables: Tabletop
    seconds: np.ndarray


def learned_paths(
    predict: PredictFn, problems: Problems, library: MeshLibrary, num_steps: int
) -> dict[str, Paths]:
    """LiDO on all scenes, and LiDO once more after shapes were tried where it ended.

    Args:
      predict: predictor.
      problems: scenes.
      library: shapes.
      num_steps: `T`.

    Returns:
      `Paths` of each of `LEARNED`: of "lido" `[M, T + 1]`, of "chosen" these and the
      `T + 1` of the second time. The time of a scene is spread evenly over its steps.
    """

    @jax.jit
    def explain(table, votes, picture):
        refiner = lido_refiner(predict, library, votes)
        return refine(refiner, table, _linear(picture), num_steps).trajectory

    @jax.jit
    def choose(table, picture):
        chosen = choose_shapes(table, _linear(picture), library)
        return chosen, unanimous_votes(chosen)

    pictures = problems.pictures
    lido = _paths(explain, (problems.guesses, problems.votes, pictures), "lido")
    ends = jax.tree.map(lambda x: x[:, -1], lido.tables)
    starts, seconds = _timed(choose, (ends, pictures), "shapes")
    again = _paths(explain, (*starts, pictures), "lido again")
    return {"lido": lido, "chosen": _join(lido, again, seconds)}


def _paths(explain: Callable, scenes: tuple, label: str) -> Paths:
    tables, seconds = _timed(explain, scenes, label)
    num_steps = tables.mask.shape[1] - 1
    return Paths(tables, seconds[:, None] * np.arange(num_steps + 1) / num_steps)


def _join(first: Paths, second: Paths, between: np.ndarray) -> Paths:
    """Two paths, one after the other, with `[M]` seconds between them."""
    later = second.seconds + (first.seconds[:, -1] + between)[:, None]
    joined = first.tables, second.tables
    tables = jax.tree.map(lambda x, y: np.concatenate([x, y], 1), *joined)
    return Paths(tables, np.concatenate([first.seconds, later], 1))


def _linear(picture):
    return linear_from_srgb(picture / 255.0)


def _timed(function: Callable, scenes: tuple, label: str):
    """What a compiled function says of each scene, stacked, and `[M]` seconds."""
    num = len(jax.tree.leaves(scenes)[0])
    rows = [jax.tree.map(lambda x, i=i: jnp.asarray(x[i]), scenes) for i in range(num)]
    jax.block_until_ready(function(*rows[0]))
    results, seconds = [], []
    for row in tqdm(rows, desc=label, unit="scene"):
        start = time.perf_counter()
        results.append(jax.block_until_ready(function(*row)))
        seconds.append(time.perf_counter() - start)
    return _stack(results), np.array(seconds)


def limited(search: Search, config: Config) -> Search:
    """A search that a preset may end earlier.

    Args:
      search: method and limits.
      config: gives `search_iterations`.

    Returns:
      `Search` of as many iterations at most.
    """
    iterations = min(search.iterations, config.search_iterations or search.iterations)
    return dataclasses.replace(search, iterations=iterations)


def search_paths(
    name: str,
    search: Search,
    problems: Problems,
    library: MeshLibrary,
    folder: pathlib.Path,
) -> Paths:
    """A search on all scenes; each is kept on disk when it is done.

    Args:
      name: of the method.
      search: method and limits.
      problems: scenes.
      library: shapes.
      folder: of the results; those of the same guess, picture and search that are
        there already are not made again.

    Returns:
      `Paths` with an entry after each block.
    """
    minimize = tabletop_minimizer(tabletop_energy(library), search)
    paths = []
    for i in tqdm(range(len(problems.pictures)), desc=name, unit="scene"):
        table = jax.tree.map(lambda x, i=i: np.asarray(x[i]), problems.guesses)
        picture = problems.pictures[i]
        file = folder / f"{name}-{_digest(table, picture, search)}.npz"
        if not file.exists():
            found = minimize(table, _linear(picture))
            seconds = cumulative_seconds(found.info)
            write_tables(file, found.trajectory, seconds=seconds)
        paths.append(Paths(*read_tables(file, "seconds")))
    return _stack(paths)


def _digest(table: Tabletop, picture: np.ndarray, search: Search) -> str:
    """What a search depends on but the shapes, so that no other result is taken."""
    arrays = [*jax.tree.leaves(table), picture]
    parts = [array.tobytes() for array in arrays] + [repr(search).encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def _stack(trees: list):
    return jax.tree.map(lambda *x: np.stack([np.asarray(v) for v in x]), *trees)


def errors_of(paths: Paths, problems: Problems) -> dict[str, np.ndarray]:
    """The errors of the latents along the way, of objects that have a true one.

    Args:
      paths: of a method.
      problems: scenes.

    Returns:
      `[M, T + 1, N]` or `[M, T + 1]` for each name of `tabletop_errors`.
    """
    return jax.tree.map(np.asarray, _errors_along(paths.tables, problems.found))


_errors_along = jax.jit(jax.vmap(jax.vmap(tabletop_errors, (0, None))))


def picture_maker(
    library: MeshLibrary, size_px: int, *, is_matched: bool = False
) -> Callable:
    """Makes the compiled function that renders latents for the scores.

    Args:
      library: shapes.
      size_px: side of the pictures.
      is_matched: whether elements become as bright as they are observed. Latents that
        were learned from rich pictures need it: the plain renderer has no shadows, and
        a search has darkened its colours for that, a network has not.

    Returns:
      Function of latents `[M]` and observed pictures `[M, H, W, 3]` uint8 to nodes
      `[M, H, W]` and pictures `[M, H, W, 3]` as displayed.

    Source: Romaszko et al., section 8, last paragraph.
    """

    def one(table, observed):
        scene = scene_from_tabletop(table, library, height=size_px, width=size_px)
        seen = render(scene)
        index, picture = seen.object_index, jnp.clip(seen.rgb, 0, 1)
        if is_matched:
            num = 1 + len(table.mask)
            picture = match_brightness(picture, _linear(observed), index, num)
        return index, display(picture)

    return jax.jit(lambda *scenes: jax.lax.map(lambda scene: one(*scene), scenes))


def true_nodes(index: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Nodes of the truth, numbered as those of the guesses.

    Args:
      index: `[M, H, W]` nodes of the true scenes.
      pairs: `[M, N]` from `pair_tables`.

    Returns:
      `[M, H, W]`; -2 for objects that were not found.
    """
    renumbered = np.full((len(pairs), pairs.shape[1] + 2), -2)
    renumbered[:, 0], renumbered[:, 1] = -1, 0
    for row, pair in zip(renumbered, pairs, strict=True):
        places = np.flatnonzero(pair >= 0)
        row[pair[places] + 2] = places + 1
    flat = np.take_along_axis(renumbered, index.reshape(len(index), -1) + 1, 1)
    return flat.reshape(index.shape)


def scores_of(
    tables: Tabletop, nodes: np.ndarray, problems: Problems, make_pictures: Callable
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Overlaps and squared errors in the picture.

    Args:
      tables: latents `[M]` at the end of a method.
      nodes: `[M, H, W]` from `true_nodes`.
      problems: scenes.
      make_pictures: from `picture_maker`.

    Returns:
      For each name of `tabletop_image_metrics`, `[M, N]` or `[M]`; and the pictures.
    """
    index, rendered = in_chunks(make_pictures, tables, problems.pictures)
    observed = problems.pictures / np.float32(255)
    mask = problems.found.mask
    return in_chunks(_score, index, nodes, rendered, observed, mask), rendered


@jax.jit
def _score(*scenes):
    return jax.lax.map(lambda s: tabletop_image_metrics(*s), scenes)


def last_tables(paths: Mapping[str, Paths]) -> dict[str, Tabletop]:
    """Where the methods ended.

    Args:
      paths: of each method.

    Returns:
      Latents `[M]` of each.
    """
    return {
        name: jax.tree.map(lambda x: x[:, -1], path.tables)
        for name, path in paths.items()
    }


__all__ = [
    "Paths",
    "errors_of",
    "last_tables",
    "learned_paths",
    "limited",
    "picture_maker",
    "scores_of",
    "search_paths",
    "true_nodes",
]
