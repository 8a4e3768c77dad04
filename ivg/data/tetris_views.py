"""What a camera sees of the shapes of the 3D IQ test.

The frame is that of the camera, which stands at the origin and looks along -z. The
shape is turned before it; three lights of different colours and a wall behind the
shape, facing the camera, never move. So a depth map is all that it takes to draw the
picture (`ivg.render.surfel.render_surfels` with `iqtt_lights`), whatever the view.

Source: Rajeswar et al., Pix2Scene, section 4.4 and appendix B; distance, field of view
and the wall are those of the released code.
"""

import math

import jax
import jax.numpy as jnp

from ivg.data.tetris import STEPS
from ivg.geometry import rotation
from ivg.geometry.camera import Camera, make_camera
from ivg.numerics import safe_norm
from ivg.render.pipeline import Buffers, render
from ivg.render.surfel import attenuated_lambert
from ivg.scene.appearance import Lights, make_lights
from ivg.scene.graph import Scene, make_nodes, make_scene
from ivg.scene.library import MeshLibrary
from ivg.scene.mesh import Mesh
from ivg.typing import Array

DISTANCE_M = 1.2
FOV_RAD = math.radians(60.0)
RADIUS_M = 0.6  # of the ball about a shape: it just fits into the view
WALL_M = 1.9
NEAR_M, FAR_M = DISTANCE_M - RADIUS_M, WALL_M
ALBEDO = 0.8
_SIDES = jnp.asarray(STEPS, jnp.int32)


def walk_mesh(cubes: Array, count: Array) -> Mesh:
    """The surface of a shape, fitted into a ball.

    Sides between two cubes are left out. Sides have vertices and normals of their own.

    Args:
      cubes: `[K, 3]` int places; those from `count` on do not matter.
      count: `[]` number of cubes, which hang together, at most `K`.

    Returns:
      `Mesh` of `4 K + 2` quads, `V = 4 (4 K + 2)` and `F = 2 (4 K + 2)`, padding last;
      the box about it is centred at the origin, its farthest corner `RADIUS_M` away.
      It has no edges, which the mode "hard" of the renderer does without. Traced.
    """
    real = jnp.arange(len(cubes)) < count
    cubes = cubes.astype(jnp.int32)
    beyond = cubes[:, None] + _SIDES
    same = jnp.all(beyond[:, :, None] == cubes, -1) & real
    outer = (real[:, None] & ~jnp.any(same, -1)).reshape(-1)
    corners = (cubes[:, None, None] + _side_corners()).reshape(-1, 4, 3)
    most = 4 * len(cubes) + 2  # outer sides of cubes that hang together
    order = jnp.argsort(~outer, stable=True)[:most]
    corners, outer = corners[order], outer[order]
    normals = jnp.tile(_SIDES.astype(float), (len(cubes), 1))[order]
    return quads_mesh(_fit(corners, outer), normals, outer)


def _side_corners() -> Array:
    """`[6, 4, 3]` corners of the sides of a unit cube, in the order of `STEPS`."""
    normal = _SIDES.astype(float)
    across, up = jnp.roll(normal, 1, 1), jnp.roll(normal, 2, 1)
    sign = jnp.sum(normal, 1, keepdims=True)  # negative normals swap the other two
    corners = [
        normal + a * jnp.abs(across) * sign + b * jnp.abs(up)
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    return jnp.stack(corners, 1) / 2


def _fit(corners, mask):
    """`[Q, 4, 3]` into the ball about the origin."""
    shown = mask[:, None, None]
    low = jnp.min(jnp.where(shown, corners, jnp.inf), (0, 1))
    high = jnp.max(jnp.where(shown, corners, -jnp.inf), (0, 1))
    corners = jnp.where(shown, corners - (low + high) / 2, 0)
    return corners * (RADIUS_M / jnp.max(safe_norm(corners)))


def quads_mesh(corners: Array, normals: Array, mask: Array) -> Mesh:
    """A mesh of flat quads without edges.

    Args:
      corners: `[Q, 4, 3]` metres, counter-clockwise from outside.
      normals: `[Q, 3]` unit.
      mask: `[Q]` bool, False for padding.

    Returns:
      `Mesh` of two faces for each quad.
    """
    total = len(corners)
    pair = jnp.array([[0, 1, 2], [0, 2, 3]])
    faces = 4 * jnp.arange(total)[:, None, None] + pair
    square = jnp.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    return Mesh(
        vertices=corners.reshape(-1, 3),
        normals=jnp.repeat(normals, 4, 0),
        uv=jnp.tile(square, (total, 1)),
        faces=faces.reshape(-1, 3).astype(jnp.int32),
        edges=jnp.zeros((0, 4), jnp.int32),
        edge_sharp=jnp.zeros(0, bool),
        vertex_mask=jnp.repeat(mask, 4),
        face_mask=jnp.repeat(mask, 2),
        edge_mask=jnp.zeros(0, bool),
    )


def iqtt_camera(pixels: int) -> Camera:
    """The camera of all pictures.

    Args:
      pixels: side of a picture.

    Returns:
      `Camera` at the origin of its own frame.
    """
    return make_camera(height=pixels, width=pixels, fov_rad=FOV_RAD, near=0.1)


def iqtt_lights() -> Lights:
    """The lights of all pictures.

    Returns:
      `Lights` in the frame of the camera: a little of ambient light and three points,
      reddish, greenish and bluish, 0.8 m from the axis of view, that fade with the
      square of the distance; each has a strength of about 0.4 at the middle of the
      shape, and of half of that at the wall, so that brightness tells depth.
    """
    places = [[0.7, -0.4, -0.1], [-0.7, -0.4, -0.1], [0.0, 0.8, -0.1]]
    colours = [[1.0, 0.35, 0.3], [0.3, 0.9, 0.4], [0.3, 0.4, 1.0]]
    return make_lights(ambient=0.05, position=places, point=0.7 * jnp.array(colours))


def view_quaternion(direction: Array) -> Array:
    """How a shape is turned for a camera that sees it from a side, upright.

    Args:
      direction: `[3]` from the shape to the camera, not along y.

    Returns:
      `[4]` quaternion wxyz, `camera_from_shape`.
    """
    up = jnp.array([0.0, 1.0, 0.0])
    return rotation.inverse(rotation.look_rotation(-direction, up))


def view_scene(cubes: Array, count: Array, direction: Array, pixels: int) -> Scene:
    """A shape before the wall.

    Args:
      cubes: `[K, 3]` int places.
      count: `[]` number of cubes.
      direction: `[3]` unit, from the shape to the camera, in the frame of the shape.
      pixels: side of the picture.

    Returns:
      `Scene` in the frame of the camera; node 0 is the shape, node 1 the wall.
    """
    shape = walk_mesh(cubes, count)
    pair = jax.tree.map(lambda *x: jnp.stack(x), shape, _wall(len(shape.faces) // 2))
    quaternion = jnp.stack([view_quaternion(direction), jnp.array(rotation.IDENTITY)])
    place = jnp.array([[0.0, 0.0, -DISTANCE_M], [0.0, 0.0, -WALL_M]])
    return make_scene(
        MeshLibrary(pair, ("shape", "wall"), (1, 1)),
        make_nodes([0, 1], place, quaternion), iqtt_camera(pixels), albedo=ALBEDO,
        lights=iqtt_lights(),
    )  # fmt: skip


def _wall(total: int) -> Mesh:
    """A quad across the whole picture, and padding."""
    half = 2 * WALL_M * math.tan(FOV_RAD / 2)
    first = jnp.arange(total) == 0
    square = jnp.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    corners = jnp.where(first[:, None, None], half * square, 0)
    return quads_mesh(corners, jnp.tile(jnp.array([[0.0, 0, 1]]), (total, 1)), first)


def view_shape(cubes: Array, count: Array, direction: Array, pixels: int) -> Buffers:
    """What the camera sees of a shape.

    Args:
      cubes: `[K, 3]` int places.
      count: `[]` number of cubes.
      direction: `[3]` unit, from the shape to the camera, in the frame of the shape.
      pixels: side of the picture, `P`.

    Returns:
      `Buffers` of `[P, P]`: `rgb` is in [0, 1], `depth` in [`NEAR_M`, `FAR_M`] up to
      rounding, `object_index` 0 on the shape and 1 on the wall.
    """
    scene = view_scene(cubes, count, direction, pixels)
    return render(scene, mode="hard", shader=attenuated_lambert())


__all__ = [
    "ALBEDO",
    "DISTANCE_M",
    "FAR_M",
    "FOV_RAD",
    "NEAR_M",
    "RADIUS_M",
    "WALL_M",
    "iqtt_camera",
    "iqtt_lights",
    "quads_mesh",
    "view_quaternion",
    "view_scene",
    "view_shape",
    "walk_mesh",
]
