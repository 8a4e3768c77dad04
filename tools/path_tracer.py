"""Table-tops by Mitsuba 3, a path tracer: textures, soft shadows, light between
surfaces and things behind the table, none of which the plain renderer knows.

Needs the extra `bench`, and `mitsuba.set_variant("scalar_rgb")` before anything else.
"""

import math

import jax
import mitsuba as mi
import numpy as np
import textures
from scipy import ndimage

from ivg.colour import linear_from_srgb
from ivg.render.pipeline import render
from ivg.scene.graph import world_from_nodes
from ivg.scene.library import get_shape
from ivg.scene.tabletop import scene_from_tabletop, tabletop_lights

FOV_DEG = 50.0
SUN_DISTANCE_M, SUN_RADIUS_M = 100.0, 5.0
TABLE_FRONT_M = 0.3
TABLE_TEXTURE_PX = 2048


def path_traced(latents, table, objects, wall, *, size_px, samples, seed):
    """A picture of a table-top.

    Args:
      latents: `Tabletop`, for camera and lights.
      table: mesh from `table_mesh`.
      objects: meshes from `object_meshes`.
      wall: `[size_px, size_px, 3]` linear RGB behind everything.
      size_px: side of the picture.
      samples: light paths per pixel.
      seed: of the light paths.

    Returns:
      `[size_px, size_px, 3]` linear RGB, and the scene of Mitsuba.
    """
    scene = _mitsuba_scene(latents, table, objects, size_px)
    rgba = np.array(mi.render(scene, spp=samples, seed=seed), np.float64)
    return rgba[..., :3] + wall * (1 - rgba[..., 3:]), scene


def _mitsuba_mesh(vertices, normals, uv, faces, texture):
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


def table_mesh(pattern, colour, end_m, side_m, rng):
    """The table: the part of the ground that is near.

    Args:
      pattern: from `[..., 2]` places (x, z) and a generator to a factor.
      colour: `[3]` linear RGB, the mean over the table.
      end_m: distance of its far edge.
      side_m: half its width.
      rng: NumPy generator.

    Returns:
      Mesh of Mitsuba.
    """
    near, far, side = TABLE_FRONT_M, -end_m, side_m
    vertices = [(-side, 0, near), (side, 0, near), (side, 0, far), (-side, 0, far)]
    uv = [(0, 0), (1, 0), (1, 1), (0, 1)]
    centre = (np.arange(TABLE_TEXTURE_PX) + 0.5) / TABLE_TEXTURE_PX
    x, z = np.meshgrid(-side + 2 * side * centre, near + (far - near) * centre)
    factor = pattern(np.stack([x, z], -1), rng)
    factor = factor if factor.ndim == 3 else factor[..., None]
    texture = textures.scale_to_mean(factor, colour, lambda im: im.mean((0, 1)))
    faces = [(0, 1, 2), (0, 2, 3)]
    return _mitsuba_mesh(vertices, [(0, 1, 0)] * 4, uv, faces, texture)


def object_meshes(latents, patterns, library, rng):
    """The objects of a table-top.

    Args:
      latents: `Tabletop` whose first places hold the objects.
      patterns: of each object, from `[..., 3]` places, `[..., 2]` uv and a generator to
        a factor.
      library: shapes.
      rng: NumPy generator.

    Returns:
      Meshes of Mitsuba, in order.
    """
    scene = scene_from_tabletop(latents, library)
    matrices = np.asarray(world_from_nodes(scene.nodes), np.float64)
    meshes = []
    for i, pattern in enumerate(patterns):
        mesh = get_shape(library, scene.nodes.shape_id[1 + i])
        mesh = jax.tree.map(np.asarray, mesh)
        mesh = mesh.replace(
            vertices=mesh.vertices[mesh.vertex_mask],
            normals=mesh.normals[mesh.vertex_mask],
            uv=mesh.uv[mesh.vertex_mask],
            faces=mesh.faces[mesh.face_mask],
            face_mask=mesh.face_mask[mesh.face_mask],
        )
        texture = textures.bake(mesh, pattern, latents.colour[i], rng)
        linear, offset = matrices[1 + i, :3, :3], matrices[1 + i, :3, 3]
        normals = mesh.normals @ (linear / latents.size_m[i]).T
        vertices = mesh.vertices @ linear.T + offset
        meshes.append(_mitsuba_mesh(vertices, normals, mesh.uv, mesh.faces, texture))
    return meshes


def _mitsuba_scene(latents, table, objects, size_px):
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
        "type": "hdrfilm", "width": size_px, "height": size_px,
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


def wall(srgb, size_px, rng):
    """A wall out of focus with things before it, brighter at the top.

    Args:
      srgb: its colour.
      size_px: side of the picture.
      rng: NumPy generator.

    Returns:
      `[size_px, size_px, 3]` linear RGB.
    """
    row, column = np.mgrid[:size_px, :size_px] / size_px
    shade = 1.25 - 1.5 * row + 0.15 * np.cos(3 * column + rng.uniform(0, 6))
    for _ in range(3):
        left, width = rng.uniform(0, 0.9), rng.uniform(0.05, 0.16)
        thing = (column > left) & (column < left + width) & (row > rng.uniform(0, 0.1))
        shade = shade * np.where(thing, rng.uniform(0.5, 0.8), 1)
    shade = ndimage.gaussian_filter(shade, 6 * size_px / 512, mode="nearest")
    return np.maximum(shade, 0.1)[..., None] * np.asarray(linear_from_srgb(srgb))


def _objects_seen(scene, count, size_px):
    """`[size_px, size_px]` index of the object at each pixel's centre, or -1."""
    sensor = scene.sensors()[0]
    index = np.full((size_px, size_px), -1)
    ids = {f"object_{i}": i for i in range(count)}
    for row in range(size_px):
        for column in range(size_px):
            place = ((column + 0.5) / size_px, (row + 0.5) / size_px)
            ray, _ = sensor.sample_ray(0, 0, place, (0.5, 0.5))
            hit = scene.ray_intersect_preliminary(ray)
            if hit.is_valid():
                index[row, column] = ids.get(hit.shape.id(), -1)
    return index


def outline_agreement(latents, library, traced, size_px):
    """How well the outlines of the objects agree with the library's own renderer.

    Args:
      latents: `Tabletop` whose first places hold the objects.
      library: shapes.
      traced: the scene from `path_traced`.
      size_px: side of the pictures.

    Returns:
      Intersection over union of all objects together, and the worst of one, in
      [0, 1]; of objects that neither sees, 1.
    """
    count = int(np.sum(latents.mask))
    scene = scene_from_tabletop(latents, library, height=size_px, width=size_px)
    ours = np.asarray(render(scene, mode="hard").object_index) - 1
    theirs = _objects_seen(traced, count, size_px)

    def iou(a, b):
        return np.sum(a & b) / max(np.sum(a | b), 1) if np.any(a | b) else 1.0

    return iou(ours >= 0, theirs >= 0), min(
        iou(ours == i, theirs == i) for i in range(count)
    )
