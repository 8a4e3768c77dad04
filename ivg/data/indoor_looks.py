"""How random rooms look: colours, textures, lights, and the scene that is rendered."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.data.indoor_layout import Room
from ivg.data.indoor_models import IndoorModels
from ivg.data.rooms import random_backdrop
from ivg.data.voxel_views import sample_palette
from ivg.geometry import rotation
from ivg.geometry.camera import Camera
from ivg.numerics import dot
from ivg.render.shading import lambert
from ivg.render.surface import Surface
from ivg.scene.appearance import Lights, Material, make_lights, make_material
from ivg.scene.graph import Nodes, Scene, make_nodes
from ivg.typing import Array

_THICK_M = 0.2
_NUM_WALLS = 6


class Look(NamedTuple):
    """Colours of a room, for `K` objects and six walls.

    Attributes:
      colours: `[K + 6, 3, 3]` linear RGB of the three tints.
      texture: `[K + 6]` int32 texture, -1 for none.
      texture_scale: `[K + 6, 2]` repetitions per unit of uv.
      lights: lights.
      backdrop: `[H, W, 3]` linear RGB where nothing is seen.
      noise: `[]` standard deviation of the noise of the camera, of sRGB.
    """

    colours: Array
    texture: Array
    texture_scale: Array
    lights: Lights
    backdrop: Array
    noise: Array


def sample_look(
    key: Array, models: IndoorModels, room: Room, *, height: int, width: int
) -> Look:
    """Random colours, textures and lights.

    Args:
      key: random key, consumed.
      models: with the textures.
      room: room.
      height: image rows.
      width: image columns.

    Returns:
      `Look`.
    """
    keys = jax.random.split(key, 8)
    n = room.mask.shape[0] + _NUM_WALLS
    colours = jax.vmap(sample_palette)(jax.random.split(keys[0], n))
    grey = jax.random.uniform(keys[1], (_NUM_WALLS, 1, 1), minval=0.25, maxval=0.85)
    colours = colours.at[-_NUM_WALLS:].multiply(0.35)
    colours = colours.at[-_NUM_WALLS:].add(0.65 * grey)
    chosen = jax.random.randint(keys[2], (n,), 0, models.textures.shape[0])
    is_plain = jax.random.bernoulli(keys[3], 0.4, (n,))
    tiles = jnp.exp(jax.random.uniform(keys[4], (n, 1), minval=0.0, maxval=1.8))
    side = max(height, width)
    return Look(
        colours=colours,
        texture=jnp.where(is_plain, -1, chosen),
        texture_scale=jnp.broadcast_to(tiles, (n, 2)),
        lights=_sample_lights(keys[5], room),
        backdrop=random_backdrop(keys[6], size=side)[:height, :width],
        noise=jax.random.uniform(keys[7], maxval=0.02),
    )


def _sample_lights(key: Array, room: Room) -> Lights:
    """Light from all around, two lamps under the ceiling, and a far one."""
    keys = jax.random.split(key, 4)
    flat = jax.random.uniform(keys[0], (2, 2), minval=-0.8, maxval=0.8) * room.half_m
    level = jnp.full(2, 0.9) * room.height_m
    strength = jax.random.uniform(keys[1], (4,), minval=0.2, maxval=1.0)
    warm = jnp.array([1.0, 0.95, 0.86])
    towards = jax.random.normal(keys[2], (3,)) + jnp.array([0.0, 1.5, 0.8])
    return make_lights(
        ambient=0.15 + 0.35 * strength[2],
        direction=(towards / jnp.sqrt(jnp.sum(towards**2)))[None],
        directional=0.35 * strength[3] * jnp.ones((1, 3)),
        position=jnp.stack([flat[:, 0], level, flat[:, 1]], -1),
        point=1.3 * strength[:2, None] * warm,
    )


def _wall_nodes(room: Room) -> tuple[Array, Array]:
    """`[6, 3]` middles and `[6, 3]` sizes of floor, ceiling and four walls."""
    (x, z), h, t = room.half_m, room.height_m, _THICK_M
    o = jnp.zeros(())
    far = t / 2
    position = [
        (o, o - far, o), (o, h + far, o), (x + far, h / 2, o), (-x - far, h / 2, o),
        (o, h / 2, z + far), (o, h / 2, -z - far),
    ]  # fmt: skip
    flat, side = (2 * x + t, o + t, 2 * z + t), (o + t, h + 2 * t, 2 * z)
    front = (2 * x, h + 2 * t, o + t)
    size = [flat, flat, side, side, front, front]
    return tuple(jnp.stack([jnp.stack(row) for row in x]) for x in (position, size))


def room_scene(models: IndoorModels, room: Room, look: Look, camera: Camera) -> Scene:
    """The scene of a room, objects before walls.

    Args:
      models: models.
      room: room.
      look: its colours.
      camera: camera.

    Returns:
      `Scene` of `K + 6` nodes; without walls, floor and ceiling if the room is eight
      metres high or more, as that of `sample_floating` is.
    """
    walls, sizes = _wall_nodes(room)
    n = room.mask.shape[0] + _NUM_WALLS
    cube = jnp.full(_NUM_WALLS, models.category.shape[0], jnp.int32)
    upright = jnp.broadcast_to(jnp.array(rotation.IDENTITY), (_NUM_WALLS, 4))
    has_walls = jnp.broadcast_to(room.height_m < 8.0, (_NUM_WALLS,))
    nodes = make_nodes(
        jnp.concatenate([room.model, cube]),
        jnp.concatenate([room.placement.position, walls]),
        jnp.concatenate([room.placement.quaternion, upright]),
        jnp.concatenate([room.placement.size, sizes]),
        jnp.concatenate([room.mask, has_walls]),
    )
    return Scene(
        library=models.library,
        nodes=nodes,
        material=_material(models, look, nodes, n),
        camera=camera,
        lights=look.lights,
        background=jnp.zeros(3),
    )


def _material(models: IndoorModels, look: Look, nodes: Nodes, n: int) -> Material:
    tints = models.tints[nodes.shape_id]
    colours = jax.vmap(lambda palette, tint: palette[tint])(look.colours, tints)
    return make_material(
        n,
        1.0,
        vertex_colours=colours,
        textures=models.textures[jnp.maximum(look.texture, 0)],
        texture_id=jnp.where(look.texture < 0, -1, jnp.arange(n)),
        texture_scale=look.texture_scale,
    )


def two_sided(surface: Surface, lights: Lights) -> Array:
    """Lambert, with normals turned to the camera: models of files are rarely closed.

    Args:
      surface: visible surfaces.
      lights: lights.

    Returns:
      `[3, ...]` radiance.
    """
    away = dot(surface.normal, surface.view) < 0
    return lambert(
        surface.replace(normal=jnp.where(away, -surface.normal, surface.normal)), lights
    )


__all__ = ["Look", "room_scene", "sample_look", "two_sided"]
