"""Sparse tokens: what a network sees of a picture and of models in assumed poses.

A token has 13 channels: the direction of sight (3, length one, in the frame of the
camera), sRGB (3), normal (3, frame of the camera), depth (1, in units of `DEPTH_M`),
whether the mask of the object has the pixel (1), the kind (1) and the number of the
object (1). There are three kinds: samples of the enlarged box of a detection, pixels
on which points of the model fall in the assumed pose, and those points themselves,
which have neither colour nor mask.

Source: Langer et al., Sparse Multi-Object Render-and-Compare, section 3. The paper
leaves the scales open; here all channels are of the order of one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.geometry import rotation
from ivg.geometry.camera import Camera, homogeneous_px, ray_directions
from ivg.numerics import safe_divide, safe_normalize, turn
from ivg.scene.indoor import Detections, Placement, RoomPicture, place_points
from ivg.typing import Array

DEPTH_M = 4.0
ENLARGE = 1.1
DEPTH, OWNED, KIND, NUMBER = 9, 10, 11, 12  # channels; before: sight, sRGB, normal
BOX, SEEN, MODEL = 0.0, 0.5, 1.0  # kinds
_NUMBERS = 5  # objects, for the scale of the last channel


class TokenCounts(NamedTuple):
    """How many tokens an object has: `T = box + 2 model`.

    Attributes:
      box: samples of the box.
      model: points of the model.
    """

    box: int = 2000
    model: int = 500


class Tokens(NamedTuple):
    """Tokens of `N` objects.

    Attributes:
      values: `[N, T, 13]`, finite also where they do not count.
      mask: `[N, T]` bool, which count.
    """

    values: Array
    mask: Array


class Sight(NamedTuple):
    """A picture, ready to be looked up at pixels.

    Attributes:
      camera: `Camera` in the origin, `H` by `W` pixels.
      maps: `[H * W, 8]` sRGB, normal, depth in metres and owner.
      detections: `Detections` of `N`.
    """

    camera: Camera
    maps: Array
    detections: Detections


def make_sight(picture: RoomPicture) -> Sight:
    """Stacks what is known of each pixel.

    Args:
      picture: picture.

    Returns:
      `Sight`.
    """
    owner = picture.owner.astype(picture.rgb.dtype)
    planes = (picture.rgb, picture.normals, picture.depth[..., None], owner[..., None])
    maps = jnp.concatenate(planes, -1).reshape(-1, 8)
    return Sight(picture.camera, maps, picture.detections)


def take_detections(picture: RoomPicture, rows: Array) -> RoomPicture:
    """The same picture with some of its detections, in any order.

    Args:
      picture: picture with `N` detections.
      rows: `[M]` int32, which ones; -1 for padding.

    Returns:
      `RoomPicture` with `M` detections; pixels of others have no owner.
    """
    own = picture.detections
    chosen = jax.tree.map(lambda x: x[rows], own)
    present = chosen.present & (rows >= 0)
    place = jnp.full(len(own.present) + 1, -1).at[rows].set(jnp.arange(len(rows)))
    place = place.at[-1].set(-1)  # where rows of -1 and pixels without owner lead
    return picture._replace(
        owner=place[picture.owner].astype(jnp.int32),
        detections=chosen._replace(present=present),
    )


def box_tokens(key: Array, sight: Sight, count: int) -> Tokens:
    """Pixels in the boxes of detections, enlarged by a tenth, cut at the picture.

    Args:
      key: random key, consumed.
      sight: picture.
      count: tokens of each object.

    Returns:
      `Tokens` of `count`.

    Source: Multi-SPARC, section 4: N_bbox.
    """
    camera, found = sight.camera, sight.detections
    size = jnp.array([camera.width, camera.height], found.box_px.dtype)
    low, high = found.box_px[:, :2], found.box_px[:, 2:]
    middle, half = (low + high) / 2, ENLARGE * (high - low) / 2
    low, high = (jnp.clip(x, 0, size) for x in (middle - half, middle + half))
    share = jax.random.uniform(key, (count, 2))  # the same in all boxes
    pixels = low[:, None] + share * (high - low)[:, None]
    mask = jnp.broadcast_to(found.present[:, None], pixels.shape[:2])
    rays = ray_directions(camera, (jnp.floor(pixels) + 0.5).reshape(-1, 2))
    rays = safe_normalize(rays).reshape(*pixels.shape[:2], 3)
    return Tokens(_look_up(sight, pixels, rays, BOX), mask)


def _look_up(sight, pixels, rays, kind):
    """Tokens `[N, P, 13]` of pixels `[N, P, 2]`, which are clamped to the picture."""
    camera = sight.camera
    last = jnp.array([camera.width - 1, camera.height - 1])
    place = jnp.clip(jnp.floor(pixels), 0, last).astype(jnp.int32)
    seen = sight.maps[place[..., 1] * camera.width + place[..., 0]]
    rows = jnp.arange(len(pixels), dtype=seen.dtype)[:, None]
    owned = (seen[..., 7] == rows).astype(seen.dtype)
    numbers = [seen[..., 6] / DEPTH_M, owned, *_labels(rows, owned.shape, kind)]
    return jnp.concatenate([rays, seen[..., :6], jnp.stack(numbers, -1)], -1)


def _labels(rows, shape, kind):
    return jnp.full(shape, kind), jnp.broadcast_to((rows + 1) / _NUMBERS, shape)


def choose_points(
    key: Array, detections: Detections, count: int
) -> tuple[Array, Array]:
    """Some points of each model; those of a model are in random order.

    Args:
      key: random key, consumed.
      detections: `N`.
      count: points of each, at most as many as there are.

    Returns:
      `[N, count, 3]` points and their normals.
    """
    start = jax.random.randint(key, (), 0, detections.points.shape[1])
    rows = (start + jnp.arange(count)) % detections.points.shape[1]
    return detections.points[:, rows], detections.normals[:, rows]


def model_tokens(
    key: Array, sight: Sight, placement: Placement, count: int, own: bool = False
) -> Tokens:
    """Points of models in assumed poses, and what the picture has where they fall.

    Pixels outside of the picture or behind the camera are clamped and do not count;
    points behind the camera do not count either.

    Args:
      key: random key, consumed.
      sight: picture.
      placement: `Placement` `[N]`, assumed.
      count: points of each object.
      own: whether points say where they are in the frame of the model, twice the
        coordinates, in the place of a colour.

    Returns:
      `Tokens` of `2 count`: pixels, then points. Nothing here has a gradient.

    Source: Multi-SPARC, section 3: N_CAD, tau of 1 and 2.
    """
    placement = jax.lax.stop_gradient(placement)
    points, normals = choose_points(key, sight.detections, count)
    places = jax.vmap(place_points)(placement, points)
    turned = jax.vmap(placed_normals)(placement, normals)
    camera, shape = sight.camera, places.shape[:2]
    homogeneous = homogeneous_px(camera, places.reshape(-1, 3)).reshape(places.shape)
    depth = homogeneous[..., 2]
    pixels = safe_divide(homogeneous[..., :2], depth[..., None])
    in_front = (depth > camera.near) & sight.detections.present[:, None]
    size = jnp.array([camera.width, camera.height])
    inside = in_front & jnp.all((pixels >= 0) & (pixels < size), -1)
    rays, rows = safe_normalize(places), jnp.arange(len(places))[:, None]
    zeros = jnp.zeros(shape)
    numbers = [depth / DEPTH_M, zeros, *_labels(rows, shape, MODEL)]
    colour = 2 * points if own else jnp.zeros((*shape, 3))
    parts = [rays, colour, turned, jnp.stack(numbers, -1)]
    seen = _look_up(sight, jnp.where(inside[..., None], pixels, 0.0), rays, SEEN)
    values = jnp.concatenate([seen, jnp.concatenate(parts, -1)], 1)
    return Tokens(values, jnp.concatenate([inside, in_front], 1))


def placed_normals(placement: Placement, normals: Array) -> Array:
    """Normals of one model in the frame of the camera.

    Args:
      placement: of the object.
      normals: `[P, 3]` in the frame of the model, whose box has sides of one.

    Returns:
      `[P, 3]` of length one (or zero): they turn as planes of a stretched body do.
    """
    matrix = rotation.matrix_from_quaternion(placement.quaternion)
    return safe_normalize(turn(safe_divide(normals, placement.size), matrix.T))


def canonical_tokens(key: Array, sight: Sight, count: int) -> Tokens:
    """Points of models in their own frames, for networks that assume no pose.

    Args:
      key: random key, consumed.
      sight: picture.
      count: points of each object.

    Returns:
      `Tokens` of `count`, with the point in place of the direction of sight.
    """
    points, normals = choose_points(key, sight.detections, count)
    shape, rows = points.shape[:2], jnp.arange(len(points))[:, None]
    zeros = jnp.zeros(shape)
    numbers = jnp.stack([zeros, zeros, *_labels(rows, shape, MODEL)], -1)
    values = [points, jnp.zeros_like(points), normals, numbers]
    mask = jnp.broadcast_to(sight.detections.present[:, None], shape)
    return Tokens(jnp.concatenate(values, -1), mask)


def join_tokens(*parts: Tokens) -> Tokens:
    """Tokens of the same objects, one kind after the other.

    Args:
      *parts: tokens of `N` objects.

    Returns:
      `Tokens`.
    """
    return Tokens(
        jnp.concatenate([part.values for part in parts], 1),
        jnp.concatenate([part.mask for part in parts], 1),
    )


__all__ = [
    "BOX",
    "DEPTH",
    "DEPTH_M",
    "ENLARGE",
    "KIND",
    "MODEL",
    "NUMBER",
    "OWNED",
    "SEEN",
    "Sight",
    "TokenCounts",
    "Tokens",
    "box_tokens",
    "canonical_tokens",
    "choose_points",
    "join_tokens",
    "make_sight",
    "model_tokens",
    "placed_normals",
    "take_detections",
]
