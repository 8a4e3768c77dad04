"""Things that move: plane, car, watercraft, and rifle.

Builders as in `ivg.scene.shapes.furniture`.
"""

import numpy as np

from ivg.scene.shapes.draws import Limits, Values
from ivg.scene.shapes.furniture import Builder
from ivg.scene.shapes.solids import (
    Part,
    beam,
    both,
    ellipse,
    loft,
    prism,
    quad,
    rod,
    slab,
)


def _body(stations: np.ndarray, tint: int = 0) -> Part:
    """A round body along z; rows are z, y of the axis, half width, half height."""
    rings = [
        ellipse((0, y, z), (wide, 0, 0), (0, high, 0)) for z, y, wide, high in stations
    ]
    return loft(rings, tint, True)


def _wing(root, tip, chords, thick, tint=1) -> Part:
    """A wing from one middle to another, chords along z, flat along y."""
    rings = [
        quad(at, (0, 0, chord / 2), (0, thin / 2, 0))
        for at, chord, thin in zip((root, tip), chords, (thick, thick / 2), strict=True)
    ]
    return loft(rings, tint)


def _plane(v: Values) -> list[Part]:
    r, half = v["radius"], v["length"] / 2
    nose, tail = half, -half
    parts = [
        _body(
            np.array(
                [
                    (nose, -0.2 * r, 0.15 * r, 0.15 * r),
                    (nose - 1.2 * r, -0.1 * r, 0.7 * r, 0.7 * r),
                    (nose - 2.6 * r, 0, r, r),
                    (0.35 * tail, 0, r, r),
                    (tail, 0.5 * r, 0.2 * r, 0.25 * r),
                ]
            )
        )
    ]
    span, sweep, chord = v["span"] / 2, v["sweep"], v["chord"]
    at = v["wing_at"] * half
    level = -0.5 * r if v["kind"] > 0.4 else 0.7 * r
    tip = (span, level + v["dihedral"] * span, at - sweep * span)
    parts += both(_wing((0, level, at), tip, (chord, v["taper"] * chord), 0.35 * r))
    rear, end = (0, 0.6 * r, 0.88 * tail), 0.38 * span
    tip = (end, 0.6 * r, 0.88 * tail - sweep * end)
    parts += both(_wing(rear, tip, (0.5 * chord, 0.3 * chord), 0.2 * r))
    high = (0, 0.6 * r + v["fin"], 0.95 * tail)
    fin = [quad(rear, (0, 0, 0.3 * chord), (0.12 * r, 0, 0))]
    parts.append(loft([*fin, quad(high, (0, 0, 0.15 * chord), (0.06 * r, 0, 0))], 1))
    for share in (0.35, 0.6)[: 1 + round(v["engines"])]:
        x = share * span
        y, z = level + v["dihedral"] * x - 0.45 * r, at - sweep * x
        front, back = (x, y, z + 0.55 * chord), (x, y, z - 0.2 * chord)
        parts += both(rod(front, back, 0.4 * r, 2, 0.7))
    return parts


def _car(v: Values) -> list[Part]:
    half, wide, belt = v["length"] / 2, v["width"] / 2, v["belt"]
    low, hood = v["clearance"], v["hood"] * v["belt"]
    outline = [
        (-half, low), (half, low), (half, 0.75 * hood), (0.9 * half, hood),
        (0.35 * half, belt), (-0.8 * half, belt), (-half, v["boot"] * belt),
    ]  # fmt: skip
    parts = [prism(outline, wide, 0, 0.94)]
    front, rear = v["screen"] * half, -v["rear"] * half
    roof = belt + v["cabin"]
    cabin = [(front, belt), (front - 0.25, roof), (rear + v["slope"], roof)]
    parts.append(prism([*cabin, (rear, belt)], 0.9 * wide, 1, 0.8))
    wheel = v["wheel"]
    for z in (0.62 * half, -0.62 * half):
        inner, outer = (0.8 * wide, wheel, z), (1.02 * wide, wheel, z)
        parts += both(rod(inner, outer, wheel, 2))
    if v["has_bed"] > 0.8:  # a lorry
        parts.append(slab((0, roof, -0.45 * half), (0.9 * wide, 0.4, 0.5 * half), 1))
    return parts


def _rifle(v: Values) -> list[Part]:
    barrel, radius, body = v["barrel"], v["radius"], v["body"]
    high, wide = v["high"] / 2, v["wide"] / 2
    parts = [
        rod((0, 0.3 * high, body / 2), (0, 0.3 * high, body / 2 + barrel), radius, 2),
        slab((0, 0, 0), (wide, high, body / 2), 0),
        slab((0, -0.2 * high, body / 2 + 0.2 * barrel),
             (0.9 * wide, 0.8 * high, 0.25 * barrel), 1),
    ]  # fmt: skip
    back, stock, drop = -body / 2, v["stock"], v["drop"]
    outline = [(back, 0.8 * high), (back, -0.8 * high)]
    outline += [(back - stock, -high - drop), (back - stock, 0.6 * high)]
    parts.append(prism(outline, 0.8 * wide, 1))
    grip = (0, -high - v["grip"], back + 0.02)
    parts.append(
        beam((0, -0.5 * high, back + 0.06), grip, (wide, 0, 0), (0, 0, 0.025), 1)
    )
    if v["has_magazine"] > 0.35:
        start, end = (
            (0, -0.5 * high, 0.12 * body),
            (0, -high - v["magazine"], 0.2 * body),
        )
        parts.append(beam(start, end, (0.8 * wide, 0, 0), (0, 0, 0.035), 2))
    if v["has_scope"] > 0.5:
        level = high + 0.045
        ends = (0, level, -v["scope"] / 2), (0, level, v["scope"] / 2)
        parts.append(rod(*ends, 0.022, 2))
        parts.append(slab((0, high + 0.02, 0), (0.01, 0.03, 0.03), 2))
    parts.append(slab((0, 0.3 * high + 0.03, body / 2 + 0.95 * barrel),
                      (0.006, 0.03, 0.01), 2))  # fmt: skip
    return parts


def _watercraft(v: Values) -> list[Part]:
    half, wide, deep = v["length"] / 2, v["width"] / 2, v["depth"]
    sheer = v["sheer"]
    shares = np.array([-1.0, -0.6, 0.0, 0.5, 0.8, 1.0])
    widths = wide * np.array([v["stern"], 0.95, 1.0, 0.8, 0.45, 0.04])
    rings = []
    for share, half_width in zip(shares, widths, strict=True):
        top, keel = sheer * share**2, -deep * (1 - 0.35 * max(share, 0))
        z = share * half
        section = [(-1, top), (-0.75, 0.6 * keel), (-0.1, keel), (0.1, keel)]
        section += [(0.75, 0.6 * keel), (1, top)]
        rings.append(np.array([(half_width * x, y, z) for x, y in section]))
    parts = [loft(rings)]
    if v["kind"] > 0.35:  # with a house on deck
        long, high, at = v["house"] * half, v["house_height"], v["house_at"] * half
        parts.append(slab((0, high / 2, at), (0.65 * wide, high / 2, long), 1, 0.9))
        bridge = (0, 1.25 * high, at + 0.3 * long)
        parts.append(slab(bridge, (0.5 * wide, 0.3 * high, 0.45 * long), 1, 0.85))
        if v["has_funnel"] > 0.5:
            foot, head = (0, high, at - 0.5 * long), (0, 2.2 * high, at - 0.6 * long)
            parts.append(rod(foot, head, 0.25 * wide, 2, 0.8))
        return parts
    mast = v["mast"]
    parts.append(rod((0, -0.02, 0.1 * half), (0, mast, 0.1 * half), 0.02, 2, 0.6))
    sail = [(0.07 * half, 0.12 * mast), (-0.75 * half, 0.12 * mast)]
    parts.append(prism([*sail, (0.07 * half, 0.95 * mast)], 0.012, 1))
    if v["has_funnel"] > 0.4:
        jib = [(0.15 * half, 0.1 * mast), (0.9 * half, 0.1 * mast)]
        parts.append(prism([*jib, (0.15 * half, 0.8 * mast)], 0.012, 1))
    return parts


VEHICLES: dict[str, tuple[Builder, Limits]] = {
    "plane": (
        _plane,
        {
            "length": (0.9, 1.3), "radius": (0.045, 0.09), "span": (0.8, 1.3),
            "sweep": (0.0, 0.6), "chord": (0.16, 0.3), "taper": (0.3, 0.8),
            "dihedral": (0.0, 0.12), "wing_at": (0.0, 0.3), "kind": (0, 1),
            "fin": (0.12, 0.24), "engines": (0, 1),
        },
    ),
    "car": (
        _car,
        {
            "length": (3.4, 4.8), "width": (1.5, 1.9), "belt": (0.75, 0.95),
            "clearance": (0.18, 0.3), "hood": (0.75, 0.98), "boot": (0.6, 1.0),
            "screen": (0.25, 0.6), "rear": (0.4, 0.9), "cabin": (0.35, 0.75),
            "slope": (0.1, 0.7), "wheel": (0.28, 0.38), "has_bed": (0, 1),
        },
    ),
    "rifle": (
        _rifle,
        {
            "barrel": (0.35, 0.65), "radius": (0.012, 0.02), "body": (0.25, 0.4),
            "high": (0.06, 0.1), "wide": (0.04, 0.06), "stock": (0.22, 0.35),
            "drop": (0.0, 0.08), "grip": (0.07, 0.13), "has_magazine": (0, 1),
            "magazine": (0.06, 0.18), "has_scope": (0, 1), "scope": (0.15, 0.32),
        },
    ),
    "watercraft": (
        _watercraft,
        {
            "length": (1.2, 2.4), "width": (0.35, 0.6), "depth": (0.15, 0.3),
            "sheer": (0.05, 0.2), "stern": (0.5, 0.95), "kind": (0, 1),
            "house": (0.2, 0.45), "house_height": (0.12, 0.3), "house_at": (-0.4, 0.1),
            "has_funnel": (0, 1), "mast": (0.8, 1.5),
        },
    ),
}  # fmt: skip

__all__ = ["VEHICLES"]
