"""Whether depth maps of one scene from two cameras agree, as both know.

A point that one camera sees lies at what the other one sees, or behind it. It cannot
lie before: the other camera would see it. That can be asked of depth maps without
knowing the true depth.

Single pictures do not say this. A depth map that is fitted to one picture, with known
camera and lights, explains it better than the true depth does and is far from that:
concave and convex, near and dark, far and bright stand for each other. Two views of a
room that stays the same do not allow it.

This loss is ours. It takes the place of what the paper leaves to the critic alone, to
make the pictures of a latent from all cameras those of one scene.
"""

import jax.numpy as jnp

from ivg.geometry.camera import Camera, project
from ivg.render.surfel import surfel_points
from ivg.typing import Array


def points_before(
    depth: Array, camera: Camera, other_depth: Array, other: Camera
) -> Array:
    """How far the points of one depth map are before the surface of another.

    Args:
      depth: `[H, W]` metres along the optical axis.
      camera: of that.
      other_depth: `[H', W']` metres.
      other: camera of that.

    Returns:
      `[H, W]` metres, not negative; zero for points that the other camera does not
      show. Differentiable in both depths and cameras.
    """
    points = surfel_points(depth, camera).reshape(3, -1).T
    pixels, away = project(other, points)
    found, inside = _depth_at(other_depth, pixels)
    seen = inside & (away > other.near)
    before = jnp.where(seen, jnp.maximum(found - away, 0), 0)
    return before.reshape(depth.shape)


def _depth_at(depth: Array, pixels: Array) -> tuple[Array, Array]:
    """`[P]` depth between pixel centres, and whether `[P, 2]` pixels lie among them."""
    height, width = depth.shape
    place = pixels - 0.5
    last = jnp.array([width - 1, height - 1], place.dtype)
    inside = jnp.all((place >= 0) & (place <= last), -1)
    place = jnp.where(inside[:, None], place, 0)
    low = jnp.clip(jnp.floor(place), 0, last - 1)
    share, (x, y) = place - low, low.astype(jnp.int32).T
    flat = depth.reshape(-1)
    corners = [flat[(y + j) * width + x + i] for j in (0, 1) for i in (0, 1)]
    right, down = share.T
    top = corners[0] + right * (corners[1] - corners[0])
    bottom = corners[2] + right * (corners[3] - corners[2])
    return top + down * (bottom - top), inside


def consistency_loss(
    depth: Array, camera: Camera, other_depth: Array, other: Camera
) -> Array:
    """How much two depth maps of one scene contradict each other.

    Args:
      depth: `[H, W]` metres along the optical axis.
      camera: of that.
      other_depth: `[H', W']` metres.
      other: camera of that.

    Returns:
      `[]` mean metres by which points of each are before the surface of the other; up
      to what is between the pixels of an outline, zero for true depths.
    """
    forth = points_before(depth, camera, other_depth, other)
    back = points_before(other_depth, other, depth, camera)
    return jnp.mean(forth) + jnp.mean(back)


__all__ = ["consistency_loss", "points_before"]
