"""Curves of cubic Bezier pieces, in any number of dimensions.

A curve is a control array `[K, 4, D]` of `K` pieces; piece `k` is passed as the
parameter `u` goes from `k` to `k + 1`. Curves are joined by concatenation. A profile
is a curve whose coordinates are the place along a part and the sizes of its section.
Rows and columns are the constant parameters at which a part is sampled along and
around: see `surface.py`.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from ivg.typing import Array

QUARTER = 0.5523  # handle of the cubic that is nearest to a quarter circle


def vector(*components) -> Array:
    """A vector from scalars, some of which may be traced.

    Args:
      *components: `D` scalars.

    Returns:
      `[D]`.
    """
    return jnp.stack([jnp.asarray(c, jnp.result_type(float)) for c in components])


def cubic_path(control: Array, u: Array) -> Array:
    """Point of a piecewise cubic Bezier curve.

    Args:
      control: `[K, 4, D]`.
      u: `[]` in [0, K].

    Returns:
      `[D]`. Differentiable in both; at a joint, `u` belongs to the later piece.
    """
    piece = jnp.clip(jnp.floor(u).astype(jnp.int32), 0, control.shape[0] - 1)
    t = u - piece
    p0, p1, p2, p3 = control[piece]
    s = 1 - t
    return s**3 * p0 + 3 * s**2 * t * p1 + 3 * s * t**2 * p2 + t**3 * p3


def line(start: Array, end: Array) -> Array:
    """A straight piece.

    Args:
      start: `[D]`.
      end: `[D]`.

    Returns:
      `[1, 4, D]` control points, evenly spaced.
    """
    step = (end - start) / 3
    return jnp.stack([start, start + step, end - step, end])[None]


def bend(start: Array, start_reach: Array, end: Array, end_reach: Array) -> Array:
    """A quarter of an ellipse, or the like of it for reaches at other angles.

    Args:
      start: `[D]`.
      start_reach: `[D]` from the start to the corner that is rounded off.
      end: `[D]`.
      end_reach: `[D]` from that corner to the end.

    Returns:
      `[1, 4, D]` control points.
    """
    return jnp.stack(
        [start, start + QUARTER * start_reach, end - QUARTER * end_reach, end]
    )[None]


def smooth_pieces(stations: Array) -> Array:
    """A smooth curve through points, as a function of their first coordinate.

    Args:
      stations: `[K + 1, D]`, strictly monotone in the first coordinate.

    Returns:
      `[K, 4, D]` control points of cubic Hermite pieces with centred slopes.
    """
    ahead = jnp.concatenate([stations[1:], stations[-1:]])
    behind = jnp.concatenate([stations[:1], stations[:-1]])
    slope = (ahead - behind) / (ahead - behind)[:, :1]
    step = jnp.diff(stations[:, :1], axis=0) / 3
    start, end = stations[:-1], stations[1:]
    return jnp.stack([start, start + step * slope[:-1], end - step * slope[1:], end], 1)


def capped_pieces(stations: Array, start_inset: Array, end_inset: Array) -> Array:
    """A smooth profile that is rounded off and closed at both ends.

    Args:
      stations: `[K + 1, D]`, as in `smooth_pieces`.
      start_inset: `[D]` by how much the profile recedes across the fillet at the
        start: its first component is the fillet's length along the part, the
        others how much the section shrinks.
      end_inset: `[D]` the same at the end.

    Returns:
      `[K + 4, 4, D]`: a flat cap, a fillet, the `K` pieces, a fillet, a flat cap.
    """

    def cap(ring, inset, sign):
        along = jnp.zeros_like(ring).at[0].set(-sign * inset[0])
        across = inset.at[0].set(0.0)
        rim = ring + along - across
        return rim, along, across, _centre(rim)

    rim, along, across, pole = cap(stations[0], start_inset, 1)
    start = [line(pole, rim), bend(rim, across, stations[0], -along)]
    rim, along, across, pole = cap(stations[-1], end_inset, -1)
    end = [bend(stations[-1], along, rim, -across), line(rim, pole)]
    return jnp.concatenate([*start, smooth_pieces(stations), *end])


def _centre(ring: Array) -> Array:
    z, _, low, high, _ = ring
    return vector(z, 0.0, (low + high) / 2, (low + high) / 2, 0.0)


def piece_rows(steps: Sequence[int]) -> np.ndarray:
    """Row parameters with a number of steps in each piece of a curve.

    Args:
      steps: steps in piece 0, 1, ...

    Returns:
      `[1 + sum(steps)]` from 0 to the number of pieces.
    """
    rows = [k + np.arange(n) / n for k, n in enumerate(steps)]
    return np.append(np.concatenate(rows), len(steps))


def circle_columns(num: int) -> np.ndarray:
    """Columns of a round part.

    Args:
      num: points around.

    Returns:
      `[num + 1, 3]`; the last repeats the first.
    """
    angle = np.linspace(0, 2 * np.pi, num + 1)
    return np.column_stack([angle, np.zeros((num + 1, 2))])


def corner_columns(steps: int) -> np.ndarray:
    """Columns of a part whose section is a rectangle with rounded corners.

    Args:
      steps: steps around each corner.

    Returns:
      `[4 * (steps + 1) + 1, 3]`; the signs tell the corner that an angle is of.
    """
    angle = np.linspace(0, np.pi / 2, steps + 1)
    corners = [(0, 1, 1), (1, -1, 1), (2, -1, -1), (3, 1, -1)]
    columns = [
        np.column_stack([k * np.pi / 2 + angle, np.tile((a, b), (steps + 1, 1))])
        for k, a, b in corners
    ]
    return np.concatenate([*columns, [[2 * np.pi, 1, 1]]])


__all__ = [
    "bend",
    "capped_pieces",
    "circle_columns",
    "corner_columns",
    "cubic_path",
    "line",
    "piece_rows",
    "smooth_pieces",
    "vector",
]
