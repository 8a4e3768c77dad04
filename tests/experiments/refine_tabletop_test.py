"""The smoke preset of refine_tabletop."""

import json

import numpy as np
import pytest

from experiments.refine_tabletop.run import PRESETS, UNITS, median_errors, run


@pytest.mark.slow
def test_smoke(tmp_path, compile_quickly):
    metrics = run(PRESETS["smoke"], str(tmp_path))
    expected = {f"median_{n}_{w}" for n in UNITS for w in ("initial", "final")}
    assert set(metrics) == expected
    assert all(np.isfinite(value) for value in metrics.values())
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"metrics.json", "table.md", "scenes.png", "errors.png"}


def test_medians_leave_out_empty_places():
    errors = {
        "position": np.array([[[1.0, np.nan], [2.0, np.nan]], [[3, 5], [4, 6.0]]])
    }
    np.testing.assert_allclose(median_errors(errors)["position"], [3, 4])
