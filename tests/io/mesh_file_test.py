"""Meshes from files of all kinds, and files that are none."""

import numpy as np
import pytest
import trimesh

from ivg.io.errors import InputError
from ivg.io.mesh_file import load_mesh

BOX = (0.2, 0.4, 0.6)


def box():
    return trimesh.creation.box(BOX).apply_translation([3, -1, 2])


def size(mesh):
    return np.ptp(np.asarray(mesh.vertices), axis=0)


def check_stands(mesh):
    vertices = np.asarray(mesh.vertices)
    low, high = vertices.min(0), vertices.max(0)
    np.testing.assert_allclose((low + high)[[0, 2]], 0, atol=1e-6)
    np.testing.assert_allclose(low[1], 0, atol=1e-6)


def volume(mesh):
    a, b, c = np.asarray(mesh.vertices)[np.asarray(mesh.faces)].swapaxes(0, 1)
    return np.sum(a * np.cross(b, c)) / 6


def cosine_to_faces(mesh):
    a, b, c = np.asarray(mesh.vertices)[np.asarray(mesh.faces)].swapaxes(0, 1)
    face = np.cross(b - a, c - a)
    face /= np.linalg.norm(face, axis=1, keepdims=True)
    return np.sum(np.asarray(mesh.normals)[np.asarray(mesh.faces)] * face[:, None], -1)


@pytest.mark.parametrize("suffix", ["obj", "stl", "ply", "glb"])
def test_box_from_every_format(tmp_path, suffix):
    box().export(tmp_path / f"box.{suffix}")
    mesh = load_mesh(tmp_path / f"box.{suffix}")
    check_stands(mesh)
    np.testing.assert_allclose(size(mesh), BOX, rtol=1e-5)
    np.testing.assert_allclose(volume(mesh), np.prod(BOX), rtol=1e-5)
    assert mesh.faces.shape == (12, 3)


def test_creases_of_a_box_and_none_of_a_sphere(tmp_path):
    box().export(tmp_path / "box.stl")
    mesh = load_mesh(tmp_path / "box.stl")
    assert mesh.vertices.shape == (24, 3)
    np.testing.assert_allclose(cosine_to_faces(mesh), 1, atol=1e-6)
    trimesh.creation.icosphere(2).export(tmp_path / "ball.stl")
    ball = load_mesh(tmp_path / "ball.stl")
    assert ball.vertices.shape == (162, 3)
    radial = np.asarray(ball.vertices) - [0, 1, 0]
    assert np.sum(radial * np.asarray(ball.normals), 1).min() > 0.99
    assert (np.asarray(ball.edges)[:, 3] >= 0).all()


def test_normals_and_uv_of_an_obj_are_kept(tmp_path):
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 0 1\nv 0 1 0\nvt 0.1 0.2\nvt 0.3 0.4\nvt 0.5 0.6\n"
        "vn 0.6 0.8 0\nf 1/1/1 3/2/1 2/3/1\nf 1/1/1 2/3/1 4/2/1\n"
    )
    mesh = load_mesh(tmp_path / "a.obj")
    np.testing.assert_allclose(mesh.normals, [[0.6, 0.8, 0]] * 4, atol=1e-6)
    assert {tuple(x) for x in np.round(np.asarray(mesh.uv), 3)} == {
        (np.float32(0.1), np.float32(0.2)),
        (np.float32(0.3), np.float32(0.4)),
        (np.float32(0.5), np.float32(0.6)),
    }


def test_uv_without_normals(tmp_path):
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 1 0 1\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
        "f 1/1 3/3 2/2\nf 1/1 4/4 3/3\n"
    )
    mesh = load_mesh(tmp_path / "a.obj")
    uv, place = np.asarray(mesh.uv), np.asarray(mesh.vertices)
    np.testing.assert_allclose(uv, place[:, [0, 2]] + 0.5, atol=1e-6)
    np.testing.assert_allclose(np.abs(np.asarray(mesh.normals)[:, 1]), 1)


@pytest.mark.parametrize("axis", ["x", "y", "z", "-x", "-y", "-z"])
def test_up_axis_and_unit(tmp_path, axis):
    cone = trimesh.creation.cone(radius=100, height=300)  # points along +z
    target = np.zeros(3)
    target["xyz".index(axis[-1])] = -1 if axis[0] == "-" else 1
    cone.apply_transform(trimesh.geometry.align_vectors([0, 0, 1], target))
    cone.export(tmp_path / "cone.ply")
    mesh = load_mesh(tmp_path / "cone.ply", unit_m=0.001, up_axis=axis)
    vertices = np.asarray(mesh.vertices)
    assert abs(vertices[:, 1].max() - 0.3) < 1e-6 and abs(vertices[:, 1].min()) < 1e-6
    tip = vertices[vertices[:, 1] > 0.29]
    np.testing.assert_allclose(tip[:, [0, 2]], 0, atol=1e-6)
    assert volume(mesh) > 0


def test_scene_is_joined_with_its_transforms(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box((1, 1, 1)), node_name="low")
    scene.add_geometry(
        trimesh.creation.box((1, 1, 1)),
        transform=trimesh.transformations.compose_matrix(
            scale=[-1, 2, 1], translate=[0, 3, 0]
        ),
    )
    scene.export(tmp_path / "two.glb")
    mesh = load_mesh(tmp_path / "two.glb")
    np.testing.assert_allclose(size(mesh), [1, 4.5, 1], rtol=1e-6)
    np.testing.assert_allclose(volume(mesh), 3, rtol=1e-5)
    assert cosine_to_faces(mesh).min() > 0.5


@pytest.mark.parametrize("with_normals", [False, True])
def test_inside_out_is_turned(tmp_path, with_normals):
    ball = trimesh.creation.icosphere(1)
    ball.invert()
    ball.export(tmp_path / "ball.ply", vertex_normal=with_normals)
    mesh = load_mesh(tmp_path / "ball.ply")
    assert volume(mesh) > 0 and cosine_to_faces(mesh).min() > 0.8


def test_faces_without_area_are_dropped(tmp_path):
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 2 0 0\nv 9 9 9\nf 1 2 3\nf 1 2 4\nf 1 1 3\n"
    )
    mesh = load_mesh(tmp_path / "a.obj")
    assert mesh.faces.shape == (1, 3) and mesh.vertices.shape == (3, 3)
    np.testing.assert_allclose(size(mesh), [1, 1, 0])


BAD = {
    "missing.obj": None,
    "empty.obj": b"",
    "text.obj": b"hello\nworld\n",
    "points.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\n",
    "flat.obj": b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n",
    "nan.obj": b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "infinite.obj": b"v inf 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "range.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n",
    "far.obj": b"v 1e300 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "tiny.obj": b"v 1e-30 0 0\nv 0 0 1e-30\nv 0 1e-30 0\nf 1 2 3\n",
    "text.stl": b"hello",
    "cut.stl": trimesh.creation.box().export(file_type="stl")[:200],
    "text.ply": b"ply\nhello",
    "many.ply": b"ply\nformat ascii 1.0\nelement vertex 999999999999\nend_header\n",
    "text.glb": b"glTF is not this",
    "cut.glb": trimesh.Scene(box()).export(file_type="glb")[:300],
    "a.pkl": b"\x80\x04N.",
    "noend": b"x",
    "a.gltf": b"{}",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_give_one_line(tmp_path, name):
    path = tmp_path / name
    content = BAD[name]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_mesh(path)
    message = str(caught.value)
    assert repr(str(path)) in message and "\n" not in message and ": " in message


@pytest.mark.parametrize(
    "options, message",
    [
        ({"unit_m": 0.0}, "unit_m is 0.0"),
        ({"unit_m": float("nan")}, "unit_m is nan"),
        ({"up_axis": "up"}, "up_axis is 'up'"),
        ({"max_faces": 5}, "has 12 faces"),
    ],
)
def test_bad_options(tmp_path, options, message):
    box().export(tmp_path / "box.stl")
    with pytest.raises(InputError, match=message):
        load_mesh(tmp_path / "box.stl", **options)
