"""Surfaces of grids: where they are, closed, facing outwards."""

import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.voxel_views import FAR_M, NEAR_M, view_camera
from ivg.scene.shapes.primitives import sphere
from ivg.scene.shapes.voxel_surface import (
    frustum_surface,
    mesh_from_grid,
    world_surface,
)
from ivg.scene.voxels import frustum_grid, world_grid


def volume(mesh):
    a, b, c = (
        np.asarray(mesh.vertices)[np.asarray(mesh.faces)[:, i]] for i in range(3)
    )
    return np.sum(np.cross(a, b) * c) / 6


def ball():
    mesh = sphere(0.3)
    return mesh.replace(vertices=mesh.vertices - jnp.array([0.0, 0.2, -0.1]))


@pytest.mark.parametrize("kind", ["world", "frustum"])
def test_there_and_back(kind):
    camera = view_camera(jnp.array([0.7, 0.45]), 128)
    if kind == "world":
        grid = world_grid(ball(), 32)
        mesh = world_surface(np.where(grid, 1.0, -1.0))
    else:
        grid = frustum_grid(ball(), camera, NEAR_M, FAR_M, 32)
        mesh = frustum_surface(np.where(grid, 5.0, -5.0), camera, NEAR_M, FAR_M)
    points = np.asarray(mesh.vertices)
    middle = np.array([0.0, 0.1, 0.1])  # a sphere stands on the ground
    distance = np.linalg.norm(points - middle, axis=1)
    assert np.abs(distance - 0.3).max() < 0.06
    assert 0.11 < volume(mesh) < 0.15  # 0.113, and half a voxel around
    assert (np.asarray(mesh.edges)[:, 3] >= 0).all()  # closed


def test_a_full_grid_is_closed_and_an_empty_one_nothing():
    mesh = world_surface(np.ones((8, 8, 8)))
    assert 0.9 < volume(mesh) <= 1.01
    assert mesh_from_grid(-np.ones((4, 4, 4)), lambda cells: cells) is None
