"""The parts of a stapler: boxes with rounded edges, and a cap.

Lengths are in metres, angles in radians. The base lies on y = 0; the mouth is
towards +z and the hinge towards -z.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.scene.shapes.curve import capped_pieces, vector
from ivg.scene.shapes.surface import PointFn
from ivg.typing import Array


@struct.dataclass
class StaplerShape:
    """Parameters of a stapler.

    Attributes:
      length: of the base, metres.
      width: of the base, metres.
      base_height: metres.
      arm_length: of the cap, fraction of `length`.
      arm_width: of the cap, fraction of `width`.
      gap: height of the magazine above the base at the hinge, metres.
      magazine_height: metres, of which the cap covers the upper half.
      cap_rear: height of the cap at the rear, metres.
      cap_middle: at 0.4 of the way from rear to nose.
      cap_front: at the nose.
      nose: length of the rounding of the nose, metres.
      rear: length of the rounding of the rear, metres.
      corner: radius of the cap's edges, fraction of half its width, (0.2, 1).
      opening: angle of the arm, radians, [0, 0.5].
    """

    length: float = 0.140
    width: float = 0.036
    base_height: float = 0.008
    arm_length: float = 0.97
    arm_width: float = 0.9
    gap: float = 0.006
    magazine_height: float = 0.010
    cap_rear: float = 0.020
    cap_middle: float = 0.024
    cap_front: float = 0.014
    nose: float = 0.010
    rear: float = 0.008
    corner: float = 0.5
    opening: float = 0.12


def box_profile(low: Array, high: Array, fillet, corner) -> Array:
    """Profile of a box with rounded edges, for `loft`.

    Args:
      low: `[3]` least half width (the box is symmetric in x, so it is ignored), y
        and z.
      high: `[3]` half width, greatest y and z.
      fillet: radius of the edges of the ends, metres.
      corner: radius of the edges along z, metres; greater than `fillet`.

    Returns:
      `[5, 4, 5]` curve.
    """
    ends = [
        vector(z, high[0], low[1], high[1], corner)
        for z in (low[2] + fillet, high[2] - fillet)
    ]
    inset = _inset(fillet, fillet, fillet)
    return capped_pieces(jnp.stack(ends), inset, inset)


def _inset(along, side, up) -> Array:
    return vector(along, side, -up, up, jnp.minimum(side, up))


def cap_profile(shape: StaplerShape) -> Array:
    """Profile of the cap, with the arm closed, for `loft`.

    Args:
      shape: parameters.

    Returns:
      `[9, 4, 5]` curve.
    """
    low = shape.base_height + shape.gap + shape.magazine_height / 2
    half = shape.arm_width * shape.width / 2
    back, front = _arm_ends(shape)
    back, front = back + shape.rear, front - shape.nose
    widths = (0.96, 1.0, 1.0, 1.0, 0.98, 0.92)
    rings = [
        vector(
            back + t * (front - back),
            w * half,
            low,
            low + _cap_height(shape, t),
            shape.corner * half,
        )
        for t, w in zip((0.0, 0.15, 0.4, 0.6, 0.85, 1.0), widths, strict=True)
    ]
    corner = 0.6 * shape.corner * half
    insets = [
        vector(along, corner, -0.1 * h, 0.45 * h, 0.6 * corner)
        for along, h in ((shape.rear, shape.cap_rear), (shape.nose, shape.cap_front))
    ]
    return capped_pieces(jnp.stack(rings), *insets)


def _cap_height(shape: StaplerShape, t: float) -> Array:
    rear = shape.cap_rear * (t - 0.4) * (t - 1) / 0.4
    middle = shape.cap_middle * t * (1 - t) / 0.24
    return rear + middle + shape.cap_front * t * (t - 0.4) / 0.6


def _arm_ends(shape: StaplerShape) -> tuple[Array, Array]:
    back = -0.5 * shape.length
    return back, back + shape.arm_length * shape.length


def hinge(shape: StaplerShape) -> Array:
    """Where the arm turns.

    Args:
      shape: parameters.

    Returns:
      `[3]` metres, before the stapler is centred.
    """
    height = shape.base_height + shape.gap + shape.magazine_height / 2
    return vector(0.0, height, (-0.5 + 0.12) * shape.length)


def opened(point: PointFn, pivot: Array, angle) -> PointFn:
    """A part turned about an axis along x, so that +z goes up.

    Args:
      point: point function.
      pivot: `[3]` a point of the axis.
      angle: radians.

    Returns:
      Point function.
    """
    cos, sin = jnp.cos(angle), jnp.sin(angle)

    def turned(u, column):
        x, y, z = point(u, column) - pivot
        return pivot + vector(x, y * cos + z * sin, z * cos - y * sin)

    return turned


def stapler_boxes(shape: StaplerShape) -> tuple[Array, Array]:
    """The parts of a stapler that are boxes with rounded edges.

    Args:
      shape: parameters.

    Returns:
      Profiles `[4, 5, 4, 5]` of base, anvil, hinge block and magazine, with the arm
      closed, and the angles `[4]` by which they open about the hinge, radians.
    """
    base, half, length = shape.base_height, shape.width / 2, shape.length
    back, front = _arm_ends(shape)
    floor, roof = base + shape.gap, base + shape.gap + shape.magazine_height
    inner = shape.arm_width * half
    z = length / 2
    middle, rear = 0.46 * length, -z + 0.24 * length  # ends of anvil and hinge block
    rows = [  # least y and z; half width, greatest y and z; fillet and corner
        (0.0, -z, half, base, z, 0.3 * base, 0.4 * base),
        (0.6 * base, 0.32 * length, 0.5 * half, base + 0.0012, middle, 5e-4, 8e-4),
        (0.5 * base, -z + 0.04 * length, 0.66 * inner, roof, rear, 0.002, 0.003),
        (floor, back + 0.05 * length, 0.6 * inner, roof, front - 0.004, 0.001, 0.0015),
    ]
    boxes = jnp.stack([vector(0.0, *row) for row in rows])
    profiles = jax.vmap(box_profile)(
        boxes[:, :3], boxes[:, 3:6], boxes[:, 6], boxes[:, 7]
    )
    return profiles, vector(0.0, 0.0, 0.0, shape.opening)


__all__ = [
    "StaplerShape",
    "box_profile",
    "cap_profile",
    "hinge",
    "opened",
    "stapler_boxes",
]
