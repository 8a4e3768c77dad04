"""Polar coordinates against SciPy's rotations and NumPy."""

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ivg.geometry.polar import polar_from_position, position_from_polar

angles = st.floats(-3.1, 3.1), st.floats(-1.5, 1.5)


@given(st.floats(0.1, 20), *angles)
def test_is_the_line_of_sight_turned(distance, azimuth, elevation):
    turn = Rotation.from_euler("YX", [-azimuth, elevation])  # intrinsic
    expected = turn.apply([0, 0, -distance])
    found = position_from_polar(jnp.array([distance, azimuth, elevation]))
    np.testing.assert_allclose(found, expected, atol=1e-5 * distance)


@given(st.floats(0.1, 20), *angles)
def test_round_trip_from_angles(distance, azimuth, elevation):
    polar = np.array([distance, azimuth, elevation])
    with jax.enable_x64(True):
        found = polar_from_position(position_from_polar(jnp.asarray(polar)))
    np.testing.assert_allclose(found, polar, atol=1e-9)


def test_round_trip_from_positions():
    rng = np.random.default_rng(0)
    positions = rng.normal(0, 3, (200, 3))
    polar = jax.vmap(polar_from_position)(jnp.asarray(positions))
    np.testing.assert_allclose(
        polar[:, 0], np.linalg.norm(positions, axis=1), rtol=1e-5
    )
    back = jax.vmap(position_from_polar)(polar)
    np.testing.assert_allclose(back, positions, atol=1e-5)


def test_what_the_camera_looks_at_has_no_angles():
    np.testing.assert_allclose(polar_from_position(jnp.array([0, 0, -2.0])), [2, 0, 0])
    right, above = jnp.array([1.0, 0, -1]), jnp.array([0, 1.0, -1])
    np.testing.assert_allclose(
        polar_from_position(right)[1:], [np.pi / 4, 0], atol=1e-6
    )
    np.testing.assert_allclose(
        polar_from_position(above)[1:], [0, np.pi / 4], atol=1e-6
    )


def test_slopes():
    with jax.enable_x64(True):
        point = jnp.array([0.4, -0.3, -1.7])
        jax.test_util.check_grads(polar_from_position, (point,), 2)
        jax.test_util.check_grads(position_from_polar, (point,), 2)
    for point in ([0, 0, 0.0], [0, 2.0, 0], [0, -1.0, 0], [0, 0, 3.0]):
        slope = jax.jacobian(polar_from_position)(jnp.array(point))
        assert np.isfinite(slope).all()
