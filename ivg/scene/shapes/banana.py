"""Bananas: a ridged tube along a bent axis, with a stem and a blunt tip.

Lengths are in metres, angles in radians. A banana lies on its side; its stem end
points towards +z.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.scene.mesh import Mesh
from ivg.scene.shapes.curve import (
    bend,
    circle_columns,
    line,
    piece_rows,
    smooth_pieces,
    vector,
)
from ivg.scene.shapes.surface import (
    Patch,
    compiled,
    join,
    join_faces,
    mesh_from_patches,
    patches_along,
    settle,
    tube,
)
from ivg.typing import Array

CUT_ROWS = np.array([0.0, 1.0])
PEEL_ROWS = 1 + piece_rows([1, 2, 3, 4, 5, 5, 4, 3, 2, 2])
COLUMNS = circle_columns(20)
PLACES = (0.4, 0.62, 0.82, 0.93)  # along the fruit, from the stem's end to the tip
GIRTHS = (1.0, 0.98, 0.78, 0.52)  # there, as fractions of the radius


@struct.dataclass
class BananaShape:
    """Parameters of a banana.

    Attributes:
      length: metres, from end to end (the chord of the axis).
      radius: of the thickest section, metres.
      stem_bend: angle between axis and chord at the stem, radians, [0.1, 1.2].
      tip_bend: the same at the tip.
      stem_length: fraction of the axis, [0.08, 0.25].
      stem_radius: metres.
      tip_radius: of the dark nub at the tip, metres.
      ridge: depth of the five ridges, fraction of the radius, [0, 0.1].
      flatness: height of a section over its width, about 1.
    """

    length: float = 0.18
    radius: float = 0.017
    stem_bend: float = 0.75
    tip_bend: float = 0.6
    stem_length: float = 0.15
    stem_radius: float = 0.0055
    tip_radius: float = 0.004
    ridge: float = 0.03
    flatness: float = 1.0


def banana_axis(shape: BananaShape) -> Array:
    """The middle line, from the stem to the tip.

    Args:
      shape: parameters.

    Returns:
      `[1, 4, 3]` curve in the plane y = 0, metres.
    """
    half, reach = shape.length / 2, 0.36 * shape.length
    start, end = vector(0.0, 0.0, half), vector(0.0, 0.0, -half)
    leave = vector(jnp.sin(shape.stem_bend), 0.0, -jnp.cos(shape.stem_bend))
    arrive = vector(-jnp.sin(shape.tip_bend), 0.0, -jnp.cos(shape.tip_bend))
    return jnp.stack([start, start + reach * leave, end - reach * arrive, end])[None]


def banana_profile(shape: BananaShape) -> Array:
    """Half the size of the sections along the axis.

    Args:
      shape: parameters.

    Returns:
      `[11, 4, 3]` curve of (place in [0, 1], half width, half height).
    """
    stem, radius, tip = shape.stem_radius, shape.radius, shape.tip_radius
    neck = shape.stem_length
    girth = [(0.0, 1.15 * stem), (0.45 * neck, 0.9 * stem), (neck, 1.1 * stem)]
    girth.append((0.65 * neck + 0.35 * PLACES[0], 0.35 * stem + 0.62 * radius))
    girth += [(s, g * radius) for s, g in zip(PLACES, GIRTHS, strict=True)]
    girth += [(0.972, 1.25 * tip), (0.99, tip)]
    rings = jnp.stack([vector(s, r, r * shape.flatness) for s, r in girth])
    end, pole = rings[-1], vector(1.0, 0.0, 0.0)
    across = rings[-1].at[0].set(0.0)
    return jnp.concatenate(
        [
            line(vector(0.0, 0.0, 0.0), rings[0]),
            smooth_pieces(rings),
            bend(end, vector(0.01, 0.0, 0.0), pole, -across),
        ]
    )


def banana_patches(shape: BananaShape) -> list[Patch]:
    """The parts of a banana.

    Args:
      shape: parameters.

    Returns:
      The cut end of the stem, and the rest; together they are closed.
    """
    point = tube(
        banana_axis(shape), vector(0.0, 1.0, 0.0), banana_profile(shape), shape.ridge
    )
    sections = [
        (CUT_ROWS, (True, False), (0.0, 0.95, 1.0, 1.0)),
        (PEEL_ROWS, (False, True), (0.0, 0.0, 1.0, 0.95)),
    ]
    cut, peel = patches_along(point, sections, COLUMNS)
    across = peel.points[..., 0], peel.points[..., 2]
    x, z = ((c.min() + c.max()) / 2 for c in across)
    return settle([cut, peel], vector(-x, 0.0, -z))


def banana_surface(shape: BananaShape) -> tuple[Array, Array, Array]:
    """The vertices of a banana, in metres, lying on y = 0 along z.

    Args:
      shape: parameters.

    Returns:
      `[V, 3]` vertices, `[V, 3]` unit normals and `[V, 2]` uv, for
      `banana_faces`. The middle of its bounds in x and z is at the origin.
      Differentiable in every parameter.
    """
    return join(banana_patches(shape))


def banana_faces() -> np.ndarray:
    """The faces that all bananas share.

    Returns:
      `[F, 3]` int32.
    """
    return join_faces(jax.eval_shape(banana_patches, BananaShape()))


def make_banana(shape: BananaShape) -> Mesh:
    """The mesh of a banana.

    Args:
      shape: parameters, concrete.

    Returns:
      `Mesh` in metres, closed.
    """
    return mesh_from_patches(_patches(shape))


_patches = compiled(banana_patches)


def _shapes(rows) -> tuple[BananaShape, ...]:
    return tuple(BananaShape(*row) for row in rows)


# length, radius, bends at stem and tip, stem's length and radius, tip, ridge, flatness
BANANAS = _shapes(
    [
        (0.180, 0.0170, 0.75, 0.60, 0.15, 0.0055, 0.0040, 0.030, 1.00),
        (0.190, 0.0165, 0.55, 0.45, 0.14, 0.0050, 0.0040, 0.025, 1.00),
        (0.170, 0.0175, 0.95, 0.80, 0.15, 0.0060, 0.0042, 0.035, 1.00),
        (0.200, 0.0180, 0.40, 0.35, 0.12, 0.0060, 0.0045, 0.020, 0.98),
        (0.165, 0.0190, 0.70, 0.65, 0.12, 0.0065, 0.0050, 0.015, 1.02),
        (0.185, 0.0150, 0.85, 0.55, 0.18, 0.0050, 0.0035, 0.050, 1.00),
        (0.175, 0.0160, 1.10, 0.55, 0.20, 0.0055, 0.0040, 0.030, 1.00),
        (0.195, 0.0175, 0.65, 0.90, 0.14, 0.0058, 0.0045, 0.040, 0.96),
        (0.160, 0.0155, 0.50, 0.50, 0.10, 0.0055, 0.0050, 0.000, 1.00),
        (0.200, 0.0160, 0.90, 0.75, 0.16, 0.0052, 0.0038, 0.060, 1.00),
        (0.178, 0.0200, 0.60, 0.50, 0.13, 0.0070, 0.0055, 0.025, 0.95),
        (0.188, 0.0140, 0.70, 0.40, 0.22, 0.0045, 0.0035, 0.045, 1.00),
        (0.172, 0.0168, 0.30, 0.60, 0.11, 0.0060, 0.0040, 0.030, 1.04),
        (0.182, 0.0182, 1.00, 1.00, 0.14, 0.0058, 0.0042, 0.020, 1.00),
        (0.192, 0.0172, 0.80, 0.30, 0.17, 0.0062, 0.0048, 0.055, 0.97),
    ]
)
BANANAS_HELD_OUT = _shapes(
    [
        (0.184, 0.0162, 0.62, 0.78, 0.19, 0.0058, 0.0036, 0.038, 1.00),
        (0.176, 0.0188, 1.02, 0.42, 0.12, 0.0052, 0.0050, 0.022, 0.98),
    ]
)

__all__ = [
    "BANANAS",
    "BANANAS_HELD_OUT",
    "BananaShape",
    "banana_axis",
    "banana_faces",
    "banana_patches",
    "banana_profile",
    "banana_surface",
    "make_banana",
]
