"""Makes docs/images/deepim.png: what the example of docs/your_own_system.md sees.

python -m experiments.deepim --output=OUT
python tools/make_deepim_picture.py OUT
"""

import functools
import pathlib
import sys

import jax

from experiments import deepim
from ivg.colour import linear_from_srgb
from ivg.io.atomic import write_atomic
from ivg.io.checkpoint import load_params
from ivg.models.shape_regressor import shape_regressor
from ivg.refine.refiner import refine
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import png_bytes

PAGE_PICTURE = pathlib.Path(__file__).parents[1] / "docs" / "images" / "deepim.png"
NUM_SCENES = 4


def main(folder: str) -> None:
    """Refines some scenes of the test and draws them.

    Args:
      folder: output of the experiment.
    """
    thing, network = deepim.make_object(), shape_regressor(1, deepim.SIZE_PX)
    like = network.init(jax.random.key(0))
    params = load_params(pathlib.Path(folder) / "network", like)
    draw = functools.partial(deepim.draw, thing)
    say = functools.partial(deepim.predict, network, params)
    refiner = deepim.deepim_refiner(say, draw)

    @jax.jit
    @jax.vmap
    def pictures(key):
        observed, _, guess, _ = deepim.sample(key, thing)
        path = refine(refiner, guess, observed, deepim.NUM_UPDATES).trajectory
        return observed, jax.vmap(draw)(path)

    keys = jax.random.split(jax.random.key(1), 200)[:NUM_SCENES]
    observed, drawn = map(linear_from_srgb, pictures(keys))
    rows = [[one, *steps] for one, steps in zip(observed, drawn, strict=True)]
    steps = [f"step {i}" for i in range(1, deepim.NUM_UPDATES + 1)]
    labels = ["observed", "first guess", *steps]
    sheet = contact_sheet(rows, column_labels=labels, cell_px=128)
    write_atomic(PAGE_PICTURE, png_bytes(sheet))


if __name__ == "__main__":
    main(sys.argv[1])
