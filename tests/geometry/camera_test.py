"""The pixel convention, and projection against explicit matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.spatial.transform import Rotation

from ivg.geometry import camera

seeds = st.integers(0, 2**31 - 1)
fast = settings(max_examples=25, deadline=None)
RIGHT_ANGLE = np.pi / 2


def random(rng):
    made = camera.make_camera(
        rng.normal(size=3), rng.normal(size=4), height=48, width=64
    )
    return made.replace(
        focal_px=jnp.asarray(rng.uniform(30, 90, 2), made.near.dtype),
        principal_point_px=jnp.asarray(rng.uniform(10, 50, 2), made.near.dtype),
    )


@pytest.mark.parametrize(
    ("point", "pixel"),
    [
        ((0, 0, -1), (32, 24)),
        ((0, 0, -7), (32, 24)),
        ((1, 0, -1), (56, 24)),  # x is to the right
        ((0, 1, -1), (32, 0)),  # y up is towards the first row
        ((-2, -1, -2), (8, 36)),
        ((0.5 / 24, -0.5 / 24, -1), (32.5, 24.5)),
    ],
)
def test_pixel_convention(point, pixel):
    eye = camera.make_camera(height=48, width=64, fov_rad=RIGHT_ANGLE)
    pixels, depth = camera.project(eye, jnp.array([point], jnp.float32))
    np.testing.assert_allclose(pixels[0], pixel, atol=1e-4)
    np.testing.assert_allclose(depth[0], -point[2])


def test_pixel_centres():
    centres = camera.pixel_centres(2, 3)
    np.testing.assert_array_equal(centres[0], [[0.5, 0.5], [1.5, 0.5], [2.5, 0.5]])
    np.testing.assert_array_equal(centres[1, :, 1], [1.5] * 3)


def test_point_on_the_plane_of_the_camera():
    eye = camera.make_camera(height=8, width=8)
    points = jnp.array([[0.3, 0.2, 0.0]])
    assert jnp.all(camera.project(eye, points)[0] == 0)
    jacobian = jax.jacrev(lambda p: camera.project(eye, p)[0])(points)
    assert jnp.all(jnp.isfinite(jacobian))


@fast
@given(seeds)
def test_project_equals_matrices_and_unproject(seed):
    rng = np.random.default_rng(seed)
    eye = random(rng)
    pixels, depth = rng.uniform(0, 64, (10, 2)), rng.uniform(0.1, 5, 10)
    points = camera.unproject(eye, jnp.asarray(pixels), jnp.asarray(depth))
    r = Rotation.from_quat(np.asarray(eye.quaternion, float), scalar_first=True)
    local = r.inv().apply(np.asarray(points, float) - np.asarray(eye.position))
    np.testing.assert_allclose(camera.camera_from_world(eye, points), local, atol=1e-5)
    focal, centre = np.asarray(eye.focal_px), np.asarray(eye.principal_point_px)
    expected = local[:, :2] / -local[:, 2:] * focal * [1, -1] + centre
    actual, actual_depth = camera.project(eye, points)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=5e-3)
    np.testing.assert_allclose(actual, pixels, rtol=1e-4, atol=5e-3)
    np.testing.assert_allclose(actual_depth, depth, rtol=1e-4)
    rays = camera.ray_directions(eye, jnp.asarray(pixels))
    np.testing.assert_allclose(r.inv().apply(rays)[:, 2], -1, atol=1e-5)


@fast
@given(seeds)
def test_look_at_centres_its_target(seed):
    eye, target = np.random.default_rng(seed).normal(size=(2, 3))
    view = camera.look_at(eye, target, height=48, width=64)
    both = jnp.asarray(np.stack([target, target + [0, 0.01, 0]]))
    pixels, depth = camera.project(view, both)
    np.testing.assert_allclose(pixels[0], [32, 24], atol=2e-2)
    np.testing.assert_allclose(depth[0], np.linalg.norm(target - eye), rtol=1e-4)
    assert abs(pixels[1, 0] - 32) < 0.1


def test_resize_scales_pixels():
    eye = camera.look_at((1.0, 2.0, 3.0), (0.0, 0.0, 0.0), height=48, width=64)
    points = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
    small = camera.resize(eye, 24, 128)
    before, after = (camera.project(c, points)[0] for c in (eye, small))
    np.testing.assert_allclose(
        after, before * jnp.array([2, 0.5]), rtol=1e-5, atol=1e-4
    )
    assert (small.height, small.width) == (24, 128)


def test_image_without_pixels():
    with pytest.raises(ValueError, match="height 0"):
        camera.make_camera(height=0, width=4)


def test_field_of_view():
    focal = camera.focal_from_fov(RIGHT_ANGLE, 10)
    np.testing.assert_allclose(focal, 5.0, rtol=1e-6)


@pytest.mark.parametrize("name", ["project", "homogeneous_px", "camera_from_world"])
def test_gradients_vmap_and_jit(name):
    function = getattr(camera, name)
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        eye = camera.look_at((1.0, 2.0, 3.0), (0.1, 0.0, 0.0), height=48, width=64)
        points = jnp.asarray(rng.normal(size=(3, 4, 3)) * 0.5)
        check_grads(function, (eye, points[0]), order=1, modes=("fwd", "rev"))
        looped = jax.tree.map(
            lambda *x: jnp.stack(x), *(function(eye, p) for p in points)
        )
        batched = jax.jit(jax.vmap(function, in_axes=(None, 0)))(eye, points)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), batched, looped
        )
