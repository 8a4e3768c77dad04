"""LiDO's figures from made-up errors."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from experiments.lido.figures import (
    error_against_time_png,
    error_changes_png,
    examples_png,
    kernel_density,
    kernel_width,
)
from experiments.lido.statistics import GLOBAL_SETS, METHODS, OBJECT_SETS, STATES
from ivg.viz.plots import COLOURS


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def has_colour(image, colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.any(np.all(np.abs(image.astype(int) - rgb) < 8, -1))


def made_up(scenes=6, fill=None):
    rng = np.random.default_rng(0)
    errors, seconds = {}, {}
    for i, (method, steps) in enumerate(zip(METHODS, (5, 5, 9, 19), strict=True)):
        fall = np.exp(-np.linspace(0, 1 + i, steps + 1))
        several = rng.random((scenes, 1, 4)) * fall[:, None]
        several[:, :, -1] = np.nan
        single = rng.random((scenes, 1)) * fall
        errors[method] = dict.fromkeys(OBJECT_SETS.values(), several)
        errors[method] |= dict.fromkeys(GLOBAL_SETS.values(), single)
        seconds[method] = np.tile(np.arange(steps + 1) / (i + 1), (scenes, 1))
        if fill is not None:
            errors[method] = {n: e * 0 + fill for n, e in errors[method].items()}
    return errors, seconds


@pytest.mark.parametrize("fill", [None, 0.0, np.nan], ids=["some", "zero", "nan"])
def test_curves_and_densities(fill):
    errors, seconds = made_up(fill=fill)
    for data in (error_against_time_png(errors, seconds), error_changes_png(errors)):
        image = pixels(data)
        assert image.shape == (624, 1440, 3)
        assert all(has_colour(image, colour) for colour in COLOURS[: len(METHODS)])
    pyplot = sys.modules.get("matplotlib.pyplot")  # perhaps of another test
    assert pyplot is None or not pyplot.get_fignums()


def test_density_integrates_to_one_and_is_the_normal_one():
    at = np.linspace(-20, 20, 4001)
    samples = np.array([-3.0, 0, 0.5, 7])
    density = kernel_density(samples, at, 0.8)
    assert np.trapezoid(density, at) == pytest.approx(1, abs=1e-9)
    assert np.trapezoid(density * at, at) == pytest.approx(samples.mean(), abs=1e-9)
    peak = kernel_density(np.zeros(1), np.zeros(1), 2.0)
    assert peak[0] == pytest.approx(1 / (2 * np.sqrt(2 * np.pi)))
    assert not kernel_density(np.zeros(0), at, 1.0).any()


def test_kernel_widths_are_the_papers():
    changes = {"gbo": np.array([1.0, -4.0]), "lido": np.array([2.0])}
    assert kernel_width(changes, "position") == (4 / 20, 4)
    assert kernel_width(changes, "camera") == (4 / 10, 4)
    assert kernel_width({"gbo": np.zeros(0)}, "camera") == (1 / 10, 1)


def test_examples():
    rng = np.random.default_rng(0)
    observed = list(rng.random((2, 32, 32, 3), np.float32))
    rendered = {state: [np.full((32, 32, 3), 0.8)] * 2 for state in STATES}
    index = np.zeros((2, 32, 32), int)
    index[:, 8:24, 8:24] = 1
    image = pixels(examples_png(observed, rendered, index, cell_px=64))
    assert image.shape == (30 + 2 * 70, 6 + 6 * 70, 3)
    assert image[31:, 80:].min() < 60  # the black outlines
    plain = pixels(examples_png(observed, rendered, 0 * index, cell_px=64))
    assert plain[31:, 80:].min() > 150
