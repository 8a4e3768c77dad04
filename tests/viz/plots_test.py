"""Plots."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from ivg.viz.plots import energy_plot_png, error_curves_png

FALLING = np.exp(-np.linspace(0, 3, 40))


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize(
    "energies",
    [
        FALLING,
        {"a": FALLING, "b": 2 * FALLING},
        [1.0],
        np.where(FALLING > 0.5, np.nan, FALLING),
        np.append(FALLING, np.inf),
        -FALLING,
    ],
)
@pytest.mark.parametrize("log", [False, True])
def test_energy_plot_draws_something(energies, log):
    image = pixels(energy_plot_png(energies, log=log))
    assert image.shape == (540, 960, 3)
    assert np.ptp(image) > 200
    coloured = np.ptp(image.astype(int), axis=-1) > 60
    assert coloured.sum() > 20


def test_error_curves_with_bands_and_gaps():
    runs = FALLING[:, None] * np.random.default_rng(0).random((40, 9))
    runs[3] = np.nan
    runs[5, 2] = np.inf
    assert pixels(error_curves_png({"a": runs, "b": FALLING}, log=True)).any()


@pytest.mark.parametrize("bad", [{}, {"a": []}, {"a": 3.0}, {"a": [np.nan]}])
def test_refuses(bad):
    with pytest.raises(ValueError, match="curve"):
        error_curves_png(bad)


def test_pyplot_is_left_alone():
    energy_plot_png(FALLING)
    pyplot = sys.modules.get("matplotlib.pyplot")  # perhaps of another test
    assert pyplot is None or not pyplot.get_fignums()
