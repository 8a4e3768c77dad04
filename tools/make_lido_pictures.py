"""Makes the pictures of docs/systems/lido.md, and the first of README.md.

python -m experiments.lido --mode=evaluate --output=OUT
for N in 0 1 2; do python -m experiments.explain --output=OUT/explained_$N \
    --image=experiments/assets/pictures/tabletop_$N.png; done
python tools/make_lido_pictures.py --output=OUT
"""

import argparse
import pathlib
import shutil

import numpy as np
from PIL import Image

from experiments.lido.config import PRESETS
from experiments.lido.scenes import load_scenes
from ivg.io.atomic import write_atomic
from ivg.scene.shapes.families import tabletop_library
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import png_bytes

IMAGES = pathlib.Path(__file__).parents[1] / "docs" / "images"
ROWS, COLUMNS = 3, 6
COPIED = {
    "examples.png": "lido_examples.png",
    "errors_over_time.png": "lido_errors.png",
    "shifted/examples.png": "lido_shifted.png",
    "explained_1/summary.png": "summary.png",
}


def make_data_sheet(folder: pathlib.Path) -> np.ndarray:
    """Table-tops as a camera would see them, of the validation set."""
    num = ROWS * COLUMNS
    library = tabletop_library()
    _, pictures = load_scenes(PRESETS["cpu"], "validation", num, library, folder)
    rows = [list(pictures[i : i + COLUMNS]) for i in range(0, num, COLUMNS)]
    return contact_sheet(rows, cell_px=160)


def make_explained_sheet(folder: pathlib.Path) -> np.ndarray:
    """What the main job made of its three path-traced pictures."""
    files = [folder / f"explained_{i}" / "summary.png" for i in range(3)]
    return np.concatenate([np.asarray(Image.open(f).convert("RGB")) for f in files])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    folder = parser.parse_args().output
    for source, target in COPIED.items():
        shutil.copy(folder / source, IMAGES / target)
    sheets = {"lido_data": make_data_sheet, "lido_explained": make_explained_sheet}
    for name, make in sheets.items():
        write_atomic(IMAGES / f"{name}.png", png_bytes(make(folder)))


if __name__ == "__main__":
    main()
