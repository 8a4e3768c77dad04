"""Makes the second test set of LiDO: pictures and their truth.

Needs the extra `bench` (Mitsuba 3). Run in the root of the repository, it takes about a
quarter of an hour on two cores:

    pip install -e '.[bench]'
    python tools/make_shifted_pictures.py

The table-tops are drawn like those of the other sets, from shapes that are in no other.
A path tracer renders them, with textures that no other set has, soft shadows, light
between surfaces and a wall behind the table. It prints how well the objects' outlines
agree with the library's renderer.
"""

from pathlib import Path

import jax
import mitsuba as mi
import numpy as np
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
from tqdm import tqdm

from experiments.lido.scenes import SHIFTED
from ivg.data.tabletop import sample_tabletop
from ivg.io.image import save_image
from ivg.io.scene_json import save_tabletop
from ivg.scene.shapes.families import held_out_library
from ivg.scene.tabletop import OBJECT_CLASSES

OUTPUT = flags.DEFINE_string("output", str(SHIFTED), "Folder to write to.")
SAMPLES = flags.DEFINE_integer("samples", 48, "Light paths per pixel.")
NUM_SCENES = flags.DEFINE_integer("num_scenes", 50, "Pictures.")

SIZE_PX = 256
SEED = 4
PATTERNS = {
    "mug": (textures.speckled, textures.banded, textures.chequered),
    "banana": (textures.ripe,),
    "stapler": (textures.brushed, textures.striped),
}
GROUNDS = (textures.planks, textures.cloth, textures.stone)


def pick(options, rng):
    """One of a few."""
    return options[rng.integers(len(options))]


def make_scene(number, latents, library):
    """A picture `[SIZE_PX, SIZE_PX, 3]` linear RGB, and the agreement of outlines."""
    rng = np.random.default_rng((SEED, number))
    count = int(np.sum(latents.mask))
    x, z = np.abs(np.asarray(latents.position_m)[:count]).max(0)
    end, side = z + rng.uniform(0.3, 1.0), 2 * (x + z) + 1
    table = table_mesh(pick(GROUNDS, rng), latents.ground_colour, end, side, rng)
    classes = [OBJECT_CLASSES[i] for i in latents.class_id[:count]]
    patterns = [pick(PATTERNS[name], rng) for name in classes]
    objects = object_meshes(latents, patterns, library, rng)
    behind = wall(rng.uniform(0.4, 0.8, 3), SIZE_PX, rng)
    seen, theirs = path_traced(
        latents, table, objects, behind,
        size_px=SIZE_PX, samples=SAMPLES.value, seed=number,
    )  # fmt: skip
    return seen, outline_agreement(latents, library, theirs, SIZE_PX)


def main(argv):
    del argv
    mi.set_variant("scalar_rgb")
    folder = Path(OUTPUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    library = held_out_library()
    keys = jax.random.split(jax.random.key(SEED), NUM_SCENES.value)
    sample = jax.jit(lambda key: sample_tabletop(key, library))
    agreements = []
    for number, key in enumerate(tqdm(keys, unit="scene")):
        latents = jax.tree.map(np.asarray, sample(key))
        seen, agreement = make_scene(number, latents, library)
        agreements.append(agreement)
        save_image(folder / f"{number:04d}.png", seen)
        save_tabletop(folder / f"{number:04d}.json", latents, fov_deg=FOV_DEG)
    together, worst = np.array(agreements).T
    print(f"outlines agree to {together.min():.4f}, of one object {worst.min():.4f}")


if __name__ == "__main__":
    app.run(main)
