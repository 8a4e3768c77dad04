"""Edges of small meshes, padding, normals and broken input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh
from jax.test_util import check_grads

from ivg.scene import mesh

QUAD = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
QUAD_FACES = np.array([[0, 1, 2], [0, 2, 3]])


def count(made):
    """Numbers of smooth inner edges, of rows of sharp edges, and of borders."""
    border = np.asarray(made.edges)[:, 3] < 0
    sharp = np.asarray(made.edge_sharp)
    assert not np.any(border & sharp)
    return int(np.sum(~border & ~sharp)), int(sharp.sum()), int(border.sum())


def assert_edges_belong_to_faces(made):
    for a, b, owner, other in np.asarray(made.edges):
        assert {a, b} <= set(np.asarray(made.faces[owner]).tolist())
        if other >= 0:
            points = np.asarray(made.vertices)[np.asarray(made.faces[other])]
            for end in np.asarray(made.vertices)[[a, b]]:
                assert np.any(np.all(points == end, axis=1))


def box_with_sharp_edges():
    box = trimesh.creation.box()
    corners = box.triangles.reshape(-1, 3)
    normals = np.repeat(box.face_normals, 3, 0)
    return mesh.make_mesh(corners, np.arange(36).reshape(-1, 3), normals)


def test_open_quad():
    made = mesh.make_mesh(QUAD, QUAD_FACES)
    assert count(made) == (1, 0, 4)
    assert_edges_belong_to_faces(made)
    np.testing.assert_allclose(made.normals, np.tile([0, 0, 1], (4, 1)))


def test_box_has_creases_of_two_rows():
    made = box_with_sharp_edges()
    assert count(made) == (6, 24, 0)
    assert_edges_belong_to_faces(made)
    sharp = np.asarray(made.edges)[np.asarray(made.edge_sharp)]
    pairs = {tuple(row) for row in sharp[:, 2:]}
    assert {(b, a) for a, b in pairs} == pairs


def test_sphere_is_smooth_and_closed():
    sphere = trimesh.creation.icosphere(2)
    made = mesh.make_mesh(sphere.vertices, sphere.faces)
    assert count(made) == (len(sphere.edges_unique), 0, 0)
    assert_edges_belong_to_faces(made)
    np.testing.assert_allclose(made.normals, sphere.vertices, atol=0.03)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_seam_of_uv_is_no_border(zero):
    vertices = np.concatenate([QUAD[[0, 1, 2]], QUAD[[0, 2, 3]]])
    vertices[3] = zero
    normals = np.tile([0, 0, 1.0], (6, 1))
    made = mesh.make_mesh(vertices, [[0, 1, 2], [3, 4, 5]], normals)
    assert count(made) == (1, 0, 4)
    assert_edges_belong_to_faces(made)


def test_fold_of_different_normals_is_sharp():
    vertices = np.concatenate([QUAD[[0, 1, 2]], QUAD[[0, 2, 3]]])
    normals = np.repeat([[0, 0, 1.0], [0, 0.6, 0.8]], 3, 0)
    made = mesh.make_mesh(vertices, [[0, 1, 2], [3, 4, 5]], normals)
    assert count(made) == (0, 2, 4)


def test_edge_of_three_faces_is_a_border_of_each():
    vertices = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [-1, 0, 0.0]])
    made = mesh.make_mesh(vertices, [[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    assert count(made) == (0, 0, 9)


def test_degenerate_faces_have_no_improper_edge():
    made = mesh.make_mesh(QUAD, [[0, 1, 2], [1, 1, 2], [3, 3, 3]])
    ends = np.asarray(made.edges)[:, :2]
    assert np.all(ends[:, 0] != ends[:, 1])
    assert np.all(np.isfinite(made.normals))


BROKEN = {
    "shape .V, 3.": dict(vertices=QUAD[:, :2], faces=QUAD_FACES),
    "faces must have shape": dict(vertices=QUAD, faces=QUAD_FACES[:, :2]),
    "with F > 0": dict(vertices=QUAD, faces=np.zeros((0, 3), int)),
    "indices must be in": dict(vertices=QUAD, faces=[[0, 1, 4]]),
    "got -1 to 1": dict(vertices=QUAD, faces=[[0, 1, -1]]),
    "vertices must be finite": dict(vertices=QUAD * np.nan, faces=QUAD_FACES),
    "integers": dict(vertices=QUAD, faces=QUAD_FACES + 0.5),
    "normals must have": dict(vertices=QUAD, faces=QUAD_FACES, normals=QUAD[:2]),
    "normals must be": dict(
        vertices=QUAD, faces=QUAD_FACES, normals=np.full_like(QUAD, np.inf)
    ),
    "uv must have": dict(vertices=QUAD, faces=QUAD_FACES, uv=QUAD),
}


@pytest.mark.parametrize("message", BROKEN)
def test_broken_input(message):
    with pytest.raises(ValueError, match=message):
        mesh.make_mesh(**BROKEN[message])


def test_vertex_normals():
    sphere = trimesh.creation.icosphere(1)
    faces = jnp.asarray(sphere.faces, jnp.int32)
    with jax.enable_x64(True):
        vertices = jnp.asarray(sphere.vertices)
        weighted = np.zeros_like(sphere.vertices)
        areas = sphere.area_faces[:, None] * sphere.face_normals
        for corner in range(3):
            np.add.at(weighted, sphere.faces[:, corner], areas)
        expected = weighted / np.linalg.norm(weighted, axis=1, keepdims=True)
        function = lambda v: mesh.vertex_normals(v, faces)  # noqa: E731
        np.testing.assert_allclose(function(vertices), expected, atol=1e-12)
        check_grads(function, (vertices,), order=1, modes=("fwd", "rev"))


def test_vertex_normals_of_degenerate_faces_are_finite():
    faces = jnp.array([[0, 1, 2], [0, 0, 1]])
    vertices = jnp.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]])
    assert not mesh.vertex_normals(vertices, faces).any()
    jacobian = jax.jacrev(lambda v: mesh.vertex_normals(v, faces))(vertices)
    assert jnp.all(jnp.isfinite(jacobian))
