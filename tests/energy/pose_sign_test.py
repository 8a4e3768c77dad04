"""The gradient of a pose points away from the truth, in all six directions.

A drill of thousands of faces is seen by the camera of the YCB-Video data set
(640 x 480); one of six parameters is wrong by 0.01 (radians or metres).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import correlate1d

from ivg.energy.pixel import pyramid_error, shrink
from ivg.geometry import rotation
from ivg.geometry.camera import make_camera
from ivg.render.pipeline import render
from ivg.scene.appearance import make_lights
from ivg.scene.graph import make_nodes, make_scene
from ivg.scene.library import make_library
from ivg.scene.shapes.instances import make_instance, middle_values

SHIFT = 0.01


@pytest.fixture(scope="module")
def slopes():
    """`[6]` derivatives by each parameter, where that one is wrong."""
    mesh = make_instance("drill", middle_values("drill"), 0.008)
    assert len(mesh.faces) > 2000
    library = make_library({"drill": [mesh]})
    camera = make_camera(height=480, width=640, near=0.05).replace(
        focal_px=jnp.array([1066.778, 1067.487]),
        principal_point_px=jnp.array([312.9869, 241.3109]),
    )
    first = rotation.quaternion_from_azimuth_elevation(0.7, 0.4)

    def picture(pose):
        turn = rotation.quaternion_from_rotation_vector(pose[:3])
        nodes = make_nodes(
            [0], pose[None, 3:] + jnp.array([0.0, -0.08, -0.7]),
            rotation.multiply(first, turn)[None],
        )  # fmt: skip
        lights = make_lights(0.4, [[1, 1, 1]], [[0.6, 0.6, 0.6]])
        scene = make_scene(
            library, nodes, camera, albedo=[0.8, 0.1, 0.1], lights=lights
        )
        return render(scene).rgb

    observed = picture(jnp.zeros(6))
    derive = jax.jit(jax.grad(lambda pose: pyramid_error(picture(pose), observed)))
    return np.array([derive(jnp.zeros(6).at[i].set(SHIFT))[i] for i in range(6)])


def test_every_gradient_points_away_from_the_truth(slopes):
    assert (slopes > 0).all(), slopes


def test_a_level_of_the_pyramid_is_scipys():
    picture = np.random.default_rng(0).uniform(size=(13, 18, 3))
    taps, expected = np.array([1, 4, 6, 4, 1]) / 16, picture
    for axis in (0, 1):
        expected = correlate1d(expected, taps, axis, mode="nearest")
    np.testing.assert_allclose(
        shrink(jnp.asarray(picture)), expected[::2, ::2], atol=1e-6
    )


def test_a_constant_difference_counts_once_at_each_level():
    dark, light = jnp.full((16, 12, 3), 0.2), jnp.full((16, 12, 3), 0.5)
    assert float(pyramid_error(dark, light, 4)) == pytest.approx(4 * 0.09, rel=1e-5)
