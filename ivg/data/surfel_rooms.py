"""Rooms of pix2scene: two walls, a floor and objects.

The room fills the unit cube `[0, 1]^3`: the floor is y = 0, the walls are x = 0 and
z = 0, and all three go on beyond it, so that no picture has a background. How rooms are
seen says `ivg.data.room_views`.

Source: Rajeswar et al., Pix2Scene, section 4.1 and appendix B; the size of objects is
that of the released code, up to its scale.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ivg.geometry import rotation
from ivg.scene.graph import Nodes, make_nodes
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
_REACH_M = 4.0
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
        turned, "shape" a solid of a random class; "multiple" has two to four
        objects of any class, which hardly touch.

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


__all__ = [
    "CLASSES",
    "MOST_OBJECTS",
    "OBJECTS",
    "SHAPES",
    "RoomScene",
    "room_library",
    "sample_room_scene",
]
