"""Mugs and cups: a turned body with a real inside, and a handle.

Lengths are in metres, angles in radians, fractions without unit. The wall is
straight up where its angle is zero and leans outwards where it is positive.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.numerics import safe_normalize
from ivg.scene.mesh import Mesh
from ivg.scene.shapes.curve import (
    bend,
    cubic_path,
    line,
    piece_rows,
    smooth_pieces,
    vector,
)
from ivg.scene.shapes.surface import (
    Patch,
    circle_columns,
    join,
    join_faces,
    lathe,
    mesh_from_patches,
    patch,
    tube,
)
from ivg.typing import Array

BODY_ROWS = piece_rows([1, 3, 7, 2, 2, 6, 3, 1])
BODY_COLUMNS = circle_columns(32)
HANDLE_ROWS = (np.array([0, 1]), 1 + piece_rows([4, 4, 4, 4]), np.array([5, 6]))
HANDLE_COLUMNS = circle_columns(10)
WALL = 2  # the piece of the profile that is the outer wall


@struct.dataclass
class MugShape:
    """Parameters of a mug.

    Attributes:
      diameter: outer diameter at the rim, metres.
      base_diameter: outer diameter where the wall meets the fillet of the base.
      height: metres, to the top of the rim.
      wall: thickness of wall and floor, metres; less than `fillet`.
      fillet: size of the rounded edge of the base, metres.
      base_angle: lean of the wall above the base, radians, (-0.5, 1.1).
      rim_angle: lean of the wall below the rim, radians, (-0.5, 0.5).
      fullness: how far the wall keeps these directions, fraction of the height.
      handle_top: upper attachment, fraction of the way up the wall.
      handle_bottom: lower attachment, likewise; below `handle_top`.
      handle_reach: metres from the rim's cylinder to the handle's axis.
      handle_square: 0.55 for an elliptic loop, 0.9 for a nearly square one.
      handle_sag: height of the outermost point of the loop above the middle of the
        attachments, fraction of their distance.
      handle_thickness: in the plane of the handle, metres.
      handle_width: across that plane, metres.
      handle_flare: how much wider the handle is where it meets the wall, factor.
    """

    diameter: float = 0.082
    base_diameter: float = 0.080
    height: float = 0.095
    wall: float = 0.004
    fillet: float = 0.006
    base_angle: float = 0.0
    rim_angle: float = 0.0
    fullness: float = 0.35
    handle_top: float = 0.85
    handle_bottom: float = 0.18
    handle_reach: float = 0.028
    handle_square: float = 0.75
    handle_sag: float = 0.05
    handle_thickness: float = 0.008
    handle_width: float = 0.012
    handle_flare: float = 1.2


def mug_profile(shape: MugShape) -> Array:
    """Half of the section through the body's axis.

    Args:
      shape: parameters.

    Returns:
      `[8, 4, 2]` radius and height, from the middle of the underside over the rim
      to the middle of the floor.
    """
    wall, fillet, radius = shape.wall, shape.fillet, shape.base_diameter / 2
    up_base, up_rim = _lean(shape.base_angle), _lean(shape.rim_angle)
    out_rim = vector(up_rim[1], -up_rim[0])
    foot = vector(radius, fillet * up_base[1])
    edge = vector(radius - fillet * (1 + up_base[0]), 0.0)
    rim_height = shape.height - wall / 2 * (1 + up_rim[0])
    rim = vector(shape.diameter / 2, rim_height)
    top = rim + wall / 2 * (up_rim - out_rim)
    inward = wall * vector(-1.0, 1.0)
    inner_rim, inner_foot, inner_edge = (
        rim - wall * out_rim,
        foot + inward,
        edge + inward,
    )
    level, reach = vector(fillet, 0.0), shape.fullness * shape.height
    pieces = [
        line(jnp.zeros(2), edge),
        bend(edge, level, foot, fillet * up_base),
        _wall_piece(foot, rim, reach * up_base, reach * up_rim),
        bend(rim, wall / 2 * up_rim, top, -wall / 2 * out_rim),
        bend(top, -wall / 2 * out_rim, inner_rim, -wall / 2 * up_rim),
        _wall_piece(inner_rim, inner_foot, -reach * up_rim, -reach * up_base),
        bend(inner_foot, -fillet * up_base, inner_edge, -level),
        line(inner_edge, vector(0.0, wall)),
    ]
    return jnp.concatenate(pieces)


def _lean(angle) -> Array:
    return vector(jnp.sin(angle), jnp.cos(angle))


def _wall_piece(start: Array, end: Array, start_reach: Array, end_reach: Array):
    return jnp.stack([start, start + start_reach, end - end_reach, end])[None]


def handle_axis(shape: MugShape) -> Array:
    """The middle line of the handle, which starts and ends inside the wall.

    Args:
      shape: parameters.

    Returns:
      `[2, 4, 3]` curve in the plane x = 0, from the upper to the lower end, metres.
    """
    profile = mug_profile(shape)
    top, top_out = _attachment(profile, shape, shape.handle_top)
    bottom, bottom_out = _attachment(profile, shape, shape.handle_bottom)
    span = top[1] - bottom[1]
    middle = (top[1] + bottom[1]) / 2 + shape.handle_sag * span
    far = vector(0.0, middle, shape.diameter / 2 + shape.handle_reach)
    keep = shape.handle_square
    upper = [
        top,
        top + keep * (far[2] - top[2]) * top_out,
        far.at[1].add(keep * (top[1] - middle)),
        far,
    ]
    lower = [
        far,
        far.at[1].add(-keep * (middle - bottom[1])),
        bottom + keep * (far[2] - bottom[2]) * bottom_out,
        bottom,
    ]
    return jnp.stack([jnp.stack(upper), jnp.stack(lower)])


def _attachment(profile: Array, shape: MugShape, fraction) -> tuple[Array, Array]:
    u = WALL + jnp.asarray(fraction, jnp.result_type(float))
    (radius, height), (lean, rise) = jax.jvp(
        lambda u: cubic_path(profile, u), (u,), (jnp.ones_like(u),)
    )
    outward = safe_normalize(vector(0.0, -lean, rise))
    return vector(0.0, height, radius) - 0.6 * shape.wall * outward, outward


def handle_profile(shape: MugShape) -> Array:
    """Half thickness and half width along the handle, with flat ends.

    Args:
      shape: parameters.

    Returns:
      `[6, 4, 3]` curve of (place on the axis, half thickness, half width).
    """
    places = jnp.array([0.0, 0.5, 1.0, 1.5, 2.0])
    flare = 1 + (shape.handle_flare - 1) * jnp.array([1.0, 0.1, 0.0, 0.1, 1.0])
    thickness, width = shape.handle_thickness / 2, shape.handle_width / 2
    rings = jnp.stack([places, thickness * flare, width * flare], 1)
    first, last = rings[0], rings[-1]
    start = line(vector(0.0, 0.0, 0.0), first)
    return jnp.concatenate(
        [start, smooth_pieces(rings), line(last, vector(2.0, 0.0, 0.0))]
    )


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
    handle = [
        patch(loop, rows, HANDLE_COLUMNS, poles=poles, uv_box=box)
        for rows, poles, box in zip(HANDLE_ROWS, ends, boxes, strict=True)
    ]
    return [body, *handle]


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


_patches = jax.jit(mug_patches)

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
    "handle_axis",
    "handle_profile",
    "make_mug",
    "mug_body_diameter",
    "mug_faces",
    "mug_patches",
    "mug_profile",
    "mug_surface",
]
