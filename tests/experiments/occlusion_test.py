"""The smoke preset of occlusion, its problems and its table."""

import json

import jax
import numpy as np
import pytest

from experiments.occlusion.problem import (
    SIDE_NOISE_M,
    TURN_NOISE_RAD,
    depth_errors,
    disturb,
)
from experiments.occlusion.run import METHODS, PRESETS, run, table
from ivg.data.stacks import sample_stack
from ivg.geometry.rotation import angle_between
from ivg.io.errors import InputError
from ivg.scene.stack import depths_of, stack_library, with_depths


@pytest.mark.slow
def test_smoke(tmp_path, compile_quickly):
    metrics = run(PRESETS["smoke"], str(tmp_path))
    assert set(metrics) == {
        f"{name}_aggregate" for name in ("success", "median_error_mm", "seconds")
    }
    assert all(np.isfinite(value) for value in metrics.values())
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    pictures = {"depth_errors.png", "problems.png", "peels.png", "steps.png"}
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"metrics.json", "table.md", "steps.gif", *pictures}


def test_a_file_in_the_place_of_the_folder(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(InputError, match="taken"):
        run(PRESETS["smoke"], str(taken))


def test_the_table_has_all_methods():
    names = ("success", "median_error_mm", "seconds")
    metrics = {f"{n}_{m}": 0.5 for n in names for m in METHODS}
    lines = table(metrics, dict.fromkeys(METHODS, 7)).splitlines()
    assert len(lines) == 2 + len(METHODS)
    assert lines[2] == "| standard rendering | 7 | 50 % | 0.5 mm | 0.50 |"


def test_disturbances_keep_depths_and_the_block():
    stack = sample_stack(jax.random.key(0), stack_library(), 2)
    moved = jax.vmap(lambda k: disturb(k, stack, 1.0))(
        jax.random.split(jax.random.key(1), 200)
    )
    np.testing.assert_array_equal(
        moved.position_m[:, 0], np.broadcast_to(stack.position_m[0], (200, 3))
    )
    change = np.abs(moved.position_m - stack.position_m)[:, 1:]
    assert change[..., 2].max() == 0
    assert 0.9 * SIDE_NOISE_M < change[..., :2].max() <= SIDE_NOISE_M + 1e-6
    angle = jax.vmap(lambda m: jax.vmap(angle_between)(m, stack.quaternion))
    turned = np.asarray(angle(moved.quaternion))
    assert turned[:, 0].max() < 1e-3
    assert turned.max() <= TURN_NOISE_RAD * np.sqrt(3) + 1e-3


def test_depth_errors_leave_out_the_block():
    stack = sample_stack(jax.random.key(0), stack_library(), 2)
    off = with_depths(stack, depths_of(stack) + np.array([0.5, 0.1, -0.2]))
    np.testing.assert_allclose(depth_errors(off, stack), [0.1, 0.2], atol=1e-6)
