"""Makes the example pictures of the experiments and their true latents.

Needs the extra `bench` (Mitsuba 3). Run in the root of the
repository, it takes some minutes:

    pip install -e '.[bench]'
    python tools/make_pictures.py

It writes `coffee.png`, a photograph that comes with scikit-image, and `tabletop_0`
to `tabletop_2`, each a picture (.png) and its latents (.json). A path tracer renders
those: with textures, soft shadows, light between surfaces and a wall behind the
table, none of which the library's own renderer knows. The mean of each texture is
the latent colour. For each picture it prints how well the objects' outlines agree
with the library's renderer (intersection over union of the pixels).
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import mitsuba as mi
import numpy as np
import skimage.data
import textures
from absl import app, flags
from path_tracer import (
    FOV_DEG,
    object_meshes,
    outline_agreement,
    path_traced,
    table_mesh,
    wall,
)
from PIL import Image

from experiments.paths import ASSETS
from ivg.colour import linear_from_srgb
from ivg.io.image import save_image
from ivg.io.scene_json import save_tabletop, tabletop_from_dict
from ivg.scene.shapes.families import tabletop_library

OUTPUT = flags.DEFINE_string("output", str(ASSETS / "pictures"), "Folder to write to.")
SAMPLES = flags.DEFINE_integer("samples", 400, "Light paths per pixel.")

SIZE_PX = 512
SEED = 7
TABLE_SIDE_M = 1.2


@dataclasses.dataclass(frozen=True)
class Picture:
    """One rendered picture.

    Attributes:
      globals: camera, light and ground, keys as in the file of latents.
      objects: (class, shape, x, z, size, azimuth in degrees, sRGB, texture) each.
      ground: texture of the table.
      table_end_m: distance of the table's far edge.
      wall: sRGB of the wall, at the bottom.
    """

    globals: dict
    objects: list[tuple]
    ground: Callable
    table_end_m: float
    wall: tuple[float, float, float]


def _globals(height, elevation, ambient, directional, light, ground):
    return {
        "fov_deg": FOV_DEG,
        "camera_height_m": height,
        "camera_elevation_deg": elevation,
        "ambient_strength": ambient,
        "directional_strength": directional,
        "light_azimuth_deg": light[0],
        "light_elevation_deg": light[1],
        "ground_colour_linear_rgb": _linear(ground),
    }


def _linear(srgb):
    return [round(float(x), 4) for x in np.asarray(linear_from_srgb(np.array(srgb)))]


PICTURES = [
    Picture(
        _globals(0.27, 35.0, 0.45, 0.65, (-55.0, 50.0), (0.80, 0.69, 0.57)),
        [
            ("mug", 1, -0.01, -0.33, 0.085, 70.0, (0.25, 0.48, 0.66),
             textures.banded),
        ],
        textures.planks,
        0.95,
        (0.62, 0.64, 0.62),
    ),
    Picture(
        _globals(0.32, 38.0, 0.45, 0.70, (40.0, 48.0), (0.82, 0.80, 0.77)),
        [
            ("mug", 4, -0.11, -0.45, 0.082, 300.0, (0.76, 0.29, 0.22),
             textures.speckled),
            ("banana", 0, 0.02, -0.32, 0.185, 75.0, (0.92, 0.78, 0.25),
             textures.ripe),
            ("stapler", 1, 0.12, -0.47, 0.150, 215.0, (0.22, 0.36, 0.30),
             textures.brushed),
        ],
        textures.stone,
        1.05,
        (0.66, 0.60, 0.52),
    ),
    Picture(
        _globals(0.44, 42.0, 0.45, 0.75, (-120.0, 55.0), (0.72, 0.76, 0.80)),
        [
            ("mug", 2, -0.17, -0.60, 0.084, 285.0, (0.85, 0.82, 0.74),
             textures.chequered),
            ("mug", 0, 0.15, -0.40, 0.092, 110.0, (0.35, 0.55, 0.36),
             textures.speckled),
            ("stapler", 3, -0.12, -0.37, 0.155, 35.0, (0.70, 0.24, 0.28),
             textures.striped),
            ("banana", 3, 0.03, -0.53, 0.195, 120.0, (0.90, 0.80, 0.30),
             textures.ripe),
            ("stapler", 2, 0.19, -0.62, 0.130, 300.0, (0.28, 0.34, 0.55),
             textures.brushed),
        ],
        textures.cloth,
        1.15,
        (0.56, 0.58, 0.64),
    ),
]  # fmt: skip


def latents_of(picture, library):
    """The true latents, as a user reads them from the file."""
    objects = [
        {
            "class": name, "shape": shape, "x_m": x, "z_m": z, "size_m": size,
            "azimuth_deg": azimuth, "colour_linear_rgb": _linear(srgb),
        }
        for name, shape, x, z, size, azimuth, srgb, _ in picture.objects
    ]  # fmt: skip
    data = {"format": "ivg.tabletop", "version": 1, **picture.globals}
    return tabletop_from_dict({**data, "objects": objects}, library)[0]


def make_tabletop(folder, number, library):
    """Renders one picture and writes it with its latents."""
    picture = PICTURES[number]
    rng = np.random.default_rng((SEED, number))
    latents = latents_of(picture, library)
    table = table_mesh(
        picture.ground, latents.ground_colour, picture.table_end_m, TABLE_SIDE_M, rng
    )
    patterns = [described[-1] for described in picture.objects]
    objects = object_meshes(latents, patterns, library, rng)
    seen, theirs = path_traced(
        latents, table, objects, wall(picture.wall, SIZE_PX, rng),
        size_px=SIZE_PX, samples=SAMPLES.value, seed=number,
    )  # fmt: skip
    save_image(folder / f"tabletop_{number}.png", seen)
    save_tabletop(folder / f"tabletop_{number}.json", latents, fov_deg=FOV_DEG)
    together, worst = outline_agreement(latents, library, theirs, SIZE_PX)
    print(
        f"tabletop_{number}: {len(objects)} objects, outlines agree to "
        f"{together:.4f}, the worst to {worst:.4f}; "
        f"over-exposed {np.mean(seen > 1):.4f}"
    )


def main(argv):
    del argv
    mi.set_variant("scalar_rgb")
    folder = Path(OUTPUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(skimage.data.coffee()).save(folder / "coffee.png", optimize=True)
    library = tabletop_library()
    for number in range(len(PICTURES)):
        make_tabletop(folder, number, library)


if __name__ == "__main__":
    app.run(main)
