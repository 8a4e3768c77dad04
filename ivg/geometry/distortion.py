"""Lenses that distort, as OpenCV describes them.

Points are in the camera frame of OpenCV and of Human3.6M: +x right, +y *down*, +z
forward, unlike that of `ivg.geometry.camera`. Normalised coordinates are `x / z` and
`y / z`, or pixels after `(pixel - principal point) / focal length`; they have no unit.
"""

import jax.numpy as jnp
from flax import struct

from ivg.typing import Array

NEAREST = 0.1


@struct.dataclass
class Lens:
    """What a camera does to points of its frame.

    Attributes:
      focal_px: `[2]` focal length along x and y, pixels.
      principal_point_px: `[2]` where the optical axis meets the image, pixels.
      radial: `[3]` coefficients k1, k2, k3 of the second, fourth and sixth power.
      tangential: `[2]` coefficients p1, p2.
    """

    focal_px: Array
    principal_point_px: Array
    radial: Array
    tangential: Array


def distort(points: Array, radial: Array, tangential: Array) -> Array:
    """Where a lens puts normalised points.

    With `r2 = x^2 + y^2`:
      x' = x (1 + k1 r2 + k2 r2^2 + k3 r2^3) + 2 p1 x y + p2 (r2 + 2 x^2),
      y' = y (1 + k1 r2 + k2 r2^2 + k3 r2^3) + p1 (r2 + 2 y^2) + 2 p2 x y.

    Args:
      points: `[V, 2]` normalised.
      radial: `[3]` k1, k2, k3.
      tangential: `[2]` p1, p2.

    Returns:
      `[V, 2]` normalised, distorted. Differentiable in all arguments.

    Source: OpenCV, camera calibration and 3D reconstruction, distortion model.
    """
    square = jnp.sum(points**2, -1, keepdims=True)
    (k1, k2, k3), (p1, p2) = radial, tangential
    factor = 1 + square * (k1 + square * (k2 + square * k3))
    along = 2 * jnp.sum(points * jnp.stack([p2, p1]), -1, keepdims=True)
    # x (2 p2 x + 2 p1 y) + p2 r2 holds both tangential terms.
    return points * (factor + along) + square * jnp.stack([p2, p1])


def project_normalized(points: Array, radial: Array, tangential: Array) -> Array:
    """Distorted normalised coordinates of points in front of a camera.

    Args:
      points: `[V, 3]`, x right, y down, z forward, any unit. A depth below
        `NEAREST` counts as that much, without gradient: the result is finite.
      radial: `[3]` k1, k2, k3.
      tangential: `[2]` p1, p2.

    Returns:
      `[V, 2]`.
    """
    depth = jnp.maximum(points[:, 2:], NEAREST)
    return distort(points[:, :2] / depth, radial, tangential)


def project_lens(lens: Lens, points: Array) -> Array:
    """Pixels of points in the camera frame.

    Args:
      lens: lens.
      points: `[V, 3]` metres, x right, y down, z forward.

    Returns:
      `[V, 2]` pixels (x, y), as `cv2.projectPoints` gives them.
    """
    normalized = project_normalized(points, lens.radial, lens.tangential)
    return normalized * lens.focal_px + lens.principal_point_px


def normalize_px(lens: Lens, pixels: Array) -> Array:
    """Pixels as normalised coordinates that are still distorted.

    Args:
      lens: lens.
      pixels: `[V, 2]` pixels (x, y).

    Returns:
      `[V, 2]` `(pixel - principal point) / focal length`.
    """
    return (pixels - lens.principal_point_px) / lens.focal_px


__all__ = [
    "NEAREST",
    "Lens",
    "distort",
    "normalize_px",
    "project_lens",
    "project_normalized",
]
