"""Pictures for the screen."""

import io

import numpy as np
import pytest
from PIL import Image

from ivg.viz.picture import enlarge, png_bytes, to_uint8


def test_linear_floats_become_srgb():
    values = np.array([0.0, 0.21404114, 1.0, 7.0, -3.0, np.nan, np.inf], np.float32)
    image = np.repeat(values[None, :, None], 3, -1)
    want = [0, 128, 255, 255, 0, 0, 255]
    np.testing.assert_array_equal(to_uint8(image)[0, :, 0], want)


def test_uint8_stays():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(to_uint8(image), image)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_bad_shapes(shape):
    with pytest.raises(ValueError, match="shape"):
        to_uint8(np.zeros(shape))


def test_png_round_trip():
    image = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    read = Image.open(io.BytesIO(png_bytes(image)))
    np.testing.assert_array_equal(np.asarray(read), image)


def test_enlarge():
    image = np.zeros((10, 20, 3))
    assert enlarge(image, 64).shape == (64, 128, 3)
    assert enlarge(image, 5).shape == (10, 20, 3)
