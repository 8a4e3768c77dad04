"""From what is seen at each pixel to the light that leaves it.

A shader is a function `(surface, lights) -> radiance`; `render` takes it as an
argument. One with parameters is a closure over them, traced or not:

    def toon(num_steps):
        def shader(surface, lights):
            light = irradiance(surface, lights)
            return surface.albedo * jnp.ceil(light * num_steps) / num_steps

        return shader
"""

from collections.abc import Callable, Iterator

import jax.numpy as jnp

from ivg.numerics import dot, safe_divide, safe_normalize, spread
from ivg.render.harmonics import environment_irradiance
from ivg.render.surface import Surface
from ivg.scene.appearance import Lights
from ivg.typing import Array

Shader = Callable[[Surface, Lights], Array]

_LEAST_COSINE = 1e-6  # below, no highlight: its logarithm would have no gradient


def direct_light(surface: Surface, lights: Lights) -> Iterator[tuple[Array, Array]]:
    """What arrives from each far light, then from each point light.

    Args:
      surface: surfaces.
      lights: lights.

    Yields:
      `[3]` or `[3, ...]` unit vector towards the light, and `[3, 1, ...]` or
      `[3, ...]` irradiance over pi of a surface that faces it, after shadows.
    """
    num_far = lights.direction.shape[0]
    for i, (direction, strength) in enumerate(
        zip(lights.direction, lights.directional, strict=True)
    ):
        yield direction, spread(strength, surface.normal) * light_share(surface, i)
    for i, (position, strength) in enumerate(
        zip(lights.position, lights.point, strict=True)
    ):
        offset = spread(position, surface.normal) - surface.position
        fall = safe_divide(light_share(surface, num_far + i), dot(offset, offset))
        yield safe_normalize(offset, 0), spread(strength, offset) * fall


def light_share(surface: Surface, index: int) -> Array | float:
    """How much of a light arrives, after shadows.

    Args:
      surface: surfaces.
      index: of the light: far ones first, then point lights.

    Returns:
      `[...]` in [0, 1], or one if nothing casts a shadow.
    """
    visible = surface.light_visibility
    return 1.0 if visible is None else visible[index]


def indirect_light(surface: Surface, lights: Lights) -> Array:
    """What arrives from all around, which no shadow stops.

    Args:
      surface: surfaces.
      lights: lights.

    Returns:
      `[3, ...]` ambient light and environment, irradiance over pi.
    """
    ambient = spread(lights.ambient, surface.normal)
    if lights.environment is None:
        return jnp.broadcast_to(ambient, surface.normal.shape)
    return ambient + environment_irradiance(lights.environment, surface.normal)


def irradiance(surface: Surface, lights: Lights) -> Array:
    """Light that reaches a surface, over pi.

    `ambient + sum_d s_d max(0, n . l_d) + sum_p s_p max(0, n . l_p) / r_p^2`, and
    the environment, if there is one. Shadows are those of
    `surface.light_visibility`.

    Args:
      surface: surfaces.
      lights: lights.

    Returns:
      `[3, ...]` linear RGB, not negative. Differentiable in all floats.
    """
    total = indirect_light(surface, lights)
    for direction, light in direct_light(surface, lights):
        total = total + light * jnp.maximum(dot(surface.normal, direction), 0)
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


def phong(surface: Surface, lights: Lights) -> Array:
    """Matte surfaces with highlights, where lights are mirrored.

    `lambert + sum_l light_l max(0, n . l) specular max(0, r_l . v)^shininess`, where
    `r_l = 2 (n . l) n - l` is the direction in which a mirror would send the light.
    Like `lambert` where the material has no `specular`.

    Args:
      surface: surfaces.
      lights: lights.

    Returns:
      `[3, ...]` linear RGB radiance.

    Source: Phong, Illumination for Computer Generated Pictures, 1975. The factor
    `n . l`, which he leaves out, makes it a reflectance, continuous where the light
    sets.
    """
    if surface.specular is None or surface.shininess is None:
        return lambert(surface, lights)
    normal, view, total = surface.normal, surface.view, indirect_light(surface, lights)
    gloss = jnp.zeros((), normal.dtype)
    for direction, light in direct_light(surface, lights):
        cosine = dot(normal, direction)
        mirrored = 2 * cosine * dot(normal, view) - dot(view, direction)
        arriving = light * jnp.maximum(cosine, 0)
        total = total + arriving
        gloss = gloss + arriving * _power(mirrored, surface.shininess)
    return surface.albedo * total + surface.specular * gloss


def _power(base: Array, exponent: Array) -> Array:
    """A power of a positive number, zero otherwise."""
    is_positive = base > _LEAST_COSINE
    safe = jnp.where(is_positive, base, 1)
    return jnp.where(is_positive, jnp.exp(exponent * jnp.log(safe)), 0)


def normal_colours(surface: Surface, lights: Lights) -> Array:
    """Normals as colours: (x, y, z) from [-1, 1] to RGB in [0, 1].

    Args:
      surface: surfaces.
      lights: not used.

    Returns:
      `[3, ...]`.
    """
    del lights
    return 0.5 * surface.normal + 0.5


__all__ = [
    "Shader",
    "direct_light",
    "indirect_light",
    "irradiance",
    "lambert",
    "light_share",
    "normal_colours",
    "phong",
]
