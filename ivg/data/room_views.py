"""How rooms of pix2scene are seen: from a patch of a sphere, under three point lights.

Everything is matte, of one reflectance. Cameras stand on a patch of a sphere about
`TARGET`, which they all look at; one light stands on a wider one, the others stay.

Source: Rajeswar et al., Pix2Scene, section 4.1 and appendix B. The patch, the lights
and the single fixed point are those of the released code, up to their scale.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.data.surfel_rooms import RoomScene, sample_room_scene
from ivg.geometry import rotation
from ivg.geometry.camera import Camera, look_at
from ivg.render.pipeline import render
from ivg.render.surfel import attenuated_lambert
from ivg.scene.appearance import Lights, make_lights
from ivg.scene.graph import make_scene
from ivg.scene.library import MeshLibrary
from ivg.typing import Array

TARGET = (0.3, 0.15, 0.3)
DISTANCE_M, LIGHT_DISTANCE_M = 1.3, 2.0
FOV_RAD = math.radians(34.0)
AZIMUTH_RAD = (math.radians(5.0), math.radians(85.0))
ELEVATION_RAD = (math.radians(15.0), math.radians(70.0))
NEAR, FAR = 0.6, 1.8  # metres; objects reach to 0.65, the corner is 1.75 away
ALBEDO = 0.8
AMBIENT = 0.05
LIGHT_PLACES = ((1.6, 1.0, 0.2), (0.8, 0.6, 1.2))  # of those that stay, metres
LIGHTS_RGB = ((0.8, 0.8, 0.8), (0.6, 0.1, 0.1), (0.05, 0.3, 0.1))


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


def octant_lights(key: Array) -> tuple[Array, Array]:
    """A white light at a random place, and a red and a green one that stay.

    Those that stay are near, each before one of the walls: the colour of a surface
    tells how it is turned, and its brightness where it is.

    Args:
      key: random key, consumed.

    Returns:
      `[3, 3]` places in metres, and `[3, 3]` strengths at one metre.

    Source: Pix2Scene's released code, which has these places; the strengths are ours.
    """
    first = octant_points(key, 1, LIGHT_DISTANCE_M)
    places = jnp.concatenate([first, jnp.array(LIGHT_PLACES)])
    return places, jnp.array(LIGHTS_RGB)


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


def sample_view(key: Array, library: MeshLibrary, kind: str, pixels: int) -> SceneViews:
    """A picture of a random room from a random place under random lights.

    Args:
      key: random key, consumed.
      library: `room_library(kind)`.
      kind: see `sample_room_scene`.
      pixels: side of the picture.

    Returns:
      `SceneViews`.
    """
    key_room, key_eye, key_light = jax.random.split(key, 3)
    scene = sample_room_scene(key_room, library, kind)
    eye = octant_points(key_eye, 1, DISTANCE_M)[0]
    lights = octant_lights(key_light)
    return see_room(scene, library, eye, *lights, pixels)


__all__ = [
    "ALBEDO",
    "AMBIENT",
    "AZIMUTH_RAD",
    "DISTANCE_M",
    "ELEVATION_RAD",
    "FAR",
    "FOV_RAD",
    "LIGHTS_RGB",
    "LIGHT_DISTANCE_M",
    "LIGHT_PLACES",
    "NEAR",
    "TARGET",
    "SceneViews",
    "octant_lights",
    "octant_point",
    "octant_points",
    "room_camera",
    "room_lights",
    "sample_view",
    "see_room",
    "turned_eye",
]
