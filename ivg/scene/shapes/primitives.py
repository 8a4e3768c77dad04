"""Elementary solids, standing on y = 0 with the contact point at the origin.

Each has a pure `*_surface` function of its sizes, differentiable in them, and a
function that makes the mesh. All sizes are in metres and positive.
"""

from collections.abc import Sequence

import jax.numpy as jnp

from ivg.scene.mesh import Mesh
from ivg.scene.shapes.primitive_patches import (
    box_patches,
    cone_patches,
    cylinder_patches,
    plane_patches,
    sphere_patches,
    torus_patches,
)
from ivg.scene.shapes.surface import compiled, join, mesh_from_patches
from ivg.typing import Array


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
      `Mesh` of 96 faces.
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


_box, _cone, _cylinder = map(compiled, (box_patches, cone_patches, cylinder_patches))
_plane, _sphere, _torus = map(compiled, (plane_patches, sphere_patches, torus_patches))

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
