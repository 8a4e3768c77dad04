"""How many pixels surfels at the true depth get wrong, for each fit of normals.

python tools/measure_surfel_fits.py

Prints the table of docs/systems/pix2scene.md; a minute on two cores.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.tables import markdown_table
from ivg.data import room_views
from ivg.data.surfel_rooms import CLASSES, room_library
from ivg.render.surfel import FITS
from ivg.train.scene_cycle import picture_of_depth

_NUM_PICTURES = 40
_WRONG = 0.02  # difference of linear colours
_SIZES = (32, 128)


def wrong_shares(kind: str, size_px: int) -> np.ndarray:
    """The share of pixels that are wrong.

    Args:
      kind: of rooms.
      size_px: side of the pictures.

    Returns:
      `[F]` for the fits of `FITS`.
    """
    library = room_library(kind)

    def one(key):
        seen = room_views.sample_view(key, library, kind, size_px)
        draw = functools.partial(
            picture_of_depth,
            seen.depth,
            room_views.room_camera(seen.eye, size_px),
            room_views.room_lights(seen.light, seen.light_rgb),
            jnp.full(3, room_views.ALBEDO),
        )
        errors = jnp.stack([draw(fit) - seen.image for fit in FITS])
        return jnp.mean(jnp.max(jnp.abs(errors), -1) > _WRONG, (1, 2))

    keys = jax.random.split(jax.random.key(1), _NUM_PICTURES)
    return np.asarray(jax.jit(lambda keys: jax.lax.map(one, keys))(keys)).mean(0)


def main() -> None:
    rows = [
        [f"`{kind}`, {size} x {size}", *(f"{100 * x:.1f}" for x in shares)]
        for kind in CLASSES
        for size in _SIZES
        for shares in [wrong_shares(kind, size)]
    ]
    print(markdown_table(["wrong pixels, %", *FITS], rows))


if __name__ == "__main__":
    main()
