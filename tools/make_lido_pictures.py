"""Makes docs/images/lido_data.png: table-tops as a camera would see them.

python tools/make_lido_pictures.py --output=DIR   # of --mode=train, or a new one
"""

import argparse
import pathlib

from experiments.lido.config import PRESETS
from experiments.lido.scenes import load_scenes
from ivg.io.atomic import write_atomic
from ivg.scene.shapes.families import tabletop_library
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import png_bytes

DOCS = pathlib.Path(__file__).parents[1] / "docs"
ROWS, COLUMNS = 3, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    folder = parser.parse_args().output
    num = ROWS * COLUMNS
    library = tabletop_library()
    _, pictures = load_scenes(PRESETS["cpu"], "validation", num, library, folder)
    rows = [list(pictures[i : i + COLUMNS]) for i in range(0, num, COLUMNS)]
    write_atomic(
        DOCS / "images" / "lido_data.png", png_bytes(contact_sheet(rows, cell_px=160))
    )


if __name__ == "__main__":
    main()
