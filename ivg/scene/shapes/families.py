"""Libraries of ready shapes, at unit size.

The size of an object is then the scale of its node: for a mug the outer diameter of
its body, for a banana or a stapler its length, in metres.
"""

from collections.abc import Sequence

import numpy as np

from ivg.scene.library import MeshLibrary, make_library
from ivg.scene.mesh import Mesh
from ivg.scene.shapes import primitives
from ivg.scene.shapes.banana import (
    BANANAS,
    BANANAS_HELD_OUT,
    BananaShape,
    make_banana,
)
from ivg.scene.shapes.mug import (
    MUGS,
    MUGS_HELD_OUT,
    MugShape,
    make_mug,
    mug_body_diameter,
)
from ivg.scene.shapes.stapler import (
    STAPLERS,
    STAPLERS_HELD_OUT,
    StaplerShape,
    make_stapler,
)

GROUND_HALF_EXTENT_M = 50.0


def scale_mesh(mesh: Mesh, factor: float) -> Mesh:
    """The same shape at another size.

    Args:
      mesh: mesh.
      factor: positive.

    Returns:
      `Mesh` with its vertices multiplied.
    """
    return mesh.replace(vertices=mesh.vertices * factor)


def unit_mug(shape: MugShape) -> Mesh:
    """A mug whose body is one across.

    Args:
      shape: parameters, concrete.

    Returns:
      `Mesh`.
    """
    mesh = make_mug(shape)
    return scale_mesh(mesh, 1 / float(mug_body_diameter(mesh.vertices)))


def unit_banana(shape: BananaShape) -> Mesh:
    """A banana that is one long in z.

    Args:
      shape: parameters, concrete.

    Returns:
      `Mesh`.
    """
    return _unit_length(make_banana(shape))


def unit_stapler(shape: StaplerShape) -> Mesh:
    """A stapler that is one long in z.

    Args:
      shape: parameters, concrete.

    Returns:
      `Mesh`.
    """
    return _unit_length(make_stapler(shape))


def _unit_length(mesh: Mesh) -> Mesh:
    return scale_mesh(mesh, 1 / float(np.ptp(np.asarray(mesh.vertices)[:, 2])))


def tabletop_library(
    mugs: Sequence[MugShape] = MUGS,
    bananas: Sequence[BananaShape] = BANANAS,
    staplers: Sequence[StaplerShape] = STAPLERS,
) -> MeshLibrary:
    """The shapes of a table-top: mugs, bananas, staplers and the ground.

    Args:
      mugs: shapes of the class `mug`.
      bananas: shapes of the class `banana`.
      staplers: shapes of the class `stapler`.

    Returns:
      `MeshLibrary` with these classes at unit size, and `ground`, one quad of 100
      by 100 metres.
    """
    half = (GROUND_HALF_EXTENT_M, GROUND_HALF_EXTENT_M)
    return make_library(
        {
            "mug": [unit_mug(shape) for shape in mugs],
            "banana": [unit_banana(shape) for shape in bananas],
            "stapler": [unit_stapler(shape) for shape in staplers],
            "ground": [primitives.plane(half)],
        }
    )


def held_out_library() -> MeshLibrary:
    """A table-top whose shapes are not in `tabletop_library`.

    Returns:
      `MeshLibrary` with the same classes, two shapes in each of the first three.
    """
    return tabletop_library(MUGS_HELD_OUT, BANANAS_HELD_OUT, STAPLERS_HELD_OUT)


def primitive_library() -> MeshLibrary:
    """Elementary solids that fill a unit box, one to a class.

    Returns:
      `MeshLibrary` of box, sphere, cylinder, cone, torus (flat) and plane.
    """
    names = ("box", "sphere", "cylinder", "cone", "torus", "plane")
    return make_library({name: [getattr(primitives, name)()] for name in names})


__all__ = [
    "GROUND_HALF_EXTENT_M",
    "held_out_library",
    "primitive_library",
    "scale_mesh",
    "tabletop_library",
    "unit_banana",
    "unit_mug",
    "unit_stapler",
]
