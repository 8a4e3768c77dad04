import numpy as np
import pytest

from ivg.scene.shapes import mug
from ivg.scene.shapes.surface import compiled

SHAPES = mug.MUGS + mug.MUGS_HELD_OUT


@pytest.fixture(scope="module")
def meshes():
    return [mug.make_mug(shape) for shape in SHAPES]


mug_patches = compiled(mug.mug_patches)


def _winding_number(triangles, points):
    """One inside a closed surface and zero outside (van Oosterom and Strackee)."""
    a, b, c = (triangles[None, :, k] - points[:, None] for k in range(3))
    la, lb, lc = (np.linalg.norm(x, axis=-1) for x in (a, b, c))
    dot_ab, dot_bc, dot_ca = (np.sum(x * y, -1) for x, y in ((a, b), (b, c), (c, a)))
    volume = np.sum(a * np.cross(b, c), -1)
    solid_angle = la * lb * lc + dot_ab * lc + dot_bc * la + dot_ca * lb
    return np.arctan2(volume, solid_angle).sum(-1) / (2 * np.pi)


def test_there_are_six_mugs_and_two_held_out():
    assert (len(mug.MUGS), len(mug.MUGS_HELD_OUT)) == (6, 2)
    assert len(set(map(str, SHAPES))) == 8


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_body_and_handle_are_closed(meshes, check_mesh, index):
    check_mesh(meshes[index], num_parts=2)


def test_mugs_are_one_differentiable_family(meshes, check_family):
    check_family(mug.mug_surface, mug.mug_faces(), SHAPES, meshes)


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_sizes_are_those_asked_for(meshes, index):
    shape, vertices = SHAPES[index], np.asarray(meshes[index].vertices)
    assert vertices[:, 1].max() == pytest.approx(shape.height, rel=5e-3)
    widest = float(mug.mug_body_diameter(meshes[index].vertices))
    narrowest = max(shape.diameter, shape.base_diameter)
    assert narrowest * 0.999 <= widest < 1.25 * narrowest
    reach = shape.diameter / 2 + shape.handle_reach + shape.handle_thickness / 2
    assert vertices[:, 2].max() == pytest.approx(reach, rel=5e-3)


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_the_body_is_hollow(meshes, parts, index):
    shape = SHAPES[index]
    body = max(parts(meshes[index]), key=lambda part: part.area)
    across = np.hypot(body.vertices[:, 0], body.vertices[:, 2])
    floor = body.vertices[across == 0, 1]
    np.testing.assert_allclose(sorted(floor), [0, shape.wall], atol=1e-6)
    assert body.volume < 0.5 * body.convex_hull.volume


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_the_handle_ends_inside_the_wall(meshes, parts, index):
    body, handle = sorted(parts(meshes[index]), key=lambda part: -part.area)
    patches = mug_patches(SHAPES[index])
    ends = [np.asarray(p.points).reshape(-1, 3) for p in (patches[1], patches[3])]
    assert (_winding_number(body.triangles, np.concatenate(ends)) > 0.5).all()
    assert handle.bounds[1, 2] > body.bounds[1, 2]


def test_espresso_cup_is_wide_and_rounded():
    shape = mug.MUGS[0]
    assert shape.diameter == pytest.approx(1.25 * shape.height, rel=0.05)
    assert shape.base_diameter < 0.65 * shape.diameter
