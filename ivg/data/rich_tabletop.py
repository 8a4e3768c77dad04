"""Table-tops as a camera would see them: textures, soft shadows, gloss, a room behind.

The latents of a table-top say nothing of all this; it is drawn at random, so that a
network learns to look through it. `render_tabletop` of `ivg.energy.tabletop` is the
plain renderer that explains such pictures.

Source: Romaszko et al., Learning Direct Optimization, section 6.1, with this renderer
in the place of Blender, rendered rooms in the place of photographs of rooms, and a
light with an area in the place of a point far away.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.colour import linear_from_srgb, srgb_from_linear
from ivg.data.rooms import sample_backdrops
from ivg.data.tabletop import sample_tabletop
from ivg.data.textures import sample_textures
from ivg.geometry.camera import FOV_RAD
from ivg.render.pipeline import render
from ivg.render.shading import phong
from ivg.render.shadow import light_frame, make_shadow_maps, shadowed
from ivg.scene.appearance import Lights, make_lights, make_material
from ivg.scene.graph import Scene
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import GROUND_HALF_EXTENT_M
from ivg.scene.tabletop import Tabletop, scene_from_tabletop
from ivg.typing import Array

_LAMPS = 4  # far lights that stand for one with an area
_SHADOW_MAP_PX = 192


@struct.dataclass
class Surroundings:
    """What random looks choose from.

    Attributes:
      textures: `[T, S, S, 3]` factors of colours, of mean one.
      backdrops: `[B, H, W, 3]` pictures, sRGB in [0, 1], any float type.
    """

    textures: Array
    backdrops: Array


@struct.dataclass
class Look:
    """What a picture of a table-top shows beyond its latents, for `N` nodes.

    Attributes:
      texture: `[N]` int32 index of the texture, -1 for none.
      texture_scale: `[N, 2]` repetitions per unit of u and v.
      specular: `[N]` strength of highlights.
      shininess: `[N]` exponent of highlights.
      light_radius: `[]` tangent of half the angle under which the far light appears.
      backdrop: `[]` int32 index of the picture behind.
      gain: `[]` brightness of that picture.
      noise: `[]` standard deviation of the noise of the camera, of sRGB.
    """

    texture: Array
    texture_scale: Array
    specular: Array
    shininess: Array
    light_radius: Array
    backdrop: Array
    gain: Array
    noise: Array


def make_surroundings(
    key: Array,
    primitives: MeshLibrary,
    *,
    num_textures: int = 70,
    num_backdrops: int = 64,
    size: int = 256,
) -> Surroundings:
    """Random textures and rooms.

    Args:
      key: random key, consumed.
      primitives: `primitive_library()`, for the furniture.
      num_textures: number `T` of textures.
      num_backdrops: number `B` of pictures.
      size: rows and columns of the pictures.

    Returns:
      `Surroundings`; pictures in half precision.
    """
    key_textures, key_backdrops = jax.random.split(key)
    textures = sample_textures(key_textures, num_textures)
    backdrops = sample_backdrops(
        key_backdrops, primitives, textures, num_backdrops, size
    )
    return Surroundings(textures, srgb_from_linear(backdrops).astype(jnp.float16))


def sample_look(key: Array, num_nodes: int, surroundings: Surroundings) -> Look:
    """A random look.

    A quarter of the nodes has no texture and half of them no highlights.

    Args:
      key: random key, consumed.
      num_nodes: number `N` of nodes; the first one is the ground.
      surroundings: what to choose from.

    Returns:
      `Look`.
    """
    keys = jax.random.split(key, 9)
    n = num_nodes

    def uniform(key, shape, low, high):
        return jax.random.uniform(key, shape, minval=low, maxval=high)

    num_textures = surroundings.textures.shape[0]
    texture = jax.random.randint(keys[0], (n,), 0, num_textures)
    repeats = jnp.exp(uniform(keys[2], (n, 1), 0.0, 1.6))
    tile_m = jnp.exp(uniform(keys[3], (), jnp.log(0.08), jnp.log(0.8)))
    ground = 2 * GROUND_HALF_EXTENT_M / tile_m
    return Look(
        texture=jnp.where(jax.random.bernoulli(keys[1], 0.25, (n,)), -1, texture),
        texture_scale=jnp.broadcast_to(repeats.at[0].set(ground), (n, 2)),
        specular=jnp.maximum(uniform(keys[4], (n,), -0.3, 0.3), 0),
        shininess=jnp.exp(uniform(keys[5], (n,), 2.0, 4.5)),
        light_radius=uniform(keys[6], (), 0.01, 0.15),
        backdrop=jax.random.randint(keys[7], (), 0, surroundings.backdrops.shape[0]),
        gain=uniform(keys[8], (), 0.5, 1.2),
        noise=uniform(jax.random.fold_in(key, 0), (), 0.0, 0.02),
    )


def area_light(lights: Lights, radius: Array) -> Lights:
    """The far light of a table-top as several, spread over a disc.

    Args:
      lights: lights with one far light.
      radius: `[]` tangent of half the angle under which the disc appears.

    Returns:
      `Lights` with four far lights that are as strong together.
    """
    right, up, back = light_frame(lights.direction[0])
    turn = jnp.arange(_LAMPS)[:, None] * (2 * jnp.pi / _LAMPS) + 0.4
    towards = back + radius * (jnp.cos(turn) * right + jnp.sin(turn) * up)
    return make_lights(
        lights.ambient,
        towards / jnp.sqrt(1 + radius**2),
        jnp.broadcast_to(lights.directional[0] / _LAMPS, (_LAMPS, 3)),
    )


def rich_scene(
    latents: Tabletop,
    look: Look,
    library: MeshLibrary,
    surroundings: Surroundings,
    *,
    height: int,
    width: int,
    fov_rad=FOV_RAD,
) -> Scene:
    """The scene of a table-top with its textures, highlights and area light.

    Args:
      latents: latents; their colours are the mean colours of the surfaces.
      look: look of its nodes.
      library: shapes.
      surroundings: textures.
      height: image rows.
      width: image columns.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Scene`.
    """
    scene = scene_from_tabletop(
        latents, library, height=height, width=width, fov_rad=fov_rad
    )
    n = scene.nodes.mask.shape[0]
    material = make_material(
        n,
        scene.material.albedo,
        specular=jnp.broadcast_to(look.specular[:, None], (n, 3)),
        shininess=look.shininess,
        textures=surroundings.textures[jnp.maximum(look.texture, 0)],
        texture_id=jnp.where(look.texture < 0, -1, jnp.arange(n)),
        texture_scale=look.texture_scale,
    )
    return scene.replace(
        material=material, lights=area_light(scene.lights, look.light_radius)
    )


def render_rich(
    key: Array,
    latents: Tabletop,
    look: Look,
    library: MeshLibrary,
    surroundings: Surroundings,
    *,
    height: int,
    width: int,
    fov_rad=FOV_RAD,
) -> Array:
    """A picture of a table-top, as a camera would take it.

    Args:
      key: random key of the noise, consumed.
      latents: latents.
      look: look of its nodes.
      library: shapes.
      surroundings: textures and pictures.
      height: image rows, those of the backdrops.
      width: image columns, those of the backdrops.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `[H, W, 3]` sRGB in [0, 1].
    """
    scene = rich_scene(
        latents, look, library, surroundings, height=height, width=width,
        fov_rad=fov_rad,
    )  # fmt: skip
    casters = jnp.arange(scene.nodes.mask.shape[0]) > 0
    maps = make_shadow_maps(scene, casters=casters, size=_SHADOW_MAP_PX)
    seen = render(scene, shader=shadowed(phong, maps))
    backdrop = surroundings.backdrops[look.backdrop].astype(seen.rgb.dtype)
    behind = look.gain * linear_from_srgb(backdrop)
    linear = seen.rgb + (1 - seen.alpha[..., None]) * behind
    noise = look.noise * jax.random.normal(key, linear.shape)
    return jnp.clip(srgb_from_linear(jnp.clip(linear, 0, 1)) + noise, 0, 1)


def sample_rich_tabletop(
    key: Array, library: MeshLibrary, surroundings: Surroundings
) -> tuple[Tabletop, Array]:
    """A random table-top and its picture.

    Args:
      key: random key, consumed.
      library: shapes, from `tabletop_library`.
      surroundings: what looks choose from; the size of the backdrops is the size of
        the picture.

    Returns:
      True latents, and a `[H, W, 3]` picture, sRGB in [0, 1].
    """
    key_truth, key_look, key_noise = jax.random.split(key, 3)
    latents = sample_tabletop(key_truth, library)
    look = sample_look(key_look, latents.mask.shape[0] + 1, surroundings)
    height, width = surroundings.backdrops.shape[1:3]
    picture = render_rich(
        key_noise, latents, look, library, surroundings, height=height, width=width
    )
    return latents, picture


__all__ = [
    "Look",
    "Surroundings",
    "area_light",
    "make_surroundings",
    "render_rich",
    "rich_scene",
    "sample_look",
    "sample_rich_tabletop",
]
