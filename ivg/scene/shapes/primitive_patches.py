"""The patches of elementary solids that stand on y = 0.

All sizes are in metres and positive.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from ivg.scene.shapes.curve import circle_columns, line, vector
from ivg.scene.shapes.surface import Patch, PointFn, lathe, patch
from ivg.typing import Array

ROUND = circle_columns(32)
FINE = circle_columns(48)  # neighbours at the apex of a cone stay smooth
SQUARE = np.array([[-1.0, 0, 0], [1.0, 0, 0]])
POLAR_ROWS = np.linspace(0, 1, 17)
RING_ROWS = np.append(np.arange(20) / 20, 0.0)  # closes on itself
ENDS = [(True, False), (False, False), (False, True)]
AXES = [(1, 2), (2, 0), (0, 1)]  # the two axes whose cross product is the third


def box_patches(size: Array) -> list[Patch]:
    """The six sides of a box.

    Args:
      size: `[3]` whole extents in x, y and z.

    Returns:
      Patches of one quad each.
    """
    half = jnp.asarray(size, jnp.result_type(float)) / 2
    return [
        patch(_side(half, axis, sign), np.array([-1.0, 1.0]), SQUARE, closed=False)
        for axis in range(3)
        for sign in (1.0, -1.0)
    ]


def _side(half: Array, axis: int, sign: float) -> PointFn:
    first, second = AXES[axis]

    def point(u, column):
        place = jnp.zeros(3).at[axis].set(sign)
        place = place.at[first].set(sign * u).at[second].set(column[0])
        return half * (place + vector(0.0, 1.0, 0.0))

    return point


def cylinder_patches(radius: Array, height: Array) -> list[Patch]:
    """A cylinder about y.

    Args:
      radius: `[]`.
      height: `[]`.

    Returns:
      Underside, side and top.
    """
    corners = [(0.0, 0.0), (radius, 0.0), (radius, height), (0.0, height)]
    return _turned(corners, ENDS, ROUND)


def cone_patches(radius: Array, height: Array) -> list[Patch]:
    """A cone about y.

    Args:
      radius: `[]` of the base.
      height: `[]`.

    Returns:
      Underside and side.
    """
    corners = [(0.0, 0.0), (radius, 0.0), (0.0, height)]
    return _turned(corners, [ENDS[0], ENDS[2]], FINE)


def _turned(corners: Sequence, poles: Sequence, columns) -> list[Patch]:
    corners = [vector(*corner) for corner in corners]
    pieces = [line(*ends) for ends in zip(corners, corners[1:], strict=False)]
    point = lathe(jnp.concatenate(pieces))
    return [
        patch(point, np.array([k, k + 1.0]), columns, poles=p)
        for k, p in enumerate(poles)
    ]


def sphere_patches(radius: Array) -> list[Patch]:
    """A sphere that touches y = 0.

    Args:
      radius: `[]`.

    Returns:
      One patch.
    """

    def point(u, column):
        across, up = jnp.sin(jnp.pi * u), 1 - jnp.cos(jnp.pi * u)
        x, z = jnp.cos(column[0]), jnp.sin(column[0])
        return radius * vector(across * x, up, across * z)

    return [patch(point, POLAR_ROWS, ROUND, poles=(True, True))]


def torus_patches(ring_radius: Array, tube_radius: Array) -> list[Patch]:
    """A torus about y that touches y = 0.

    Args:
      ring_radius: `[]` from the axis to the middle of the tube.
      tube_radius: `[]`, less than `ring_radius`.

    Returns:
      One patch.
    """

    def point(u, column):
        turn = 2 * jnp.pi * u
        radius = ring_radius + tube_radius * jnp.sin(turn)
        height = tube_radius * (1 - jnp.cos(turn))
        return vector(radius * jnp.cos(column[0]), height, radius * jnp.sin(column[0]))

    return [patch(point, RING_ROWS, ROUND)]


def plane_patches(half_extents: Array) -> list[Patch]:
    """A rectangle in y = 0 that faces +y.

    Args:
      half_extents: `[2]` in x and z.

    Returns:
      One patch of one quad.
    """
    x, z = half_extents
    return [
        patch(
            lambda u, column: vector(-column[0] * x, 0.0, -u * z),
            np.array([-1.0, 1.0]),
            SQUARE,
            closed=False,
        )
    ]


__all__ = [
    "box_patches",
    "cone_patches",
    "cylinder_patches",
    "plane_patches",
    "sphere_patches",
    "torus_patches",
]
