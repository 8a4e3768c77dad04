"""Elementary functions whose values and gradients are finite everywhere.

Each singular formula uses the double-`where`: the argument is replaced by a safe
value *before* the division or root, so that the branch not taken cannot send NaN
into the gradient.
"""

import functools

import jax
import jax.numpy as jnp

from ivg.typing import Array


def matmul(a: Array, b: Array) -> Array:
    """Matrix product in full float32 precision on every platform.

    Args:
      a: `[..., M, K]`.
      b: `[..., K, N]` or `[K]`.

    Returns:
      `a @ b`, never in TF32 or bfloat16, which accelerators use by default.
    """
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def turn(vectors: Array, matrix: Array) -> Array:
    """Many vectors times a small matrix, in full precision on every platform.

    The sum is written out: XLA fuses it with what comes before and after.

    Args:
      vectors: `[..., K]`.
      matrix: `[K, N]`.

    Returns:
      `[..., N]`, `vectors @ matrix`.
    """
    terms = (vectors[..., k, None] * row for k, row in enumerate(matrix))
    return functools.reduce(jnp.add, terms)


def safe_divide(numerator: Array, denominator: Array, fallback: float = 0.0) -> Array:
    """Quotient that is `fallback`, with zero gradient, where the divisor is zero.

    Args:
      numerator: `[...]`.
      denominator: `[...]`, broadcastable with `numerator`.
      fallback: value where `denominator == 0`.

    Returns:
      `[...]` quotient; differentiable in both arguments.
    """
    is_zero = denominator == 0
    quotient = _divide(numerator, jnp.where(is_zero, 1, denominator))
    return jnp.where(is_zero, fallback, quotient)


@jax.custom_jvp
def _divide(numerator, denominator):
    return numerator / denominator


@_divide.defjvp
def _divide_jvp(primals, tangents):
    """`dq = (dn - q dd) / d`; JAX divides by `d * d`, which underflows early."""
    quotient = _divide(*primals)
    return quotient, (tangents[0] - quotient * tangents[1]) / primals[1]


def safe_sqrt(x: Array) -> Array:
    """Square root that is zero, with zero gradient, for `x <= 0`.

    Args:
      x: `[...]`.

    Returns:
      `[...]` root.
    """
    is_positive = x > 0
    return jnp.where(is_positive, jnp.sqrt(jnp.where(is_positive, x, 1)), 0)


def safe_norm(x: Array, axis: int = -1, keepdims: bool = False) -> Array:
    """Euclidean norm whose gradient at the zero vector is zero, not NaN.

    Args:
      x: `[..., D]`.
      axis: the axis that is summed.
      keepdims: whether the summed axis stays, with length one.

    Returns:
      `[...]` (or `[..., 1]`) norm. Components are scaled by the largest one
      first, so that squares neither overflow nor underflow.
    """
    largest = jnp.max(jnp.abs(x), axis=axis, keepdims=True)
    scale = jax.lax.stop_gradient(jnp.where(largest > 0, largest, 1))
    norm = scale * safe_sqrt(jnp.sum((x / scale) ** 2, axis=axis, keepdims=True))
    return norm if keepdims else jnp.squeeze(norm, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def safe_normalize(x: Array, axis: int = -1) -> Array:
    """Unit vector along `x`; the zero vector stays zero, with zero gradient.

    Args:
      x: `[..., D]`.
      axis: the axis of the components.

    Returns:
      `[..., D]` vectors of norm one (or zero).
    """
    return _unit(x, axis)[0]


def _unit(x, axis):
    """The unit vector and the inverse of the norm.

    Components are taken one by one: XLA fuses sums that are written out.
    """
    parts = jnp.unstack(x, axis=axis)
    largest = functools.reduce(jnp.maximum, map(jnp.abs, parts))
    inverse = 1 / jax.lax.stop_gradient(jnp.where(largest > 0, largest, 1))
    square = sum((part * inverse) ** 2 for part in parts)
    per_norm = jnp.expand_dims(inverse * safe_divide(1.0, safe_sqrt(square)), axis)
    return x * per_norm, per_norm


@safe_normalize.defjvp
def _safe_normalize_jvp(axis, primals, tangents):
    """`dn = (dx - n (n . dx)) / |x|`: cheaper than what JAX derives."""
    unit, per_norm = _unit(primals[0], axis)
    change = tangents[0] * per_norm
    along = sum(jnp.unstack(unit * change, axis=axis))
    return unit, change - unit * jnp.expand_dims(along, axis)


def dot(a: Array, b: Array) -> Array:
    """Scalar product of vectors whose components come first.

    Args:
      a: `[3, ...]` or `[3]`.
      b: `[3, ...]` or `[3]`.

    Returns:
      `[...]`.
    """
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def spread(vector: Array, like: Array) -> Array:
    """One vector as an array of vectors whose components come first.

    Args:
      vector: `[C]`.
      like: `[C, ...]`, of which the number of axes counts.

    Returns:
      `[C, 1, ...]`, broadcastable with `like`.
    """
    return vector.reshape(-1, *[1] * (like.ndim - 1))


def safe_atan2(y: Array, x: Array) -> Array:
    """Angle of `(x, y)` in (-pi, pi], zero with zero gradient at the origin.

    Args:
      y: `[...]`.
      x: `[...]`.

    Returns:
      `[...]` angle in radians.
    """
    largest = jnp.maximum(jnp.abs(x), jnp.abs(y))
    at_origin = largest == 0
    scale = jax.lax.stop_gradient(jnp.where(at_origin, 1, largest))
    angle = jnp.arctan2(y / scale, jnp.where(at_origin, 1, x / scale))
    return jnp.where(at_origin, 0, angle)


def wrap_angle(angle_rad: Array) -> Array:
    """The same angle in [-pi, pi).

    Args:
      angle_rad: `[...]` radians, any size.

    Returns:
      `[...]` radians; the gradient is one almost everywhere.
    """
    return (angle_rad + jnp.pi) % (2 * jnp.pi) - jnp.pi


__all__ = [
    "dot",
    "matmul",
    "safe_atan2",
    "safe_divide",
    "safe_norm",
    "safe_normalize",
    "safe_sqrt",
    "spread",
    "turn",
    "wrap_angle",
]
