import numpy as np
import pytest

from ivg.scene.shapes import banana

SHAPES = banana.BANANAS + banana.BANANAS_HELD_OUT


@pytest.fixture(scope="module")
def meshes():
    return [banana.make_banana(shape) for shape in SHAPES]


def test_there_are_fifteen_bananas_and_two_held_out():
    assert (len(banana.BANANAS), len(banana.BANANAS_HELD_OUT)) == (15, 2)
    assert len(set(map(str, SHAPES))) == 17


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_bananas_are_closed(meshes, check_mesh, index):
    check_mesh(meshes[index], num_parts=1)


def test_bananas_are_one_differentiable_family(meshes, check_family):
    check_family(banana.banana_surface, banana.banana_faces(), SHAPES, meshes)


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_bananas_lie_along_z_in_the_middle(meshes, index):
    shape, vertices = SHAPES[index], np.asarray(meshes[index].vertices)
    low, high = vertices.min(0), vertices.max(0)
    np.testing.assert_allclose((low + high)[[0, 2]], 0, atol=1e-6)
    extent = high - low
    assert shape.length <= extent[2] < 1.06 * shape.length
    assert 1.7 * shape.radius < extent[1] < 2.3 * shape.radius
    assert extent[2] > 2.5 * extent[0]


def test_the_stem_is_thin_and_at_the_front(meshes):
    vertices = np.asarray(meshes[0].vertices)
    place = vertices[:, 2] / np.ptp(vertices[:, 2])
    stem, fruit = (np.ptp(vertices[m, 1]) for m in (place > 0.4, abs(place) < 0.2))
    assert stem < 0.6 * fruit


def test_more_bend_makes_a_deeper_bow():
    bends = [banana.BananaShape(stem_bend=b, tip_bend=b) for b in (0.2, 0.6, 1.0)]
    depth = [np.ptp(np.asarray(banana.make_banana(s).vertices)[:, 0]) for s in bends]
    assert depth == sorted(depth)
