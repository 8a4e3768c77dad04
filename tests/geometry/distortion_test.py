"""Distortion by a lens, beside numbers of OpenCV."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads

from ivg.geometry.distortion import (
    NEAREST,
    Lens,
    distort,
    normalize_px,
    project_lens,
    project_normalized,
)

POINTS = [
    [-0.9, 0.7, 4.2], [0.0, 0.0, 5.0], [1.3, -1.1, 3.1], [0.4, 0.9, 5.5],
    [-1.2, -0.3, 2.2], [0.75, 0.75, 1.5],
]  # fmt: skip
# cv2.projectPoints of OpenCV 5.0.0 with no turn and no translation.
OPENCV = [
    [270.398579536389, 703.400622626528],
    [512.541503906250, 515.451477050781],
    [972.774676989863, 125.701960211129],
    [595.189859453646, 701.286065794407],
    [-88.197991875817, 365.208934781956],
    [1058.836176005466, 1061.397696379710],
]


def lens():
    return Lens(
        focal_px=jnp.array([1145.0494384765625, 1143.7811279296875]),
        principal_point_px=jnp.array([512.54150390625, 515.4514770507812]),
        radial=jnp.array([-0.207098916, 0.247775183, -0.00307515031]),
        tangential=jnp.array([-0.000975698873, -0.00142447157]),
    )


def test_projection_equals_opencv():
    with jax.enable_x64(True):
        found = jax.jit(project_lens)(lens(), jnp.array(POINTS))
        np.testing.assert_allclose(found, OPENCV, rtol=0, atol=1e-9)


def test_without_coefficients_nothing_is_distorted():
    points = jnp.array([[0.1, -0.3], [0.0, 0.0], [2.0, 1.0]])
    np.testing.assert_array_equal(distort(points, jnp.zeros(3), jnp.zeros(2)), points)


def test_pixels_and_normalised_coordinates():
    points = jnp.array(POINTS)
    pixels = project_lens(lens(), points)
    expected = project_normalized(points, lens().radial, lens().tangential)
    np.testing.assert_allclose(normalize_px(lens(), pixels), expected, atol=1e-6)


def test_the_size_of_a_scene_does_not_matter():
    points = jnp.array(POINTS)
    first = project_lens(lens(), points)
    np.testing.assert_allclose(first, project_lens(lens(), 2 * points), rtol=1e-6)


def test_points_behind_the_camera_are_finite():
    points = jnp.array([[1.0, 1.0, 0.0], [0.5, -1.0, -3.0], [0.1, 0.1, NEAREST / 9]])

    def total(points):
        return jnp.sum(project_lens(lens(), points))

    assert np.isfinite(total(points))
    assert np.isfinite(jax.grad(total)(points)).all()


def test_gradients():
    with jax.enable_x64(True):
        check_grads(project_lens, (lens(), jnp.array(POINTS)), order=2, modes=["rev"])


def test_batched_equals_single():
    points = jnp.stack([jnp.array(POINTS), 2 + jnp.array(POINTS)])
    both = jax.vmap(project_lens, (None, 0))(lens(), points)
    np.testing.assert_allclose(both[1], project_lens(lens(), points[1]), rtol=1e-6)
