"""Training: it learns, and goes on after an interruption as if there was none."""

import socket
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from ivg.scale import Process, replicate, scene_mesh, start_devices
from ivg.train.loop import make_trainer, train

DATA = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
TRUTH = np.array([1.0, -2.0, 0.5], np.float32)


def loss(params, batch, key):
    noise = 0.01 * jax.random.normal(key, (len(batch),))
    return jnp.mean((batch @ params["w"] - batch @ TRUTH + noise) ** 2)


def draw(key, data):
    return data[jax.random.randint(key, (8,), 0, len(data))]


def no_data():
    raise AssertionError("no step is left to do")


def run(folder, num_steps, make_data=lambda: DATA):
    start, advance = make_trainer(loss, draw, optax.adam(0.1))
    return train(
        start, advance, {"w": jnp.zeros(3)}, make_data, num_steps, folder=folder,
        chunk=10, save_every=20,
    )  # fmt: skip


def test_it_learns_and_resumes(tmp_path):
    whole, losses = run(tmp_path / "whole", 200)
    np.testing.assert_allclose(whole["w"], TRUTH, atol=0.02)
    assert losses[-1] < 1e-3 < losses[0]
    run(tmp_path / "parts", 60)
    parts, all_losses = run(tmp_path / "parts", 200)
    np.testing.assert_array_equal(parts["w"], whole["w"])
    np.testing.assert_array_equal(all_losses, losses)
    again, same_losses = run(tmp_path / "parts", 200, no_data)
    np.testing.assert_array_equal(again["w"], whole["w"])
    np.testing.assert_array_equal(same_losses, losses)


def test_numbers_of_steps_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match="multiple of 10, got 25"):
        run(tmp_path / "odd", 25)
    assert not list(tmp_path.iterdir())
    run(tmp_path / "more", 40)
    with pytest.raises(ValueError, match="40 steps, more than 20"):
        run(tmp_path / "more", 20)


def test_devices_share_a_batch(tmp_path):
    """Parameters, losses and checkpoints as with one device."""

    def trained(name, num_steps, mesh):
        start, advance = make_trainer(loss, draw, optax.adam(0.1), mesh=mesh)
        data = DATA if mesh is None else replicate(mesh, DATA)
        return train(
            start, advance, {"w": jnp.zeros(3)}, lambda: data, num_steps,
            folder=tmp_path / name, chunk=10, save_every=20,
        )  # fmt: skip

    mesh = scene_mesh()
    alone, losses = trained("alone", 40, None)
    trained("shared", 20, mesh)
    shared, shared_losses = trained("shared", 40, mesh)
    assert shared["w"].sharding.is_equivalent_to(NamedSharding(mesh, P()), 1)
    np.testing.assert_allclose(shared["w"], alone["w"], rtol=1e-5)
    np.testing.assert_allclose(shared_losses, losses, rtol=1e-4)


def test_each_device_computes_its_part_of_a_batch():
    mesh = scene_mesh()
    start, advance = make_trainer(loss, draw, optax.adam(0.1), mesh=mesh)
    state = start({"w": jnp.zeros(3)})
    program = advance.lower(state, replicate(mesh, DATA), 2).compile().as_text()
    assert "f32[4,3]" in program and "all-reduce" in program


def shared_run(folder, num_steps, coordinator, index):
    """What each of two processes does."""
    start_devices(1, Process(coordinator, 2, index))
    mesh = scene_mesh()
    start, advance = make_trainer(loss, draw, optax.adam(0.1), mesh=mesh)
    params, losses = train(
        start, advance, {"w": jnp.zeros(3)}, lambda: replicate(mesh, DATA), num_steps,
        folder=folder, chunk=10, save_every=20,
    )  # fmt: skip
    if index == 0:
        np.savez(f"{folder}.npz", w=params["w"], losses=losses)


@pytest.mark.slow
def test_processes_share_batches_and_checkpoints(tmp_path):
    folder = str(tmp_path / "shared")
    for num_steps in (20, 40):  # the second time they go on
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            coordinator = f"127.0.0.1:{free.getsockname()[1]}"
        code = "from tests.train.loop_test import shared_run; shared_run(*{!r})"
        commands = [
            [sys.executable, "-c", code.format((folder, num_steps, coordinator, i))]
            for i in (0, 1)
        ]
        both = [subprocess.Popen(command) for command in commands]
        assert [process.wait(300) for process in both] == [0, 0]
    alone, losses = run(tmp_path / "alone", 40)
    with np.load(f"{folder}.npz") as found:
        np.testing.assert_allclose(found["w"], alone["w"], rtol=1e-5)
        np.testing.assert_allclose(found["losses"], losses, rtol=1e-4)
