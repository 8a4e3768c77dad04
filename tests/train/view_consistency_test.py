"""Depth maps from two cameras: of a plane, of a box before it, and wrong ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import look_at, make_camera, ray_planes
from ivg.train.view_consistency import consistency_loss, points_before

SIZE = 24


def cameras():
    return [
        look_at(eye, (0.0, 0.0, 0.0), height=SIZE, width=SIZE, fov_rad=0.6)
        for eye in ((0.4, 0.8, 2.0), (-0.5, 0.6, 1.9))
    ]


def plane_depth(camera, height=0.0, normal=(0.2, 0.8, 0.6)):
    """Depth of the plane `normal . P = height`."""
    normal = np.asarray(normal) / np.linalg.norm(normal)
    towards = np.einsum("chw,c->hw", np.asarray(ray_planes(camera)), normal)
    depth = (height - np.asarray(camera.position) @ normal) / towards
    assert np.all(depth > 0)
    return jnp.asarray(depth, jnp.float32)


def test_one_plane_agrees_with_itself():
    first, second = cameras()
    loss = consistency_loss(plane_depth(first), first, plane_depth(second), second)
    assert float(loss) < 2e-3  # depth between pixels is not quite linear


def test_a_wall_before_a_wall():
    """Seen along the axis, so that the distances of the two are known."""
    first, second = (
        make_camera((0.0, 0.0, z), height=SIZE, width=SIZE) for z in (4.0, 3.0)
    )
    near, far = 1.0 * jnp.ones((SIZE, SIZE)), 3.5 * jnp.ones((SIZE, SIZE))
    # A wall at z = 3.5 is behind the second camera, at z = 0.5 before z = -0.5.
    assert not np.any(points_before(0.5 * near, first, far, second))
    before = np.asarray(points_before(far, first, far, second))
    # Of the first wall, the second camera sees what is nearer to the middle.
    seen = before > 0
    assert 0.3 < np.mean(seen) < 0.7
    np.testing.assert_allclose(before[seen], 1.0, rtol=1e-5)
    # The wall of the second camera is behind that of the first, hence hidden.
    assert not np.any(points_before(far, second, far, first))


@pytest.mark.parametrize("shift", [-0.2, 0.2])
def test_another_plane_contradicts(shift):
    first, second = cameras()
    depths = plane_depth(first), plane_depth(second, shift)
    loss = consistency_loss(depths[0], first, depths[1], second)
    same = consistency_loss(depths[0], first, plane_depth(second), second)
    assert float(loss) > 0.05 > 10 * float(same)


def test_descent_makes_two_views_agree():
    first, second = cameras()
    depths = plane_depth(first, 0.1), plane_depth(second, -0.1)

    @jax.jit
    def descend(depths):
        def loss(depths):
            return consistency_loss(depths[0], first, depths[1], second)

        def step(depths, _):
            slope = jax.grad(loss)(depths)
            return jax.tree.map(lambda d, s: d - 2.0 * s, depths, slope), loss(depths)

        return jax.lax.scan(step, depths, length=60)[1]

    losses = descend(depths)
    assert float(losses[-1]) < 0.3 * float(losses[0])


def test_gradient_is_finite_behind_and_beside_a_camera():
    first, second = cameras()
    turned = look_at((0.0, 0.0, -1.0), (0.0, 0.3, 5.0), height=SIZE, width=SIZE)
    depth = plane_depth(first)
    for other in (second, turned, first):
        slope = jax.grad(consistency_loss)(depth, first, depth, other)
        assert bool(jnp.all(jnp.isfinite(slope)))
