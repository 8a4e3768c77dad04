"""Builders of what stands in rooms and is not, or not alike, in `furniture`.

A builder takes the numbers of an instance to its parts in metres, y up and the front
towards +z. Numbers named `kind` or `has_...` choose between variants.
"""

import math

import numpy as np

from ivg.scene.shapes.draws import Values
from ivg.scene.shapes.furniture import FURNITURE
from ivg.scene.shapes.solids import Part, both, ellipse, loft, quad, rod, slab

_ROUND_SIDES = 12


def _ring(kind: float, height: float, x: float, z: float) -> np.ndarray:
    """A level section, an ellipse for kinds above one half, else a rectangle."""
    if kind > 0.5:
        return ellipse((0, height, 0), (x, 0, 0), (0, 0, z), _ROUND_SIDES)
    return quad((0, height, 0), (x, 0, 0), (0, 0, z))


def build_bathtub(v: Values) -> list[Part]:
    """A tub, rectangular or oval, that looks the same after half a turn.

    Args:
      v: numbers of an instance.

    Returns:
      Parts in metres.
    """
    x, z, low, high = v["length"] / 2, v["width"] / 2, v["foot"], v["height"]
    inside, share = (x - v["rim"], z - v["rim"]), v["slope"]
    sections = [
        (low, 0.9 * x, 0.9 * z),
        (high, x, z),
        (high, *inside),
        (low + 0.08, share * inside[0], share * inside[1]),
    ]
    feet = []
    for side in (-0.6, 0.6):
        foot, head = (0.6 * x, 0, side * z), (0.6 * x, low + 0.02, side * z)
        feet += both(rod(foot, head, 0.03, 2))
    return [loft([_ring(v["kind"], *section) for section in sections]), *feet]


def build_bed(v: Values) -> list[Part]:
    """A bed whose head is at the back.

    Args:
      v: numbers of an instance.

    Returns:
      Parts in metres.
    """
    x, z, top = v["width"] / 2, v["length"] / 2, v["height"]
    foot, thick = v["foot"], v["mattress"]
    frame = max(top - thick - foot, 0.04) / 2
    parts = [
        slab((0, foot + frame, 0), (x, frame, z), 2),
        slab((0, top - thick / 2, 0.02), (0.97 * x, thick / 2, 0.97 * z), 0),
    ]
    parts += both(slab((0.9 * x, foot / 2, 0.9 * z), (0.04, foot / 2, 0.04), 2))
    parts += both(slab((0.9 * x, foot / 2, -0.9 * z), (0.04, foot / 2, 0.04), 2))
    if v["has_head"] > 0.2:
        half = (top + v["head"]) / 2
        parts.append(slab((0, half, -z - 0.03), (x, half, 0.03), 2))
    if v["has_end"] > 0.75:
        half = (top + 0.12) / 2
        parts.append(slab((0, half, z + 0.02), (x, half, 0.02), 2))
    count = 2 if v["width"] > 1.2 else 1
    for i in range(count):
        middle = -x + (2 * i + 1) * x / count
        at = (middle, top + 0.05, -z + 0.28)
        parts.append(slab(at, (0.8 * x / count, 0.06, 0.2), 1, 0.8))
    if v["has_cover"] > 0.4:
        reach = v["cover"] * z
        at = (0, top - thick / 2 + 0.02, z - reach + 0.03)
        parts.append(slab(at, (x + 0.01, thick / 2 + 0.02, reach), 1))
    return parts


def build_bin(v: Values) -> list[Part]:
    """An open bin, or one with a lid; round ones have no front.

    Args:
      v: numbers of an instance.

    Returns:
      Parts in metres.
    """
    is_round, (x, z) = v["kind"] > 0.5, bin_half_extents(v)
    high, taper, wall = v["height"], v["taper"], 0.012
    kind = 1.0 if is_round else 0.0
    walls = loft(
        [
            _ring(kind, 0.0, taper * x, taper * z),
            _ring(kind, high, x, z),
            _ring(kind, high, x - wall, z - wall),
            _ring(kind, 0.04, taper * x - wall, taper * z - wall),
        ]
    )
    parts = [walls]
    if v["has_lid"] > 0.6:
        rings = [(high, 1.03), (high + 0.03, 1.03), (high + 0.03 + v["lid"], 0.6)]
        parts.append(loft([_ring(kind, y, s * x, s * z) for y, s in rings], 1))
    return parts


def bin_half_extents(v: Values) -> tuple[float, float]:
    """Half width and half depth of a bin.

    Args:
      v: numbers of an instance.

    Returns:
      Metres; both the same for round and square ones.
    """
    x = v["width"] / 2
    return x, x if v["kind"] > 0.25 else v["aspect"] * x


def build_bookshelf(v: Values) -> list[Part]:
    """An open shelf with some books.

    Args:
      v: numbers of an instance.

    Returns:
      Parts in metres.
    """
    x, high, z, thick = v["width"] / 2, v["height"], v["depth"] / 2, v["thick"]
    columns = 1 + round(2 * v["columns"] * min(v["width"], 1.0))
    rows = max(2, round(high / v["gap"]))
    parts = [slab((0, high / 2, -z + 0.008), (x, high / 2, 0.008), 0)]
    for place in np.linspace(-x + thick, x - thick, columns + 1):
        parts.append(slab((place, high / 2, 0), (thick, high / 2, z), 0))
    for level in np.linspace(thick, high - thick, rows + 1):
        parts.append(slab((0, level, 0), (x, thick, z), 0))
    gap, wide = (high - 2 * thick) / rows, 2 * (x - thick) / columns
    for i in range(rows):
        for j in range(columns):
            # An even spread of numbers in [0, 1) from one number.
            share = (v["books"] + 0.618 * (i * columns + j)) % 1.0
            if share < v["empty"]:
                continue
            half = (0.25 + 0.2 * share) * wide - thick
            tall = (0.3 + 0.12 * ((7 * share) % 1.0)) * gap
            left = -x + thick + j * wide + thick + half
            level = 2 * thick + i * gap + tall
            at = (left, level, -0.2 * z)
            parts.append(slab(at, (half, tall, 0.65 * z), 1 + (i + j) % 2))
    return parts


def build_display(v: Values) -> list[Part]:
    """A monitor on a foot, or a flat one without that can hang on a wall.

    Args:
      v: numbers of an instance.

    Returns:
      Parts in metres.
    """
    if v["stand"] > 0.35:
        size = {"width": 0.42 + 0.3 * v["large"], "height": 0.27 + 0.15 * v["large"]}
        return FURNITURE["monitor"][0]({**v, **size})
    x = 0.35 + 0.35 * v["large"]
    y, z = 0.58 * x, v["thick"] / 2
    screen = ((1 - v["rim"] / 2) * x, (1 - v["rim"]) * y, 0.005)
    return [
        slab((0, y, 0), (x, y, z), 1),
        slab((0, y, z), screen, 2),
        slab((0, 0.9 * y, -z), (0.6 * x, 0.5 * y, 0.015), 0),
    ]


def build_table(v: Values) -> list[Part]:
    """A round, square or oblong table, or a desk with drawers on one side.

    Args:
      v: numbers of an instance.

    Returns:
      Parts in metres.
    """
    if v["shape"] > 0.5:  # round or square
        v = {**v, "depth": v["width"] * 0.8, "width": v["width"] * 0.8}
    parts = FURNITURE["table"][0](v)
    if is_desk(v):
        x, z, high = v["width"] / 2, v["depth"] / 2, v["height"]
        wide, half = 0.2 * v["width"], 0.42 * high
        at = (0.9 * x - wide / 2, high - half, 0)
        parts.append(slab(at, (wide / 2, half, 0.85 * z), 1))
        for share in (-0.55, 0.05, 0.65):
            front = (at[0], at[1] + share * half, 0.85 * z)
            parts.append(slab(front, (0.42 * wide, 0.25 * half, 0.015), 2))
    return parts


def is_desk(v: Values) -> bool:
    """Whether a table has drawers, on its right side.

    Args:
      v: numbers of an instance.

    Returns:
      True or false; only oblong and high ones on legs have.
    """
    return v["drawers"] > 0.6 and v["shape"] <= 0.5 and v["height"] > 0.6


def build_chair(v: Values) -> list[Part]:
    """A chair, or an armchair.

    Args:
      v: numbers of an instance.

    Returns:
      Parts in metres.
    """
    if v["is_soft"] < 0.85:
        return FURNITURE["chair"][0](v)
    soft = {
        "width": 0.65 + 0.7 * (v["width"] - 0.4), "depth": 0.75, "seat": v["seat"],
        "thick": 0.12, "foot": 0.08, "back": 0.75 + 0.3 * v["lean"], "lean": v["lean"],
        "arm": 0.58, "has_arms": 1.0, "cushions": 0.0,
    }  # fmt: skip
    return FURNITURE["sofa"][0](soft)


def table_fold(v: Values) -> int:
    """Turns about the vertical after which a table looks the same.

    Args:
      v: numbers of an instance.

    Returns:
      36 for a round one on one leg, 4 or 2 for what its legs allow, 1 for a desk.
    """
    is_round, on_legs, on_post = v["shape"] > 0.7, v["kind"] > 0.3, v["kind"] > 0.15
    if is_desk(v):
        return 1
    if is_round and on_post and not on_legs:
        return 36
    return 4 if v["shape"] > 0.5 and on_post else 2


def bin_fold(v: Values) -> int:
    """Turns about the vertical after which a bin looks the same.

    Args:
      v: numbers of an instance.

    Returns:
      36 for round ones, 4 for square ones, else 2.
    """
    x, z = bin_half_extents(v)
    return 36 if v["kind"] > 0.5 else 4 if math.isclose(x, z) else 2


__all__ = [
    "bin_fold",
    "bin_half_extents",
    "build_bathtub",
    "build_bed",
    "build_bin",
    "build_bookshelf",
    "build_chair",
    "build_display",
    "build_table",
    "is_desk",
    "table_fold",
]
