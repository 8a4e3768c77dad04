"""Things of a house: furniture, a lamp, a monitor, a speaker and a telephone.

A builder takes the numbers of an instance to its parts, y up and the front towards
+z, of any size. Numbers named `kind` or `has_...` choose between variants.
"""

from collections.abc import Callable

import numpy as np

from ivg.scene.shapes.draws import Limits, Values
from ivg.scene.shapes.solids import Part, both, prism, rod, slab

Builder = Callable[[Values], list[Part]]


def _legs(
    x: float, z: float, height: float, thick: float, splay: float, tint: int = 1
) -> list[Part]:
    """Four legs from a seat or a top down to the ground."""
    legs = []
    for side in (-1, 1):
        foot, head = (x * (1 + splay), 0, side * z * (1 + splay)), (x, height, side * z)
        legs += both(rod(foot, head, thick, tint))
    return legs


def _bench(v: Values) -> list[Part]:
    wide, deep, seat = v["width"], v["depth"] / 2, v["seat"]
    half, thick = wide / 2, v["thick"]
    parts = [slab((0, seat, 0), (half, thick, deep))]
    for x in (-0.85 * half, 0.85 * half):
        parts.append(slab((x, seat / 2, 0), (0.04, seat / 2, 0.9 * deep), 1, v["leg"]))
    if v["has_back"] > 0.4:
        rise, lean = v["back"], v["lean"]
        for share in (0.45, 0.9):
            z = -deep - lean * share
            parts.append(slab((0, seat + rise * share, z), (half, 0.09 * rise, 0.02)))
        for x in (-0.7 * half, 0.7 * half):
            foot, head = (x, seat, -deep), (x, seat + rise, -deep - lean)
            parts.append(rod(foot, head, 0.025, 1))
    if v["has_arms"] > 0.6:
        parts += both(slab((half - 0.03, seat + 0.2, 0), (0.03, 0.02, deep), 1))
        parts += both(slab((half - 0.03, seat + 0.1, 0.9 * deep), (0.02, 0.1, 0.02), 1))
    return parts


def _cabinet(v: Values) -> list[Part]:
    x, y, z = v["width"] / 2, v["height"] / 2, v["depth"] / 2
    foot = v["foot"]
    parts = [slab((0, foot + y, 0), (x, y, z))]
    parts += _legs(0.85 * x, 0.8 * z, foot, 0.03, 0.0) if v["kind"] > 0.5 else []
    if v["kind"] <= 0.5:
        parts.append(slab((0, foot / 2, 0), (0.92 * x, foot / 2, 0.9 * z), 1))
    columns, rows = 1 + round(2 * v["columns"]), 1 + round(3 * v["rows"])
    for i in range(columns):
        for j in range(rows):
            wide, high = x / columns, y / rows
            at = -x + wide * (2 * i + 1), foot + high * (2 * j + 1), z + 0.012
            parts.append(slab(at, (0.92 * wide, 0.92 * high, 0.012), 1))
            knob = at[0] + 0.6 * wide, at[1], at[2]
            parts.append(slab(knob, (0.02, 0.03, 0.04), 2))
    return [*parts, slab((0, foot + 2 * y, 0), (x + v["rim"], 0.02, z + v["rim"]), 2)]


def _chair(v: Values) -> list[Part]:
    x, z, seat, rise = v["width"] / 2, v["depth"] / 2, v["seat"], v["back"]
    lean, thick = v["lean"], v["thick"]
    parts = [slab((0, seat, 0), (x, thick, z))]
    outline = [(-z, seat), (-z + 0.05, seat)]
    outline += [(-z + 0.05 - lean, seat + rise), (-z - lean, seat + rise)]
    if v["kind"] > 0.3:
        parts.append(prism(outline, x, 0, v["back_top"]))
    else:
        bars = 3 + round(3 * v["bars"])
        top = (0, seat + rise, -z - lean)
        parts.append(slab(top, (x, 0.04, 0.02)))
        for place in np.linspace(-0.9 * x, 0.9 * x, bars):
            parts.append(rod((place, seat, -z), (place, seat + rise, top[2]), 0.015, 1))
    if v["stand"] > 0.25:
        parts += _legs(0.88 * x, 0.85 * z, seat, v["leg"], v["splay"])
    else:
        parts.append(rod((0, 0.04, 0), (0, seat, 0), 0.035, 2))
        for turn in np.arange(5) * 2 * np.pi / 5:
            tip = (0.9 * x * np.sin(turn), 0.03, 0.9 * x * np.cos(turn))
            parts.append(rod((0, 0.06, 0), tip, 0.03, 2))
    if v["has_arms"] > 0.5:
        arm = seat + v["arm"]
        parts += both(slab((x, arm, 0), (0.03, 0.02, 0.9 * z), 1))
        parts += both(rod((x, seat, 0.7 * z), (x, arm, 0.7 * z), 0.018, 1))
        parts += both(rod((x, seat, -0.8 * z), (x, arm, -0.8 * z), 0.018, 1))
    return parts


def _lamp(v: Values) -> list[Part]:
    height, shade, radius = v["height"], v["shade"], v["radius"]
    thick, base = v["pole"], v["base"]
    foot = (0, v["foot"], 0)
    parts = [rod((0, 0, 0), foot, base, 1, v["foot_top"])]
    if v["kind"] > 0.3:
        parts.append(rod(foot, (0, height, 0), thick, 2))
        low, high = (0, height - 0.4 * shade, 0), (0, height + 0.6 * shade, 0)
        parts.append(rod(low, high, radius, 0, v["taper"]))
        if v["has_bulge"] > 0.5:
            middle = 0.45 * height
            parts.append(rod(foot, (0, middle, 0), 0.7 * base, 1, 1.2))
            top = (0, 0.8 * height, 0)
            parts.append(rod((0, middle, 0), top, 0.84 * base, 1, 0.3))
        return parts
    elbow = (0, 0.55 * height, -0.35 * height)
    head = (0, height, 0.1 * height)
    parts += [rod(foot, elbow, thick, 2), rod(elbow, head, thick, 2)]
    mouth = (0, height - 0.8 * shade, 0.1 * height + shade)
    return [*parts, rod(head, mouth, 0.4 * radius, 0, 2.0)]


def _monitor(v: Values) -> list[Part]:
    x, y, z = v["width"] / 2, v["height"] / 2, v["thick"] / 2
    middle = v["neck"] + y
    parts = [
        slab((0, middle, 0), (x, y, z), 1),
        slab((0, middle, z), ((1 - v["rim"]) * x, (1 - 1.6 * v["rim"]) * y, 0.006), 2),
        slab((0, 0.012, -0.02), (v["foot"], 0.012, v["foot_depth"]), 0),
    ]
    if v["kind"] > 0.25:
        foot, head = (0, 0.01, -z - 0.02), (0, middle, -z)
        parts.append(rod(foot, head, v["post"], 0))
    else:  # a tube
        behind = [(-z, middle - 0.9 * y), (-z, middle + 0.9 * y)]
        behind += [(-z - 0.35, middle + 0.5 * y), (-z - 0.35, middle - 0.5 * y)]
        parts.append(prism(behind, 0.85 * x, 1))
        parts.append(slab((0, v["neck"] / 2, -0.1), (0.4 * x, v["neck"] / 2, 0.1), 0))
    return parts


def _sofa(v: Values) -> list[Part]:
    x, z, seat, thick = v["width"] / 2, v["depth"] / 2, v["seat"], v["thick"]
    foot = v["foot"]
    body = (seat - foot) / 2
    parts = [slab((0, foot + body, 0), (x, body, z))]
    rise = v["back"]
    outline = [(-z, foot), (-z + thick, foot)]
    outline += [(-z + 0.8 * thick - v["lean"], rise), (-z - v["lean"], rise)]
    parts.append(prism(outline, x))
    arm = slab((x, (v["arm"] + foot) / 2, 0), (thick / 2, (v["arm"] - foot) / 2, z), 0)
    parts += both(arm) if v["has_arms"] > 0.15 else []
    count = 1 + round(2 * v["cushions"])
    for i in range(count):
        at = -x + (2 * i + 1) * x / count, seat + 0.03, 0.5 * thick
        parts.append(slab(at, (0.94 * x / count, 0.05, z - 0.5 * thick), 1))
    return parts + _legs(0.95 * x, 0.85 * z, foot, 0.03, 0.0, 2)


def _speaker(v: Values) -> list[Part]:
    x, y, z = v["width"] / 2, v["height"] / 2, v["depth"] / 2
    lift = v["stand"] if v["has_stand"] > 0.65 else 0.0
    parts = [slab((0, lift + y, 0), (x, y, z), 0, v["taper"])]
    if lift:
        parts.append(slab((0, 0.015, 0), (x, 0.015, z), 1))
        parts.append(rod((0, 0, 0), (0, lift, 0), 0.3 * x, 1))
    count = 1 + round(2 * v["cones"])
    places = np.linspace(0.55, -0.7, count) if count > 1 else [0.0]
    for index, place in enumerate(places):
        radius = min(v["cone"] * x, 0.8 * y / count) * (0.6 if index == 0 else 1.0)
        # The front of what tapers lies a little behind that of its foot.
        front = z * (1 + (v["taper"] - 1) * (1 + place) / 2)
        at = (0, lift + y * (1 + place), front - 0.02)
        parts.append(rod(at, (*at[:2], front + 0.025), radius, 2))
    return parts


def _table(v: Values) -> list[Part]:
    x, z, high, thick = v["width"] / 2, v["depth"] / 2, v["height"], v["thick"]
    is_round = v["shape"] > 0.7
    top = slab((0, high, 0), (x, thick, z))
    if is_round:
        top = rod((0, high - thick, 0), (0, high + thick, 0), x)
        z = x
    share = 0.62 if is_round else v["inset"]
    if v["kind"] > 0.3:
        parts = _legs(share * x, share * z, high, v["leg"], v["splay"])
    elif v["kind"] > 0.15:
        parts = [rod((0, 0, 0), (0, high, 0), 1.6 * v["leg"], 1)]
        parts.append(rod((0, 0, 0), (0, 0.04, 0), 0.55 * min(x, z), 1))
    else:
        at, half = (share * x, high / 2, 0), (0.03, high / 2, 0.85 * share * z)
        parts = both(slab(at, half, 1))
    if v["has_shelf"] > 0.6 and v["kind"] > 0.3:
        shelf = slab((0, 0.3 * high, 0), (share * x, 0.012, share * z), 2)
        parts.append(shelf)
    return [top, *parts]


def _telephone(v: Values) -> list[Part]:
    x, y, z = v["width"] / 2, v["height"] / 2, v["thick"] / 2
    if v["kind"] > 0.4:  # a mobile one
        parts = [slab((0, y, 0), (x, y, z))]
        screen = v["screen"]
        at = (0, 2 * y - (screen + 0.06) * y, z)
        parts.append(slab(at, (0.88 * x, screen * y, 0.004), 2))
        free = 2 * y * (1 - screen) - 0.1 * y
        rows = 1 + round(3 * v["rows"])
        for i in range(rows):
            for j in (-0.55, 0, 0.55):
                key = j * x, 0.06 * y + free * (i + 0.5) / rows, z
                parts.append(slab(key, (0.2 * x, 0.3 * free / rows, 0.008), 1))
        if v["has_aerial"] > 0.7:
            parts.append(rod((0.7 * x, 2 * y, 0), (0.7 * x, 2.5 * y, 0), 0.4 * z, 2))
        return parts
    outline = [(-y, 0), (y, 0), (y, 0.25 * y), (-y, v["wedge"] * y)]
    parts = [prism(outline, 1.2 * x)]
    head = v["wedge"] * y + 0.02
    parts.append(slab((0, head, -0.5 * y), (1.5 * x, 0.05, 0.09), 1))
    parts += both(slab((1.3 * x, head - 0.05, -0.5 * y), (0.08, 0.08, 0.1), 1))
    for i in range(3):
        for j in (-0.45, 0, 0.45):
            share = 0.3 + 0.22 * i
            level = 0.25 * y + (1 - (share + 1) / 2) * (v["wedge"] - 0.25) * y
            parts.append(slab((j * x, level, share * y), (0.12 * x, 0.03, 0.05), 2))
    return parts


FURNITURE: dict[str, tuple[Builder, Limits]] = {
    "bench": (
        _bench,
        {
            "width": (1.0, 1.8), "depth": (0.3, 0.5), "seat": (0.35, 0.5),
            "thick": (0.015, 0.04), "leg": (0.6, 1.0), "has_back": (0, 1),
            "back": (0.3, 0.5), "lean": (0.02, 0.15), "has_arms": (0, 1),
        },
    ),
    "cabinet": (
        _cabinet,
        {
            "width": (0.4, 1.4), "height": (0.5, 1.5), "depth": (0.35, 0.6),
            "foot": (0.03, 0.15), "kind": (0, 1), "columns": (0, 1), "rows": (0, 1),
            "rim": (0.0, 0.04),
        },
    ),
    "chair": (
        _chair,
        {
            "width": (0.4, 0.6), "depth": (0.4, 0.55), "seat": (0.4, 0.5),
            "back": (0.35, 0.65), "lean": (0.02, 0.15), "thick": (0.02, 0.05),
            "kind": (0, 1), "back_top": (0.6, 1.0), "bars": (0, 1), "stand": (0, 1),
            "leg": (0.015, 0.03), "splay": (0.0, 0.15), "has_arms": (0, 1),
            "arm": (0.18, 0.26),
        },
    ),
    "lamp": (
        _lamp,
        {
            "height": (0.5, 1.4), "shade": (0.18, 0.4), "radius": (0.15, 0.32),
            "pole": (0.012, 0.025), "base": (0.1, 0.2), "foot": (0.02, 0.06),
            "foot_top": (0.5, 1.0), "kind": (0, 1), "taper": (0.4, 1.0),
            "has_bulge": (0, 1),
        },
    ),
    "monitor": (
        _monitor,
        {
            "width": (0.5, 0.9), "height": (0.32, 0.5), "thick": (0.03, 0.09),
            "neck": (0.08, 0.2), "rim": (0.04, 0.12), "foot": (0.12, 0.25),
            "foot_depth": (0.08, 0.15), "post": (0.02, 0.05), "kind": (0, 1),
        },
    ),
    "sofa": (
        _sofa,
        {
            "width": (1.2, 2.3), "depth": (0.75, 1.0), "seat": (0.36, 0.46),
            "thick": (0.12, 0.28), "foot": (0.05, 0.14), "back": (0.7, 1.0),
            "lean": (0.0, 0.12), "arm": (0.5, 0.66), "has_arms": (0, 1),
            "cushions": (0, 1),
        },
    ),
    "speaker": (
        _speaker,
        {
            "width": (0.18, 0.4), "height": (0.3, 1.1), "depth": (0.2, 0.4),
            "taper": (0.75, 1.0), "has_stand": (0, 1), "stand": (0.2, 0.5),
            "cones": (0, 1), "cone": (0.55, 0.85),
        },
    ),
    "table": (
        _table,
        {
            "width": (0.7, 1.8), "depth": (0.5, 1.0), "height": (0.4, 0.8),
            "thick": (0.012, 0.035), "shape": (0, 1), "inset": (0.75, 0.95),
            "kind": (0, 1), "leg": (0.02, 0.05), "splay": (0.0, 0.12),
            "has_shelf": (0, 1),
        },
    ),
    "telephone": (
        _telephone,
        {
            "width": (0.35, 0.6), "height": (0.8, 1.2), "thick": (0.06, 0.2),
            "kind": (0, 1), "screen": (0.35, 0.85), "rows": (0, 1),
            "has_aerial": (0, 1), "wedge": (0.4, 0.6),
        },
    ),
}  # fmt: skip

__all__ = ["FURNITURE", "Builder"]
