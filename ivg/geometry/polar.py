"""Polar coordinates of points before a camera: distance, azimuth and elevation.

The camera's y is the pole: azimuth turns about it, from the line of sight (-z) towards
+x, and elevation lifts towards +y. Both are zero in the middle of the picture, and the
poles, where the azimuth means nothing, are above and below the camera, outside of any
picture.

Source: Multi-SPARC, section 3 (d, phi, theta); the paper does not name its pole.
"""

import jax.numpy as jnp

from ivg.numerics import safe_atan2, safe_norm, safe_sqrt
from ivg.typing import Array


def polar_from_position(position: Array) -> Array:
    """Distance and direction of a point.

    Args:
      position: `[3]` metres, in the frame of the camera.

    Returns:
      `[3]` distance in metres, azimuth in (-pi, pi] and elevation in [-pi/2, pi/2],
      radians. Differentiable; the slopes of the angles are zero at the poles.
    """
    x, y, z = position
    flat = safe_sqrt(x**2 + z**2)
    return jnp.stack([safe_norm(position), safe_atan2(x, -z), safe_atan2(y, flat)])


def position_from_polar(polar: Array) -> Array:
    """The inverse of `polar_from_position`.

    Args:
      polar: `[3]` distance in metres, azimuth and elevation of any size, radians.

    Returns:
      `[3]` metres, in the frame of the camera. Differentiable.
    """
    distance, azimuth, elevation = polar
    flat = jnp.cos(elevation)
    direction = [flat * jnp.sin(azimuth), jnp.sin(elevation), -flat * jnp.cos(azimuth)]
    return distance * jnp.stack(direction)


__all__ = ["polar_from_position", "position_from_polar"]
