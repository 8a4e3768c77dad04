"""Poses to begin with: four at test time, random ones to train updates and scores.

An object starts in the middle of its box, at the median depth of its mask, with the
mean size of its category. Its azimuth is unknown: there are four starts, and training
starts are up to 45 degrees off.

Source: Langer et al., Sparse Multi-Object Render-and-Compare, section 3 and figure 4a;
the spreads are those of SPARC's released code where they fit. SPARC begins three
metres away; here depth is known roughly, and the median is nearer.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.data.sparse_tokens import DEPTH, DEPTH_M, OWNED, Sight, Tokens
from ivg.geometry import rotation
from ivg.geometry.camera import ray_directions
from ivg.numerics import safe_norm, safe_normalize
from ivg.scene.indoor import Placement
from ivg.typing import Array

AZIMUTHS_RAD = (0.0, 0.5 * math.pi, math.pi, 1.5 * math.pi)
TILT_RAD = 0.3
_UNKNOWN_M = 3.0
# Least size and distance of a training start, relative to the true ones: an update
# can at most double them.
_LEAST = 0.55


class StartSpread(NamedTuple):
    """How far training starts are from where tests start, and from the truth.

    Attributes:
      pixel: of the middle, relative to the sides of the box, to each side.
      depth: logarithm of the factor, to each side.
      size: the same of each axis.
      azimuth_rad: about the model's y, from the truth, to each side.
      tilt_rad: about the camera's x, from the truth, to each side.
      roll_rad: about the camera's z, from the truth, to each side.
    """

    pixel: float = 0.1
    depth: float = 0.2
    size: float = 0.3
    azimuth_rad: float = math.radians(44.9)
    tilt_rad: float = math.radians(20.0)
    roll_rad: float = math.radians(10.0)


def masked_median(values: Array, mask: Array, otherwise: float) -> Array:
    """The median of some values.

    Args:
      values: `[P]`.
      mask: `[P]` bool, which count.
      otherwise: what to return if none counts.

    Returns:
      `[]`, the upper one of the two in the middle of an even number.
    """
    count = jnp.sum(mask)
    ordered = jnp.sort(jnp.where(mask, values, jnp.inf))
    found = ordered[jnp.minimum(count // 2, len(values) - 1)]
    return jnp.where(count > 0, found, otherwise)


def median_depths(tokens: Tokens) -> Array:
    """Depths of objects from the samples of their boxes.

    Args:
      tokens: from `box_tokens`, of `N` objects.

    Returns:
      `[N]` metres: the median in the mask; where no sample hits it, in the box.
    """
    depth = tokens.values[..., DEPTH] * DEPTH_M
    known = (depth > 0) & tokens.mask
    owned = known & (tokens.values[..., OWNED] > 0)
    chosen = jnp.where(jnp.any(owned, -1, keepdims=True), owned, known)
    return jax.vmap(masked_median, (0, 0, None))(depth, chosen, _UNKNOWN_M)


def _at_pixels(sight: Sight, pixels: Array, depth: Array) -> Array:
    rays = ray_directions(sight.camera, pixels)  # one metre of depth
    return rays * depth[:, None]


def first_placements(
    sight: Sight, tokens: Tokens, mean_size_m: Array, tilt_rad: float = TILT_RAD
) -> Placement:
    """Where all objects start at test time, in all four azimuths.

    Args:
      sight: picture with `N` detections.
      tokens: from `box_tokens`.
      mean_size_m: `[9, 3]` mean sizes of the categories, metres.
      tilt_rad: how far cameras look down.

    Returns:
      `Placement` of `[4, N]`.
    """
    found = sight.detections
    middle = (found.box_px[:, :2] + found.box_px[:, 2:]) / 2
    position = _at_pixels(sight, middle, median_depths(tokens))
    size = mean_size_m[found.category]
    tilt = rotation.quaternion_from_rotation_vector(jnp.array([tilt_rad, 0.0, 0.0]))

    def start(azimuth):
        about = rotation.quaternion_from_azimuth(azimuth)
        turn = jnp.broadcast_to(rotation.multiply(tilt, about), (len(size), 4))
        return Placement(position, turn, size)

    return jax.vmap(start)(jnp.array(AZIMUTHS_RAD))


def sample_starts(
    key: Array,
    sight: Sight,
    tokens: Tokens,
    truth: Placement,
    mean_size_m: Array,
    spread: StartSpread | None = None,
) -> Placement:
    """Random starts to train updates with.

    Args:
      key: random key, consumed.
      sight: picture with `N` detections.
      tokens: from `box_tokens`.
      truth: `Placement` of `[N]`.
      mean_size_m: `[9, 3]` mean sizes of the categories, metres.
      spread: how far they are off; `StartSpread()` if absent.

    Returns:
      `Placement` of `[N]`. Neither distance nor size is less than 0.55 of the true
      one, so that a single update can reach the truth.

    Source: SPARC's released code: box jittered by a tenth, azimuth by 44.9 degrees.
    """
    spread = StartSpread() if spread is None else spread
    keys, found = jax.random.split(key, 4), sight.detections
    low, high = found.box_px[:, :2], found.box_px[:, 2:]

    def uniform(key, shape, reach):
        return jax.random.uniform(key, shape, minval=-reach, maxval=reach)

    pixels = (low + high) / 2 + (high - low) * uniform(keys[0], low.shape, spread.pixel)
    depth = median_depths(tokens)
    depth = depth * jnp.exp(uniform(keys[1], depth.shape, spread.depth))
    position = _at_pixels(sight, pixels, depth)
    far = safe_norm(truth.position) / jnp.maximum(safe_norm(position), 1e-6)
    position = position * jnp.maximum(1.0, _LEAST * far)[:, None]
    size = mean_size_m[found.category]
    size = size * jnp.exp(uniform(keys[2], size.shape, spread.size))
    reach = jnp.array([spread.tilt_rad, spread.roll_rad, spread.azimuth_rad])
    angles = reach * uniform(keys[3], (len(size), 3), 1.0)
    turned = jax.vmap(turn_about)(truth.quaternion, *angles.T)
    return Placement(position, turned, jnp.maximum(size, _LEAST * truth.size))


def turn_about(
    quaternion: Array, tilt_rad: Array, roll_rad: Array, azimuth_rad: Array
) -> Array:
    """Turns an object about the camera's x and z, and about its own y.

    Args:
      quaternion: `[4]` wxyz, `camera_from_model`.
      tilt_rad: `[]` about x, last.
      roll_rad: `[]` about z.
      azimuth_rad: `[]` about the model's y, first.

    Returns:
      `[4]` wxyz.
    """
    zero = jnp.zeros_like(tilt_rad)
    tilt, roll = jnp.stack([tilt_rad, zero, zero]), jnp.stack([zero, zero, roll_rad])
    turns = [rotation.quaternion_from_rotation_vector(x) for x in (tilt, roll)]
    about = rotation.quaternion_from_azimuth(azimuth_rad)
    outer = rotation.multiply(*turns)
    return rotation.multiply(outer, rotation.multiply(quaternion, about))


def sample_scored(key: Array, truth: Placement) -> Placement:
    """Poses to train the score with, about half of them accurate.

    Half have small errors in everything. The others have, besides, one large error, by
    equal shares: a quarter, half or three quarters of a turn, 25 to 60 degrees of
    azimuth, 20 to 60 centimetres, or 25 to 60 per cent of the size.

    Args:
      key: random key, consumed.
      truth: `Placement` of `[N]`.

    Returns:
      `Placement` of `[N]`.

    Source: Multi-SPARC, section 3: poses of the score are sampled apart. The shares
    follow SPARC's "border cases" and turns by multiples of 90 degrees.
    """
    count = len(truth.size)
    return jax.vmap(_one_scored)(jax.random.split(key, count), truth)


def _one_scored(key, truth):
    keys = jax.random.split(key, 9)
    kind = jax.random.randint(keys[0], (), 0, 8)  # four and more: small errors alone
    sign = jax.random.rademacher(keys[1], (), float)
    share = jax.random.uniform(keys[2])
    quarter = jax.random.randint(keys[3], (), 1, 4) * 0.5 * jnp.pi
    far = sign * jnp.deg2rad(25 + 35 * share)
    azimuth = jnp.where(kind == 0, quarter, jnp.where(kind == 1, far, 0.0))
    small = jnp.deg2rad(jax.random.uniform(keys[4], (3,), minval=-8.0, maxval=8.0))
    towards = safe_normalize(jax.random.normal(keys[5], (3,)))
    reach = jnp.where(kind == 2, 0.2 + 0.4 * share, 0.12 * share)
    wrong = jnp.where(kind == 3, sign * (0.22 + 0.25 * share), 0.0)
    stretch = jax.random.uniform(keys[6], (3,), minval=-0.1, maxval=0.1) + wrong
    turned = turn_about(truth.quaternion, small[0], small[1], azimuth + small[2])
    return Placement(
        truth.position + reach * towards, turned, truth.size * jnp.exp(stretch)
    )


__all__ = [
    "AZIMUTHS_RAD",
    "TILT_RAD",
    "StartSpread",
    "first_placements",
    "masked_median",
    "median_depths",
    "sample_scored",
    "sample_starts",
    "turn_about",
]
