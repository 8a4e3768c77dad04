"""Training: it learns, and goes on after an interruption as if there was none."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

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
