"""The smoke preset of the benchmark, which needs no peer."""

import dataclasses
import subprocess
import sys

import pytest

from experiments.benchmark.run import PRESETS, run
from experiments.benchmark.scenes import make_soup
from ivg.io.errors import InputError


@pytest.mark.slow
def test_smoke(tmp_path):
    metrics = run(PRESETS["smoke"], str(tmp_path))
    assert metrics["ms_antialias_forward_64"] > 0
    assert metrics["ms_hard_forward_backward_64"] > 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"benchmark.md", "benchmark.png", "metrics.json"}
    assert "Machine: " in (tmp_path / "benchmark.md").read_text()


@pytest.mark.parametrize("size, faces", [(128, 1922), (256, 7682), (512, 30722)])
def test_scenes(size, faces):
    assert make_soup(size).faces.shape == (faces, 3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_peer_gives_ratios(tmp_path):
    pytest.importorskip("deodr")
    config = dataclasses.replace(PRESETS["smoke"], peers=("deodr",))
    metrics = run(config, str(tmp_path))
    assert metrics["ratio_deodr_forward_64"] > 0
    assert metrics["ratio_deodr_hard_forward_backward_64"] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": (128, 100)}, "--sizes=100: choose from 64, 128"),
        ({"peers": ("deodr", "blender")}, "--peers=blender: choose from deodr"),
    ],
)
def test_unknown_choices(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        run(dataclasses.replace(PRESETS["smoke"], **change), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_empty_names_of_peers_are_none(tmp_path):
    command = [sys.executable, "-m", "experiments.benchmark", "--peers=,blender,"]
    command += ["--preset=smoke", f"--output={tmp_path}"]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 2 and "--peers=blender: choose from" in said.stderr
