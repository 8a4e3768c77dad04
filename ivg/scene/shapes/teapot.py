"""A teapot: a body of revolution, a spout and a handle."""

import numpy as np

from ivg.scene.mesh import Mesh
from ivg.scene.shapes.solids import Part, ellipse, loft, mesh_from_parts

# Radius and height of the body and its lid, from the bottom up.
BODY = (
    (0.24, 0.0), (0.31, 0.06), (0.36, 0.16), (0.37, 0.26), (0.33, 0.37), (0.26, 0.44),
    (0.25, 0.45), (0.17, 0.49), (0.06, 0.51), (0.045, 0.53), (0.07, 0.57), (0.03, 0.61),
)  # fmt: skip
# Distance from the axis, height and radius along the spout and along the handle.
_SPOUT = ((0.28, 0.14, 0.1), (0.42, 0.19, 0.07), (0.5, 0.31, 0.05), (0.58, 0.42, 0.045))
_HANDLE_RADIUS = 0.035
_SIDES = 20


def make_teapot() -> Mesh:
    """A teapot that stands on y = 0, with its spout along +z.

    Returns:
      `Mesh`, 1.2 long, 0.74 wide and 0.61 high.
    """
    return mesh_from_parts([_body(), _spout(), _handle()])[0]


def _body() -> Part:
    rings = [ellipse((0, y, 0), (r, 0, 0), (0, 0, r), _SIDES) for r, y in BODY]
    return loft(rings, smooth=True)


def _spout() -> Part:
    path = np.array([(0.0, y, z) for z, y, _ in _SPOUT])
    return _tube(path, [radius for *_, radius in _SPOUT])


def _handle() -> Part:
    """Half a ring behind the body."""
    turn = np.linspace(0.1, 0.9, 9) * np.pi
    places = [(0.0, 0.24 + 0.16 * np.cos(a), -0.3 - 0.28 * np.sin(a)) for a in turn]
    return _tube(np.array(places), [_HANDLE_RADIUS] * len(turn))


def _tube(path: np.ndarray, radii) -> Part:
    """Rings across a path in the plane x = 0."""
    along = np.gradient(path, axis=0)
    across = np.cross(along, (1.0, 0.0, 0.0))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    rings = [
        ellipse(point, (radius, 0, 0), radius * side, 10)
        for point, side, radius in zip(path, across, radii, strict=True)
    ]
    return loft(rings, smooth=True)


__all__ = ["BODY", "make_teapot"]
