"""Outlines of objects."""

import numpy as np
import pytest

from ivg.viz.overlay import (
    AFTER,
    BEFORE,
    draw_contours,
    object_contours,
    overlay_before_after,
)


def index_map(size=32, left=10, label=1):
    index = np.zeros((size, size), np.int32)
    index[: size // 4] = -1
    index[10:20, left : left + 8] = label
    return index


def test_contours_are_the_outermost_pixels_of_objects():
    contours = object_contours(index_map())
    want = np.zeros((32, 32), bool)
    want[10:20, 10:18] = True
    want[11:19, 11:17] = False
    np.testing.assert_array_equal(contours, want)


def test_horizon_and_border_are_no_contours():
    assert not object_contours(np.where(np.arange(64).reshape(8, 8) > 30, 0, -1)).any()
    assert not object_contours(np.full((8, 8), 3)).any()


def test_contour_between_touching_objects():
    index = np.repeat([[1] * 4 + [2] * 4], 8, 0)
    np.testing.assert_array_equal(object_contours(index)[0], [0, 0, 0, 1, 1, 0, 0, 0])


def test_bad_shape():
    with pytest.raises(ValueError, match="shape"):
        object_contours(np.zeros(3))


@pytest.mark.parametrize("factor", [1, 4])
def test_lines_lie_on_the_outline(factor):
    grey = np.full((32 * factor, 32 * factor, 3), 90, np.uint8)
    drawn = draw_contours(grey, index_map(), (255, 0, 0), 2.0)
    changed = (drawn != grey).any(-1)
    assert drawn.dtype == np.uint8 and changed.any()
    rows, columns = np.nonzero(changed)
    slack = 1.5 * factor + 2
    for places, low, high in ((rows, 10, 20), (columns, 10, 18)):
        assert places.min() >= low * factor - slack
        assert places.max() <= high * factor + slack
    assert not changed[15 * factor, 14 * factor]  # nothing in the middle
    assert (drawn == [255, 0, 0]).all(-1).any()


def test_a_finer_index_map_also_fits():
    drawn = draw_contours(np.zeros((16, 16, 3), np.uint8), index_map())
    assert drawn.shape == (16, 16, 3) and drawn.any()


def test_no_object_changes_nothing():
    grey = np.full((16, 16, 3), 90, np.uint8)
    np.testing.assert_array_equal(draw_contours(grey, np.zeros((16, 16), int)), grey)


def test_before_and_after_in_their_colours():
    image = np.full((32, 32, 3), 0.2)
    drawn = overlay_before_after(image, index_map(left=4), index_map(left=18))
    assert drawn.shape == (512 + 36, 512, 3) and drawn.dtype == np.uint8
    orange = (drawn[:512] == BEFORE).all(-1).nonzero()[1]
    blue = (drawn[:512] == AFTER).all(-1).nonzero()[1]
    assert orange.size and blue.size and orange.max() < blue.min()
    assert (drawn[512:] == BEFORE).all(-1).any()  # the legend
