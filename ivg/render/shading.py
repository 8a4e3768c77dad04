"""From what is seen at each pixel to the light that leaves it.

A shader is a function `(surface, lights) -> radiance`; `render` takes it as an
argument.
"""

from collections.abc import Callable

import jax.numpy as jnp

from ivg.numerics import dot, safe_divide, safe_normalize
from ivg.render.surface import Surface
from ivg.scene.appearance import Lights
from ivg.typing import Array

Shader = Callable[[Surface, Lights], Array]


def irradiance(surface: Surface, lights: Lights) -> Array:
    """Light that reaches a surface, over pi; nothing casts a shadow.

    `ambient + sum_d s_d max(0, n . l_d) + sum_p s_p max(0, n . l_p) / r_p^2`

    Args:
      surface: surfaces.
      lights: lights.

    Returns:
      `[3, ...]` linear RGB, not negative. Differentiable in all floats.
    """
    normal = surface.normal

    def spread(vector):
        """`[3]` as `[3, 1, ...]`."""
        return vector.reshape(3, *[1] * (normal.ndim - 1))

    total = jnp.broadcast_to(spread(lights.ambient), normal.shape)
    for direction, strength in zip(lights.direction, lights.directional, strict=True):
        total = total + spread(strength) * jnp.maximum(dot(normal, direction), 0)
    for position, strength in zip(lights.position, lights.point, strict=True):
        offset = spread(position) - surface.position
        cosine = jnp.maximum(dot(normal, safe_normalize(offset, 0)), 0)
        total = total + spread(strength) * safe_divide(cosine, dot(offset, offset))
    return total


def lambert(surface: Surface, lights: Lights) -> Array:
    """Matte surfaces: albedo times irradiance over pi.

    Args:
      surface: surfaces.
      lights: lights.

    Returns:
      `[3, ...]` linear RGB radiance.
    """
    return surface.albedo * irradiance(surface, lights)


__all__ = ["Shader", "irradiance", "lambert"]
