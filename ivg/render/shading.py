"""From what is seen at each pixel to the light that leaves it.

A shader is a function `(surface, lights) -> radiance`; `render` takes it as an
argument.
"""

from collections.abc import Callable

import jax.numpy as jnp
from flax import struct

from ivg.numerics import safe_divide, safe_normalize
from ivg.scene.appearance import Lights
from ivg.typing import Array


@struct.dataclass
class Surface:
    """Points of surfaces: `[K, H, W]` visible ones, or the `[V]` vertices.

    What a shader does not use costs nothing under `jit`.

    Attributes:
      position: `[..., 3]` metres, in the world.
      normal: `[..., 3]` unit, in the world; zero for background.
      albedo: `[..., 3]` linear RGB.
      uv: `[..., 2]` texture coordinates.
      view: `[..., 3]` unit vector from the surface to the camera.
      node_index: `[...]` int32, -1 for background.
    """

    position: Array
    normal: Array
    albedo: Array
    uv: Array
    view: Array
    node_index: Array


Shader = Callable[[Surface, Lights], Array]


def irradiance(surface: Surface, lights: Lights) -> Array:
    """Light that reaches a surface, over pi; nothing casts a shadow.

    `ambient + sum_d s_d max(0, n . l_d) + sum_p s_p max(0, n . l_p) / r_p^2`

    Args:
      surface: surfaces.
      lights: lights.

    Returns:
      `[..., 3]` linear RGB, not negative. Differentiable in all floats.
    """
    total = jnp.broadcast_to(lights.ambient, surface.normal.shape)
    for direction, strength in zip(lights.direction, lights.directional, strict=True):
        cosine = jnp.maximum(jnp.sum(surface.normal * direction, -1, keepdims=True), 0)
        total = total + strength * cosine
    for position, strength in zip(lights.position, lights.point, strict=True):
        offset = position - surface.position
        cosine = jnp.sum(surface.normal * safe_normalize(offset), -1, keepdims=True)
        squared = jnp.sum(offset**2, -1, keepdims=True)
        total = total + strength * safe_divide(jnp.maximum(cosine, 0), squared)
    return total


def lambert(surface: Surface, lights: Lights) -> Array:
    """Matte surfaces: albedo times irradiance over pi.

    Args:
      surface: surfaces.
      lights: lights.

    Returns:
      `[..., 3]` linear RGB radiance.
    """
    return surface.albedo * irradiance(surface, lights)


__all__ = ["Shader", "Surface", "irradiance", "lambert"]
