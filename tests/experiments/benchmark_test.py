"""The smoke preset of the benchmark, which needs no peer."""

import pytest

from experiments.benchmark.run import Config, make_config, run
from experiments.benchmark.scenes import make_soup
from ivg.io.errors import InputError


def test_smoke(tmp_path):
    metrics = run(make_config("smoke"), str(tmp_path))
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
    metrics = run(Config(sizes=(64,), rounds=2, peers=("deodr",)), str(tmp_path))
    assert metrics["ratio_deodr_forward_64"] > 0
    assert metrics["ratio_deodr_hard_forward_backward_64"] > 0


def test_unknown_preset():
    with pytest.raises(InputError, match="huge"):
        make_config("huge")
