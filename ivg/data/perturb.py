"""First estimates of table-tops: the truth with errors as large as the paper's.

Source: Romaszko et al., Learning Direct Optimization, section 6.2 and table 2.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct
from jax.flatten_util import ravel_pytree

from ivg.geometry.camera import ray_directions
from ivg.scene.tabletop import (
    Tabletop,
    contact_px,
    ground_position,
    tabletop_bounds,
    tabletop_camera,
)
from ivg.typing import Array


@struct.dataclass
class Perturbation:
    """Standard deviations of the errors of a first estimate.

    The defaults give the medians that the paper measures after its initialization
    networks (Table 2): 3.23 px, 7.08 %, 9.15 degrees, .027 (objects), .021 (ground),
    1.47 px (camera) and .23 (lighting).

    Attributes:
      position_px: of each coordinate of the contact point, in a picture of 256.
      size: relative, of the projected size.
      azimuth_rad: radians.
      colour: of each channel, relative to the brightest.
      ground_colour: likewise.
      camera_height: relative.
      camera_elevation_rad: radians.
      strength: relative, of both lights.
      light_rad: of azimuth and elevation of the far light.
    """

    position_px: float = 3.23 / 1.17741
    size: float = 0.0708 / 0.67449
    azimuth_rad: float = math.radians(9.15) / 0.67449
    colour: float = 0.067
    ground_colour: float = 0.067
    camera_height: float = 0.008
    camera_elevation_rad: float = math.radians(0.36)
    strength: float = 0.45
    light_rad: float = 0.5


Draw = Callable[[Array, tuple[int, ...]], Array]


def perturb_tabletop(
    key: Array,
    truth: Tabletop,
    spread: Perturbation | None = None,
    draw: Draw = jax.random.normal,
) -> Tabletop:
    """A first estimate with the errors of the paper's initialization.

    Contact point and size are wrong in the picture, seen by a camera that is wrong
    too, as after a detector: both are carried back to the ground by that camera.

    Args:
      key: random key, consumed.
      truth: true latents.
      spread: sizes of the errors. Those of `Perturbation()` if absent.
      draw: `(key, shape) -> [...]` errors in units of the spread.

    Returns:
      `Tabletop`, clipped to the ranges. Classes and shapes stay right.
    """
    table = perturb_globals(key, truth, spread, draw)
    return perturb_objects(key, truth, table, spread, draw)


def perturb_globals(
    key: Array,
    truth: Tabletop,
    spread: Perturbation | None = None,
    draw: Draw = jax.random.normal,
) -> Tabletop:
    """The errors of `perturb_tabletop` in camera, lights and the colour of the ground.

    Args:
      key: random key, consumed.
      truth: true latents.
      spread: sizes of the errors. Those of `Perturbation()` if absent.
      draw: `(key, shape) -> [...]` errors in units of the spread.

    Returns:
      `Tabletop`, clipped to the ranges. The objects stay right.
    """
    spread = Perturbation() if spread is None else spread
    noise = _noise_like(key, truth, draw)

    def share(name, spread):
        return getattr(truth, name) * (1 + spread * getattr(noise, name))

    def shift(name, spread):
        return getattr(truth, name) + spread * getattr(noise, name)

    table = truth.replace(
        camera_height_m=share("camera_height_m", spread.camera_height),
        camera_elevation_rad=shift("camera_elevation_rad", spread.camera_elevation_rad),
        ambient=share("ambient", spread.strength),
        directional=share("directional", spread.strength),
        light_azimuth_rad=shift("light_azimuth_rad", spread.light_rad),
        light_elevation_rad=shift("light_elevation_rad", spread.light_rad),
        ground_colour=_perturb_colour(
            truth.ground_colour, spread.ground_colour * noise.ground_colour
        ),
    )
    return clip_tabletop(table)


def perturb_objects(
    key: Array,
    truth: Tabletop,
    table: Tabletop,
    spread: Perturbation | None = None,
    draw: Draw = jax.random.normal,
) -> Tabletop:
    """The errors of `perturb_tabletop` in the objects.

    Args:
      key: random key, consumed.
      truth: true latents.
      table: latents whose camera sees the objects.
      spread: sizes of the errors. Those of `Perturbation()` if absent.
      draw: `(key, shape) -> [...]` errors in units of the spread.

    Returns:
      `Tabletop` with the camera, lights and ground of `table`, clipped to the ranges.
    """
    spread = Perturbation() if spread is None else spread
    noise, size = _noise_like(key, truth, draw), 256
    pixel, depth = contact_px(truth, tabletop_camera(truth, height=size, width=size))
    pixel = pixel + spread.position_px * noise.position_m
    ray = ray_directions(tabletop_camera(table, height=size, width=size), pixel)
    position = ground_position(table, ray)
    table = table.replace(position_m=jnp.where(truth.mask[:, None], position, 0))
    _, new_depth = contact_px(table, tabletop_camera(table, height=size, width=size))
    factor = 1 + spread.size * noise.size_m
    table = table.replace(
        size_m=jnp.where(truth.mask, truth.size_m * factor * new_depth / depth, 0.1),
        azimuth_rad=truth.azimuth_rad + spread.azimuth_rad * noise.azimuth_rad,
        colour=_perturb_colour(truth.colour, spread.colour * noise.colour),
    )
    return clip_tabletop(table)


def _noise_like(key: Array, table: Tabletop, draw: Draw) -> Tabletop:
    """Random numbers in the place of all latents, from a single draw."""
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), table)
    flat, unravel = ravel_pytree(zeros)
    return unravel(draw(key, flat.shape))


def _perturb_colour(colour: Array, noise: Array) -> Array:
    return colour + noise * jnp.max(colour, -1, keepdims=True)


def clip_tabletop(table: Tabletop) -> Tabletop:
    """The nearest latents within the ranges.

    Args:
      table: latents.

    Returns:
      `Tabletop`; sizes may go 30 % beyond the range of the classes, positions and
      angles stay as they are.
    """
    bounds = tabletop_bounds()
    names = (
        "ground_colour", "camera_height_m", "camera_elevation_rad", "ambient",
        "directional", "light_elevation_rad", "colour",
    )  # fmt: skip
    return table.replace(
        size_m=jnp.clip(
            table.size_m, bounds.lower.size_m * 0.7, bounds.upper.size_m * 1.3
        ),
        **{
            name: jnp.clip(
                getattr(table, name),
                getattr(bounds.lower, name),
                getattr(bounds.upper, name),
            )
            for name in names
        },
    )


__all__ = [
    "Draw",
    "Perturbation",
    "clip_tabletop",
    "perturb_globals",
    "perturb_objects",
    "perturb_tabletop",
]
