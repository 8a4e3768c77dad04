"""Families of everyday things in their real size: bottles, cameras, drills, sprays.

An instance is a row of numbers between the limits of its family; the middle of all
is the canonical one. Every instance is meshed by itself: no two share vertices.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ivg.scene.mesh import Mesh
from ivg.scene.shapes.draws import Limits, Values, latin_hypercube
from ivg.scene.shapes.implicit import (
    DistanceFn,
    capsule,
    mesh_from_distance,
    rounded_box,
    rounded_cone,
    smooth_union,
)


class InstanceFamily(NamedTuple):
    """A kind of thing.

    Attributes:
      limits: least and greatest value of each number, metres or shares.
      solid: distance function of an instance, in metres, with y up.
      low: corner of a box around all instances, metres.
      high: the opposite corner.
    """

    limits: Limits
    solid: Callable[[Values], DistanceFn]
    low: tuple[float, float, float]
    high: tuple[float, float, float]


def _bottle(v: Values) -> DistanceFn:
    body, height, neck = v["body_radius"], v["height"], v["neck_radius"]
    shoulder, top = v["shoulder"] * height, height - 0.03
    waist = v["waist"] * body
    middle = shoulder / 2
    return smooth_union(
        [
            rounded_cone((0, 0, 0), (0, middle, 0), (body, waist), 0.006),
            rounded_cone((0, middle - 0.01, 0), (0, shoulder, 0), (waist, body), 0.006),
            rounded_cone((0, shoulder - 0.01, 0), (0, top, 0), (body, neck), 0.004),
            rounded_cone(
                (0, top - 0.01, 0), (0, height, 0), (neck + 0.002,) * 2, 0.002
            ),
        ],
        0.012,
    )


def _camera(v: Values) -> DistanceFn:
    wide, high, deep = v["width"] / 2, v["height"] / 2, v["depth"] / 2
    lens, reach, off = v["lens_radius"], v["lens_length"], v["lens_offset"]
    side, front = 0.85 * wide, deep + 0.002
    return smooth_union(
        [
            rounded_box((0, high, 0), (wide, high, deep), 0.006),
            rounded_cone(
                (-off, high, deep - 0.005),
                (-off, high, deep + reach),
                (lens, 0.92 * lens),
                0.003,
            ),
            rounded_box((-off, 2 * high, 0), (v["hump"], 0.012, 0.8 * deep), 0.005),
            capsule((side, 0.3 * high, front), (side, 1.6 * high, front), 0.011),
        ],
        0.006,
    )


def _drill(v: Values) -> DistanceFn:
    handle, body, radius = v["handle"], v["body_length"], v["body_radius"]
    axis = handle + radius
    lean = v["lean"] * handle
    return smooth_union(
        [
            rounded_box(
                (0, 0.02, -lean), (v["battery"] * 0.6, 0.02, v["battery"]), 0.008
            ),
            capsule((0, 0.03, -lean), (0, handle, 0), 0.017),
            rounded_cone(
                (0, axis, -0.4 * body),
                (0, axis, 0.6 * body),
                (radius, 0.9 * radius),
                0.01,
            ),
            rounded_cone(
                (0, axis, 0.55 * body),
                (0, axis, 0.6 * body + v["chuck"]),
                (0.65 * radius, 0.4 * radius),
                0.004,
            ),
        ],
        0.012,
    )


def _spray(v: Values) -> DistanceFn:
    wide, deep, body, neck = v["width"], v["depth"], v["body_height"], v["neck_height"]
    top = body + neck
    nozzle = v["nozzle"]
    return smooth_union(
        [
            rounded_box((0, body / 2, 0), (wide, body / 2, deep), 0.014),
            rounded_cone((0, body - 0.02, 0), (0, top, 0), (0.7 * wide, 0.014), 0.004),
            rounded_box(
                (0, top + 0.012, 0.3 * nozzle),
                (0.013, 0.014, 0.3 * nozzle + 0.025),
                0.005,
            ),
            rounded_cone(
                (0, top + 0.014, 0.5 * nozzle),
                (0, top + 0.014, nozzle + 0.012),
                (0.009, 0.007),
                0.002,
            ),
            capsule(
                (0, top + 0.004, 0.7 * nozzle),
                (0, top - v["trigger"], 0.45 * nozzle),
                0.005,
            ),
        ],
        0.008,
    )


FAMILIES: dict[str, InstanceFamily] = {
    "bottle": InstanceFamily(
        {
            "height": (0.18, 0.28),
            "body_radius": (0.028, 0.045),
            "waist": (0.8, 1.0),
            "neck_radius": (0.010, 0.018),
            "shoulder": (0.5, 0.75),
        },
        _bottle,
        (-0.06, -0.02, -0.06),
        (0.06, 0.31, 0.06),
    ),
    "camera": InstanceFamily(
        {
            "width": (0.10, 0.145),
            "height": (0.06, 0.095),
            "depth": (0.03, 0.055),
            "lens_radius": (0.02, 0.032),
            "lens_length": (0.015, 0.06),
            "lens_offset": (-0.005, 0.015),
            "hump": (0.015, 0.03),
        },
        _camera,
        (-0.09, -0.02, -0.05),
        (0.10, 0.13, 0.11),
    ),
    "drill": InstanceFamily(
        {
            "handle": (0.09, 0.13),
            "lean": (0.0, 0.25),
            "battery": (0.04, 0.06),
            "body_length": (0.12, 0.18),
            "body_radius": (0.024, 0.036),
            "chuck": (0.025, 0.045),
        },
        _drill,
        (-0.06, -0.02, -0.12),
        (0.06, 0.23, 0.18),
    ),
    "spray": InstanceFamily(
        {
            "width": (0.035, 0.05),
            "depth": (0.022, 0.035),
            "body_height": (0.12, 0.18),
            "neck_height": (0.03, 0.06),
            "nozzle": (0.03, 0.06),
            "trigger": (0.02, 0.04),
        },
        _spray,
        (-0.07, -0.02, -0.06),
        (0.07, 0.29, 0.10),
    ),
}


def draw_values(family: str, seed: int, count: int) -> list[dict[str, float]]:
    """Instances spread evenly over the limits of a family.

    Args:
      family: one of `FAMILIES`.
      seed: of the draw.
      count: how many.

    Returns:
      As many rows of numbers, see `latin_hypercube`.
    """
    rng = np.random.default_rng((seed, sorted(FAMILIES).index(family)))
    return latin_hypercube(rng, FAMILIES[family].limits, count)


def middle_values(family: str) -> dict[str, float]:
    """The canonical instance.

    Args:
      family: one of `FAMILIES`.

    Returns:
      The middle of each range.
    """
    return {n: (a + b) / 2 for n, (a, b) in FAMILIES[family].limits.items()}


def make_instance(family: str, values: Values, cell: float = 0.006) -> Mesh:
    """The mesh of an instance.

    Args:
      family: one of `FAMILIES`.
      values: its numbers.
      cell: side of the cubes that it is meshed with, metres.

    Returns:
      `Mesh` standing on y = 0, metres.
    """
    kind = FAMILIES[family]
    return mesh_from_distance(kind.solid(values), kind.low, kind.high, cell)


__all__ = [
    "FAMILIES",
    "InstanceFamily",
    "draw_values",
    "make_instance",
    "middle_values",
]
