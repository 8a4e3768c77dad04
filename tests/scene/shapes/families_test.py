import numpy as np
import pytest

from ivg.scene.library import first_shape, get_shape
from ivg.scene.shapes import families
from ivg.scene.tabletop import GROUND_CLASS, OBJECT_CLASSES


@pytest.fixture(scope="module")
def library():
    return families.tabletop_library()


def _vertices(library, shape_id):
    mesh = get_shape(library, shape_id)
    return np.asarray(mesh.vertices)[np.asarray(mesh.vertex_mask)]


def test_classes_are_those_of_a_table_top(library):
    assert library.class_names == (*OBJECT_CLASSES, GROUND_CLASS)
    assert library.class_sizes == (6, 15, 8, 1)
    held_out = families.held_out_library()
    assert held_out.class_names == library.class_names
    assert held_out.class_sizes == (2, 2, 2, 1)


def test_every_shape_is_one_across_and_stands_on_the_ground(library):
    for shape_id in range(29):
        vertices = _vertices(library, shape_id)
        extent = np.ptp(vertices, axis=0)
        assert vertices[:, 1].min() == 0
        assert extent[0 if shape_id < 6 else 2] == pytest.approx(1, abs=1e-5)


def test_the_handle_points_to_the_front(library):
    for shape_id in range(6):
        vertices = _vertices(library, shape_id)
        assert vertices[:, 2].max() > 0.6
        assert vertices[:, 2].min() == pytest.approx(-0.5, abs=1e-5)


def test_the_ground_is_one_quad(library):
    ground = get_shape(library, int(first_shape(library, 3)))
    assert int(ground.face_mask.sum()) == 2
    assert float(np.abs(ground.vertices).max()) == families.GROUND_HALF_EXTENT_M


def test_primitives_fill_a_unit_box():
    library = families.primitive_library()
    assert library.class_sizes == (1,) * 6
    for shape_id in range(6):
        extent = np.ptp(_vertices(library, shape_id), axis=0)
        np.testing.assert_allclose(extent[[0, 2]], 1, atol=1e-6)
