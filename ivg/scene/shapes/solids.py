"""Parts that things are put together from: lofts between rings of points, in NumPy.

A ring is `[C, 3]` points around a section; a part runs through two rings or more and
is closed at both ends. Parts of a thing may reach into each other. Faces are
counter-clockwise from outside whatever way the rings run.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ivg.scene.mesh import Mesh, make_mesh

Point = Sequence[float]
SIDES = 16  # of what is round


class Part(NamedTuple):
    """A closed piece of surface.

    Attributes:
      vertices: `[V, 3]` metres.
      normals: `[V, 3]` unit, outward.
      faces: `[F, 3]` int.
      tint: which colour of the thing it has.
    """

    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    tint: int


def quad(centre: Point, a: Point, b: Point) -> np.ndarray:
    """A ring of four points.

    Args:
      centre: of a parallelogram.
      a: from the centre to the middle of one side.
      b: from the centre to the middle of the next.

    Returns:
      `[4, 3]`.
    """
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return np.asarray(centre) + signs @ np.array([a, b], float)


def ellipse(centre: Point, a: Point, b: Point, sides: int = SIDES) -> np.ndarray:
    """A ring of points on an ellipse.

    Args:
      centre: of the ellipse.
      a: one half axis.
      b: the other.
      sides: `C`.

    Returns:
      `[C, 3]`.
    """
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)[:, None]
    return np.asarray(centre) + np.cos(turn) * np.array(a) + np.sin(turn) * np.array(b)


def loft(rings: Sequence[np.ndarray], tint: int = 0, smooth: bool = False) -> Part:
    """A part through rings of equally many points.

    Args:
      rings: two or more of `[C, 3]`; the first and the last are closed with fans.
      tint: which colour.
      smooth: whether its sides are round; otherwise every face is flat.

    Returns:
      `Part`; faces without area are left out.
    """
    grid = np.asarray(rings, float)
    num_rings, count = grid.shape[:2]
    number = np.arange(num_rings * count).reshape(num_rings, count)
    after = np.roll(number, -1, 1)
    corners = number[:-1], after[:-1], after[1:], number[1:]
    a, b, c, d = (x.reshape(-1) for x in corners)
    sides = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    middles = grid[[0, -1]].mean(1)
    first, last = number.size, number.size + 1
    lids = np.concatenate(
        [
            np.stack([after[0], number[0], np.full(count, first)], 1),
            np.stack([number[-1], after[-1], np.full(count, last)], 1),
        ]
    )
    points = np.concatenate([grid.reshape(-1, 3), middles])
    if _volume(points, np.concatenate([sides, lids])) < 0:
        sides, lids = sides[:, ::-1], lids[:, ::-1]
    flat = _flat(points, lids if smooth else np.concatenate([sides, lids]), tint)
    return joined([_round(points, sides, tint), flat], tint) if smooth else flat


def _volume(points, faces):
    a, b, c = (points[faces[:, i]] - points.mean(0) for i in range(3))
    return np.sum(np.cross(a, b) * c)


def _area_normals(points, faces):
    a, b, c = (points[faces[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _with_area(points, faces):
    extent = np.ptp(points, axis=0).max()
    areas = np.linalg.norm(_area_normals(points, faces), axis=1)
    return faces[areas > 1e-9 * extent**2]


def _flat(points, faces, tint):
    faces = _with_area(points, faces)
    normals = np.repeat(_unit(_area_normals(points, faces)), 3, 0)
    order = np.arange(3 * len(faces)).reshape(-1, 3)
    return Part(points[faces].reshape(-1, 3), normals, order, tint)


def _round(points, faces, tint):
    """One normal at each point, the mean of the faces around."""
    faces = _with_area(points, faces)
    used, order = np.unique(faces, return_inverse=True)
    order = order.reshape(-1, 3)
    normals = np.zeros((len(used), 3))
    for corner in range(3):
        np.add.at(normals, order[:, corner], _area_normals(points, faces))
    return Part(points[used], _unit(normals), order, tint)


def joined(parts: Sequence[Part], tint: int = 0) -> Part:
    """Parts as one.

    Args:
      parts: one or more.
      tint: its colour.

    Returns:
      `Part`.
    """
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    faces = [p.faces + s for p, s in zip(parts, starts, strict=True)]
    return Part(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate(faces),
        tint,
    )


def slab(centre: Point, half: Point, tint: int = 0, top: float = 1.0) -> Part:
    """A box, or one whose top is smaller than its bottom.

    Args:
      centre: of the box.
      half: half of its extent along each axis.
      tint: which colour.
      top: size of the top as a share of the bottom's.

    Returns:
      `Part`.
    """
    x, y, z = half
    up = np.array([0, y, 0])
    middle = np.asarray(centre, float)
    low = quad(middle - up, (x, 0, 0), (0, 0, z))
    return loft([low, quad(middle + up, (top * x, 0, 0), (0, 0, top * z))], tint)


def beam(
    start: Point, end: Point, a: Point, b: Point, tint: int = 0, tip: float = 1.0
) -> Part:
    """A straight bar of rectangular section.

    Args:
      start: middle of one end.
      end: middle of the other.
      a: from the middle of the section to the middle of a side.
      b: the same for the next side.
      tint: which colour.
      tip: size of the last section as a share of the first.

    Returns:
      `Part`.
    """
    narrow = tip * np.asarray(a, float), tip * np.asarray(b, float)
    return loft([quad(start, a, b), quad(end, *narrow)], tint)


def rod(
    start: Point, end: Point, radius: float, tint: int = 0, tip: float = 1.0
) -> Part:
    """A cylinder or the frustum of a cone.

    Args:
      start: middle of one end.
      end: middle of the other.
      radius: at the start.
      tint: which colour.
      tip: radius of the end as a share of that of the start.

    Returns:
      `Part`.
    """
    along = np.subtract(end, start)
    helper = np.eye(3)[np.argmin(np.abs(along))]
    a = np.cross(along, helper)
    a = radius * a / np.linalg.norm(a)
    b = np.cross(along, a) / np.linalg.norm(along)
    return loft([ellipse(start, a, b), ellipse(end, tip * a, tip * b)], tint, True)


def prism(
    outline: Sequence[Point], half_width: float, tint: int = 0, top: float = 1.0
) -> Part:
    """A profile, seen from the side, drawn out along x.

    Args:
      outline: `(z, y)` around a profile that its middle sees all of.
      half_width: of the prism.
      tint: which colour.
      top: half width at the highest point as a share of that at the lowest.

    Returns:
      `Part`.
    """
    z, y = np.asarray(outline, float).T
    share = (y - y.min()) / max(np.ptp(y), 1e-9)
    width = half_width * (1 + share * (top - 1))
    left, right = (np.stack([s * width, y, z], 1) for s in (-1, 1))
    return loft([left, right], tint)


def mirror(part: Part) -> Part:
    """The other one of a pair.

    Args:
      part: on one side of the plane x = 0.

    Returns:
      `Part` on the other side.
    """
    flip = np.array([-1.0, 1.0, 1.0])
    return part._replace(
        vertices=part.vertices * flip,
        normals=part.normals * flip,
        faces=part.faces[:, ::-1],
    )


def both(part: Part) -> list[Part]:
    """A part and its mirror image.

    Args:
      part: on one side of the plane x = 0.

    Returns:
      The two.
    """
    return [part, mirror(part)]


def mesh_from_parts(parts: Sequence[Part]) -> tuple[Mesh, np.ndarray]:
    """The mesh of a thing.

    Args:
      parts: one or more.

    Returns:
      `Mesh` without padding, and `[V]` int tints of its vertices.
    """
    whole = joined(parts)
    tints = np.concatenate([np.full(len(p.vertices), p.tint) for p in parts])
    return make_mesh(whole.vertices, whole.faces, whole.normals), tints


__all__ = [
    "SIDES",
    "Part",
    "beam",
    "both",
    "ellipse",
    "joined",
    "loft",
    "mesh_from_parts",
    "mirror",
    "prism",
    "quad",
    "rod",
    "slab",
]
