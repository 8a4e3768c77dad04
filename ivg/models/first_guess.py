"""From a picture to a first table-top: detect objects, then ask each of them.

The backbone sees the whole picture once. The initialization networks look at the 16 by
16 cells of its features about a detection, so their windows lie on the grid of 8
pixels of the detector.

Source: Romaszko et al., Learning Direct Optimization, section 5 and appendix C.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from ivg.colour import linear_from_srgb, srgb_from_linear
from ivg.geometry.camera import FOV_RAD
from ivg.models.backbones import STRIDE, normalize_cells
from ivg.models.detector import (
    MARGIN_PX,
    PATCH_CELLS,
    Detections,
    DetectorGrid,
    cell_centres,
    pad_picture,
    smooth_cells,
    suppress_non_maxima,
)
from ivg.models.initializer import InitialVotes
from ivg.models.network import Network
from ivg.models.patches import crop_patches, normalize_pixels
from ivg.models.tabletop_coding import field_range
from ivg.models.votes import Votes, vote
from ivg.scene.tabletop import (
    OBJECT_CLASSES,
    Tabletop,
    place_objects,
    seen_objects,
    tabletop_bounds,
    tabletop_camera,
)
from ivg.typing import Array, PyTree

AZIMUTH_BINS = 18
_LEAST_PX, _GREATEST_PX = 4.0, 400.0  # apparent sizes, in a picture of 256
_POSITIVE_PX, _IGNORED_PX = 8.0, 14.0
_LIGHTING = ("ambient", "directional", "light_elevation_rad")
_CAMERA = ("camera_height_m", "camera_elevation_rad")


class GuessNetworks(NamedTuple):
    """The three networks of a first guess; parameters are a dictionary of theirs.

    Attributes:
      backbone: `Network` from pixels to features.
      detector: `Network` from `detector_head`.
      initializer: `Network` from `initializer_network`.
    """

    backbone: Network
    detector: Network
    initializer: Network


@struct.dataclass
class GuessTargets:
    """What the networks should say about a scene of `N` places.

    Attributes:
      position_px: `[N, 2]` contact points.
      size: `[N]` share from `share_of_size`.
      class_id: `[N]` int32.
      mask: `[N]` bool.
      votes: `InitialVotes` `[N]` whose shape and azimuths are `[N]` int32 indices.
    """

    position_px: Array
    size: Array
    class_id: Array
    mask: Array
    votes: InitialVotes


def init_guess(networks: GuessNetworks, key: Array) -> dict[str, PyTree]:
    """Random first parameters.

    Args:
      networks: networks.
      key: random key, consumed.

    Returns:
      Dictionary of the parameters of each.
    """
    keys = jax.random.split(key, 3)
    return {
        name: network.init(k)
        for (name, network), k in zip(networks._asdict().items(), keys, strict=True)
    }


def share_of_size(apparent_px: Array) -> Array:
    """How large an object appears, as a share on a logarithmic scale.

    Args:
      apparent_px: `[...]` focal length times size over depth, pixels of a picture
        of 256.

    Returns:
      `[...]` in [0, 1], from 4 to 400 pixels.
    """
    ratio = jnp.clip(apparent_px / _LEAST_PX, 1.0, _GREATEST_PX / _LEAST_PX)
    return jnp.log(ratio) / math.log(_GREATEST_PX / _LEAST_PX)


def size_of_share(share: Array) -> Array:
    """Inverse of `share_of_size`.

    Args:
      share: `[...]` in [0, 1].

    Returns:
      `[...]` pixels of a picture of 256.
    """
    return _LEAST_PX * jnp.exp(share * math.log(_GREATEST_PX / _LEAST_PX))


def _range_share(name: str, values: Array) -> Array:
    low, high = field_range(name)
    return (values - low) / (high - low)


def _of_range(name: str, share: Array) -> Array:
    low, high = field_range(name)
    return low + share * (high - low)


def azimuth_bin(angle_rad: Array) -> Array:
    """The part of a turn that an angle lies in.

    Args:
      angle_rad: `[...]` radians.

    Returns:
      `[...]` int32 in [0, 18).
    """
    part = jnp.floor(angle_rad * (AZIMUTH_BINS / (2 * jnp.pi)))
    return part.astype(jnp.int32) % AZIMUTH_BINS


def angle_of_bin(index: Array) -> Array:
    """The middle of a part of a turn.

    Args:
      index: `[...]` int.

    Returns:
      `[...]` radians.
    """
    return (index + 0.5) * (2 * math.pi / AZIMUTH_BINS)


def guess_targets(truth: Tabletop, size_px: int) -> GuessTargets:
    """What the networks should say about a scene.

    Args:
      truth: true latents.
      size_px: side of the picture.

    Returns:
      `GuessTargets`.
    """
    n = truth.mask.shape[0]
    camera = tabletop_camera(truth, height=size_px, width=size_px)
    position, apparent = seen_objects(truth, camera)

    def shared(names):
        shares = [_range_share(name, getattr(truth, name)) for name in names]
        return jnp.broadcast_to(jnp.stack(shares), (n, len(names)))

    return GuessTargets(
        position_px=position,
        size=share_of_size(apparent * (256 / size_px)),
        class_id=truth.class_id,
        mask=truth.mask,
        votes=InitialVotes(
            shape=truth.shape,
            azimuth=azimuth_bin(truth.azimuth_rad),
            colour=srgb_from_linear(truth.colour),
            light_azimuth=jnp.broadcast_to(azimuth_bin(truth.light_azimuth_rad), (n,)),
            lighting=shared(_LIGHTING),
            camera=shared(_CAMERA),
            ground_colour=jnp.broadcast_to(
                srgb_from_linear(truth.ground_colour), (n, 3)
            ),
        ),
    )


def grid_labels(targets: GuessTargets, centres_px: Array) -> tuple[Array, ...]:
    """What the detector should say at each cell.

    Args:
      targets: of one scene.
      centres_px: `[h, w, 2]` from `cell_centres`.

    Returns:
      `[h, w]` int32 class, the background last, within 8 pixels of the contact point of
      the nearest object; `[h, w]` its size; `[h, w]` weight in the loss, zero between 8
      and 14 pixels.
    """
    offset = jnp.abs(centres_px[..., None, :] - targets.position_px)
    distance = jnp.where(targets.mask, jnp.max(offset, -1), jnp.inf)
    nearest, least = jnp.argmin(distance, -1), jnp.min(distance, -1)
    is_object = least <= _POSITIVE_PX
    label = jnp.where(is_object, targets.class_id[nearest], len(OBJECT_CLASSES))
    weight = jnp.where(is_object | (least > _IGNORED_PX), 1.0, 0.0)
    return label, targets.size[nearest], weight


def features_of(networks: GuessNetworks, params: dict, pictures: Array) -> Array:
    """The features of pictures with a margin, of the same strength in every cell.

    Args:
      networks: networks.
      params: their parameters.
      pictures: `[B, H, W, 3]` sRGB in [0, 1], sides multiples of 8.

    Returns:
      `[B, H / 8 + 16, W / 8 + 16, C]`.
    """
    padded = jax.vmap(pad_picture)(normalize_pixels(pictures))
    return normalize_cells(networks.backbone.apply(params["backbone"], padded))


def detect(
    networks: GuessNetworks, params: dict, picture: Array
) -> tuple[Array, DetectorGrid]:
    """The features of a picture, and what the detector says at every place.

    Args:
      networks: networks.
      params: their parameters.
      picture: `[H, W, 3]` sRGB in [0, 1], sides multiples of 8.

    Returns:
      `[H / 8 + 16, W / 8 + 16, C]` features, and a `DetectorGrid` of H / 8 + 1 by
      W / 8 + 1 places.
    """
    features = features_of(networks, params, picture[None])
    grid = networks.detector.apply(params["detector"], features)
    return features[0], jax.tree.map(lambda x: x[0], grid)


def windows(features: Array, position_px: Array) -> Array:
    """The features about points of a picture.

    Args:
      features: `[H / 8 + 16, W / 8 + 16, C]` from `detect`.
      position_px: `[N, 2]`.

    Returns:
      `[N, 16, 16, C]` of the cells of the patch whose middle is nearest.
    """
    cell = jnp.round(position_px / STRIDE).astype(jnp.int32)

    def cut(at):
        size = (PATCH_CELLS, PATCH_CELLS, features.shape[-1])
        return jax.lax.dynamic_slice(features, (at[1], at[0], 0), size)

    return jax.vmap(cut)(cell)


def initializer_inputs(
    picture: Array, features: Array, detections: Detections
) -> tuple[Array, ...]:
    """What the initialization networks see of each detection.

    Args:
      picture: `[H, W, 3]` sRGB in [0, 1].
      features: from `detect`.
      detections: of `N` places.

    Returns:
      `[N, 16, 16, C]` features and `[N, 128, 128, 3]` pixels about each contact point,
      `[N, 3]` its place and size, standardised, and `[N]` its class.
    """
    height, width = picture.shape[:2]
    place = detections.position_px / jnp.array([width, height]) - 0.5
    seen = jnp.concatenate([place, detections.size[:, None] - 0.5], -1)
    return (
        windows(features, detections.position_px),
        crop_patches(normalize_pixels(picture), detections.position_px, 2 * MARGIN_PX),
        math.sqrt(12) * seen,
        detections.class_id,
    )


def table_from_votes(
    detections: Detections, votes: InitialVotes, size_px: int, fov_rad=FOV_RAD
) -> tuple[Tabletop, Votes]:
    """The scene that objects agree on.

    Contact points are carried back to the ground by the camera that the objects voted
    for; sizes follow from apparent sizes and depths.

    Args:
      detections: of `N` places.
      votes: of the same places.
      size_px: side of the picture.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Tabletop` within the bounds, and `Votes` `[N]`. Without a detection, what all
      objects share is in the middle of its range.
    """
    shares = {name: votes.lighting[:, i] for i, name in enumerate(_LIGHTING)}
    shares |= {name: votes.camera[:, i] for i, name in enumerate(_CAMERA)}
    cast = Votes(
        ground_colour=linear_from_srgb(votes.ground_colour),
        light_azimuth_rad=angle_of_bin(jnp.argmax(votes.light_azimuth, -1)),
        **{name: _of_range(name, share) for name, share in shares.items()},
    )
    n = detections.mask.shape[0]
    table = Tabletop(
        **{k: _of_range(k, jnp.full(v.shape[1:], 0.5)) for k, v in vars(cast).items()},
        class_id=detections.class_id,
        shape=jnp.argmax(votes.shape, -1).astype(jnp.int32),
        position_m=jnp.zeros((n, 2)),
        size_m=jnp.full(n, 0.1),
        azimuth_rad=angle_of_bin(jnp.argmax(votes.azimuth, -1)),
        colour=linear_from_srgb(votes.colour),
        mask=detections.mask,
    )
    table = vote(table, cast)
    pixels = detections.position_px / size_px
    apparent = size_of_share(detections.size) / 256
    placed = place_objects(table, pixels, apparent, fov_rad)
    return _clip_sizes(placed), cast


def _clip_sizes(table: Tabletop) -> Tabletop:
    bounds = tabletop_bounds()
    return table.replace(
        size_m=jnp.clip(table.size_m, bounds.lower.size_m, bounds.upper.size_m)
    )


def first_guess(
    networks: GuessNetworks,
    params: dict,
    picture: Array,
    *,
    num_places: int = 7,
    min_score: Array | float = 0.35,
    radius_px: Array | float = 16.0,
    radius_share: Array | float = 0.5,
    fov_rad=FOV_RAD,
) -> tuple[Tabletop, Votes, Detections]:
    """A first table-top from a picture.

    Args:
      networks: networks.
      params: their parameters.
      picture: `[H, W, 3]` sRGB in [0, 1], square, sides multiples of 8.
      num_places: number `N` of objects at most.
      min_score: `[]` least probability of a detection, a mean over neighbouring cells.
      radius_px: `[]` detections nearer than this to a surer one are dropped.
      radius_share: `[]` and also those nearer than this share of its apparent size.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Tabletop` and `Votes` `[N]`, and the detections.
    """
    features, grid = detect(networks, params, picture)
    apparent = size_of_share(grid.size) * (picture.shape[0] / 256)
    detections = suppress_non_maxima(
        smooth_cells(jax.nn.softmax(grid.class_logits)),
        grid.size,
        cell_centres(*grid.size.shape),
        radius_px=jnp.maximum(radius_px, radius_share * apparent),
        max_detections=num_places, min_score=min_score, between_cells=True,
    )  # fmt: skip
    inputs = initializer_inputs(picture, features, detections)
    votes = networks.initializer.apply(params["initializer"], *inputs)
    table, cast = table_from_votes(detections, votes, picture.shape[0], fov_rad)
    return table, cast, detections


__all__ = [
    "AZIMUTH_BINS",
    "GuessNetworks",
    "GuessTargets",
    "angle_of_bin",
    "azimuth_bin",
    "detect",
    "features_of",
    "first_guess",
    "grid_labels",
    "guess_targets",
    "init_guess",
    "initializer_inputs",
    "share_of_size",
    "size_of_share",
    "table_from_votes",
    "windows",
]
