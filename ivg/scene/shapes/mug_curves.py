"""The lines a mug is drawn with: half its section, and the course of its handle.

Lengths are in metres, angles in radians, fractions without unit. The wall is
straight up where its angle is zero and leans outwards where it is positive.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.numerics import safe_normalize
from ivg.scene.shapes.curve import bend, cubic_path, line, smooth_pieces, vector
from ivg.typing import Array

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


__all__ = ["MugShape", "handle_axis", "handle_profile", "mug_profile"]
