"""Solids by distance: closed forms, and families of watertight things."""

import numpy as np
import pytest
import trimesh

from ivg.scene.shapes.implicit import (
    capsule,
    distance_gradient,
    mesh_from_distance,
    rounded_box,
    rounded_cone,
    smooth_union,
)
from ivg.scene.shapes.instances import (
    FAMILIES,
    draw_values,
    make_instance,
    middle_values,
)


def points(count=500):
    return np.random.default_rng(0).uniform(-2, 2, (count, 3))


def test_a_box_is_as_far_as_its_nearest_point():
    half, centre = np.array([0.5, 0.3, 0.7]), np.array([0.1, -0.2, 0.3])
    found = rounded_box(centre, half, 0.0)(points())
    nearest = np.clip(points(), centre - half, centre + half)
    outside = np.linalg.norm(points() - nearest, axis=1)
    depth = (half - np.abs(points() - centre)).min(1)
    np.testing.assert_allclose(found, np.where(depth > 0, -depth, outside), atol=1e-12)


def test_a_cylinder_and_a_capsule():
    x, y, z = points().T
    radial = np.hypot(x, z)
    found = rounded_cone((0, 0, 0), (0, 1, 0), (0.5, 0.5))(points())
    inside = (radial < 0.5) & (y > 0) & (y < 1)
    np.testing.assert_array_equal(found < 0, inside)
    side = (y > 0) & (y < 1) & (radial > 0.5)
    np.testing.assert_allclose(found[side], radial[side] - 0.5)
    height = np.clip(y, 0, 1)
    expected = np.sqrt(x**2 + (y - height) ** 2 + z**2) - 0.2
    found = capsule((0, 0, 0), (0, 1, 0), 0.2)(points())
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_union_holds_its_parts_and_its_slopes_have_length_one():
    parts = [
        rounded_box((0, 0, 0), (1, 0.4, 0.4), 0.1),
        capsule((0, 0, 0), (0, 1, 0), 0.3),
    ]
    both = smooth_union(parts, 0.2)(points())
    apart = np.minimum(*(part(points()) for part in parts))
    assert (both <= apart + 1e-12).all() and (both >= apart - 0.05 - 1e-12).all()
    slopes = distance_gradient(parts[1], points(), 1e-4)
    np.testing.assert_allclose(np.linalg.norm(slopes, axis=1), 1, atol=1e-3)


def test_a_ball_has_the_volume_of_a_ball():
    mesh = mesh_from_distance(
        lambda p: np.linalg.norm(p, axis=1) - 0.1, (-0.15,) * 3, (0.15,) * 3, 0.01
    )
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.volume == pytest.approx(4 / 3 * np.pi * 0.1**3, rel=0.02)
    np.testing.assert_allclose(mesh.normals, mesh.vertices / 0.1, atol=0.02)


def test_a_solid_beyond_its_box():
    with pytest.raises(ValueError, match="box"):
        mesh_from_distance(
            lambda p: np.linalg.norm(p, axis=1) - 0.1, (-0.05,) * 3, (0.15,) * 3, 0.01
        )


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_instances_are_whole_and_differ(family):
    rows = [middle_values(family), *draw_values(family, 0, 14)]
    assert rows[1] == draw_values(family, 0, 14)[0]
    extents = []
    for values in rows[:6]:
        mesh = make_instance(family, values, 0.008)
        solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        assert solid.is_watertight and solid.volume > 0 and solid.body_count == 1
        assert abs(solid.bounds[0][1]) < 0.01
        extents.append(solid.extents)
    assert (np.std(extents, 0) > 0.002).any()
    for name, (low, high) in FAMILIES[family].limits.items():
        values = np.array([row[name] for row in rows[1:]])
        assert np.ptp(values) > 0.7 * (high - low)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_extreme_instances_fit_their_boxes(family):
    for end in (0, 1):
        values = {name: pair[end] for name, pair in FAMILIES[family].limits.items()}
        make_instance(family, values, 0.01)
