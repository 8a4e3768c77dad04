"""LiDO's errors of latents in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.tabletop import sample_globals
from ivg.geometry.camera import FOV_RAD
from ivg.metrics.tabletop import (
    NUM_SPHERE_POINTS,
    azimuth_error,
    camera_error,
    colour_error,
    lighting_error,
    sphere_points,
)


def table(**changes):
    values = {name: jnp.asarray(value) for name, value in changes.items()}
    return sample_globals(jax.random.key(0), 4).replace(**values)


def test_points_are_spread_evenly():
    points = np.asarray(sphere_points(NUM_SPHERE_POINTS))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(points.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose((points**2).mean(0), 1 / 3, atol=1e-3)


def test_far_light_beside_light_from_all_around():
    """Of `c = max(cosine, 0)`, whose mean is 1/4 and whose mean square is 1/6."""
    even, far = table(ambient=0.7, directional=0.0), table(ambient=0.0, directional=0.3)
    expected = np.sqrt(16 / 6 - 1)
    assert float(lighting_error(even, far)) == pytest.approx(expected, rel=0.01)
    brighter = table(ambient=0.0, directional=0.9)
    assert float(lighting_error(brighter, far)) == pytest.approx(0, abs=1e-6)


def test_a_higher_camera_that_looks_level():
    """Each point of the board moves by `focal change / depth`."""
    low = table(camera_height_m=0.3, camera_elevation_rad=0.0)
    high = table(camera_height_m=0.34, camera_elevation_rad=0.0)
    depth = np.linspace(0.3, 0.9, 7)
    moved = 128 / np.tan(FOV_RAD / 2) * 0.04 / depth
    expected = np.sqrt(np.mean(moved**2))
    assert float(camera_error(high, low)) == pytest.approx(expected, rel=1e-4)


def test_colours_are_compared_without_brightness():
    red, green = jnp.array([0.4, 0.0, 0.0]), jnp.array([0.0, 0.9, 0.0])
    assert float(colour_error(red, green)) == pytest.approx(np.sqrt(2 / 3), rel=1e-6)
    assert float(colour_error(red, 2 * red)) == 0
    assert float(colour_error(jnp.zeros(3), jnp.full(3, 0.2))) < 1e-6


def test_azimuths_take_the_shorter_way():
    found = azimuth_error(
        table(azimuth_rad=[0.1, 3.0, 6.2, 1.0]), table(azimuth_rad=[6.2, -3.0, 0.1, 1])
    )
    short = 2 * np.pi - np.array([6.1, 6.0, 6.1])
    np.testing.assert_allclose(found, [*short, 0], atol=1e-5)
