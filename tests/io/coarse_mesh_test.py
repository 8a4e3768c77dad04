"""Meshes of files: fewer faces in place, tints by parts, symmetry found."""

import numpy as np
import pytest
import trimesh

from ivg.io.coarse_mesh import coarsened, part_tints, symmetry_fold
from ivg.scene.mesh import make_mesh
from ivg.scene.shapes.indoor import fit_box
from ivg.scene.shapes.solids import mesh_from_parts, rod, slab


def test_coarse_meshes_are_near_the_fine_ones():
    ball = trimesh.creation.icosphere(subdivisions=5)
    mesh = make_mesh(ball.vertices, ball.faces)
    few = coarsened(mesh, 1500)
    assert 400 < len(few.faces) <= 1500
    radius = np.linalg.norm(few.vertices, axis=1)
    assert radius.min() > 0.93 and radius.max() < 1.001
    outward = np.sum(np.asarray(few.vertices) * np.asarray(few.normals), 1)
    assert (outward > 0.5).all()
    np.testing.assert_allclose(np.linalg.norm(few.normals, axis=1), 1, atol=1e-5)
    assert coarsened(mesh, len(ball.faces)) is mesh


def test_both_sides_of_a_sheet_remain():
    side = np.linspace(0, 1, 40)
    points = np.stack([*np.meshgrid(side, side), np.zeros((40, 40))], -1).reshape(-1, 3)
    cell = np.arange(39 * 40).reshape(39, 40)[:, :39].reshape(-1, 1)
    faces = np.concatenate([cell + [0, 1, 41], cell + [0, 41, 40]])
    mesh = make_mesh(points, np.concatenate([faces, faces[:, ::-1]]))
    few = coarsened(mesh, 2000)
    up = np.asarray(few.normals)[np.asarray(few.faces)[:, 0], 2]
    assert (up > 0.99).sum() == (up < -0.99).sum() > 50


def test_tints_by_size_of_parts():
    parts = [slab((0, 0, 0), (1, 1, 1)), rod((5, 0, 0), (5, 1, 0), 0.2)]
    mesh, _ = mesh_from_parts([*parts, slab((9, 0, 0), (1, 1, 1))])
    tints, x = part_tints(mesh), np.asarray(mesh.vertices)[:, 0]
    assert set(tints[(x > 4) & (x < 6)]) == {0}  # the rod has most faces
    assert {tuple(set(tints[x < 2])), tuple(set(tints[x > 7]))} == {(1,), (2,)}


@pytest.mark.parametrize(
    "parts, fold",
    [
        ([rod((0, 0, 0), (0, 1, 0), 0.5)], 36),
        ([slab((0, 0, 0), (0.5, 0.1, 0.5))], 4),
        ([slab((0, 0, 0), (1.0, 0.1, 0.5))], 2),
        (
            [slab((0, 0, 0), (0.5, 0.1, 0.5)), slab((0, 0.5, -0.45), (0.5, 0.5, 0.05))],
            1,
        ),
    ],
)
def test_symmetry(parts, fold):
    mesh, tints = mesh_from_parts(parts)
    assert symmetry_fold(fit_box(mesh, tints, 1)) == fold
