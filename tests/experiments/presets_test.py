"""Presets and the flags that replace their fields."""

import pytest

from experiments.benchmark import run as benchmark
from experiments.pix2scene import config as pix2scene
from experiments.presets import check_choices, make_config
from experiments.refine_pose import run as refine_pose
from experiments.refine_tabletop import run as refine_tabletop
from ivg.io.errors import InputError

ALL = pytest.mark.parametrize("experiment", [benchmark, refine_pose, refine_tabletop])


@ALL
def test_none_keeps_the_preset(experiment):
    presets = experiment.PRESETS
    for name, config in presets.items():
        assert make_config(presets, name, seed=None) == config


def test_fields_are_replaced():
    config = make_config(refine_tabletop.PRESETS, "smoke", seed=-3, steps=7)
    assert (config.seed, config.steps, config.size_px) == (-3, 7, 32)


@pytest.mark.parametrize(
    "preset, changes, message",
    [
        ("huge", {}, "--preset=huge: choose from smoke"),
        ("cpu", {"steps": -1}, "--steps=-1"),
        ("cpu", {"num_scenes": 0}, "--num_scenes=0"),
        ("cpu", {"learning_rate": float("nan")}, "--learning_rate=nan"),
    ],
)
def test_bad_values(preset, changes, message):
    with pytest.raises(InputError, match=message):
        make_config(refine_tabletop.PRESETS, preset, **changes)


def test_steps_are_a_multiple_of_the_chunk():
    assert make_config(pix2scene.PRESETS, "cpu", steps=100).steps == 100
    with pytest.raises(InputError, match="--steps=70: give a multiple of 50"):
        make_config(pix2scene.PRESETS, "cpu", steps=70)


def test_bad_values_in_lists():
    with pytest.raises(InputError, match="--sizes=0"):
        make_config(benchmark.PRESETS, "cpu", sizes=(128, 0))


def test_choices():
    check_choices("sizes", [128, 64], {64: 1, 128: 2})
    check_choices("peers", [], ["deodr"])
    with pytest.raises(InputError, match="--sizes=100: choose from 64, 128"):
        check_choices("sizes", [128, 100], {64: 1, 128: 2})
