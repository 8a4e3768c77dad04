"""The whole of LiDO at the size of a toy: data, training, comparison, resumption."""

import json

import numpy as np
import pytest

from experiments.lido.run import PRESETS, run_evaluation, run_training
from experiments.lido.statistics import SETS
from ivg.io.errors import InputError

CONFIG = PRESETS["smoke"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lido")


pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.mark.slow
def test_training_then_comparison(folder):
    metrics = run_training(CONFIG, str(folder))
    assert np.isfinite(metrics["loss_guess"]) and np.isfinite(metrics["loss_predictor"])
    assert (folder / "first_predictor").is_dir()  # source 3 came from it
    found = run_evaluation(CONFIG, str(folder), str(folder))
    for name in SETS:
        assert np.isfinite(found[f"initial_{name}"]) or found["detector_recall"] == 0
        assert f"improvement_lido_{name}" in found
    assert "shifted_iou_object_lido" in found and "shifted_detector_recall" in found
    assert json.loads((folder / "metrics.json").read_text()).keys() == found.keys()
    names = "table.md", "errors_over_time.png", "error_changes.png", "examples.png"
    places = folder, folder / "shifted"
    assert all((place / name).stat().st_size for name in names for place in places)


def test_without_a_checkpoint_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        run_evaluation(CONFIG, str(tmp_path / "out"), str(tmp_path / "nothing"))
    assert not list((tmp_path / "out").iterdir())
