"""Random indoor pictures, to stand behind a table-top: rendered rooms and patterns.

A room has a floor, a ceiling and walls, boxes, cylinders and cones for furniture, and
flat boxes for pictures on the walls; point lights hang from the ceiling.
"""

import jax
import jax.numpy as jnp

from ivg.data.textures import clouds
from ivg.geometry import rotation
from ivg.geometry.camera import Camera, look_at
from ivg.render.pipeline import render
from ivg.scene.appearance import Lights, make_lights, make_material
from ivg.scene.graph import Nodes, Scene, make_nodes
from ivg.scene.library import MeshLibrary, first_shape
from ivg.typing import Array

_FURNITURE = ("box", "box", "cylinder", "cone", "sphere")
_NUM_FURNITURE = 9
_NUM_PICTURES = 4
_HEIGHT_M = 2.6
_THICK_M = 0.2


def room_nodes(key: Array, library: MeshLibrary) -> Nodes:
    """The walls and the furniture of a room; the origin is the middle of its floor.

    Args:
      key: random key, consumed.
      library: `primitive_library()`.

    Returns:
      `Nodes`: floor, ceiling, four walls, furniture, pictures.
    """
    key_size, key_things, key_pictures = jax.random.split(key, 3)
    half = jax.random.uniform(key_size, (2,), minval=2.0, maxval=3.5)
    parts = [_walls(half), _things(key_things, half), _pictures(key_pictures, half)]
    position, scale, azimuth = (jnp.concatenate(x) for x in zip(*parts, strict=True))
    furniture = [_FURNITURE[i % len(_FURNITURE)] for i in range(_NUM_FURNITURE)]
    names = ["box"] * 6 + furniture + ["box"] * _NUM_PICTURES
    shape = [library.class_names.index(name) for name in names]
    quaternion = jax.vmap(rotation.quaternion_from_azimuth)(azimuth)
    return make_nodes(
        first_shape(library, jnp.array(shape)), position, quaternion, scale
    )


def _walls(half: Array):
    """Six boxes around `[2]` half extents in x and z."""
    x, z = half
    o, t, h = jnp.zeros(()), _THICK_M, _HEIGHT_M
    position = [(o, -t, o), (o, h, o), (x, -t, o), (-x, -t, o), (o, -t, z), (o, -t, -z)]
    slab, side, front = (2 * x, t, 2 * z), (t, h + 2 * t, 2 * z), (2 * x, h + 2 * t, t)
    scale = [slab, slab, side, side, front, front]
    spread = [jnp.stack([jnp.asarray(v) for v in row]) for row in (*position, *scale)]
    return jnp.stack(spread[:6]), jnp.stack(spread[6:]), jnp.zeros(6)


def _things(key: Array, half: Array):
    """Furniture on the floor, rather at the walls than in the middle."""
    keys = jax.random.split(key, 3)
    n = _NUM_FURNITURE
    place = jax.random.uniform(keys[0], (n, 2), minval=-1.0, maxval=1.0)
    outwards = jnp.sign(place) * jnp.abs(place) ** 0.4
    x, z = (outwards * (half - 0.3)).T
    position = jnp.stack([x, jnp.zeros(n), z], -1)
    low, high = jnp.array([0.2, 0.3, 0.2]), jnp.array([1.4, 2.0, 1.0])
    scale = low + (high - low) * jax.random.uniform(keys[1], (n, 3))
    return position, scale, jax.random.uniform(keys[2], (n,), maxval=jnp.pi / 2)


def _pictures(key: Array, half: Array):
    """Flat boxes on the far wall, which the camera of `room_camera` sees."""
    key_place, key_size = jax.random.split(key)
    n = _NUM_PICTURES
    across, up = jax.random.uniform(key_place, (2, n), minval=-0.8, maxval=0.8)
    position = jnp.stack(
        [across * half[0], 1.2 + 0.5 * up, jnp.full(n, 0.01 + _THICK_M / 2) - half[1]],
        -1,
    )
    size = jax.random.uniform(key_size, (n, 2), minval=0.3, maxval=1.2)
    scale = jnp.stack([size[:, 0], size[:, 1], jnp.full(n, 0.04)], -1)
    return position, scale, jnp.zeros(n)


def room_camera(key: Array, *, height: int, width: int) -> Camera:
    """A camera that stands in a room and looks about level at the far wall.

    Args:
      key: random key, consumed.
      height: image rows.
      width: image columns.

    Returns:
      `Camera`.
    """
    key_eye, key_target = jax.random.split(key)
    low, high = jnp.array([-1.0, 0.8, 0.3]), jnp.array([1.0, 1.7, 1.6])
    eye = low + (high - low) * jax.random.uniform(key_eye, (3,))
    low, high = jnp.array([-1.5, 0.7, -2.5]), jnp.array([1.5, 1.4, -1.5])
    target = low + (high - low) * jax.random.uniform(key_target, (3,))
    return look_at(eye, target, height=height, width=width, fov_rad=1.0)


def room_lights(key: Array) -> Lights:
    """Two lamps under the ceiling and light from all around.

    Args:
      key: random key, consumed.

    Returns:
      `Lights`.
    """
    key_place, key_strength = jax.random.split(key)
    x, z = jax.random.uniform(key_place, (2, 2), minval=-1.5, maxval=1.5)
    strength = jax.random.uniform(key_strength, (3,), minval=0.2, maxval=1.2)
    warm = jnp.array([1.0, 0.93, 0.82])
    return make_lights(
        ambient=0.4 * strength[2],
        position=jnp.stack([x, jnp.full(2, 2.3), z], -1),
        point=strength[:2, None] * warm,
    )


def render_room(
    key: Array, library: MeshLibrary, textures: Array, *, height: int, width: int
) -> Array:
    """A picture of a random room.

    Args:
      key: random key, consumed.
      library: `primitive_library()`.
      textures: `[T, S, S, 3]` from `sample_textures`.
      height: image rows.
      width: image columns.

    Returns:
      `[H, W, 3]` linear RGB, not clipped.
    """
    keys = jax.random.split(key, 6)
    nodes = room_nodes(keys[0], library)
    n = nodes.mask.shape[0]
    chosen = jax.random.randint(keys[1], (n,), 0, textures.shape[0])
    grey, tint = jax.random.uniform(keys[2], (2, n, 3), minval=0.1, maxval=0.9)
    albedo = 0.6 * grey[:, :1] + 0.4 * tint
    material = make_material(
        n, albedo, textures=textures[chosen], texture_id=jnp.arange(n),
        texture_scale=jax.random.uniform(keys[3], (n, 1), minval=1.0, maxval=5.0),
    )  # fmt: skip
    scene = Scene(
        library=library,
        nodes=nodes,
        material=material,
        camera=room_camera(keys[4], height=height, width=width),
        lights=room_lights(keys[5]),
        background=jnp.zeros(3),
    )
    return render(scene).rgb


def random_backdrop(key: Array, *, size: int) -> Array:
    """Coloured clouds over a vertical gradient, for what is not a room.

    Args:
      key: random key, consumed.
      size: rows and columns.

    Returns:
      `[S, S, 3]` linear RGB in [0, 1].
    """
    key_clouds, key_colours = jax.random.split(key)
    share = clouds(key_clouds, size)[..., None]
    upper, lower, other = jax.random.uniform(key_colours, (3, 3))
    height = jnp.linspace(0, 1, size)[:, None, None]
    return (1 - share) * (upper * (1 - height) + lower * height) + share * other


def sample_backdrops(
    key: Array, library: MeshLibrary, textures: Array, num: int, size: int = 256
) -> Array:
    """Random pictures to stand behind scenes: three rooms for each pattern.

    Args:
      key: random key, consumed.
      library: `primitive_library()`.
      textures: `[T, S, S, 3]` from `sample_textures`.
      num: number of pictures.
      size: rows and columns.

    Returns:
      `[num, size, size, 3]` linear RGB in [0, 1].
    """
    key_rooms, key_others = jax.random.split(key)
    num_others = num // 4

    def room(key):
        picture = render_room(key, library, textures, height=size, width=size)
        return jnp.clip(picture, 0, 1)

    rooms = jax.lax.map(room, jax.random.split(key_rooms, num - num_others))
    others = jax.vmap(lambda key: random_backdrop(key, size=size))(
        jax.random.split(key_others, num_others)
    )
    return jnp.concatenate([rooms, others])


__all__ = [
    "random_backdrop",
    "render_room",
    "room_camera",
    "room_lights",
    "room_nodes",
    "sample_backdrops",
]
