"""The energy of a grid: what it sees, its derivatives, and its size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from ivg.models.voxel_energy import (
    energy_evidence,
    init_energy,
    pool_grid,
    voxel_energy,
)
from ivg.models.voxel_networks import VoxelSizes
from ivg.refine.refiner import refine
from ivg.refine.unrolled import Descent, unrolled_refiner

SIZES = VoxelSizes(image=(4, 4, 2, 2))

pytestmark = pytest.mark.usefixtures("compile_quickly")


def features(key, sizes=SIZES):
    sides = [4 * 2**i for i in range(len(sizes.image))]
    return tuple(
        jax.random.normal(jax.random.fold_in(key, side), (side, side, width))
        for side, width in zip(sides, sizes.image, strict=True)
    )


def problem():
    keys = jax.random.split(jax.random.key(0), 3)
    params = init_energy(keys[0], SIZES)
    logits = jax.random.normal(keys[1], (32, 32, 32))
    seen = energy_evidence(params, features(keys[2]))
    return params, logits, seen


def test_pooling_is_anisotropic():
    grid = jax.random.normal(jax.random.key(0), (32, 32, 32))
    for cells, depth in ((4, 32), (8, 16), (16, 8), (32, 4)):
        found = pool_grid(grid, cells, depth)
        assert found.shape == (cells, cells, depth)
        side, far = 32 // cells, 32 // depth
        box = grid[side : 2 * side, :side, far : 2 * far] if far < 32 else None
        if box is not None:
            np.testing.assert_allclose(found[1, 0, 1], box.mean(), atol=1e-5)
    with pytest.raises(ValueError, match="no means"):
        pool_grid(grid, 5, 4)


def test_the_energy_is_that_of_joined_features():
    params, logits, _ = problem()
    maps = features(jax.random.key(9))
    total = 0.0
    for level, x in zip(params, maps, strict=True):
        depth = level["hidden"]["kernel"].shape[2] - x.shape[-1]
        x = jnp.concatenate([x, pool_grid(logits, x.shape[0], depth)], -1)[None]
        for name, act in (("hidden", jax.nn.softplus), ("out", None)):
            x = jax.lax.conv_general_dilated(
                x, level[name]["kernel"], (1, 1), "VALID",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            ) + level[name]["bias"]  # fmt: skip
            x = act(x) if act else (jax.nn.softplus(x) + jax.nn.softplus(-x)) / 2
        total += jnp.sum(x)
    found = voxel_energy(params, logits, energy_evidence(params, maps))
    np.testing.assert_allclose(found, total, rtol=1e-5)


def test_slopes_do_not_depend_on_the_resolution():
    params, logits, seen = problem()
    fine = jnp.repeat(jnp.repeat(jnp.repeat(logits, 2, 0), 2, 1), 2, 2)
    coarse_slope = jax.grad(voxel_energy, 1)(params, logits, seen)
    fine_slope = jax.grad(voxel_energy, 1)(params, fine, seen)
    np.testing.assert_allclose(fine_slope[::2, ::2, ::2], coarse_slope, atol=1e-5)


def test_derivatives():
    with jax.enable_x64(True):
        params, logits, seen = problem()
        to = jax.random.normal(jax.random.key(5), logits.shape)

        def along(step):
            return voxel_energy(params, logits + step * to, seen)

        check_grads(jax.jit(along), (jnp.zeros(()),), order=2, modes=["rev"])


def test_outer_gradients_equal_finite_differences():
    with jax.enable_x64(True):
        params, logits, seen = problem()

        def outer(rate, clip, weight):
            levels = [dict(level) for level in params]
            hidden = levels[1]["hidden"]
            kernel = hidden["kernel"].at[1, 1, 0, 0].add(weight)
            levels[1]["hidden"] = hidden | {"kernel": kernel}
            refiner = unrolled_refiner(
                lambda y, x: voxel_energy(levels, y, x),
                Descent(rate, clip, jnp.zeros(())),
            )
            last = refine(refiner, logits, seen, 2).params
            return jnp.mean(jax.nn.sigmoid(last) ** 2)

        at = jnp.array([0.7, 0.05, 0.1])
        slope = jax.jit(jax.grad(lambda x: outer(*x)))(at)
        value = jax.jit(lambda x: outer(*x))
        for i, found in enumerate(slope):
            step = 1e-6 * jnp.eye(3)[i]
            expected = (value(at + step) - value(at - step)) / 2e-6
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


def test_batches_are_independent():
    params, logits, seen = problem()
    alone = voxel_energy(params, logits, seen)
    pair = jnp.stack([logits, 3 - logits])
    both = jax.vmap(voxel_energy, (None, 0, None))(params, pair, seen)
    np.testing.assert_allclose(both[0], alone, rtol=1e-6)
