"""How far a rendered picture is from an observed one: scalars to be minimised."""

import math

import jax.numpy as jnp

from ivg.numerics import safe_divide
from ivg.typing import Array


def robust_negative_log_likelihood(
    rendered: Array,
    observed: Array,
    *,
    inlier_probability: float = 0.8,
    sigma: float = 0.1,
) -> Array:
    """Mean of -log of a Gaussian mixed with a uniform density, per pixel-channel.

    `p(o | r) = a N(o; r, s^2) + (1 - a) U(o)` with `U = 1` on [0, 1], evaluated in
    the log domain. The second term makes the derivative vanish for outliers, so
    that texture and shadow do not pull on the scene.

    Args:
      rendered: `[H, W, 3]` intensities in [0, 1].
      observed: `[H, W, 3]` intensities in [0, 1].
      inlier_probability: `a`.
      sigma: `s`, standard deviation of inliers.

    Returns:
      `[]` energy. A density can exceed one, so it can be negative. Differentiable
      in both pictures.

    Source: Romaszko et al., Learning Direct Optimization, equation (1); the mean in
    place of the sum, so that it does not depend on the size of the picture.
    """
    log_normal = -0.5 * ((observed - rendered) / sigma) ** 2 - math.log(
        sigma * math.sqrt(2 * math.pi)
    )
    inlier = math.log(inlier_probability) + log_normal
    outlier = math.log1p(-inlier_probability)
    return -jnp.mean(jnp.logaddexp(inlier, outlier))


def squared_error(rendered: Array, observed: Array) -> Array:
    """Mean squared difference of two pictures.

    Args:
      rendered: `[H, W, C]`.
      observed: `[H, W, C]`.

    Returns:
      `[]` energy.
    """
    return jnp.mean((rendered - observed) ** 2)


def silhouette_energy(alpha: Array, mask: Array) -> Array:
    """One minus the intersection over union of two soft masks.

    `1 - sum(a m) / sum(a + m - a m)`

    Args:
      alpha: `[H, W]` coverage in [0, 1], rendered.
      mask: `[H, W]` coverage in [0, 1], observed.

    Returns:
      `[]` energy in [0, 1]; zero where both masks are empty.
    """
    shared = alpha * mask
    union = jnp.sum(alpha + mask - shared)
    return 1 - safe_divide(jnp.sum(shared), union, fallback=1.0)


__all__ = ["robust_negative_log_likelihood", "silhouette_energy", "squared_error"]
