"""Losses and IoU of voxels against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from ivg.metrics.voxels import focal_loss, soft_iou_loss, voxel_iou


def grids(seed=0, side=4):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, (side,) * 3), rng.integers(0, 2, (side,) * 3).astype(float)


@pytest.mark.parametrize(("alpha", "gamma"), [(0, 0), (0.7, 0), (0, 2), (0.3, 1.5)])
def test_focal_loss(alpha, gamma):
    x, y = grids()
    p = 1 / (1 + np.exp(-x))
    full = y * (1 - p) ** gamma * (1 + alpha) * np.log(p)
    empty = (1 - y) * p**gamma * (1 - alpha) * np.log(1 - p)
    found = focal_loss(jnp.asarray(x), jnp.asarray(y), alpha=alpha, gamma=gamma)
    np.testing.assert_allclose(found, -np.mean(full + empty), rtol=1e-5)


def test_soft_iou_loss():
    x, y = grids(1)
    p = 1 / (1 + np.exp(-x))
    expected = 1 - (p * y).sum() / (np.abs(p + y).sum() - (p * y).sum())
    np.testing.assert_allclose(soft_iou_loss(jnp.asarray(x), jnp.asarray(y)), expected,
                               rtol=1e-5)  # fmt: skip


def test_iou():
    x, y = grids(2)
    both, either = ((x > 0) & (y > 0)).sum(), ((x > 0) | (y > 0)).sum()
    found = voxel_iou(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(found, both / either, rtol=1e-6)
    nothing = jnp.full((2, 2, 2), -1.0)
    assert voxel_iou(nothing, jnp.zeros((2, 2, 2))) == 1
    assert voxel_iou(nothing, jnp.ones((2, 2, 2))) == 0


@pytest.mark.parametrize(
    "loss", [soft_iou_loss, focal_loss, lambda x, y: focal_loss(x, y, gamma=2.0)]
)
def test_gradients(loss):
    with jax.enable_x64(True):
        x, y = (jnp.asarray(g) for g in grids(3))
        check_grads(jax.jit(lambda x: loss(x, y)), (x,), order=2, modes=["rev"])
    far = jnp.array([[[200.0, -200.0]]]), jnp.array([[[0.0, 1.0]]])
    assert np.isfinite(jax.grad(loss)(*far)).all()
    empty = jnp.full((2, 2, 2), -200.0), jnp.zeros((2, 2, 2))
    assert np.isfinite(jax.grad(loss)(*empty)).all()


def test_a_perfect_grid_has_no_loss():
    y = jnp.asarray(grids(4)[1])
    x = 40 * (2 * y - 1)
    assert voxel_iou(x, y) == 1
    np.testing.assert_allclose([soft_iou_loss(x, y), focal_loss(x, y)], 0, atol=1e-6)
