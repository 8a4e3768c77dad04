"""Rooms of pix2scene: two walls, a floor and objects, seen from the positive octant.

The room fills the unit cube `[0, 1]^3`: the floor is y = 0, the walls are x = 0 and
z = 0, and all three go on beyond it, so that no picture has a background. Everything
is matte, of one reflectance. Cameras stand on a patch of a sphere about `TARGET`,
which they all look at; lights stand on a wider one.

Source: Rajeswar et al., Pix2Scene, section 4.1 and appendix B. The patch, the size of
objects and the single fixed point are those of the released code, up to its scale.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ivg.geometry import rotation
from ivg.geometry.camera import Camera, look_at
from ivg.render.pipeline import render
from ivg.render.surfel import attenuated_lambert
from ivg.scene.appearance import Lights, make_lights
from ivg.scene.graph import Nodes, make_nodes, make_scene
from ivg.scene.library import MeshLibrary, first_shape, make_library
from ivg.scene.mesh import Mesh, make_mesh
from ivg.scene.shapes import families, primitives
from ivg.scene.shapes.teapot import make_teapot
from ivg.typing import Array

SHAPES = ("box", "sphere", "cone", "torus", "cylinder", "teapot")
OBJECTS = (*SHAPES, "mug", "banana", "stapler")
CLASSES = {
    "box_translated": ("box",), "box": ("box",), "shape": SHAPES, "multiple": OBJECTS
}  # fmt: skip
MOST_OBJECTS = 4  # in a room of kind "multiple"
TARGET = (0.3, 0.15, 0.3)
DISTANCE_M, LIGHT_DISTANCE_M = 1.3, 2.0
FOV_RAD = math.radians(34.0)
AZIMUTH_RAD = (math.radians(5.0), math.radians(85.0))
ELEVATION_RAD = (math.radians(15.0), math.radians(70.0))
NEAR, FAR = 0.6, 1.8  # metres; objects reach to 0.65, the corner is 1.75 away
ALBEDO = 0.8
AMBIENT = 0.05
STRENGTH = 2.5  # of a single light; of 32,000 rooms none has a pixel above one
_REACH_M = 4.0
_SATURATION = (0.4, 0.9)  # of the colours of a single light, and of several
_TOGETHER = (1.0, 1.3)  # strength of a single light, and of several
_SINGLE = (0.26, 0.36)  # size of the only object
_SEVERAL = (0.18, 0.26)  # of one of several
_PLACE = (0.26, 0.54)  # where in x and z the only one stands
_CELLS = ((0.21, 0.21), (0.21, 0.54), (0.54, 0.21), (0.54, 0.54))
_JITTER = 0.02


class RoomScene(NamedTuple):
    """What is in a room.

    Attributes:
      nodes: `Nodes`: the room, then its objects.
      label: `[]` int32: place of the object in `CLASSES` of its kind; how many
        objects there are beyond the first for "multiple".
    """

    nodes: Nodes
    label: Array


class SceneViews(NamedTuple):
    """A picture of a room with all that is known about it.

    Attributes:
      image: `[H, W, 3]` linear RGB in [0, 1].
      eye: `[3]` metres, where the camera stands; see `room_camera`.
      light: `[L, 3]` metres, point lights; see `room_lights`.
      light_rgb: `[L, 3]` their strengths at one metre.
      label: `[]` int32, of `RoomScene`.
      depth: `[H, W]` metres along the optical axis, within `NEAR` and `FAR`.
      normal: `[H, W, 3]` unit, in the world.
    """

    image: Array
    eye: Array
    light: Array
    light_rgb: Array
    label: Array
    depth: Array
    normal: Array


def room_library(kind: str) -> MeshLibrary:
    """The room and the objects that can stand in it.

    Args:
      kind: one of `CLASSES`.

    Returns:
      `MeshLibrary` of the class `room` and those of `CLASSES[kind]`. Objects stand on
      y = 0, about the axis; their largest extent is one.

    Raises:
      ValueError: for an unknown kind.
    """
    if kind not in CLASSES:
        raise ValueError(f"kind must be one of {tuple(CLASSES)}, got {kind!r}")
    shapes = {name: [_unit(mesh) for mesh in _meshes(name)] for name in CLASSES[kind]}
    return make_library({"room": [_room()], **shapes})


def _meshes(name: str) -> list[Mesh]:
    if name == "mug":
        return [families.unit_mug(shape) for shape in families.MUGS[:2]]
    if name == "banana":
        return [families.unit_banana(shape) for shape in families.BANANAS[:2]]
    if name == "stapler":
        return [families.unit_stapler(shape) for shape in families.STAPLERS[:2]]
    return [make_teapot() if name == "teapot" else getattr(primitives, name)()]


def _unit(mesh: Mesh) -> Mesh:
    """The same shape, standing on the origin, of extent one."""
    low, high = jnp.min(mesh.vertices, 0), jnp.max(mesh.vertices, 0)
    foot = (low + high) / 2 * jnp.array([1.0, 0.0, 1.0]) + low * jnp.array([0.0, 1, 0])
    return mesh.replace(vertices=(mesh.vertices - foot) / jnp.max(high - low))


def _room() -> Mesh:
    """Floor and walls, seen from inside."""
    square = _REACH_M * np.array([(0, 0), (0, 1), (1, 1), (1, 0)])
    vertices, normals = np.zeros((3, 4, 3)), np.repeat(np.eye(3), 4, 0)
    for axis in range(3):
        vertices[axis][:, [(axis + 2) % 3, (axis + 1) % 3]] = square
    faces = [4 * axis + np.array([(0, 1, 2), (0, 2, 3)]) for axis in range(3)]
    # The axes of a square run so that its corners are clockwise from inside.
    faces = np.concatenate(faces)[:, ::-1]
    return make_mesh(vertices.reshape(-1, 3), faces, normals)


def sample_room_scene(key: Array, library: MeshLibrary, kind: str) -> RoomScene:
    """What is in a random room.

    Args:
      key: random key, consumed.
      library: `room_library(kind)`.
      kind: "box_translated" has a box that stands along the walls, "box" one that is
        turned, "shape" a solid of a random class; "multiple" has up to four objects
        of any class, which hardly touch.

    Returns:
      `RoomScene`.
    """
    keys = jax.random.split(key, 5)
    several = kind == "multiple"
    count = MOST_OBJECTS if several else 1
    chosen = jax.random.randint(keys[0], (count,), 0, len(CLASSES[kind]))
    low, high = _SEVERAL if several else _SINGLE
    size = jax.random.uniform(keys[1], (count, 1), minval=low, maxval=high)
    azimuth = jax.random.uniform(keys[2], (count,), maxval=2 * jnp.pi)
    if kind == "box_translated":
        azimuth = jnp.zeros(count)
    flat, present, extra = _places(keys[3], keys[4], several)
    position = jnp.stack([flat[:, 0], jnp.zeros(count), flat[:, 1]], -1)
    turned = jax.vmap(rotation.quaternion_from_azimuth)(azimuth)
    nodes = make_nodes(
        jnp.concatenate([jnp.zeros(1, jnp.int32), _variant(keys[0], library, chosen)]),
        jnp.concatenate([jnp.zeros((1, 3)), position]),
        jnp.concatenate([jnp.array([rotation.IDENTITY]), turned]),
        jnp.concatenate([jnp.ones((1, 1)), size]),
        jnp.concatenate([jnp.ones(1, bool), present]),
    )
    return RoomScene(nodes, extra if several else chosen[0])


def _places(key: Array, key_count: Array, several: bool):
    """`[O, 2]` x and z, `[O]` which are there, and `[]` how many beyond the first."""
    if not several:
        low, high = _PLACE
        flat = jax.random.uniform(key, (1, 2), minval=low, maxval=high)
        return flat, jnp.ones(1, bool), jnp.zeros((), jnp.int32)
    key_order, key_jitter = jax.random.split(key)
    cells = jax.random.permutation(
        key_order, jnp.asarray(_CELLS, jnp.result_type(float))
    )
    extra = jax.random.randint(key_count, (), 1, MOST_OBJECTS)
    jitter = jax.random.uniform(key_jitter, cells.shape, minval=-1.0, maxval=1.0)
    return cells + _JITTER * jitter, jnp.arange(MOST_OBJECTS) <= extra, extra


def _variant(key: Array, library: MeshLibrary, chosen: Array) -> Array:
    """`[O]` shapes of the library, any of those of each class."""
    counts = jnp.array(library.class_sizes)[chosen + 1]
    share = jax.random.uniform(jax.random.fold_in(key, 1), chosen.shape)
    offset = jnp.floor(share * counts).astype(jnp.int32)
    return first_shape(library, chosen + 1) + offset


def octant_point(azimuth_rad: Array, elevation_rad: Array, distance: Array) -> Array:
    """A place on a sphere about `TARGET`.

    Args:
      azimuth_rad: `[]` about the vertical, from +z towards +x.
      elevation_rad: `[]` above the horizontal.
      distance: `[]` metres.

    Returns:
      `[3]` metres.
    """
    towards = rotation.direction_from_azimuth_elevation(azimuth_rad, elevation_rad)
    return jnp.array(TARGET) + distance * towards


def octant_points(key: Array, num: int, distance: float) -> Array:
    """Places that are uniform, by area, on the patch of cameras and lights.

    Args:
      key: random key, consumed.
      num: number of places `P`.
      distance: metres from `TARGET`.

    Returns:
      `[P, 3]` metres, within `AZIMUTH_RAD` and `ELEVATION_RAD`.
    """
    share = jax.random.uniform(key, (2, num))
    low, high = (math.sin(x) for x in ELEVATION_RAD)
    azimuth = AZIMUTH_RAD[0] + (AZIMUTH_RAD[1] - AZIMUTH_RAD[0]) * share[0]
    elevation = jnp.arcsin(low + (high - low) * share[1])
    return jax.vmap(octant_point, (0, 0, None))(azimuth, elevation, distance)


def turned_eye(eye: Array, angle_rad: Array) -> Array:
    """A camera that went around the vertical through `TARGET`.

    Args:
      eye: `[3]` metres.
      angle_rad: `[]` from +z towards +x.

    Returns:
      `[3]` metres.
    """
    target = jnp.array(TARGET)
    turn = rotation.quaternion_from_azimuth(angle_rad)
    return target + rotation.rotate(turn, eye - target)


def room_camera(eye: Array, pixels: int) -> Camera:
    """A camera that looks at `TARGET`.

    Args:
      eye: `[3]` metres.
      pixels: side of its picture.

    Returns:
      `Camera`.
    """
    return look_at(
        eye, jnp.array(TARGET), height=pixels, width=pixels, fov_rad=FOV_RAD, near=0.05
    )


def octant_lights(key: Array, num: int) -> tuple[Array, Array]:
    """Random point lights.

    Args:
      key: random key, consumed.
      num: number `L` of lights.

    Returns:
      `[L, 3]` places in metres, and `[L, 3]` strengths at one metre, of random
      colours.
    """
    key_place, key_colour = jax.random.split(key)
    colour = 1 - _SATURATION[num > 1] * jax.random.uniform(key_colour, (num, 3))
    place = octant_points(key_place, num, LIGHT_DISTANCE_M)
    return place, STRENGTH * _TOGETHER[num > 1] / num * colour


def room_lights(light: Array, light_rgb: Array) -> Lights:
    """Point lights and what little comes from all around.

    Args:
      light: `[L, 3]` metres.
      light_rgb: `[L, 3]` strengths at one metre.

    Returns:
      `Lights`.
    """
    return make_lights(AMBIENT, position=light, point=light_rgb)


def see_room(
    scene: RoomScene,
    library: MeshLibrary,
    eye: Array,
    light: Array,
    light_rgb: Array,
    pixels: int,
) -> SceneViews:
    """The picture of a room, sampled at the centres of pixels.

    Args:
      scene: what is in the room.
      library: `room_library` of its kind.
      eye: `[3]` metres.
      light: `[L, 3]` metres.
      light_rgb: `[L, 3]`.
      pixels: side of the picture.

    Returns:
      `SceneViews`. The shading is that of `render_surfels` with `room_camera`,
      `room_lights` and `ALBEDO`.
    """
    whole = make_scene(
        library, scene.nodes, room_camera(eye, pixels),
        albedo=ALBEDO, lights=room_lights(light, light_rgb),
    )  # fmt: skip
    seen = render(whole, mode="hard", shader=attenuated_lambert())
    return SceneViews(
        seen.rgb, eye, light, light_rgb, scene.label, seen.depth, seen.normal
    )


def sample_view(
    key: Array, library: MeshLibrary, kind: str, pixels: int, num_lights: int = 1
) -> SceneViews:
    """A picture of a random room from a random place under random lights.

    Args:
      key: random key, consumed.
      library: `room_library(kind)`.
      kind: see `sample_room_scene`.
      pixels: side of the picture.
      num_lights: point lights.

    Returns:
      `SceneViews`.
    """
    key_room, key_eye, key_light = jax.random.split(key, 3)
    scene = sample_room_scene(key_room, library, kind)
    eye = octant_points(key_eye, 1, DISTANCE_M)[0]
    lights = octant_lights(key_light, num_lights)
    return see_room(scene, library, eye, *lights, pixels)


__all__ = [
    "ALBEDO",
    "AMBIENT",
    "AZIMUTH_RAD",
    "CLASSES",
    "DISTANCE_M",
    "ELEVATION_RAD",
    "FAR",
    "FOV_RAD",
    "LIGHT_DISTANCE_M",
    "MOST_OBJECTS",
    "NEAR",
    "OBJECTS",
    "SHAPES",
    "STRENGTH",
    "TARGET",
    "RoomScene",
    "SceneViews",
    "octant_lights",
    "octant_point",
    "octant_points",
    "room_camera",
    "room_library",
    "room_lights",
    "sample_room_scene",
    "sample_view",
    "see_room",
    "turned_eye",
]
