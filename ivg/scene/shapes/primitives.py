"""Elementary solids, standing on y = 0 with the contact point at the origin.

Each has a pure `*_surface` function of its sizes, differentiable in them, and a
function that makes the mesh. All sizes are in metres and positive.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ivg.scene.mesh import Mesh
from ivg.scene.shapes.curve import line, vector
from ivg.scene.shapes.surface import (
    Patch,
    PointFn,
    circle_columns,
    join,
    lathe,
    mesh_from_patches,
    patch,
)
from ivg.typing import Array

ROUND = circle_columns(32)
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
    return _turned(corners, ENDS)


def cone_patches(radius: Array, height: Array) -> list[Patch]:
    """A cone about y.

    Args:
      radius: `[]` of the base.
      height: `[]`.

    Returns:
      Underside and side. The normal at the apex is the axis.
    """
    corners = [(0.0, 0.0), (radius, 0.0), (0.0, height)]
    return _turned(corners, [ENDS[0], ENDS[2]])


def _turned(corners: Sequence, poles: Sequence) -> list[Patch]:
    corners = [vector(*corner) for corner in corners]
    pieces = [line(*ends) for ends in zip(corners, corners[1:], strict=False)]
    point = lathe(jnp.concatenate(pieces))
    return [
        patch(point, np.array([k, k + 1.0]), ROUND, poles=p)
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


def box_surface(size: Array) -> tuple[Array, Array, Array]:
    """The vertices of a box.

    Args:
      size: `[3]` whole extents in x, y and z.

    Returns:
      `[V, 3]` vertices, `[V, 3]` unit normals and `[V, 2]` uv.
    """
    return join(box_patches(size))


def cylinder_surface(radius: Array, height: Array) -> tuple[Array, Array, Array]:
    """The vertices of a cylinder.

    Args:
      radius: `[]`.
      height: `[]`.

    Returns:
      `[V, 3]` vertices, `[V, 3]` unit normals and `[V, 2]` uv.
    """
    return join(cylinder_patches(radius, height))


def cone_surface(radius: Array, height: Array) -> tuple[Array, Array, Array]:
    """The vertices of a cone.

    Args:
      radius: `[]` of the base.
      height: `[]`.

    Returns:
      `[V, 3]` vertices, `[V, 3]` unit normals and `[V, 2]` uv.
    """
    return join(cone_patches(radius, height))


def sphere_surface(radius: Array) -> tuple[Array, Array, Array]:
    """The vertices of a sphere.

    Args:
      radius: `[]`.

    Returns:
      `[V, 3]` vertices, `[V, 3]` unit normals and `[V, 2]` uv.
    """
    return join(sphere_patches(radius))


def torus_surface(ring_radius: Array, tube_radius: Array) -> tuple[Array, Array, Array]:
    """The vertices of a torus.

    Args:
      ring_radius: `[]` from the axis to the middle of the tube.
      tube_radius: `[]`, less than `ring_radius`.

    Returns:
      `[V, 3]` vertices, `[V, 3]` unit normals and `[V, 2]` uv.
    """
    return join(torus_patches(ring_radius, tube_radius))


def plane_surface(half_extents: Array) -> tuple[Array, Array, Array]:
    """The vertices of a rectangle in y = 0.

    Args:
      half_extents: `[2]` in x and z.

    Returns:
      `[4, 3]` vertices, `[4, 3]` normals and `[4, 2]` uv.
    """
    return join(plane_patches(half_extents))


def box(size: Sequence[float] = (1.0, 1.0, 1.0)) -> Mesh:
    """A box with sharp edges.

    Args:
      size: `[3]` whole extents in x, y and z.

    Returns:
      `Mesh` of 12 faces.
    """
    return mesh_from_patches(_box(jnp.asarray(size, float)))


def sphere(radius: float = 0.5) -> Mesh:
    """A sphere.

    Args:
      radius: metres.

    Returns:
      `Mesh` of 960 faces.
    """
    return mesh_from_patches(_sphere(radius))


def cylinder(radius: float = 0.5, height: float = 1.0) -> Mesh:
    """A cylinder.

    Args:
      radius: metres.
      height: metres.

    Returns:
      `Mesh` of 128 faces.
    """
    return mesh_from_patches(_cylinder(radius, height))


def cone(radius: float = 0.5, height: float = 1.0) -> Mesh:
    """A cone.

    Args:
      radius: of the base, metres.
      height: metres.

    Returns:
      `Mesh` of 64 faces.
    """
    return mesh_from_patches(_cone(radius, height))


def torus(ring_radius: float = 0.35, tube_radius: float = 0.15) -> Mesh:
    """A torus.

    Args:
      ring_radius: from the axis to the middle of the tube, metres.
      tube_radius: metres.

    Returns:
      `Mesh` of 1280 faces.
    """
    return mesh_from_patches(_torus(ring_radius, tube_radius))


def plane(half_extents: Sequence[float] = (0.5, 0.5)) -> Mesh:
    """A rectangle in y = 0 that faces +y.

    Args:
      half_extents: `[2]` in x and z.

    Returns:
      `Mesh` of two faces.
    """
    return mesh_from_patches(_plane(jnp.asarray(half_extents, float)))


_box, _cone, _cylinder = map(jax.jit, (box_patches, cone_patches, cylinder_patches))
_plane, _sphere, _torus = map(jax.jit, (plane_patches, sphere_patches, torus_patches))

__all__ = [
    "box",
    "box_surface",
    "cone",
    "cone_surface",
    "cylinder",
    "cylinder_surface",
    "plane",
    "plane_surface",
    "sphere",
    "sphere_surface",
    "torus",
    "torus_surface",
]
