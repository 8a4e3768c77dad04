import numpy as np
import pytest

from ivg.scene.shapes import stapler

SHAPES = stapler.STAPLERS + stapler.STAPLERS_HELD_OUT


@pytest.fixture(scope="module")
def meshes():
    return [stapler.make_stapler(shape) for shape in SHAPES]


def test_there_are_eight_staplers_and_two_held_out():
    assert (len(stapler.STAPLERS), len(stapler.STAPLERS_HELD_OUT)) == (8, 2)
    assert len(set(map(str, SHAPES))) == 10


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_every_part_is_closed(meshes, check_mesh, index):
    check_mesh(meshes[index], num_parts=5)


def test_staplers_are_one_differentiable_family(meshes, check_family):
    check_family(stapler.stapler_surface, stapler.stapler_faces(), SHAPES, meshes)


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_sizes_are_those_asked_for(meshes, index):
    shape, vertices = SHAPES[index], np.asarray(meshes[index].vertices)
    low, high = vertices.min(0), vertices.max(0)
    assert low[2] == pytest.approx(-high[2], abs=1e-6)
    assert shape.length <= 1.0001 * (high - low)[2] < 1.1 * shape.length
    assert (high - low)[0] == pytest.approx(shape.width, rel=1e-4)
    assert 0.02 < high[1] < 0.08


def test_opening_lifts_the_front_and_keeps_the_base(parts):
    closed, open_ = (
        parts(stapler.make_stapler(stapler.StaplerShape(opening=angle)))
        for angle in (0.05, 0.4)
    )

    def front_height(part):
        at = part.vertices[:, 2].argmax()
        return part.vertices[at, 1]

    lifts = [
        front_height(b) - front_height(a) for a, b in zip(closed, open_, strict=True)
    ]
    assert max(lifts) > 0.03
    assert sum(abs(lift) < 1e-6 for lift in lifts) == 3
