"""Voxels: exact overlap, the frustum of a camera, filling, hostile meshes."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from ivg.geometry.camera import camera_from_world, look_at, project
from ivg.scene.mesh import make_mesh
from ivg.scene.shapes.primitives import box, sphere
from ivg.scene.voxels import (
    face_corners,
    fill_between,
    fit_unit,
    frustum_grid,
    frustum_planes,
    frustum_points,
    touched_boxes,
    world_grid,
)

NEAR_M, FAR_M, DISTANCE_M = 0.666, 1.666, 1.166


def camera(azimuth=0.6, elevation=0.45):
    eye = DISTANCE_M * np.array(
        [
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
            np.cos(elevation) * np.cos(azimuth),
        ]
    )
    fov = 2 * np.arctan(16 / 35)
    return look_at(eye, np.zeros(3), height=128, width=128, fov_rad=fov)


def cells_of(side):
    return np.indices((side,) * 3).reshape(3, -1).T + 0.5


def overlaps(triangle, low, high):
    """Whether a convex combination of the corners lies in the box, by a program."""
    upper = np.concatenate([triangle.T, -triangle.T])
    bound = np.concatenate([high, -low])
    found = linprog(np.zeros(3), upper, bound, np.ones((1, 3)), [1.0], bounds=(0, 1))
    return found.status == 0


def test_exact_against_linear_programs():
    rng = np.random.default_rng(0)
    planes = tuple(np.sort(rng.uniform(-1, 1, 5)) for _ in range(3))
    for scale in (0.15, 0.6, 2.0):
        triangle = rng.normal(0, scale, (3, 3))
        found = touched_boxes(triangle[None], planes)
        for i, j, k in itertools.product(range(4), repeat=3):
            low = np.array([planes[0][i], planes[1][j], planes[2][k]])
            high = np.array([planes[0][i + 1], planes[1][j + 1], planes[2][k + 1]])
            assert found[i, j, k] == overlaps(triangle, low, high)


def test_a_box_in_the_world():
    mesh = box((0.5, 0.25, 0.3))  # stands on the ground
    grid = world_grid(mesh, 16)
    edges = np.linspace(-0.5, 0.5, 17)

    def touched(low, high):
        return (edges[1:] >= low - 1e-6) & (edges[:-1] <= high + 1e-6)

    expected = np.einsum(
        "i,j,k->ijk", touched(-0.25, 0.25), touched(0, 0.25), touched(-0.15, 0.15)
    )
    np.testing.assert_array_equal(grid, expected)


@pytest.mark.parametrize("side", [16, 32])
def test_a_sphere_in_the_frustum(side):
    ball = sphere(0.3)
    ball = ball.replace(vertices=ball.vertices - jnp.array([0.1, 0.35, -0.05]))
    middle, eye = np.array([-0.1, -0.05, 0.05]), camera()
    grid = frustum_grid(ball, eye, NEAR_M, FAR_M, side)
    cells = cells_of(side)
    corners = [
        cells + np.array(c) for c in itertools.product((-0.5, 0.0, 0.5), repeat=3)
    ]
    own = np.asarray(camera_from_world(eye, jnp.asarray(middle[None], jnp.float32)))
    far = np.stack(
        [
            np.linalg.norm(frustum_points(eye, NEAR_M, FAR_M, c, side) - own, axis=1)
            for c in corners
        ]
    )
    full = grid.reshape(-1)
    # Inside at every corner: full. Outside by a cell or more: empty.
    assert full[far.max(0) < 0.3 * np.cos(np.pi / 32)].all()
    widest = (far.max(0) - far.min(0)).max()
    assert not full[far.min(0) > 0.3 + 0.5 * widest].any()
    inside = np.mean(far[len(corners) // 2] <= 0.3)
    band = np.mean(np.abs(far[len(corners) // 2] - 0.3) < widest / 2)
    assert inside <= full.mean() <= inside + band


def test_frustum_points_are_where_the_camera_sees_them():
    eye, side = camera(), 8
    cells = cells_of(side)
    points = frustum_points(eye, NEAR_M, FAR_M, cells, side)
    still = eye.replace(position=jnp.zeros(3), quaternion=jnp.array([1.0, 0, 0, 0]))
    pixels, depth = project(still, jnp.asarray(points, jnp.float32))
    np.testing.assert_allclose(pixels[:, ::-1], cells[:, :2] * 16, atol=1e-3)
    rows, columns, last = frustum_planes(eye, NEAR_M, FAR_M, side)
    middle = (-1 / last[1:] - 1 / last[:-1]) / 2
    np.testing.assert_allclose(depth[:side], middle, rtol=1e-5)
    assert rows[1] == columns[1] == 16


def test_rows_run_downwards_and_depth_away():
    thing = make_mesh(
        np.array([[0, 0.3, 0], [0.02, 0.3, 0], [0, 0.32, 0]]), np.array([[0, 1, 2]])
    )
    eye = look_at([0, 0, DISTANCE_M], np.zeros(3), height=64, width=64, fov_rad=0.9)
    row, column, depth = np.argwhere(frustum_grid(thing, eye, NEAR_M, FAR_M, 16))[0]
    assert row < 5 and 7 <= column <= 9 and 7 <= depth <= 8
    nearer = thing.replace(vertices=thing.vertices + jnp.array([0.2, 0, 0.3]))
    cell = np.argwhere(frustum_grid(nearer, eye, NEAR_M, FAR_M, 16))[0]
    assert cell[1] > column and cell[2] < depth


def test_filling():
    shell = world_grid(sphere(0.3), 16)
    hollow = np.zeros((8, 8, 8), bool)
    hollow[1:7, 1:7, 1:7] = True
    hollow[2:6, 2:6, 2:6] = False
    assert fill_between(hollow)[1:7, 1:7, 1:7].all()
    assert fill_between(hollow).sum() == 6**3
    np.testing.assert_array_equal(fill_between(shell), shell)
    cup = hollow.copy()
    cup[2:6, 2:6, 6] = False  # open along one axis
    assert not fill_between(cup)[3, 3, 6] and not fill_between(cup)[3, 3, 3]


def test_hostile_meshes():
    open_sheet = make_mesh(
        np.array([[-0.4, 0.01, -0.4], [0.4, 0.01, -0.4], [0, 0.01, 0.4]]),
        np.array([[0, 1, 2]]),
    )
    assert world_grid(open_sheet, 16).any(1).sum() == world_grid(open_sheet, 16).sum()
    flat = np.array([[0.01, 0.02, 0.03]] * 3)
    line = np.array([[-0.3, 0.01, 0.01], [0.3, 0.01, 0.01], [0.0, 0.01, 0.01]])
    planes = (np.linspace(-0.5, 0.5, 17),) * 3
    assert touched_boxes(flat[None], planes).sum() == 1
    assert touched_boxes(line[None], planes).sum() == 10
    assert not touched_boxes(flat[None] + 3, planes).any()
    assert not touched_boxes(np.zeros((0, 3, 3)), planes).any()
    with pytest.raises(ValueError, match="power of two"):
        touched_boxes(flat[None], (np.linspace(0, 1, 7),) * 3)
    behind = open_sheet.replace(vertices=open_sheet.vertices + 3 * camera().position)
    with pytest.raises(ValueError, match="in front"):
        frustum_grid(behind, camera(), NEAR_M, FAR_M, 16)


def test_fitting():
    mesh = fit_unit(box((3.0, 4.0, 12.0)))
    corners = face_corners(mesh).reshape(-1, 3)
    np.testing.assert_allclose(corners.min(0), -corners.max(0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(np.ptp(corners, axis=0)), 1, rtol=1e-5)
