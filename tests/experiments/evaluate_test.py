"""Rows do not depend on devices, processes and interruptions; failures are rows."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.evaluate.config import PRESETS, Config, process_of
from experiments.evaluate.report import histograms_png, medians, table
from experiments.evaluate.run import run
from experiments.evaluate.systems import SYSTEMS, System, found_truth
from experiments.lido.guesses import pair_tables
from ivg.data.rich_tabletop import Surroundings
from ivg.io.errors import InputError
from ivg.scale import Process, start_devices
from ivg.scene.tabletop import Tabletop
from tests.render.ffi_test import everything, example

pytestmark = pytest.mark.usefixtures("compile_quickly")


def toy_system():
    """Kernels of the renderer on random triangles; scenes with many seen fail."""

    def sample(params, key):
        moves = jax.random.uniform(key, params["vertices"].shape, minval=-9, maxval=9)
        return params["vertices"] + moves * jnp.array([1, 1, 0])

    def measure(params, vertices):
        index, values, sums = everything(vertices, params["faces"])
        seen = jnp.mean(index >= 0)
        return {
            "error_initial": jnp.std(values),
            "error_final": jnp.std(sums),
            "seen": jnp.where(seen > params["limit"], jnp.nan, seen),
        }

    def load():
        vertices, faces = example(num=40)
        return {"vertices": vertices, "faces": faces, "limit": np.float32(0.16)}

    return System(load, sample, measure)


def read_system(seconds=0.0):
    """Scenes from the host; every fifth cannot be read."""

    def read(index):
        time.sleep(seconds)
        if index % 5 == 2:
            raise ValueError(f"no picture\n{index}")
        return np.float32([index, 1])

    def measure(params, scene):
        return {"error_initial": scene[0], "error_final": scene[0] * params["half"]}

    def load():
        return {"half": np.float32(0.5)}

    return System(load, None, measure, read, np.zeros(2, np.float32))


def toy_config(**changes):
    return Config(system="toy", num_scenes=11, batch_size=2, **changes)


def program(what, folder, process=None):
    """What a process of its own does."""
    jax.config.update("jax_disable_most_optimizations", True)
    num_devices = start_devices(1, process and Process(*process))
    system = toy_system() if what == "toy" else read_system(0.05)
    run(toy_config(), folder, num_devices, system)


def spawn(*arguments):
    code = f"from tests.experiments.evaluate_test import program; program{arguments}"
    return subprocess.Popen([sys.executable, "-c", code])


def rows(folder):
    return pq.read_table(folder / "scenes.parquet").to_pylist()


@pytest.mark.slow
def test_rows_are_the_same_in_every_layout(tmp_path):
    names = ["one", "two", "processes"]
    folders = [tmp_path / name for name in names]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    joined = [
        spawn("toy", str(folders[2]), (coordinator, 2, index)) for index in (0, 1)
    ]
    metrics = [run(toy_config(), str(folders[n - 1]), n, toy_system()) for n in (1, 2)]
    for process in joined:
        assert process.wait(300) == 0
    metrics.append(json.loads((folders[2] / "metrics.json").read_text()))
    tables = [(folder / "scenes.parquet").read_bytes() for folder in folders]
    assert tables[0] == tables[1] == tables[2]
    assert [m["num_devices"] for m in metrics] == [1, 2, 2]
    assert [m["num_processes"] for m in metrics] == [1, 1, 2]
    found = rows(folders[0])
    assert [row["scene"] for row in found] == list(range(11))
    failed = [row for row in found if row["failure"]]
    assert {row["failure"] for row in failed} == {"not finite: seen"}
    assert 0 < len(failed) == metrics[0]["failed_scenes"] < 11
    spread = [row["error_final"] for row in found if not row["failure"]]
    assert metrics[0]["median_error_final"] == pytest.approx(np.median(spread))
    written = {"errors.png", "metrics.json", "parts", "scenes.parquet"}
    written |= {"settings.json", "table.md"}
    assert {path.name for path in folders[0].iterdir()} == written


def test_killed_and_started_again_it_goes_on(tmp_path):
    """With other devices, too."""
    folder = tmp_path / "killed"
    process = spawn("read", str(folder))
    while not list(folder.glob("parts/*.parquet")):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("parts/*.parquet")}
    assert 1 <= len(kept) < 6 and not (folder / "scenes.parquet").exists()
    run(toy_config(), str(folder), 2, read_system())
    assert all(path.stat().st_mtime_ns == made for path, made in kept.items())
    run(toy_config(), str(tmp_path / "whole"), 1, read_system())
    assert rows(folder) == rows(tmp_path / "whole")


def test_a_scene_that_cannot_be_read_is_a_row(tmp_path):
    metrics = run(toy_config(), str(tmp_path), 1, read_system())
    found = rows(tmp_path)
    reasons = {row["scene"]: row["failure"] for row in found if row["failure"]}
    assert reasons == {2: "no picture 2", 7: "no picture 7"}
    assert metrics["failed_scenes"] == 2
    assert [row["error_final"] for row in found if not row["failure"]] == [
        i / 2 for i in range(11) if i % 5 != 2
    ]
    assert metrics["median_error_initial"] == 5


def test_more_scenes_keep_the_first_ones(tmp_path):
    run(toy_config(), str(tmp_path), 2, read_system())
    first = rows(tmp_path)
    more = Config(system="toy", num_scenes=14)  # the size of a batch is kept
    assert run(more, str(tmp_path), 1, read_system())["batch_size"] == 2
    assert rows(tmp_path)[:11] == first and len(rows(tmp_path)) == 14


def test_settings_do_not_mix(tmp_path):
    run(toy_config(), str(tmp_path), 1, read_system())
    with pytest.raises(InputError, match="^seed=1: .* has scenes of seed=0; name"):
        run(toy_config(seed=1), str(tmp_path), 1, read_system())


def test_memory_chooses_the_batch(tmp_path, monkeypatch):
    config = Config(system="toy", num_scenes=5)
    whole = run(config, str(tmp_path / "whole"), 1, read_system())
    assert whole["batch_size"] == 5
    monkeypatch.setattr("experiments.evaluate.run.free_bytes", lambda: 8)
    assert run(config, str(tmp_path / "one"), 1, read_system())["batch_size"] == 1


def test_errors_name_the_mend(tmp_path):
    with pytest.raises(InputError, match="--system=lid: choose from lido, gradient"):
        run(Config(system="lid"), str(tmp_path))
    for given, message in {
        ("host:1", 2, None): "give all three, or none",
        ("host", 2, 0): "--coordinator=host: give HOST:PORT",
        ("host:1", 2, 2): "--process_id=2: give 0 to 1",
    }.items():
        with pytest.raises(InputError, match=message):
            process_of(*given)
    assert process_of(None, None, None) is None
    assert process_of("host:1", 2, 1) == Process("host:1", 2, 1)


def test_a_command_that_is_wrong_ends_with_two():
    done = subprocess.run(
        [sys.executable, "-m", "experiments.evaluate", "--num_devices=0"],
        capture_output=True, text=True, env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "error: --num_devices=0: give a positive number\n"


def tables(seed, count=50, places=7):
    """Objects anywhere, of any class, some places empty."""
    rng = np.random.default_rng(seed)
    shape = (count, places)
    depth_m, side_m = rng.uniform(0.3, 0.9, shape), rng.uniform(-0.2, 0.2, shape)
    return Tabletop(
        ground_colour=np.full((count, 3), 0.5),
        camera_height_m=np.full(count, 0.4),
        camera_elevation_rad=np.full(count, 0.6),
        ambient=np.full(count, 0.5),
        directional=np.full(count, 0.5),
        light_azimuth_rad=np.zeros(count),
        light_elevation_rad=np.ones(count),
        class_id=rng.integers(0, 3, shape),
        shape=np.zeros(shape, int),
        position_m=np.stack([side_m, -depth_m], -1),
        size_m=rng.uniform(0.1, 0.2, shape),
        azimuth_rad=np.zeros(shape),
        colour=np.full((*shape, 3), 0.5),
        mask=rng.random(shape) < 0.8,
    )


def test_objects_are_paired_as_on_the_host():
    guess, truth = tables(0), tables(1)
    found = jax.jit(jax.vmap(lambda g, t: found_truth(g, t, 256)))(guess, truth)
    pairs = pair_tables(guess, truth, 256)
    mask = pairs >= 0
    np.testing.assert_array_equal(found.mask, mask)
    assert 20 < mask.sum() < mask.size / 2
    size_m = np.take_along_axis(truth.size_m, np.maximum(pairs, 0), 1)
    np.testing.assert_allclose(np.asarray(found.size_m)[mask], size_m[mask], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["refine_tabletop", "ige_pose"])
def test_a_system_runs(tmp_path, name):
    config = dataclasses.replace(PRESETS["smoke"], system=name, num_scenes=2)
    metrics = run(config, str(tmp_path))
    assert metrics["failed_scenes"] == 0 and metrics["scenes_per_second"] > 0
    assert len(rows(tmp_path)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_row_has_the_errors_before_and_after(name, preset, monkeypatch):
    """Traced, without rooms behind, for all of it takes minutes to compile."""
    grey = Surroundings(jnp.ones((1, 64, 64, 3)), jnp.full((1, 256, 256, 3), 0.5))
    place = "experiments.evaluate.systems.surroundings_of"
    monkeypatch.setattr(place, lambda config, split: grey)
    system = SYSTEMS[name](preset, 0)

    def explain(params, key):
        return system.run(params, system.sample(params, key))

    row = jax.eval_shape(explain, system.load(), jax.random.key(0))
    assert all(number.shape == () for number in row.values())
    ends = {key.rpartition("_")[0] for key in row if key.endswith("_initial")}
    assert ends and all(f"{end}_final" in row for end in ends)


def test_histograms_of_nothing_but_failures():
    """Errors that are not finite, or zero, have no place on a logarithmic axis."""
    nothing = pa.table({"e_initial": [np.nan, np.inf], "e_final": [0.0, np.nan]})
    assert histograms_png(nothing)[:4] == b"\x89PNG"


def test_medians_leave_failures_out():
    reasons = pa.array([None, None, "dark", None], pa.string())
    numbers = {"e_initial": [1.0, 5.0, 100.0, 2.0], "e_final": [1.0, 2.0, 0.0, 0.5]}
    found = pa.table({"scene": np.arange(4), "failure": reasons} | numbers)
    assert medians(found) == {"median_e_initial": 2.0, "median_e_final": 1.0}
    assert medians(found.slice(2, 1)) == {}
    assert "| e | 2 | 1 |" in table(found)
