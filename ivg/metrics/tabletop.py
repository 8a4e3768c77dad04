"""LiDO's errors of table-top latents, one per set of latents.

Objects are matched by their place in the pytree; errors of empty places mean
nothing and are to be masked by the caller.

Source: Romaszko et al., Learning Direct Optimization, section 9.1.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.geometry import rotation
from ivg.geometry.camera import project
from ivg.numerics import matmul, safe_divide, wrap_angle
from ivg.scene.tabletop import Tabletop, contact_px, tabletop_camera
from ivg.typing import Array

IMAGE_SIZE_PX = 256
NUM_SPHERE_POINTS = 313


def _camera(latents: Tabletop):
    return tabletop_camera(latents, height=IMAGE_SIZE_PX, width=IMAGE_SIZE_PX)


def position_error(estimate: Tabletop, truth: Tabletop) -> Array:
    """Distance of the contact points in the picture.

    Args:
      estimate: estimated latents.
      truth: true latents.

    Returns:
      `[N]` pixels of a picture of 256 by 256 with a field of view of 50 degrees,
      each seen by its own camera.
    """
    at, _ = contact_px(estimate, _camera(estimate))
    true_at, _ = contact_px(truth, _camera(truth))
    return jnp.linalg.norm(at - true_at, axis=-1)


def size_error(estimate: Tabletop, truth: Tabletop) -> Array:
    """Relative difference of the projected sizes, `size / depth`.

    Args:
      estimate: estimated latents.
      truth: true latents.

    Returns:
      `[N]` fraction of the true size.
    """
    _, depth = contact_px(estimate, _camera(estimate))
    _, true_depth = contact_px(truth, _camera(truth))
    return jnp.abs(estimate.size_m / depth * true_depth / truth.size_m - 1)


def azimuth_error(estimate: Tabletop, truth: Tabletop) -> Array:
    """Angle between the azimuths.

    Args:
      estimate: estimated latents.
      truth: true latents.

    Returns:
      `[N]` radians in [0, pi].
    """
    return jnp.abs(wrap_angle(estimate.azimuth_rad - truth.azimuth_rad))


def colour_error(estimate: Array, truth: Array) -> Array:
    """Root mean square difference of normalised colours, `c / (R + G + B)`.

    Args:
      estimate: `[..., 3]` linear RGB.
      truth: `[..., 3]` linear RGB.

    Returns:
      `[...]`; black counts as grey.
    """

    def normalize(c):
        return safe_divide(c, jnp.sum(c, -1, keepdims=True), fallback=1 / 3)

    return jnp.sqrt(jnp.mean((normalize(estimate) - normalize(truth)) ** 2, -1))


def sphere_points(num: int) -> Array:
    """Points spread evenly over the unit sphere, on a golden spiral.

    Args:
      num: number of points.

    Returns:
      `[num, 3]` unit vectors.
    """
    i = np.arange(num) + 0.5
    y, turn = 1 - 2 * i / num, np.pi * (1 + np.sqrt(5)) * i
    radius = np.sqrt(1 - y**2)
    return jnp.asarray(np.stack([radius * np.sin(turn), y, radius * np.cos(turn)], -1))


def lighting_error(estimate: Tabletop, truth: Tabletop) -> Array:
    """Root mean square difference of the light that a sphere receives.

    Args:
      estimate: estimated latents.
      truth: true latents.

    Returns:
      `[]`, of the light at 313 points of a sphere divided by its mean there. The
      paper says normalised and not how.
    """
    points = sphere_points(NUM_SPHERE_POINTS)

    def received(latents):
        towards = rotation.direction_from_azimuth_elevation(
            latents.light_azimuth_rad, latents.light_elevation_rad
        )
        far = latents.directional * jnp.maximum(matmul(points, towards), 0)
        light = latents.ambient + far
        return safe_divide(light, jnp.mean(light), fallback=1.0)

    return jnp.sqrt(jnp.mean((received(estimate) - received(truth)) ** 2))


def camera_error(estimate: Tabletop, truth: Tabletop) -> Array:
    """Root mean square distance of the grid points of a checkerboard.

    Args:
      estimate: estimated latents.
      truth: true latents.

    Returns:
      `[]` pixels of a picture of 256 by 256. The board lies on the ground, 7 by 7
      points 10 cm apart, from 30 to 90 cm before the camera; the paper gives
      neither its size nor its place.
    """
    x, z = jnp.meshgrid(jnp.linspace(-0.3, 0.3, 7), jnp.linspace(-0.9, -0.3, 7))
    board = jnp.stack([x, jnp.zeros_like(x), z], -1).reshape(-1, 3)
    at, true_at = (project(_camera(latents), board)[0] for latents in (estimate, truth))
    return jnp.sqrt(jnp.mean(jnp.sum((at - true_at) ** 2, -1)))


def tabletop_errors(estimate: Tabletop, truth: Tabletop) -> dict[str, Array]:
    """All seven errors.

    Args:
      estimate: estimated latents.
      truth: true latents.

    Returns:
      `position` `[N]` pixels, `size` `[N]` fraction, `azimuth` `[N]` degrees,
      `colour` `[N]`, `lighting` `[]`, `camera` `[]` pixels and `ground` `[]`. Empty
      places are NaN.
    """
    per_object = {
        "position": position_error(estimate, truth),
        "size": size_error(estimate, truth),
        "azimuth": jnp.rad2deg(azimuth_error(estimate, truth)),
        "colour": colour_error(estimate.colour, truth.colour),
    }
    masked = jax.tree.map(lambda e: jnp.where(truth.mask, e, jnp.nan), per_object)
    return masked | {
        "lighting": lighting_error(estimate, truth),
        "camera": camera_error(estimate, truth),
        "ground": colour_error(estimate.ground_colour, truth.ground_colour),
    }


__all__ = [
    "IMAGE_SIZE_PX",
    "NUM_SPHERE_POINTS",
    "azimuth_error",
    "camera_error",
    "colour_error",
    "lighting_error",
    "position_error",
    "size_error",
    "sphere_points",
    "tabletop_errors",
]
