"""Many devices: the same results as one, wherever scenes are computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.scale import (
    agreed,
    batch_that_fits,
    free_bytes,
    from_local,
    local_parts,
    on_each_device,
    program_bytes,
    replicate,
    scene_mesh,
    start_devices,
)
from tests.render.ffi_test import everything, example

pytestmark = pytest.mark.usefixtures("compile_quickly")


def test_parts_come_back_in_the_order_of_the_devices():
    mesh = scene_mesh()
    rows = {"a": np.arange(6), "b": np.arange(12.0).reshape(6, 2)}
    parts = local_parts(from_local(mesh, rows))
    assert len(parts) == mesh.size == 2
    for name, whole in rows.items():
        np.testing.assert_array_equal(np.concatenate([p[name] for p in parts]), whole)


def test_devices_compute_what_vmap_does_and_rest_if_told_to():
    mesh = scene_mesh()
    shared, scenes = {"factor": jnp.array([2.0, 3.0])}, np.arange(6, dtype=np.float32)

    def one(params, scene):
        return {"both": params["factor"] * scene, "square": scene**2}

    run = on_each_device(one, mesh)
    params = replicate(mesh, shared)
    expected = jax.vmap(one, (None, 0))(shared, scenes)
    everything = run(params, *from_local(mesh, (np.array([True, True]), scenes)))
    jax.tree.map(np.testing.assert_array_equal, everything, expected)
    half = local_parts(
        run(params, *from_local(mesh, (np.array([True, False]), scenes)))
    )
    np.testing.assert_array_equal(half[0]["both"], expected["both"][:3])
    assert all(not leaf.any() for leaf in jax.tree.leaves(half[1]))


def test_the_kernels_of_the_renderer_run_on_every_device():
    """Visibility, interpolation and its transpose, against one device."""
    mesh, examples = scene_mesh(), [example(seed) for seed in range(4)]
    vertices = np.stack([vertices for vertices, _ in examples])
    faces = np.asarray(examples[0][1])

    def one(faces, vertices):
        return everything(vertices, faces)

    inputs = from_local(mesh, (np.array([True, True]), vertices))
    found = on_each_device(one, mesh)(replicate(mesh, faces), *inputs)
    expected = [everything(*each) for each in examples]
    for i, (index, values, sums) in enumerate(expected):
        np.testing.assert_array_equal(found[0][i], index)
        np.testing.assert_allclose(found[1][i], values, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found[2][i], sums, rtol=1e-3, atol=1e-3)


def test_the_batch_is_as_large_as_memory_allows():
    def one(params, seed):
        numbers = jax.random.normal(jax.random.key(seed), (500, 500))
        return jnp.sort(jnp.sort(numbers, 0) @ params, 1)[0, 0]

    mesh, sizes = scene_mesh(), []
    program = on_each_device(one, mesh)
    params = replicate(mesh, np.eye(500, dtype=np.float32))

    def compiled(size):
        sizes.append(size)
        inputs = np.array([True, True]), np.zeros(2 * size, np.int32)
        return program.lower(params, *from_local(mesh, inputs)).compile()

    size, whole = batch_that_fits(compiled, 8, 1e12)
    assert (size, sizes) == (8, [8])
    need = program_bytes(whole)
    assert need > 8 * 500 * 500 * 4  # the numbers, once at least
    size, part = batch_that_fits(compiled, 8, need / 2)
    assert 2 <= size <= 4 and program_bytes(part) <= need / 2
    assert batch_that_fits(compiled, 8, 1.0)[0] == 1


def test_memory_is_shared_by_the_devices():
    with open("/proc/meminfo") as file:
        total = 1024 * int(file.readline().split()[1])
    assert 0 < free_bytes() <= total / jax.device_count()


def test_one_process_agrees_with_itself():
    np.testing.assert_array_equal(agreed(np.array([True, False])), [True, False])


def test_devices_are_made_before_the_first_computation():
    jax.devices()
    with pytest.raises(RuntimeError, match="jax_num_cpu_devices"):
        start_devices(3)
