"""Scenes as GLB, read back with trimesh and by hand."""

import json
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from ivg.geometry.camera import look_at
from ivg.geometry.rotation import quaternion_from_azimuth, sample_quaternion
from ivg.io.gltf import default_node_names, glb_bytes, save_glb
from ivg.scene.appearance import make_lights
from ivg.scene.graph import make_nodes, make_scene, world_mesh
from ivg.scene.library import make_library
from ivg.scene.mesh import make_mesh

TETRAHEDRON = make_mesh(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
    [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]],
    uv=[[0, 0], [1, 0], [0, 1], [0.5, 0.5]],
)
QUAD = make_mesh(
    [[-50, 0, -50], [-50, 0, 50], [50, 0, 50], [50, 0, -50]], [[0, 1, 2], [0, 2, 3]]
)
LIBRARY = make_library({"ground": [QUAD], "mug": [TETRAHEDRON]})
ALBEDO = [[0.5, 0.4, 0.3], [0.8, 0.001, 0.002], [0.0, 0.3333, 1.0], [1.2, 0.1, 0.1]]


def scene(mask=(True, True, True, True)):
    keys = jax.random.split(jax.random.key(0), 4)
    nodes = make_nodes(
        [0, 1, 1, 1],
        position=[[0, 0, 0], [0.2, 0, -1], [0.5, 0.1, 0.2], [-0.4, 0, -1.5]],
        quaternion=jnp.stack(
            [quaternion_from_azimuth(0.0), *map(sample_quaternion, keys[1:])]
        ),
        scale=[[1, 1, 1], [0.1, 0.1, 0.1], [0.5, 1.0, 2.0], [0.2, 0.2, -0.2]],
        mask=mask,
        parents=[-1, -1, 1, -1],
    )
    camera = look_at((0.0, 0.4, 0.5), (0.0, 0.0, -1.0), height=48, width=64)
    lights = make_lights(
        0.3, [[0.6, 0.8, 0.0]], [[1.0, 0.5, 0.25]], [[0, 1, 0]], [[2, 2, 2]]
    )
    return make_scene(LIBRARY, nodes, camera, albedo=ALBEDO, lights=lights)


def header(data):
    (length,) = struct.unpack("<I", data[12:16])
    return json.loads(data[20 : 20 + length])


def test_names():
    assert default_node_names(scene()) == ["ground", "mug_0", "mug_1", "mug_2"]


def test_world_vertices_and_normals_come_back(tmp_path):
    path = save_glb(tmp_path / "scene.glb", scene())
    loaded = trimesh.load_scene(path, process=False)
    want = jax.tree.map(np.asarray, world_mesh(scene()))
    num_vertices = LIBRARY.mesh.vertices.shape[1]
    for node, name in enumerate(default_node_names(scene())):
        if name == "ground":
            continue
        matrix, geometry = loaded.graph[name]
        mesh = loaded.geometry[geometry]
        rows = slice(node * num_vertices, node * num_vertices + 4)
        world = trimesh.transform_points(mesh.vertices, matrix)
        np.testing.assert_allclose(world, want.vertices[rows], atol=1e-5)
        np.testing.assert_allclose(mesh.vertex_normals, TETRAHEDRON.normals, atol=1e-5)
        np.testing.assert_allclose(mesh.visual.uv, TETRAHEDRON.uv, atol=1e-5)
        assert len(mesh.faces) == 4


def test_the_tree_is_kept():
    nodes = {node["name"]: node for node in header(glb_bytes(scene()))["nodes"]}
    tree = header(glb_bytes(scene()))["nodes"]
    assert [tree[i]["name"] for i in nodes["mug_0"]["children"]] == ["mug_1"]


def test_hidden_nodes_stay_only_as_frames():
    tree = header(glb_bytes(scene(mask=(True, False, True, False))))
    nodes = {node["name"]: node for node in tree["nodes"]}
    assert "mesh" not in nodes["mug_0"] and "mesh" in nodes["mug_1"]
    assert "mug_2" not in nodes
    assert len(tree["meshes"]) == 2


def test_ground_is_cut_about_the_objects():
    loaded = trimesh.load_scene(
        trimesh.util.wrap_as_stream(glb_bytes(scene())), file_type="glb"
    )
    matrix, name = loaded.graph["ground"]
    ground = loaded.geometry[name].copy().apply_transform(matrix)
    assert np.allclose(ground.extents, [4, 0, 4], atol=1e-3)
    assert (ground.face_normals[:, 1] > 0.99).all()
    assert abs(ground.centroid[2] + 1) < 0.7


def test_base_colours_are_linear_and_exact():
    tree = header(glb_bytes(scene()))
    for mesh in tree["meshes"]:
        material = tree["materials"][mesh["primitives"][0]["material"]]
        node = default_node_names(scene()).index(mesh["name"])
        factor = material["pbrMetallicRoughness"]["baseColorFactor"]
        np.testing.assert_allclose(factor[:3], np.clip(ALBEDO[node], 0, 1), rtol=1e-6)
        assert material["pbrMetallicRoughness"]["metallicFactor"] == 0
    assert len(tree["materials"]) == len(tree["meshes"]) == 4


def test_camera_and_lights():
    tree = header(glb_bytes(scene()))
    perspective = tree["cameras"][0]["perspective"]
    assert abs(np.rad2deg(perspective["yfov"]) - 50) < 1e-3
    assert abs(perspective["aspectRatio"] - 64 / 48) < 1e-3
    far, near = tree["extensions"]["KHR_lights_punctual"]["lights"]
    assert far["type"] == "directional" and near["type"] == "point"
    np.testing.assert_allclose(far["color"], [1, 0.5, 0.25])
    np.testing.assert_allclose(
        [far["intensity"], near["intensity"]], [np.pi, 2 * np.pi]
    )
    x, y, z, w = next(n for n in tree["nodes"] if n["name"] == "light_0")["rotation"]
    back = trimesh.transformations.quaternion_matrix([w, x, y, z])[:3, 2]
    np.testing.assert_allclose(back, [0.6, 0.8, 0], atol=1e-6)
    loaded = trimesh.load_scene(
        trimesh.util.wrap_as_stream(glb_bytes(scene())), file_type="glb"
    )
    np.testing.assert_allclose(loaded.camera_transform[:3, 3], [0, 0.4, 0.5], atol=1e-6)


@pytest.mark.parametrize("names", [["a"], ["a"] * 4, ["a", "b", "c", "world"]])
def test_bad_names(names):
    with pytest.raises(ValueError, match="names"):
        glb_bytes(scene(), names)


def test_nothing_visible():
    assert header(glb_bytes(scene(mask=(False,) * 4)))["cameras"]
