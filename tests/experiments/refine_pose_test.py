"""The smoke preset of refine_pose, and how it counts renders."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.refine_pose.run import (
    METHODS,
    PRESETS,
    best_rate,
    newton_renders,
    renders_needed,
    run,
    summary,
    table,
)


@pytest.mark.slow
def test_smoke(tmp_path, compile_quickly):
    metrics = run(PRESETS["smoke"], str(tmp_path))
    kinds = "median_renders", "share_solved", "median_final"
    expected = {f"{kind}_{name}" for kind in kinds for name in METHODS}
    assert set(metrics) == expected | {f"rate_{name}" for name in METHODS}
    assert all(np.isfinite(value) for value in metrics.values())
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert (tmp_path / "table.md").read_text() == table(metrics)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"metrics.json", "table.md", "errors.png"}


def test_renders_until_a_tenth_is_left():
    errors = np.array([[1.0, 1.0], [0.5, 0.9], [0.1, 0.8], [0.3, 0.7]])
    np.testing.assert_array_equal(renders_needed(errors), [2, 4])
    assert summary("x", errors) == {
        "median_renders_x": 3.0, "share_solved_x": 0.5, "median_final_x": 0.5,
    }  # fmt: skip
    assert best_rate({0.1: np.ones((4, 2)), 0.2: errors}) == 0.2


def test_refused_steps_cost_one_render():
    accepted = jnp.array([True, False, False, True])
    np.testing.assert_array_equal(newton_renders(accepted), [0, 5, 9, 10, 11])
