"""Makes pictures of docs/; those of LiDO are made by tools/make_lido_pictures.py.

python -m experiments.explain --output=OUT/coffee --objects=mug --refiner=gradient \
    --image=experiments/assets/pictures/coffee.png
python -m experiments.explain --output=OUT/tabletop_0 --objects=mug \
    --refiner=gradient \
    --image=experiments/assets/pictures/tabletop_0.png \
    --truth=experiments/assets/pictures/tabletop_0.json
python -m experiments.refine_tabletop --output=OUT/refine_tabletop
python tools/make_docs_pictures.py --outputs=OUT --docs=docs
"""

import argparse
import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np

from ivg.data.tabletop import sample_tabletop
from ivg.energy.tabletop import render_tabletop
from ivg.geometry.camera import Camera, look_at
from ivg.geometry.rotation import quaternion_from_azimuth
from ivg.io.atomic import write_atomic
from ivg.render.pipeline import render
from ivg.scene.appearance import make_lights
from ivg.scene.graph import make_nodes, make_scene
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import primitive_library, tabletop_library
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import png_bytes

COPIED = {
    "coffee/overlay.png": "overlay.png",
    "tabletop_0/summary.png": "tabletop_0.png",
    "refine_tabletop/scenes.png": "refined.png",
}
CELL_PX = 160


def shape_pictures(library: MeshLibrary) -> dict[str, list[np.ndarray]]:
    """Every shape of a library but the ground, by class, from a little above."""
    lights = make_lights(0.35, [[-0.3, 0.75, 0.59]], [[0.6] * 3])

    @jax.jit
    def draw(shape_id, camera):
        turn = quaternion_from_azimuth(jnp.array(0.9))
        nodes = make_nodes(shape_id[None], quaternion=turn[None])
        scene = make_scene(
            library, nodes, camera, albedo=(0.75, 0.6, 0.45), lights=lights,
            background=(0.9, 0.9, 0.9),
        )  # fmt: skip
        return render(scene).rgb

    pictures, start = {}, 0
    for name, size in zip(library.class_names, library.class_sizes, strict=True):
        if name != "ground":
            ids = np.arange(start, start + size)
            camera = _camera_for(library, ids)
            pictures[name] = [np.clip(draw(i, camera), 0, 1) for i in ids]
        start += size
    return pictures


def _camera_for(library: MeshLibrary, ids: np.ndarray) -> Camera:
    """A camera that is filled by the largest of some shapes."""
    points = np.asarray(library.mesh.vertices)[ids]
    real = np.asarray(library.mesh.vertex_mask)[ids]
    heights = points[..., 1][real]
    target = np.array([0, (heights.min() + heights.max()) / 2, 0])
    reach = np.linalg.norm(points - target, axis=-1)[real].max()
    away = 2.6 * reach * np.array([0.25, 0.42, 0.87])
    return look_at(target + away, target, height=CELL_PX, width=CELL_PX)


def make_shapes_sheet() -> np.ndarray:
    """All procedural shapes, one class or two rows of it after the other."""
    tabletop = shape_pictures(tabletop_library())
    solids = shape_pictures(primitive_library())
    rows, labels = [], []
    for name, pictures in tabletop.items():
        for i in range(0, len(pictures), 8):
            rows.append(pictures[i : i + 8])
            labels.append(name if i == 0 else "")
    rows.append([row[0] for row in solids.values()])
    return contact_sheet(rows, row_labels=[*labels, "solids"], cell_px=CELL_PX)


def make_scenes_sheet(num_rows: int = 2, num_columns: int = 6) -> np.ndarray:
    """Random table-tops."""
    library = tabletop_library()

    @jax.jit
    def draw(key):
        table = sample_tabletop(key, library)
        return render_tabletop(table, library, height=CELL_PX, width=CELL_PX)

    keys = jax.random.split(jax.random.key(0), num_rows * num_columns)
    pictures = [np.clip(draw(key), 0, 1) for key in keys]
    rows = [pictures[i : i + num_columns] for i in range(0, len(keys), num_columns)]
    return contact_sheet(rows, cell_px=CELL_PX)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--outputs", type=pathlib.Path, required=True)
    parser.add_argument("--docs", type=pathlib.Path, default=pathlib.Path("docs"))
    args = parser.parse_args()
    images = args.docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    for source, target in COPIED.items():
        shutil.copy(args.outputs / source, images / target)
    write_atomic(images / "shapes.png", png_bytes(make_shapes_sheet()))
    write_atomic(images / "scenes.png", png_bytes(make_scenes_sheet()))


if __name__ == "__main__":
    main()
