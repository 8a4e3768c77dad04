"""binvox files: there and back, the order of axes, broken files."""

import numpy as np
import pytest

from ivg.io.binvox import read_binvox, write_binvox
from ivg.io.errors import InputError


def test_there_and_back(tmp_path):
    grid = np.random.default_rng(0).random((12, 12, 12)) < 0.2
    grid[3:9] = True  # runs of more than 255
    path = write_binvox(tmp_path / "a.binvox", grid, (-0.5, 0.0, 0.25), 2.0)
    found = read_binvox(path)
    np.testing.assert_array_equal(found.grid, grid)
    assert found.translate == (-0.5, 0.0, 0.25) and found.scale == 2.0


def test_y_is_fastest_then_z_then_x(tmp_path):
    runs = bytes([0, 1, 1, 1, 0, 6])  # the second voxel is full: y = 1
    (tmp_path / "b.binvox").write_bytes(b"#binvox 1\ndim 2 2 2\ndata\n" + runs)
    assert np.argwhere(read_binvox(tmp_path / "b.binvox").grid).tolist() == [[0, 1, 0]]
    runs = bytes([0, 2, 1, 1, 0, 5])
    (tmp_path / "b.binvox").write_bytes(b"#binvox 1\ndim 2 2 2\ndata\n" + runs)
    assert np.argwhere(read_binvox(tmp_path / "b.binvox").grid).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("value", [False, True])
def test_even_grids(tmp_path, value):
    grid = np.full((8, 8, 8), value)
    path = write_binvox(tmp_path / "c.binvox", grid)
    np.testing.assert_array_equal(read_binvox(path).grid, grid)


@pytest.mark.parametrize(
    "content",
    [
        b"solid cube",
        b"#binvox 1\ndim 2 2\ndata\n\x00\x04",
        b"#binvox 1\ndim 2 2 3\ndata\n\x00\x0c",
        b"#binvox 1\ndim a b c\ndata\n\x00\x08",
        b"#binvox 1\ndim 9999 9999 9999\ndata\n\x00\x08",
        b"#binvox 1\nscale 1\ndata\n\x00\x08",
        b"#binvox 1\ndim 2 2 2\ndata\n\x00\x07",
        b"#binvox 1\ndim 2 2 2\ndata\n\x00\x07\x01",
        b"#binvox 1\ndim 2 2 2\ntranslate 1\ndata\n\x00\x08",
    ],
)
def test_broken_files(tmp_path, content):
    (tmp_path / "d.binvox").write_bytes(content)
    with pytest.raises(InputError, match="d.binvox"):
        read_binvox(tmp_path / "d.binvox")


def test_missing_file_and_no_cube(tmp_path):
    with pytest.raises(InputError, match="no binvox"):
        read_binvox(tmp_path / "nothing.binvox")
    with pytest.raises(ValueError, match="cube"):
        write_binvox(tmp_path / "e.binvox", np.zeros((2, 2, 3), bool))
