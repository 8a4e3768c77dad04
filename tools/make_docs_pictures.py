"""Draws the pictures of docs/ and README.md from the outputs of the experiments.

    python -m experiments.explain --output=OUT/coffee
    python -m experiments.explain --image=assets/pictures/tabletop_0.png \\
        --truth=assets/pictures/tabletop_0.json --output=OUT/tabletop_0
    (likewise tabletop_1 with --objects=mug,banana,stapler)
    python -m experiments.refine_tabletop --output=OUT/refine_tabletop
    python tools/make_docs_pictures.py --outputs=OUT --docs=docs
"""

import argparse
import pathlib
import shutil

import jax
import numpy as np
from PIL import Image

from ivg.data.tabletop import sample_tabletop
from ivg.energy.tabletop import render_tabletop
from ivg.scene.shapes.families import tabletop_library
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import png_bytes


def draw_tabletops(path: pathlib.Path) -> None:
    library = tabletop_library()
    keys = jax.random.split(jax.random.key(0), 12)
    tables = jax.jit(jax.vmap(lambda k: sample_tabletop(k, library)))(keys)

    @jax.jit
    def picture(table):
        return render_tabletop(
            table, library, height=192, width=192, background=(0.4, 0.45, 0.5)
        )

    pictures = [
        np.clip(np.asarray(picture(jax.tree.map(lambda x, i=i: x[i], tables))), 0, 1)
        for i in range(12)
    ]
    path.write_bytes(png_bytes(contact_sheet([pictures[:6], pictures[6:]])))


def stack(paths: list[pathlib.Path], target: pathlib.Path) -> None:
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    Image.fromarray(np.concatenate(pictures)).save(target, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--outputs", type=pathlib.Path, required=True)
    parser.add_argument("--docs", type=pathlib.Path, default=pathlib.Path("docs"))
    args = parser.parse_args()
    images = args.docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    shutil.copy(args.outputs / "coffee" / "summary.png", images / "summary.png")
    shutil.copy(args.outputs / "coffee" / "overlay.png", images / "overlay.png")
    shutil.copy(args.outputs / "refine_tabletop" / "scenes.png", images / "refined.png")
    explained = sorted(args.outputs.glob("tabletop_*/summary.png"))
    stack(explained, images / "explained.png")
    draw_tabletops(images / "tabletops.png")


if __name__ == "__main__":
    main()
