"""How far a rendered picture is from an observed one: scalars to be minimised."""

import math

import jax.numpy as jnp

from ivg.numerics import matmul, safe_divide
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


def blur(picture: Array, sigma_px: float) -> Array:
    """A picture seen through a Gaussian.

    Args:
      picture: `[H, W, 3]`.
      sigma_px: standard deviation, pixels.

    Returns:
      `[H, W, 3]`; beyond the border it goes on as at the border.
    """

    def along(size):
        """Weights of one axis, with those from beyond the border at the border."""
        reach = math.ceil(4 * sigma_px)
        taps = jnp.arange(-reach, reach + 1)
        weight = jnp.exp(-0.5 * (taps / sigma_px) ** 2)
        at = jnp.clip(jnp.arange(size)[:, None] + taps, 0, size - 1)
        rows = jnp.broadcast_to(jnp.arange(size)[:, None], at.shape)
        return jnp.zeros((size, size)).at[rows, at].add(weight / jnp.sum(weight))

    down, across = along(picture.shape[0]), along(picture.shape[1])
    flat = matmul(down, picture.reshape(picture.shape[0], -1)).reshape(picture.shape)
    return matmul(across, flat)


def shrink(picture: Array) -> Array:
    """The next level of a Gaussian pyramid: blurred and of half the size.

    Args:
      picture: `[H, W, C]`.

    Returns:
      `[ceil(H / 2), ceil(W / 2), C]`, every second pixel after a blur by
      (1, 4, 6, 4, 1) / 16 along each side; beyond the border it goes on as at the
      border.

    Source: Burt and Adelson, The Laplacian Pyramid as a Compact Image Code, 1983.
    """
    padded = jnp.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="edge")
    taps = jnp.array([1, 4, 6, 4, 1], picture.dtype).reshape(5, 1, 1, 1) / 16
    high, wide = picture.shape[:2]
    down = jnp.stack([padded[i : i + high : 2] for i in range(5)])
    down = jnp.sum(taps * down, 0)
    across = jnp.stack([down[:, i : i + wide : 2] for i in range(5)])
    return jnp.sum(taps * across, 0)


def pyramid(picture: Array, num_levels: int) -> list[Array]:
    """A picture at several sizes.

    Args:
      picture: `[H, W, C]`.
      num_levels: sizes, each half the one before (static).

    Returns:
      The picture, and what `shrink` makes of it again and again.
    """
    levels = [picture]
    for _ in range(num_levels - 1):
        levels.append(shrink(levels[-1]))
    return levels


def pyramid_error(rendered: Array, observed: Array, num_levels: int = 3) -> Array:
    """Mean squared differences at several sizes, added.

    Args:
      rendered: `[H, W, C]`.
      observed: `[H, W, C]`.
      num_levels: sizes, each half the one before (static).

    Returns:
      `[]` energy; far apart, edges still pull on each other in the small pictures.
    """
    pairs = zip(*(pyramid(x, num_levels) for x in (rendered, observed)), strict=True)
    return sum(squared_error(*pair) for pair in pairs)


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


__all__ = [
    "blur",
    "pyramid",
    "pyramid_error",
    "robust_negative_log_likelihood",
    "shrink",
    "silhouette_energy",
    "squared_error",
]
