"""Pictures of the shapes of the 3D IQ test."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from ivg.data.tetris import MAX_CUBES, ROTATIONS, Walks, unique_walks
from ivg.data.tetris_views import (
    ALBEDO,
    DISTANCE_M,
    FAR_M,
    NEAR_M,
    RADIUS_M,
    WALL_M,
    iqtt_camera,
    iqtt_lights,
    view_quaternion,
    view_shape,
    walk_mesh,
)
from ivg.geometry import rotation
from ivg.render.surfel import render_surfels

pytestmark = pytest.mark.usefixtures("compile_quickly")

WALKS = unique_walks(0, 12)
PIXELS = 48


@jax.jit
def seen(cubes, count, direction):
    return view_shape(cubes, count, direction, PIXELS)


def upright(direction):
    return np.asarray(direction / np.linalg.norm(direction), np.float32)


def shown_mesh(mesh):
    """The unpadded surface as trimesh sees it, on the grid of the corners."""
    faces = np.asarray(mesh.faces)[np.asarray(mesh.face_mask)]
    return trimesh.Trimesh(np.asarray(mesh.vertices), faces, process=False)


@pytest.mark.parametrize("index", range(4))
def test_mesh(index):
    cubes, count = WALKS.cubes[index], WALKS.count[index]
    mesh = walk_mesh(jnp.asarray(cubes), count)
    assert mesh.faces.shape == (2 * (4 * MAX_CUBES + 2), 3)
    places = {tuple(cube) for cube in cubes[:count].tolist()}
    steps = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    free = sum(
        tuple(np.add(cube, step)) not in places for cube in places for step in steps
    )
    solid = shown_mesh(mesh)
    assert len(solid.faces) == 2 * free
    side = np.sqrt(solid.area / free)
    np.testing.assert_allclose(solid.volume, count * side**3, rtol=1e-4)
    np.testing.assert_allclose(
        solid.face_normals, np.asarray(mesh.normals)[solid.faces[:, 0]], atol=1e-5
    )
    shown = solid.vertices[np.unique(solid.faces)]
    np.testing.assert_allclose(shown.max(0), -shown.min(0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(shown, axis=1).max(), RADIUS_M, rtol=1e-5)


def test_padding_does_not_matter():
    row = np.flatnonzero(WALKS.count < 15)[0]
    cubes, count = jnp.asarray(WALKS.cubes[row]), WALKS.count[row]
    other = cubes.at[count:].set(7)
    direction = upright([0.3, 0.5, 0.8])
    jax.tree.map(
        np.testing.assert_array_equal,
        seen(cubes, count, direction),
        seen(other, count, direction),
    )


def test_one_cube_from_the_front():
    """A closed form: the front of a cube is a square at a known depth."""
    cubes = jnp.zeros((15, 3), jnp.int8)
    buffers = seen(cubes, jnp.int32(1), upright([0.0, 0.0, 1.0]))
    half = RADIUS_M / np.sqrt(3)
    depth = np.asarray(buffers.depth)
    centre = (np.arange(PIXELS) + 0.5 - PIXELS / 2) / float(
        iqtt_camera(PIXELS).focal_px[0]
    )
    inside = np.abs(centre) * (DISTANCE_M - half) < half
    square = inside[:, None] & inside
    np.testing.assert_array_equal(np.asarray(buffers.object_index) == 0, square)
    np.testing.assert_allclose(depth[square], DISTANCE_M - half, rtol=1e-5)
    np.testing.assert_allclose(depth[~square], WALL_M, rtol=1e-5)


def test_pictures_are_within_bounds():
    directions = np.random.default_rng(0).normal(size=(12, 3))
    for row, direction in enumerate(directions):
        buffers = seen(WALKS.cubes[row], WALKS.count[row], upright(direction))
        rgb, depth = np.asarray(buffers.rgb), np.asarray(buffers.depth)
        assert 0 < rgb.min() and rgb.max() <= 1
        assert NEAR_M - 1e-4 < depth.min() and depth.max() < FAR_M + 1e-4
        owner = np.asarray(buffers.object_index)
        assert (owner >= 0).all() and 0.02 < (owner == 0).mean() < 0.8
        assert (owner[0] == 1).all() and (owner[:, 0] == 1).all()  # nothing is cut


def test_surfels_draw_the_same_picture():
    """The last layer of a decoder makes the picture from its true depth."""
    cubes, count = WALKS.cubes[1], WALKS.count[1]
    buffers = seen(cubes, count, upright([0.5, 0.4, 0.7]))
    picture, _ = render_surfels(
        buffers.depth, jnp.full(3, ALBEDO), iqtt_camera(PIXELS), iqtt_lights()
    )
    face = np.asarray(buffers.face_index) // 2
    shifts = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    flat = np.all([np.roll(face, s, (0, 1)) == face for s in shifts], 0)
    flat[[0, -1]] = flat[:, [0, -1]] = False
    assert flat.mean() > 0.4
    np.testing.assert_allclose(picture[flat], buffers.rgb[flat], atol=2e-3)


def test_a_turned_shape_is_the_same_shape_from_another_side():
    """Cubes turned by one of the 24, and seen from the side turned alike and level."""
    cubes, count = WALKS.cubes[2], int(WALKS.count[2])
    about_y = [m for m in ROTATIONS.astype(int) if m[1, 1] == 1]
    assert len(about_y) == 4
    direction = upright([0.2, 0.6, 0.9])
    first = seen(cubes, count, direction)
    for matrix in about_y:
        turned = cubes.astype(int) @ matrix.T
        turned = (turned - turned.min(0)).astype(np.int8)
        same = seen(turned, count, upright(matrix @ direction))
        agree = np.asarray(first.object_index) == np.asarray(same.object_index)
        assert agree.mean() > 0.995  # but for pixels on an edge
        np.testing.assert_allclose(
            np.mean(first.rgb, (0, 1)), np.mean(same.rgb, (0, 1)), atol=3e-3
        )
    other = seen(cubes, count, upright([-0.9, 0.6, 0.2]))
    assert (np.asarray(first.object_index) != np.asarray(other.object_index)).any()


def test_the_camera_stands_upright():
    direction = upright([0.5, -0.6, 0.4])
    turn = view_quaternion(jnp.asarray(direction))
    np.testing.assert_allclose(rotation.rotate(turn, direction), [0, 0, 1], atol=1e-6)
    up = np.asarray(rotation.rotate(turn, jnp.array([0.0, 1.0, 0.0])))
    np.testing.assert_allclose(up[0], 0, atol=1e-6)
    assert up[1] > 0


def test_many_views_at_once():
    some = Walks(*(jnp.asarray(x[:3]) for x in WALKS))
    directions = jnp.asarray(np.stack([upright([1.0, 0.2 * i, 0.5]) for i in range(3)]))
    both = jax.vmap(seen)(some.cubes, some.count, directions)
    for row in range(3):
        one = seen(some.cubes[row], some.count[row], directions[row])
        np.testing.assert_allclose(both.rgb[row], one.rgb, atol=1e-6)
