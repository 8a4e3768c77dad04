"""Light from far around as nine spherical harmonics.

Matte surfaces see their surroundings so blurred that order two is enough: the error
is about one per cent (Ramamoorthi and Hanrahan, An Efficient Representation for
Irradiance Environment Maps, 2001). Coefficients are those of the radiance `L`,
`L_lm = integral L(d) Y_lm(d)`, in the order (0, 0), (1, -1), (1, 0), (1, 1),
(2, -2), (2, -1), (2, 0), (2, 1), (2, 2), with the axes x, y, z of the world.
"""

import math

import jax.numpy as jnp

from ivg.numerics import matmul, spread
from ivg.typing import Array

# The cosine lobe over pi of each order: A_l / pi of the paper.
_LOBE = (1.0,) + 3 * (2 / 3,) + 5 * (1 / 4,)


def harmonics(direction: Array) -> Array:
    """Real spherical harmonics up to order two.

    Args:
      direction: `[3, ...]` unit vectors.

    Returns:
      `[9, ...]`, polynomials of the components.

    Source: Ramamoorthi and Hanrahan 2001, equation (3).
    """
    x, y, z = direction
    one = jnp.ones_like(x)
    terms = (
        (1 / 2, one),
        (math.sqrt(3 / 4), y),
        (math.sqrt(3 / 4), z),
        (math.sqrt(3 / 4), x),
        (math.sqrt(15 / 4), x * y),
        (math.sqrt(15 / 4), y * z),
        (math.sqrt(5 / 16), 3 * z * z - 1),
        (math.sqrt(15 / 4), x * z),
        (math.sqrt(15 / 16), x * x - y * y),
    )
    return jnp.stack([factor / math.sqrt(math.pi) * term for factor, term in terms])


def environment_irradiance(environment: Array, normal: Array) -> Array:
    """Light that reaches surfaces from all around, over pi.

    Args:
      environment: `[9, 3]` coefficients of the radiance.
      normal: `[3, ...]` unit.

    Returns:
      `[3, ...]` linear RGB, not negative. Differentiable in both.

    Source: Ramamoorthi and Hanrahan 2001, equation (11). An environment that is
    mostly one small lamp would give negative light on the far side: it is cut off.
    """
    basis = harmonics(normal)
    weight = environment * jnp.array(_LOBE, environment.dtype)[:, None]
    total = sum(spread(w, normal) * b for w, b in zip(weight, basis, strict=True))
    return jnp.maximum(total, 0)


def environment_from_lights(direction: Array, strength: Array) -> Array:
    """Far lights as an environment.

    Args:
      direction: `[D, 3]` unit vectors towards the lights.
      strength: `[D, 3]` linear RGB, as in `Lights.directional`.

    Returns:
      `[9, 3]` coefficients. The irradiance of a light at the angle `a` becomes
      `1/4 + cos(a)/2 + 5/32 (3 cos(a)^2 - 1)` instead of `max(cos(a), 0)`.
    """
    return jnp.pi * matmul(harmonics(direction.T), strength)


def environment_from_panorama(panorama: Array) -> Array:
    """The environment that a panorama shows.

    Args:
      panorama: `[H, W, 3]` linear radiance. Rows run from +y to -y, columns over the
        azimuth from 0 to 2 pi (see docs/conventions.md).

    Returns:
      `[9, 3]` coefficients. Linear in the panorama.
    """
    height, width = panorama.shape[:2]
    polar = (jnp.arange(height, dtype=panorama.dtype) + 0.5) * (math.pi / height)
    azimuth = (jnp.arange(width, dtype=panorama.dtype) + 0.5) * (2 * math.pi / width)
    polar, azimuth = jnp.meshgrid(polar, azimuth, indexing="ij")
    direction = jnp.stack(
        [
            jnp.sin(polar) * jnp.sin(azimuth),
            jnp.cos(polar),
            jnp.sin(polar) * jnp.cos(azimuth),
        ]
    )
    weight = jnp.sin(polar) * (2 * math.pi**2 / (height * width))
    basis = (harmonics(direction) * weight).reshape(9, -1)
    return matmul(basis, panorama.reshape(-1, panorama.shape[2]))


__all__ = [
    "environment_from_lights",
    "environment_from_panorama",
    "environment_irradiance",
    "harmonics",
]
