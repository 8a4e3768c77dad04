"""Thirteen categories: varied, of one size, closed parts that face outwards."""

import numpy as np
import pytest

from ivg.scene.shapes.categories import CATEGORIES, NAMES, draw_instances, make_thing
from ivg.scene.shapes.solids import (
    beam,
    ellipse,
    joined,
    loft,
    mesh_from_parts,
    mirror,
    prism,
    quad,
    rod,
    slab,
)
from ivg.scene.voxels import face_corners, world_grid

PARTS = {
    "slab": (slab((0.1, 0.2, 0.3), (0.3, 0.2, 0.1)), 8 * 0.3 * 0.2 * 0.1),
    "beam": (beam((0, 0, 0), (0, 0, 2), (0.5, 0, 0), (0, 0.25, 0)), 1.0),
    "rod": (rod((0, 0, 0), (0, 3, 0), 1.0), 3 * 8 * np.sin(np.pi / 8)),
    "cone": (rod((0, 0, 0), (0, 3, 0), 1.0, tip=0.0), 8 * np.sin(np.pi / 8)),
    "prism": (prism([(0, 0), (1, 0), (1, 1), (0, 1)], 0.5), 1.0),
    "loft": (loft([quad((0, 0, z), (1, 0, 0), (0, 1, 0)) for z in (0, 1, 3)]), 12.0),
    "ball": (
        loft([ellipse((0, 0, z), (1, 0, 0), (0, 1, 0), 4) for z in (1, -1)], 0, True),
        4.0,
    ),
}


def volume(part):
    a, b, c = (part.vertices[part.faces[:, i]] for i in range(3))
    return np.sum(np.cross(a, b) * c) / 6


@pytest.mark.parametrize("name", PARTS)
def test_parts_are_closed_and_face_outwards(name):
    part, expected = PARTS[name]
    np.testing.assert_allclose(volume(part), expected, rtol=1e-6)
    np.testing.assert_allclose(volume(mirror(part)), expected, rtol=1e-6)
    moved = part._replace(vertices=part.vertices + 5)
    np.testing.assert_allclose(volume(moved), expected, rtol=1e-6)  # hence closed
    np.testing.assert_allclose(np.linalg.norm(part.normals, axis=1), 1, atol=1e-6)
    a, b, c = (part.vertices[part.faces[:, i]] for i in range(3))
    facing = np.cross(b - a, c - a)[:, None] * part.normals[part.faces]
    assert (facing.sum(-1) > 0).all()


def test_joined_parts_keep_their_tints():
    parts = [slab((0, 0, 0), (1, 1, 1), 0), slab((3, 0, 0), (1, 1, 1), 2)]
    mesh, tints = mesh_from_parts(parts)
    assert set(tints[np.asarray(mesh.vertices)[:, 0] > 1.5]) == {2}
    np.testing.assert_allclose(volume(joined(parts)), 16)


@pytest.mark.parametrize("name", NAMES)
def test_instances(name):
    instances = draw_instances(name, 0, 5)
    limits = CATEGORIES[name][1]
    for key, (low, high) in limits.items():
        column = np.array([values[key] for values in instances])
        places = np.floor((column - low) / (high - low) * 5)
        assert sorted(places) == [0, 1, 2, 3, 4]
    grids = []
    for values in instances:
        mesh, tints = make_thing(name, values)
        corners = face_corners(mesh).reshape(-1, 3)
        assert np.linalg.norm(corners, axis=1).max() <= 0.5 + 1e-5
        size = np.linalg.norm(np.ptp(corners, axis=0))
        np.testing.assert_allclose(size, 1, rtol=1e-5)
        assert len(tints) == len(mesh.vertices) and set(tints) <= {0, 1, 2}
        grids.append(world_grid(mesh, 32))
        assert 0.002 < grids[-1].mean() < 0.6
    # No two are alike.
    assert all((a != b).any() for a, b in zip(grids, grids[1:], strict=False))


def test_draws_differ_by_seed_and_not_by_call():
    first, again = draw_instances("chair", 1, 3), draw_instances("chair", 1, 3)
    assert first == again != draw_instances("chair", 2, 3)
