"""Views of single things: where cameras stand, what they see, grids in few bytes.

Source: Jack et al., IGE-Net, section 6.4; the distance, the lens and the depths are
those of the authors' released code for Blender.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ivg.colour import srgb_from_linear
from ivg.geometry.camera import Camera, look_at
from ivg.geometry.rotation import direction_from_azimuth_elevation
from ivg.render.pipeline import render
from ivg.scene.appearance import make_lights, make_material
from ivg.scene.graph import Scene, make_nodes, make_scene
from ivg.scene.library import single_shape
from ivg.scene.mesh import Mesh
from ivg.typing import Array

DISTANCE_M = math.sqrt(1 + 0.6**2)
NEAR_M, FAR_M = DISTANCE_M - 0.5, DISTANCE_M + 0.5
FOV_RAD = 2 * math.atan(16 / 35)  # 35 mm on a sensor of 32 mm
ELEVATION_RAD = (math.radians(25.0), math.radians(30.0))


def sample_angles(key: Array) -> Array:
    """From where a view is taken.

    Args:
      key: random key, consumed.

    Returns:
      `[2]` azimuth in [0, 2 pi) and elevation in [25, 30] degrees, radians.
    """
    low, high = ELEVATION_RAD
    share = jax.random.uniform(key, (2,))
    scale = jnp.array([2 * math.pi, high - low])
    return share * scale + jnp.array([0.0, low])


def view_camera(angles: Array, size_px: int) -> Camera:
    """A camera that looks at the origin.

    Args:
      angles: `[2]` azimuth and elevation, radians.
      size_px: side of its picture.

    Returns:
      `Camera` at a distance of `DISTANCE_M`.
    """
    eye = DISTANCE_M * direction_from_azimuth_elevation(*angles)
    return look_at(
        eye, jnp.zeros(3), height=size_px, width=size_px, fov_rad=FOV_RAD, near=0.05
    )


def sample_palette(key: Array) -> Array:
    """Colours of the parts of a thing.

    Args:
      key: random key, consumed.

    Returns:
      `[3, 3]` linear RGB: one for the body, one like it or not, and a dark one.
    """
    keys = jax.random.split(key, 3)
    body = jax.random.uniform(keys[0], (3,), minval=0.08, maxval=0.8)
    other = jax.random.uniform(keys[1], (3,), minval=0.05, maxval=0.7)
    dark = jax.random.uniform(keys[2], ()) * 0.1 + 0.02 * jnp.ones(3)
    return jnp.stack([body, (body + other) / 2, dark])


def view_scene(mesh: Mesh, colours: Array, camera: Camera) -> Scene:
    """A thing before a white background, lit from above the camera.

    Args:
      mesh: mesh, padded or not.
      colours: `[V, 3]` linear RGB of its vertices.
      camera: camera.

    Returns:
      `Scene` of one node.
    """
    library = single_shape(mesh)
    towards = camera.position + jnp.array([0.0, 1.0, 0.0])
    across = jnp.cross(jnp.array([0.0, 1.0, 0.0]), camera.position)
    lights = make_lights(
        ambient=0.35,
        direction=jnp.stack([towards + 0.8 * across, towards - 1.5 * across]),
        directional=jnp.array([[0.55] * 3, [0.2] * 3]),
    )
    scene = make_scene(
        library, make_nodes(jnp.array([0])), camera, lights=lights, background=[1.0] * 3
    )
    material = make_material(1, 1.0, vertex_colours=colours[None])
    return scene.replace(material=material)


def view_picture(mesh: Mesh, colours: Array, camera: Camera) -> Array:
    """What a camera sees of a thing.

    Args:
      mesh: mesh, padded or not.
      colours: `[V, 3]` linear RGB of its vertices.
      camera: camera.

    Returns:
      `[H, W, 3]` uint8 sRGB.
    """
    seen = render(view_scene(mesh, colours, camera)).rgb
    return jnp.round(255 * srgb_from_linear(jnp.clip(seen, 0, 1))).astype(jnp.uint8)


def pack_grid(grid: np.ndarray) -> np.ndarray:
    """A grid in an eighth of the space.

    Args:
      grid: `[..., N, N, N]` bool, `N` a multiple of eight.

    Returns:
      `[..., N, N, N / 8]` uint8.
    """
    return np.packbits(np.asarray(grid, bool), axis=-1)


def unpack_grid(packed: Array) -> Array:
    """The inverse of `pack_grid`, traced.

    Args:
      packed: `[..., N, N, N / 8]` uint8.

    Returns:
      `[..., N, N, N]` float, zero or one.
    """
    shifts = jnp.arange(7, -1, -1, dtype=jnp.uint8)
    bits = jnp.right_shift(packed[..., None], shifts) & 1
    return bits.reshape(*packed.shape[:-1], -1).astype(float)


__all__ = [
    "DISTANCE_M",
    "ELEVATION_RAD",
    "FAR_M",
    "FOV_RAD",
    "NEAR_M",
    "pack_grid",
    "sample_angles",
    "sample_palette",
    "unpack_grid",
    "view_camera",
    "view_picture",
    "view_scene",
]
