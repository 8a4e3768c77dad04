"""Kernels on XLA's threads: the same bits, whoever calls and however often."""

import concurrent.futures
import hashlib
import os
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from ivg.render import ffi
from ivg.render.planes import evaluate_planes, sum_planes
from ivg.render.visibility import visibility

SIZE = 96  # high enough to be cut into bands


def example(seed=0, num=200):
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.5, 3, (3 * num, 1))
    xy = rng.uniform(0, SIZE, (num, 1, 2)) + rng.uniform(-15, 15, (num, 3, 2))
    vertices = np.concatenate([xy.reshape(-1, 2) * w, w], 1)
    return jnp.asarray(vertices, jnp.float32), jnp.arange(3 * num).reshape(-1, 3)


@jax.jit
def everything(vertices, faces):
    """All kernels that are cut into parts; the sums would show another order."""
    index = visibility(
        vertices, faces, jnp.ones(faces.shape[0], bool), near=0.1, height=SIZE,
        width=SIZE, num_layers=2,
    )  # fmt: skip
    origin = vertices[faces[:, 0], :2] / vertices[faces[:, 0], 2:]
    planes = jnp.sin(jnp.arange(faces.shape[0] * 9.0)).reshape(-1, 3, 3)
    values = evaluate_planes(planes, origin, index)
    return index, values, sum_planes(jnp.sin(values), origin, index)


def equal(one, two):
    return all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True)
    )


def test_twenty_runs_give_the_same_bits():
    expected = everything(*example())
    assert len(np.unique(expected[0])) > 100
    assert all(equal(everything(*example()), expected) for _ in range(20))


def test_four_callers_at_once_do_not_disturb_each_other():
    examples = [example(seed) for seed in range(4)]
    expected = [everything(*e) for e in examples]

    def call(i):
        return equal(everything(*examples[i % 4]), expected[i % 4])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, range(200)))
    assert all_jobs_are_free()


def all_jobs_are_free():
    """A helper that comes when all is done leaves its job after the caller did."""
    deadline = time.monotonic() + 10
    while ffi._jobs[:, ffi._USERS].any() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not ffi._jobs[:, ffi._USERS].any()


def test_more_callers_than_jobs_work_alone():
    expected = everything(*example())
    before = ffi._jobs.copy()
    ffi._jobs[:, ffi._USERS] = 1
    try:
        assert equal(everything(*example()), expected)
    finally:
        ffi._jobs[:] = before


def digest():
    leaves = jax.tree.leaves(everything(*example()))
    return hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in leaves)).hexdigest()


def test_thread_settings_do_not_change_the_bits():
    """Nor does another process."""
    flags = "--xla_cpu_multi_thread_eigen=false"
    program = "from tests.render.ffi_test import digest; print(digest())"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"XLA_FLAGS": flags},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == digest()


def test_a_vmapped_kernel_equals_the_loop():
    batch = [example(seed) for seed in range(6)]
    many = jax.vmap(everything, (0, None))(
        jnp.stack([vertices for vertices, _ in batch]), batch[0][1]
    )
    for i, (vertices, faces) in enumerate(batch):
        one = everything(vertices, faces)
        np.testing.assert_array_equal(many[0][i], one[0])
        np.testing.assert_allclose(many[1][i], one[1], atol=1e-5)
