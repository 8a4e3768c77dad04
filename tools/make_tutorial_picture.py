"""Makes docs/images/tutorial.png from what the blocks of docs/tutorial.md compute.

python tools/make_tutorial_picture.py
"""

import pathlib
import re

import jax
import jax.numpy as jnp

from ivg.io.atomic import write_atomic
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import png_bytes

DOCS = pathlib.Path(__file__).parents[1] / "docs"
STEPS = (0, 5, 10, 50)
RANGE = 80.0  # of the derivative, per metre


def main() -> None:
    """Runs the page as far as the refinement and draws it."""
    text = (DOCS / "tutorial.md").read_text().split("## Many scenes")[0]
    names: dict = {}
    for code in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if "save_image" not in code:
            exec(code, names)
    path = names["result"].trajectory
    poses = [jax.tree.map(lambda x, i=i: x[i], path) for i in STEPS]
    shown = [names["picture_of"](pose) for pose in poses]
    slope = jnp.clip(0.5 + names["change"] / RANGE, 0, 1) ** 2.2
    labels = "observed", "first guess", *(f"step {i}" for i in STEPS[1:]), "d / dx"
    rows = [[names["observed"], *shown, slope]]
    write_atomic(
        DOCS / "images" / "tutorial.png",
        png_bytes(contact_sheet(rows, column_labels=labels, cell_px=150)),
    )


if __name__ == "__main__":
    main()
