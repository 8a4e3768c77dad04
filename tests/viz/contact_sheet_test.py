"""Grids of pictures."""

import numpy as np
import pytest

from ivg.viz.contact_sheet import contact_sheet

RED = np.full((8, 8, 3), (255, 0, 0), np.uint8)
GREEN = np.full((4, 8, 3), (0, 255, 0), np.uint8)


def test_cells_are_in_their_places():
    sheet = contact_sheet([[RED, GREEN], [None, RED]], cell_px=64)
    assert sheet.shape == (6 + 2 * 70, 6 + 2 * 70, 3)
    np.testing.assert_array_equal(sheet[38, 38], [255, 0, 0])
    np.testing.assert_array_equal(sheet[38, 108], [0, 255, 0])
    np.testing.assert_array_equal(sheet[10, 108], 255)  # above the flat picture
    np.testing.assert_array_equal(sheet[108, 38], 255)
    np.testing.assert_array_equal(sheet[108, 108], [255, 0, 0])


def test_labels_are_written():
    sheet = contact_sheet([[RED]], row_labels=["row"], column_labels=["column"])
    assert sheet[:30].min() < 128 and sheet[40:, :30].min() < 128


def test_refuses():
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])
    with pytest.raises(ValueError, match="2 labels"):
        contact_sheet([[RED, RED]], column_labels=["a"])
