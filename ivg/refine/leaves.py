"""The float leaves of parameters, in units of their bounds.

Integers and booleans (a class, a mask) stay as they are. With bounds, each float
leaf is measured from its lower bound in widths of its range, so that one step size
suits metres, radians and colours alike.
"""

import jax
import jax.numpy as jnp

from ivg.typing import Array, Bounds, PyTree


def is_float(leaf) -> bool:
    """Whether a leaf can have a gradient.

    Args:
      leaf: array or number.

    Returns:
      True for floating point.
    """
    return bool(jnp.issubdtype(jnp.result_type(leaf), jnp.floating))


def float_leaves(params: PyTree) -> list[Array]:
    """The leaves that can have a gradient.

    Args:
      params: any pytree.

    Returns:
      Its floating point leaves, in order.
    """
    return [leaf for leaf in jax.tree.leaves(params) if is_float(leaf)]


def with_float_leaves(params: PyTree, floats: list[Array]) -> PyTree:
    """The parameters with other values of their float leaves.

    Args:
      params: any pytree.
      floats: new values, as from `float_leaves`.

    Returns:
      Pytree like `params`.
    """
    values = iter(floats)
    return jax.tree.map(lambda x: next(values) if is_float(x) else x, params)


def _ranges(params: PyTree, bounds: Bounds) -> list[tuple]:
    """Lower bound, width and periodicity of every float leaf."""
    sides = (jax.tree.leaves(t) for t in (bounds.lower, bounds.upper, bounds.periodic))
    rows = zip(jax.tree.leaves(params), *sides, strict=True)
    return [(low, high - low, turns) for x, low, high, turns in rows if is_float(x)]


def to_units(params: PyTree, bounds: Bounds | None) -> list[Array]:
    """Float leaves in units of their bounds.

    Args:
      params: any pytree.
      bounds: bounds of its structure, or None to leave the values as they are.

    Returns:
      List of arrays, in [0, 1] within the bounds.
    """
    floats = float_leaves(params)
    if bounds is None:
        return floats
    ranges = _ranges(params, bounds)
    return [
        (x - low) / width for x, (low, width, _) in zip(floats, ranges, strict=True)
    ]


def from_units(units: list[Array], params: PyTree, bounds: Bounds | None) -> PyTree:
    """Inverse of `to_units`.

    Args:
      units: float leaves in units of their bounds.
      params: pytree that gives the other leaves.
      bounds: as for `to_units`.

    Returns:
      Pytree like `params`.
    """
    if bounds is not None:
        ranges = _ranges(params, bounds)
        units = [
            low + width * u for u, (low, width, _) in zip(units, ranges, strict=True)
        ]
    return with_float_leaves(params, units)


def project(units: list[Array], params: PyTree, bounds: Bounds | None) -> list[Array]:
    """The nearest point within the bounds; periodic leaves wrap around.

    Args:
      units: float leaves in units of their bounds.
      params: pytree of the structure of the bounds.
      bounds: as for `to_units`.

    Returns:
      List of arrays in [0, 1].
    """
    if bounds is None:
        return units
    ranges = _ranges(params, bounds)
    return [
        u % 1.0 if turns else jnp.clip(u, 0, 1)
        for u, (_, _, turns) in zip(units, ranges, strict=True)
    ]


__all__ = [
    "float_leaves",
    "from_units",
    "is_float",
    "project",
    "to_units",
    "with_float_leaves",
]
