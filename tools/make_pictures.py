"""Makes the example pictures in assets/pictures and their true latents.

Needs the extra `bench` (Mitsuba 3 and scikit-image). Run in the root of the
repository, it takes some minutes:

    pip install -e '.[bench]'
    python tools/make_pictures.py --output=assets/pictures

It writes `coffee.png`, a photograph that comes with scikit-image, and `tabletop_0`
to `tabletop_2`, each a picture (.png) and its latents (.json). A path tracer renders
those: with textures, soft shadows, light between surfaces and a wall behind the
table, none of which the library's own renderer knows. The mean of each texture is
the latent colour. For each picture it prints how well the objects' outlines agree
with the library's renderer (intersection over union of the pixels).
"""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import jax
import mitsuba as mi
import numpy as np
import skimage.data
import textures
from absl import app, flags
from PIL import Image
from scipy import ndimage

from ivg.colour import linear_from_srgb
from ivg.io.image import save_image
from ivg.io.scene_json import save_tabletop, tabletop_from_dict
from ivg.render.pipeline import render
from ivg.scene.graph import world_from_nodes
from ivg.scene.library import get_shape
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import (
    scene_from_tabletop,
    tabletop_lights,
)

OUTPUT = flags.DEFINE_string("output", "assets/pictures", "Folder to write to.")
SAMPLES = flags.DEFINE_integer("samples", 400, "Light paths per pixel.")

SIZE_PX = 512
FOV_DEG = 50.0
SEED = 7
SUN_DISTANCE_M, SUN_RADIUS_M = 100.0, 5.0
TABLE_SIDE_M, TABLE_FRONT_M = 1.2, 0.3
TABLE_TEXTURE_PX = 2048


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


def mitsuba_mesh(vertices, normals, uv, faces, texture):
    """A diffuse mesh of Mitsuba with a texture."""
    bitmap = {"type": "bitmap", "bitmap": mi.Bitmap(texture), "raw": True}
    diffuse = {"type": "diffuse", "reflectance": bitmap}
    props = mi.Properties()
    props["mesh_bsdf"] = mi.load_dict({"type": "twosided", "diffuse": diffuse})
    mesh = mi.Mesh(
        "mesh", len(vertices), len(faces), props=props,
        has_vertex_normals=True, has_vertex_texcoords=True,
    )  # fmt: skip
    values = mi.traverse(mesh)
    for key, array in (("positions", vertices), ("normals", normals)):
        values[f"vertex_{key}"] = np.ravel(array)
    values["vertex_texcoords"] = np.ravel(uv)
    values["faces"] = np.ravel(faces)
    values.update()
    return mesh


def table_mesh(picture, ground_colour, rng):
    """The table: the part of the ground that is near."""
    near, far, side = TABLE_FRONT_M, -picture.table_end_m, TABLE_SIDE_M
    vertices = [(-side, 0, near), (side, 0, near), (side, 0, far), (-side, 0, far)]
    uv = [(0, 0), (1, 0), (1, 1), (0, 1)]
    centre = (np.arange(TABLE_TEXTURE_PX) + 0.5) / TABLE_TEXTURE_PX
    x, z = np.meshgrid(-side + 2 * side * centre, near + (far - near) * centre)
    factor = picture.ground(np.stack([x, z], -1), rng)
    factor = factor if factor.ndim == 3 else factor[..., None]
    texture = textures.scale_to_mean(factor, ground_colour, lambda im: im.mean((0, 1)))
    faces = [(0, 1, 2), (0, 2, 3)]
    return mitsuba_mesh(vertices, [(0, 1, 0)] * 4, uv, faces, texture)


def object_meshes(picture, latents, library, scene, rng):
    """The objects, in order."""
    matrices = np.asarray(world_from_nodes(scene.nodes), np.float64)
    meshes = []
    for i, described in enumerate(picture.objects):
        mesh = get_shape(library, scene.nodes.shape_id[1 + i])
        mesh = jax.tree.map(np.asarray, mesh)
        mesh = mesh.replace(
            vertices=mesh.vertices[mesh.vertex_mask],
            normals=mesh.normals[mesh.vertex_mask],
            uv=mesh.uv[mesh.vertex_mask],
            faces=mesh.faces[mesh.face_mask],
            face_mask=mesh.face_mask[mesh.face_mask],
        )
        texture = textures.bake(mesh, described[-1], latents.colour[i], rng)
        linear, offset = matrices[1 + i, :3, :3], matrices[1 + i, :3, 3]
        normals = mesh.normals @ (linear / latents.size_m[i]).T
        vertices = mesh.vertices @ linear.T + offset
        meshes.append(mitsuba_mesh(vertices, normals, mesh.uv, mesh.faces, texture))
    return meshes


def mitsuba_scene(latents, table, objects):
    """The scene of Mitsuba: sphere for a sun, even light from everywhere."""
    lights = tabletop_lights(latents)
    radiance = float(latents.directional) * (SUN_DISTANCE_M / SUN_RADIUS_M) ** 2
    sun = {
        "type": "sphere",
        "center": [SUN_DISTANCE_M * float(x) for x in lights.direction[0]],
        "radius": SUN_RADIUS_M,
        "emitter": {"type": "area", "radiance": _grey(radiance)},
    }
    film = {
        "type": "hdrfilm", "width": SIZE_PX, "height": SIZE_PX,
        "pixel_format": "rgba", "rfilter": {"type": "box"},
    }  # fmt: skip
    height = float(latents.camera_height_m)
    elevation = float(latents.camera_elevation_rad)
    to_world = mi.ScalarTransform4f().look_at(
        origin=[0, height, 0],
        target=[0, height - math.sin(elevation), -math.cos(elevation)],
        up=[0, 1, 0],
    )
    return mi.load_dict(
        {
            "type": "scene",
            "integrator": {"type": "path", "max_depth": 6, "hide_emitters": True},
            "sky": {"type": "constant", "radiance": _grey(float(latents.ambient))},
            "sun": sun,
            "table": table,
            **{f"object_{i}": mesh for i, mesh in enumerate(objects)},
            "sensor": {
                "type": "perspective", "fov": FOV_DEG, "fov_axis": "y",
                "near_clip": 0.01, "to_world": to_world, "film": film,
                "sampler": {"type": "independent"},
            },
        }
    )  # fmt: skip


def _grey(value):
    return {"type": "rgb", "value": [value] * 3}


def wall(srgb, rng):
    """`[SIZE_PX, SIZE_PX, 3]` linear RGB: a wall out of focus, brighter at the top."""
    row, column = np.mgrid[:SIZE_PX, :SIZE_PX] / SIZE_PX
    shade = 1.25 - 1.5 * row + 0.15 * np.cos(3 * column + rng.uniform(0, 6))
    for _ in range(3):  # things that stand there
        left, width = rng.uniform(0, 0.9), rng.uniform(0.05, 0.16)
        thing = (column > left) & (column < left + width) & (row > rng.uniform(0, 0.1))
        shade = shade * np.where(thing, rng.uniform(0.5, 0.8), 1)
    shade = ndimage.gaussian_filter(shade, 6, mode="nearest")
    return np.maximum(shade, 0.1)[..., None] * np.array(_linear(srgb))


def objects_seen(scene, count):
    """`[SIZE_PX, SIZE_PX]` index of the object at each pixel's centre, or -1."""
    sensor = scene.sensors()[0]
    index = np.full((SIZE_PX, SIZE_PX), -1)
    ids = {f"object_{i}": i for i in range(count)}
    for row in range(SIZE_PX):
        for column in range(SIZE_PX):
            place = ((column + 0.5) / SIZE_PX, (row + 0.5) / SIZE_PX)
            ray, _ = sensor.sample_ray(0, 0, place, (0.5, 0.5))
            hit = scene.ray_intersect_preliminary(ray)
            if hit.is_valid():
                index[row, column] = ids.get(hit.shape.id(), -1)
    return index


def agreement(ours, theirs, count):
    """Intersection over union: of all objects together, and the worst of one."""

    def iou(a, b):
        return np.sum(a & b) / np.sum(a | b)

    return iou(ours >= 0, theirs >= 0), min(
        iou(ours == i, theirs == i) for i in range(count)
    )


def make_tabletop(folder, number, library):
    """Renders one picture and writes it with its latents."""
    picture = PICTURES[number]
    rng = np.random.default_rng((SEED, number))
    latents = latents_of(picture, library)
    scene = scene_from_tabletop(latents, library, height=SIZE_PX, width=SIZE_PX)
    table = table_mesh(picture, latents.ground_colour, rng)
    objects = object_meshes(picture, latents, library, scene, rng)
    theirs = mitsuba_scene(latents, table, objects)
    rgba = np.array(mi.render(theirs, spp=SAMPLES.value, seed=number), np.float64)
    behind = wall(picture.wall, rng) * (1 - rgba[..., 3:])
    save_image(folder / f"tabletop_{number}.png", rgba[..., :3] + behind)
    save_tabletop(folder / f"tabletop_{number}.json", latents, fov_deg=FOV_DEG)
    ours = np.asarray(render(scene, mode="hard").object_index) - 1
    ours[ours < 0] = -1
    together, worst = agreement(ours, objects_seen(theirs, len(objects)), len(objects))
    print(
        f"tabletop_{number}: {len(objects)} objects, outlines agree to "
        f"{together:.4f}, the worst to {worst:.4f}; "
        f"over-exposed {np.mean(rgba[..., :3] > 1):.4f}"
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
