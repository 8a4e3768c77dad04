"""Mugs and cups: a turned body with a real inside, and a handle."""

import jax
import numpy as np

from ivg.scene.mesh import Mesh
from ivg.scene.shapes.curve import circle_columns, piece_rows, vector
from ivg.scene.shapes.mug_curves import (
    MugShape,
    handle_axis,
    handle_profile,
    mug_profile,
)
from ivg.scene.shapes.surface import (
    Patch,
    compiled,
    join,
    join_faces,
    lathe,
    mesh_from_patches,
    patch,
    patches_along,
    tube,
)
from ivg.typing import Array

BODY_ROWS = piece_rows([1, 3, 7, 2, 2, 6, 3, 1])
BODY_COLUMNS = circle_columns(32)
HANDLE_ROWS = (np.array([0, 1]), 1 + piece_rows([4, 4, 4, 4]), np.array([5, 6]))
HANDLE_COLUMNS = circle_columns(10)


def mug_patches(shape: MugShape) -> list[Patch]:
    """The parts of a mug.

    Args:
      shape: parameters.

    Returns:
      The body, then the upper end, the loop and the lower end of the handle.
    """
    body = patch(
        lathe(mug_profile(shape)),
        BODY_ROWS,
        BODY_COLUMNS,
        poles=(True, True),
        uv_box=(0.0, 0.0, 0.9, 1.0),
    )
    loop = tube(handle_axis(shape), vector(1.0, 0.0, 0.0), handle_profile(shape))
    ends = [(True, False), (False, False), (False, True)]
    boxes = [(0.9, 0.0, 1.0, 0.05), (0.9, 0.05, 1.0, 0.95), (0.9, 0.95, 1.0, 1.0)]
    sections = list(zip(HANDLE_ROWS, ends, boxes, strict=True))
    return [body, *patches_along(loop, sections, HANDLE_COLUMNS)]


def mug_surface(shape: MugShape) -> tuple[Array, Array, Array]:
    """The vertices of a mug, in metres, standing on y = 0, handle towards +z.

    Args:
      shape: parameters.

    Returns:
      `[V, 3]` vertices, `[V, 3]` unit normals and `[V, 2]` uv, for `mug_faces`.
      Differentiable in every parameter.
    """
    return join(mug_patches(shape))


def mug_faces() -> np.ndarray:
    """The faces that all mugs share.

    Returns:
      `[F, 3]` int32.
    """
    return join_faces(jax.eval_shape(mug_patches, MugShape()))


def mug_body_diameter(vertices: Array) -> Array:
    """Greatest outer diameter of the body; the handle, at x = 0, has no part in it.

    Args:
      vertices: `[V, 3]` of a mug with its handle towards +z.

    Returns:
      `[]` in the unit of the vertices.
    """
    return 2 * vertices[:, 0].max()


def make_mug(shape: MugShape) -> Mesh:
    """The mesh of a mug.

    Args:
      shape: parameters, concrete.

    Returns:
      `Mesh` in metres: a body and a handle, each of them closed.
    """
    return mesh_from_patches(_patches(shape))


_patches = compiled(mug_patches)

ESPRESSO = MugShape(
    diameter=0.075,
    base_diameter=0.044,
    height=0.060,
    fillet=0.0045,
    base_angle=0.88,
    rim_angle=0.03,
    fullness=0.38,
    handle_top=0.90,
    handle_bottom=0.46,
    handle_reach=0.018,
    handle_square=0.62,
    handle_thickness=0.0065,
    handle_width=0.010,
)
CLASSIC = MugShape()
LATTE = MugShape(
    diameter=0.088,
    base_diameter=0.056,
    height=0.128,
    base_angle=0.12,
    rim_angle=0.14,
    handle_top=0.80,
    handle_bottom=0.30,
    handle_reach=0.026,
    handle_square=0.60,
    handle_sag=0.12,
)
TAPERED = MugShape(
    diameter=0.074,
    base_diameter=0.094,
    height=0.088,
    base_angle=-0.14,
    rim_angle=-0.08,
    fillet=0.009,
    handle_top=0.86,
    handle_bottom=0.35,
    handle_reach=0.026,
    handle_square=0.6,
)
BARREL = MugShape(
    diameter=0.074,
    base_diameter=0.066,
    height=0.096,
    wall=0.005,
    base_angle=0.42,
    rim_angle=-0.30,
    fullness=0.36,
    handle_top=0.80,
    handle_bottom=0.22,
    handle_reach=0.030,
    handle_square=0.58,
    handle_thickness=0.010,
    handle_width=0.014,
)
ENAMEL = MugShape(
    diameter=0.090,
    base_diameter=0.086,
    height=0.078,
    wall=0.0025,
    fillet=0.004,
    base_angle=0.0,
    rim_angle=0.32,
    fullness=0.16,
    handle_top=0.80,
    handle_bottom=0.22,
    handle_reach=0.026,
    handle_square=0.86,
    handle_sag=0.12,
    handle_thickness=0.004,
    handle_width=0.014,
    handle_flare=1.1,
)
MUGS = (ESPRESSO, CLASSIC, LATTE, TAPERED, BARREL, ENAMEL)
MUGS_HELD_OUT = (
    MugShape(
        diameter=0.096,
        base_diameter=0.052,
        height=0.074,
        base_angle=0.62,
        rim_angle=0.12,
        handle_top=0.86,
        handle_bottom=0.42,
        handle_reach=0.022,
        handle_square=0.66,
    ),
    MugShape(
        diameter=0.076,
        base_diameter=0.074,
        height=0.108,
        base_angle=0.20,
        rim_angle=0.12,
        fullness=0.40,
        handle_top=0.70,
        handle_bottom=0.25,
        handle_reach=0.034,
        handle_square=0.85,
        handle_sag=-0.08,
    ),
)

__all__ = [
    "MUGS",
    "MUGS_HELD_OUT",
    "MugShape",
    "make_mug",
    "mug_body_diameter",
    "mug_faces",
    "mug_patches",
    "mug_surface",
]
