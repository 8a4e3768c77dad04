"""Polar coordinates of points before a camera: distance, azimuth and elevation.

The camera's y is the pole: azimuth turns about it, from the line of sight (-z) towards
+x, and elevation lifts towards +y. Both are zero in the middle of the picture, and the
poles, where the azimuth means nothing, are above and below the camera, outside of any
picture.

Source: Multi-SPARC, section 3 (d, phi, theta); the paper does not name its pole.
"""

import jax.numpy as jnp

from ivg.geometry import rotation
from ivg.numerics import safe_norm
from ivg.typing import Array

_FLIP = (1.0, 1.0, -1.0)  # azimuth begins at -z here, at +z in `rotation`


def polar_from_position(position: Array) -> Array:
    """Distance and direction of a point.

    Args:
      position: `[3]` metres, in the frame of the camera.

    Returns:
      `[3]` distance in metres, azimuth in (-pi, pi] and elevation in [-pi/2, pi/2],
      radians. Differentiable; the slopes of the angles are zero at the poles.
    """
    flipped = position * jnp.array(_FLIP, position.dtype)
    angles = rotation.azimuth_elevation_from_direction(flipped)
    return jnp.stack([safe_norm(position), *angles])


def position_from_polar(polar: Array) -> Array:
    """The inverse of `polar_from_position`.

    Args:
      polar: `[3]` distance in metres, azimuth and elevation of any size, radians.

    Returns:
      `[3]` metres, in the frame of the camera. Differentiable.
    """
    distance, azimuth, elevation = polar
    direction = rotation.direction_from_azimuth_elevation(azimuth, elevation)
    return distance * direction * jnp.array(_FLIP, polar.dtype)


__all__ = ["polar_from_position", "position_from_polar"]
