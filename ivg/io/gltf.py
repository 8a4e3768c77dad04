"""A scene as a binary glTF file, which modellers and viewers open.

glTF has ivg's conventions: metres, y up, a camera that looks along -z, linear base
colours. Lights are written with the extension KHR_lights_punctual; ambient light
and the background have no place in glTF.
"""

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import trimesh
from trimesh.exchange.gltf import export_glb
from trimesh.intersections import slice_faces_plane
from trimesh.scene import Camera
from trimesh.visual.texture import TextureVisuals

from ivg.geometry.rotation import matrix_from_quaternion
from ivg.geometry.transform import affine_from_trs
from ivg.io.atomic import write_atomic
from ivg.scene.graph import Scene, world_from_nodes
from ivg.scene.tabletop import GROUND_CLASS

_GROUND_HALF_M = 2.0  # of what is left of the ground
_FAR_M = 5 * _GROUND_HALF_M


def save_glb(
    path: str | os.PathLike, scene: Scene, node_names: Sequence[str] | None = None
) -> Path:
    """Writes a scene as GLB, whole or not at all.

    Args:
      path: where to write.
      scene: scene; see `glb_bytes`.
      node_names: names of its `N` nodes; `default_node_names(scene)` if absent.

    Returns:
      The path.

    Raises:
      InputError: if the file cannot be written.
      ValueError: for names that are not `N` different ones.
    """
    return write_atomic(path, glb_bytes(scene, node_names))


def glb_bytes(scene: Scene, node_names: Sequence[str] | None = None) -> bytes:
    """A scene as the content of a GLB file.

    Each visible node becomes a mesh without padding, under a node with its local
    transform. What is more than 20 m wide is ground: it is cut to a square of 4 m (or
    more, if objects stand further apart) about the objects.

    Args:
      scene: scene. A principal point off the middle of the image is not kept.
      node_names: names of its `N` nodes; `default_node_names(scene)` if absent.

    Returns:
      Binary glTF 2.0, self-contained.

    Raises:
      ValueError: for names that are not `N` different ones.
    """
    num_nodes = len(scene.nodes.parents)
    names = list(default_node_names(scene) if node_names is None else node_names)
    if len(names) != num_nodes or len({*names, "world", "camera"}) != num_nodes + 2:
        raise ValueError(
            f"{num_nodes} nodes need as many different names, none of them world or "
            f"camera: {names}"
        )
    meshes = [_mesh(scene, i) for i in range(num_nodes)]
    _cut_ground(meshes, np.asarray(world_from_nodes(scene.nodes), float))
    out = trimesh.Scene()
    local = jax.vmap(affine_from_trs)(
        scene.nodes.position, scene.nodes.quaternion, scene.nodes.scale
    )
    for i, parent in enumerate(scene.nodes.parents):
        above = "world" if parent < 0 else names[parent]
        matrix = np.asarray(local[i], float)
        mesh = meshes[i]
        if mesh is not None and len(mesh.faces):
            out.add_geometry(mesh, names[i], names[i], above, transform=matrix)
        elif i in scene.nodes.parents:
            out.graph.update(frame_to=names[i], frame_from=above, matrix=matrix)
    out.camera, out.camera_transform = _camera(scene)
    colours = dict(zip(names, np.asarray(scene.material.albedo, float), strict=True))

    def finish(tree: dict[str, Any]) -> None:
        aspect = scene.camera.width / scene.camera.height
        tree["cameras"][0]["perspective"]["aspectRatio"] = aspect  # trimesh's is off
        _set_materials(tree, colours)
        _add_lights(tree, scene)

    data = export_glb(out, include_normals=True, tree_postprocessor=finish)
    assert isinstance(data, bytes)
    return data


def default_node_names(scene: Scene) -> list[str]:
    """Names by class: "ground", "mug_0", "mug_1", "banana_0".

    Args:
      scene: scene of `N` nodes.

    Returns:
      `N` different names. Hidden nodes are counted too.
    """
    library = scene.library
    classes = np.repeat(library.class_names, library.class_sizes)
    seen: Counter[str] = Counter()
    names = []
    for shape_id in np.asarray(scene.nodes.shape_id):
        kind = str(classes[shape_id])
        is_only_ground = kind == GROUND_CLASS and not seen[kind]
        names.append(kind if is_only_ground else f"{kind}_{seen[kind]}")
        seen[kind] += 1
    return names


def _mesh(scene: Scene, node: int) -> trimesh.Trimesh | None:
    if not bool(scene.nodes.mask[node]):
        return None
    padded = jax.tree.map(
        lambda x: np.asarray(x[int(scene.nodes.shape_id[node])]), scene.library.mesh
    )
    real = padded.vertex_mask
    number = np.cumsum(real) - 1
    return trimesh.Trimesh(
        vertices=padded.vertices[real],
        faces=number[padded.faces[padded.face_mask]],
        vertex_normals=padded.normals[real],
        visual=TextureVisuals(uv=padded.uv[real]),
        process=False,
    )


def _cut_ground(meshes: list[trimesh.Trimesh | None], world: np.ndarray) -> None:
    """Replaces meshes that reach too far by their part near the others."""
    corners: dict[int, np.ndarray] = {
        i: trimesh.transform_points(mesh.bounding_box.vertices, world[i])[:, [0, 2]]
        for i, mesh in enumerate(meshes)
        if mesh is not None and len(mesh.faces)
    }
    far = [i for i, c in corners.items() if np.ptp(c, axis=0).max() > 2 * _FAR_M]
    near = [c for i, c in corners.items() if i not in far]
    around = np.concatenate(near) if near else np.zeros((1, 2))
    middle = (around.min(0) + around.max(0)) / 2
    half = max(_GROUND_HALF_M, 0.75 * np.ptp(around, axis=0).max())
    normals = np.array([[1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]], float)
    origins = np.array([middle[0], 0, middle[1]]) - half * normals
    for i in far:
        mesh = meshes[i]
        assert mesh is not None
        vertices, faces = trimesh.transform_points(mesh.vertices, world[i]), mesh.faces
        for normal, origin in zip(normals, origins, strict=True):
            vertices, faces, _ = slice_faces_plane(vertices, faces, normal, origin)
        vertices = trimesh.transform_points(vertices, np.linalg.inv(world[i]))
        meshes[i] = trimesh.Trimesh(vertices, faces, process=False)


def _camera(scene: Scene) -> tuple[Camera, np.ndarray]:
    camera = scene.camera
    focal = np.asarray(camera.focal_px, float)
    size = (camera.width, camera.height)
    fov = [math.degrees(2 * math.atan(size[i] / (2 * focal[i]))) for i in (0, 1)]
    matrix = np.eye(4)
    matrix[:3, :3] = matrix_from_quaternion(camera.quaternion)
    matrix[:3, 3] = camera.position
    return Camera(
        name="camera", resolution=size, fov=fov, z_near=float(camera.near)
    ), matrix


def _set_materials(tree: dict[str, Any], colours: dict[str, np.ndarray]) -> None:
    """One matt material per mesh, in full precision (trimesh keeps 8 bits)."""
    tree["materials"] = []
    for mesh in tree.get("meshes", []):
        rgb = np.clip(colours[mesh["name"]], 0, 1)
        for primitive in mesh["primitives"]:
            primitive["material"] = len(tree["materials"])
        tree["materials"].append(
            {
                "name": mesh["name"],
                "pbrMetallicRoughness": {
                    "baseColorFactor": [*map(float, rgb), 1.0],
                    "metallicFactor": 0.0,
                    "roughnessFactor": 1.0,
                },
            }
        )


def _add_lights(tree: dict[str, Any], scene: Scene) -> None:
    """Far and point lights; glTF's irradiance is pi times ivg's strength."""
    lights: list[dict[str, Any]] = []
    far, near = scene.lights.directional, scene.lights.point
    for kind, places, strengths in (
        ("directional", scene.lights.direction, far),
        ("point", scene.lights.position, near),
    ):
        for place, strength in zip(
            np.asarray(places, float), np.asarray(strengths, float), strict=True
        ):
            peak = float(strength.max())
            if peak <= 0:
                continue
            node = {"name": f"light_{len(lights)}"} | _light_pose(kind, place)
            node["extensions"] = {"KHR_lights_punctual": {"light": len(lights)}}
            tree["nodes"].append(node)
            tree["scenes"][0]["nodes"].append(len(tree["nodes"]) - 1)
            lights.append(
                {
                    "type": kind,
                    "intensity": math.pi * peak,
                    "color": [float(x) for x in np.clip(strength / peak, 0, 1)],
                }
            )
    if lights:
        tree["extensionsUsed"] = sorted(
            {*tree.get("extensionsUsed", []), "KHR_lights_punctual"}
        )
        tree.setdefault("extensions", {})["KHR_lights_punctual"] = {"lights": lights}


def _light_pose(kind: str, place: np.ndarray) -> dict[str, Any]:
    if kind == "point":
        return {"translation": [float(x) for x in place]}
    matrix = trimesh.geometry.align_vectors([0, 0, 1], place)
    w, x, y, z = trimesh.transformations.quaternion_from_matrix(matrix)
    return {"rotation": [float(x), float(y), float(z), float(w)]}


__all__ = [
    "default_node_names",
    "glb_bytes",
    "save_glb",
]
