"""How long LiDO takes for a table-top of seven objects, in the widths of two presets.

python tools/measure_lido_speed.py

Prints a table of docs/systems/lido.md; a minute on two cores. The weights are random:
how long a step takes does not depend on them.
"""

import itertools
import statistics
import time

import jax
from tqdm import trange

from experiments.lido.config import PRESETS, Config
from experiments.lido.networks import predictor_of, trained_predictor
from experiments.tables import markdown_table
from ivg.data.tabletop import sample_tabletop
from ivg.energy.tabletop import render_tabletop
from ivg.refine.lido import lido_refiner
from ivg.refine.refiner import refine
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import Tabletop

_REPEATS = 9


def full_tabletop(library: MeshLibrary) -> Tabletop:
    """The first random table-top that has an object in every place."""
    draw = jax.jit(lambda seed: sample_tabletop(jax.random.key(seed), library))
    tables = (draw(seed) for seed in itertools.count())
    return next(table for table in tables if table.mask.all())


def seconds_of(config: Config, table: Tabletop, library: MeshLibrary) -> float:
    """The median time of a refinement, compiled and warm."""
    params = predictor_of(config).init(jax.random.key(0))
    refiner = lido_refiner(trained_predictor(config, params), library)
    size = {"height": config.size_px, "width": config.size_px}
    picture = jax.jit(lambda table: render_tabletop(table, library, **size))(table)
    explain = jax.jit(lambda *x: refine(refiner, *x, config.num_iterations).params)

    jax.block_until_ready(explain(table, picture))
    seconds = []
    for _ in trange(_REPEATS, desc="refinements"):
        start = time.perf_counter()
        jax.block_until_ready(explain(table, picture))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    library = tabletop_library()
    table = full_tabletop(library)
    names = "cpu", "paper"
    rows = [[f"`{n}`", f"{seconds_of(PRESETS[n], table, library):.2f}"] for n in names]
    print(markdown_table(["preset", "seconds for 30 steps, seven objects"], rows))


if __name__ == "__main__":
    main()
