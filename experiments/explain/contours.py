"""Contours: how well the edges of a render lie on those of a picture.

Colours mislead on photographs: a cup may be red outside and white within, and lies
on a saucer, where the model knows one colour and a bare table. Edges show where
things are all the same. Distances from the edges of the picture are found once;
a guess is good if its own contours lie where they are small (chamfer matching,
Barrow et al., IJCAI 1977).
"""

import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from ivg.energy.pixel import robust_negative_log_likelihood
from ivg.energy.tabletop import display, render_tabletop
from ivg.numerics import safe_divide, safe_sqrt
from ivg.refine.gradient import EnergyFn
from ivg.scene.library import MeshLibrary
from ivg.typing import Array

CONTOUR_WEIGHT = 3.0


def edge_distance(observation: np.ndarray, share: float = 0.12) -> np.ndarray:
    """How far each pixel is from the strongest edges of a picture.

    Args:
      observation: `[H, W, 3]` linear RGB.
      share: share of the pixels that count as edges.

    Returns:
      `[H, W]` float32 distance in units of a sixteenth of the picture, at most one.
    """
    shown = np.asarray(display(jnp.asarray(observation)))
    smooth = scipy.ndimage.gaussian_filter(shown, (0.7, 0.7, 0))
    strength = sum(np.abs(scipy.ndimage.sobel(smooth, axis)).max(-1) for axis in (0, 1))
    edge = strength >= np.quantile(strength, 1 - share)
    distance = scipy.ndimage.distance_transform_edt(~edge)
    return np.minimum(distance / (shown.shape[0] / 16), 1).astype(np.float32)


def contour_energy(object_index: Array, normal: Array, distance: Array) -> Array:
    """Mean distance of the contours of a render from the edges of a picture.

    Args:
      object_index: `[H, W]` int32 node at each pixel, the ground being node 0.
      normal: `[H, W, 3]` unit normals.
      distance: `[H, W]` from `edge_distance`.

    Returns:
      `[]` in [0, 1]; contours are the outlines of objects and the creases and
      folds within them.

    Source: chamfer matching, Barrow et al., IJCAI 1977.
    """

    def changes(axis):
        other = [jnp.roll(x, -1, axis) for x in (object_index, normal)]
        folds = jnp.sum(normal * other[1], -1) < 0.7
        touches = (object_index > 0) | (other[0] > 0)
        return ((object_index != other[0]) | folds) & touches

    contour = (changes(0) | changes(1))[:-1, :-1]
    total = jnp.sum(jnp.where(contour, distance[:-1, :-1], 0))
    return safe_divide(total, jnp.sum(contour).astype(total.dtype), fallback=1.0)


def soft_contour_energy(picture: Array, distance: Array) -> Array:
    """Mean distance of the edges of a rendered picture from those of another.

    `sum |grad r| D / sum |grad r|`, which moves with the antialiased edges of `r`.

    Args:
      picture: `[H, W, 3]` rendered display intensities.
      distance: `[H, W]` from `edge_distance`.

    Returns:
      `[]` in [0, 1]. Differentiable in the picture.
    """
    down = picture[1:, :-1] - picture[:-1, :-1]
    right = picture[:-1, 1:] - picture[:-1, :-1]
    strength = safe_sqrt(jnp.sum(down**2 + right**2, -1))
    total = jnp.sum(strength * distance[:-1, :-1])
    return safe_divide(total, jnp.sum(strength), fallback=1.0)


def photograph_energy(library: MeshLibrary, *, fov_rad) -> EnergyFn:
    """Makes the energy of a table-top for photographs: colours and contours.

    LiDO's equation (1) plus `CONTOUR_WEIGHT` times `soft_contour_energy`.

    Args:
      library: shapes, from `tabletop_library`.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      Function `(latents, (picture, distance)) -> []` of latents, a `[H, W, 3]`
      linear RGB picture and its `edge_distance`.
    """

    def energy(latents, observation):
        picture, distance = observation
        height, width = distance.shape
        rendered = display(
            render_tabletop(
                latents, library, height=height, width=width, fov_rad=fov_rad
            )
        )
        colours = robust_negative_log_likelihood(rendered, display(picture))
        return colours + CONTOUR_WEIGHT * soft_contour_energy(rendered, distance)

    return energy


__all__ = [
    "CONTOUR_WEIGHT",
    "contour_energy",
    "edge_distance",
    "photograph_energy",
    "soft_contour_energy",
]
