"""Tokens as seen from the middle of each box, in units of the box.

The tokens of `ivg.data.sparse_tokens` are in the frame of the camera: an object fills a
small part of the range of each channel, elsewhere in each picture, and a network first
has to find out where. Seen along the line of sight to the middle of the box, in units
of the size of the box, all objects lie alike, and so do the changes of their poses:
angles and the logarithm of the distance are in units of half the box.

Source: a departure from Langer et al., Sparse Multi-Object Render-and-Compare, whose
tokens are in the frame of the camera.
"""

from typing import NamedTuple

import jax.numpy as jnp

from ivg.data.first_poses import median_depths
from ivg.data.sparse_tokens import DEPTH, DEPTH_M, Sight, Tokens
from ivg.geometry.camera import ray_directions
from ivg.numerics import safe_divide
from ivg.typing import Array

_LEAST_HALF = 0.02
_MOST = 10.0


class BoxFrames(NamedTuple):
    """Where the boxes of `N` objects are.

    Attributes:
      turn: `[N, 2]` cosine and sine of the azimuth of the middle, about the camera's y.
      rise: `[N]` tangent of its elevation.
      half: `[N]` tangent of half the box: of its longer side.
      distance_m: `[N]` median depth of the object, along the turned axis.
    """

    turn: Array
    rise: Array
    half: Array
    distance_m: Array


def box_frames(sight: Sight, box: Tokens) -> BoxFrames:
    """The frames of the boxes of a picture.

    Args:
      sight: picture with `N` detections.
      box: from `box_tokens`.

    Returns:
      `BoxFrames` of `N`.
    """
    found = sight.detections.box_px
    low, high = found[:, :2], found[:, 2:]
    ray = ray_directions(sight.camera, (low + high) / 2)  # one metre of depth
    flat = jnp.hypot(ray[:, 0], ray[:, 2])
    turn = jnp.stack([-ray[:, 2], ray[:, 0]], -1) / flat[:, None]
    focal = jnp.min(sight.camera.focal_px)
    half = jnp.max(high - low, -1) / (2 * focal * flat)
    return BoxFrames(
        turn, ray[:, 1] / flat, jnp.maximum(half, _LEAST_HALF),
        median_depths(box) * flat,
    )  # fmt: skip


def in_box_frames(values: Array, frames: BoxFrames, count: int = 0) -> Array:
    """Tokens as seen from the middle of their boxes.

    Args:
      values: `[..., N, T, 13]` in the frame of the camera.
      frames: of `[..., N]`.
      count: points of each model; the last `2 count` tokens are the pixels on which
        they fall and the points themselves.

    Returns:
      `[..., N, T, 13]`: in the place of the direction of sight, two tangents from the
      middle of the box, in units of `half`, and the logarithm of half the size of the
      box in metres; normals turned; in the place of the depth, the inverse hyperbolic
      sine of how much farther than the object, in units of `half`, zero if unknown.
      Pixels on which points fall have the normal of the point in the place of the
      colour, and in that of the size how much farther they are than the point.
    """
    rise, half, distance = (x[..., None] for x in frames[1:])
    ray, turn = _turned(values[..., :3], frames.turn), frames.turn
    across = safe_divide(ray[..., 0], -ray[..., 2]) / half
    up = (safe_divide(ray[..., 1], -ray[..., 2]) - rise) / half
    depth = DEPTH_M * values[..., DEPTH]
    ahead = depth * safe_divide(ray[..., 2], values[..., 2])
    beyond = jnp.where(depth > 0, jnp.arcsinh((ahead / distance - 1) / half), 0.0)
    metres = jnp.broadcast_to(jnp.log(half * distance), across.shape)
    seen = jnp.stack([*(jnp.clip(x, -_MOST, _MOST) for x in (across, up)), metres], -1)
    parts = [
        seen, values[..., 3:6], _turned(values[..., 6:9], turn), beyond[..., None],
        values[..., DEPTH + 1 :],
    ]  # fmt: skip
    seen = jnp.concatenate(parts, -1)
    return _compared(seen, values[..., DEPTH] > 0, count) if count else seen


def _compared(values, known, count):
    """Pixels under points say what the points have."""
    rows = slice(values.shape[-2] - 2 * count, values.shape[-2] - count)
    points = values[..., -count:, :]
    farther = values[..., rows, DEPTH] - points[..., DEPTH]
    farther = jnp.where(known[..., rows], farther, 0.0)
    values = values.at[..., rows, 2].set(farther)
    return values.at[..., rows, 3:6].set(points[..., 6:9])


def _turned(vectors, turn):
    """`[..., N, T, 3]` turned about y, so that the middle of the box is ahead."""
    cosine, sine = turn[..., None, 0], turn[..., None, 1]
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return jnp.stack([cosine * x + sine * z, y, cosine * z - sine * x], -1)


def in_units(numbers: Array, frames: BoxFrames) -> Array:
    """What a network says in units of boxes, in radians and logarithms.

    Args:
      numbers: `[..., N, 11]`.
      frames: of `[..., N]`.

    Returns:
      `[..., N, 11]`: the first three times `half`.
    """
    return numbers.at[..., :3].multiply(frames.half[..., None])


__all__ = ["BoxFrames", "box_frames", "in_box_frames", "in_units"]
