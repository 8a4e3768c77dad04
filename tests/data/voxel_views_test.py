"""Views of things: cameras, pictures, packed grids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.voxel_views import (
    DISTANCE_M,
    FAR_M,
    NEAR_M,
    pack_grid,
    sample_angles,
    sample_palette,
    unpack_grid,
    view_camera,
    view_picture,
)
from ivg.geometry.camera import project
from ivg.scene.shapes.categories import draw_instances, make_thing
from ivg.scene.voxels import frustum_grid


def test_cameras():
    angles = jax.vmap(sample_angles)(jax.random.split(jax.random.key(0), 500))
    degrees = np.degrees(angles)
    assert 0 <= degrees[:, 0].min() < 10 and 350 < degrees[:, 0].max() <= 360
    assert 25 <= degrees[:, 1].min() < 25.2 and 29.8 < degrees[:, 1].max() <= 30
    camera = view_camera(jnp.array([0.0, 0.5]), 128)
    np.testing.assert_allclose(np.linalg.norm(camera.position), DISTANCE_M, rtol=1e-6)
    np.testing.assert_allclose(DISTANCE_M, 1.1662, atol=1e-4)
    assert camera.position[2] > 0  # azimuth zero sees the front
    pixels, depth = project(camera, jnp.zeros((1, 3)))
    np.testing.assert_allclose(pixels[0], 64, atol=1e-3)
    np.testing.assert_allclose(depth[0], DISTANCE_M, rtol=1e-5)
    half_tangent = 64 / np.asarray(camera.focal_px)
    np.testing.assert_allclose(half_tangent, 16 / 35, rtol=1e-5)


def test_packed_grids():
    grid = np.random.default_rng(0).random((2, 16, 16, 16)) < 0.3
    packed = pack_grid(grid)
    assert packed.shape == (2, 16, 16, 2)
    np.testing.assert_array_equal(unpack_grid(jnp.asarray(packed)), grid)


@pytest.mark.slow
def test_the_grid_lies_behind_the_picture():
    mesh, tints = make_thing("chair", draw_instances("chair", 3, 1)[0])
    camera = view_camera(jnp.array([2.0, 0.47]), 128)
    colours = sample_palette(jax.random.key(0))[tints]
    picture = np.asarray(view_picture(mesh, colours, camera))
    assert picture.shape == (128, 128, 3) and picture.dtype == np.uint8
    grid = frustum_grid(mesh, camera, NEAR_M, FAR_M, 32)
    seen = (picture < 250).any(-1).reshape(32, 4, 32, 4).any((1, 3))
    assert not (seen & ~grid.any(2)).any()  # voxels behind whatever is seen
    assert (grid.any(2) & ~seen).sum() < 0.1 * seen.sum()
