"""Table-top latents as the numbers that go into LiDO's network and come out of it.

Every object has an opinion on what all of them share, see `ivg.models.votes`.
Numbers are standardised: latents by the middle and the deviation of a uniform law
over their range (sizes: over that of the class), in place of the means and
deviations of a training set.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.colour import linear_from_srgb, srgb_from_linear
from ivg.models.votes import VOTE_FIELDS, Votes, votes_of_table
from ivg.numerics import safe_atan2, wrap_angle
from ivg.scene.tabletop import (
    OBJECT_CLASSES,
    SIZE_RANGE_M,
    Tabletop,
    tabletop_bounds,
)
from ivg.typing import Array

NUM_BINS = 360
_AVERAGED_BINS = 10
_FARTHEST = 5.0  # `POSITION_UNIT`s that are taught: near the horizon there is no end
POSITION_UNIT = 0.1  # sizes of the object
SHAPE_COUNTS = (6, 15, 8)  # of the classes of `OBJECT_CLASSES`


@struct.dataclass
class Opinions:
    """What is thought of `N` objects one by one, in absolute values.

    Attributes:
      position_m: `[N, 2]` metres.
      size_m: `[N]` metres.
      azimuth_rad: `[N]` radians.
      colour: `[N, 3]` linear RGB.
      votes: `Votes` of each object.
    """

    position_m: Array
    size_m: Array
    azimuth_rad: Array
    colour: Array
    votes: Votes


@struct.dataclass
class Prediction:
    """What the network says of `N` objects, in standardised units.

    Attributes:
      position: `[N, 2]` change of the contact point along the x and z axes of the
        object, in `POSITION_UNIT`s of its size.
      size: `[N]`, of the range of the class.
      azimuth: `[N, 360]` logits of the change of the azimuth; bin `b` stands for
        `b` degrees, those from 180 on for `b - 360`.
      lighting: `[N, 5]` uniform strength, directional strength, elevation, sine and
        cosine of the azimuth.
      camera: `[N, 2]` height and elevation.
      colour: `[N, 3]`.
      ground_colour: `[N, 3]`.
    """

    position: Array
    size: Array
    azimuth: Array
    lighting: Array
    camera: Array
    colour: Array
    ground_colour: Array


def opinions_of_table(table: Tabletop, votes: Votes) -> Opinions:
    """What objects think at present.

    Args:
      table: latents of `N` places.
      votes: `Votes` with a leading axis `[N]`.

    Returns:
      `Opinions`.
    """
    return Opinions(
        position_m=table.position_m,
        size_m=table.size_m,
        azimuth_rad=table.azimuth_rad,
        colour=table.colour,
        votes=votes,
    )


def clip_opinions(opinions: Opinions) -> Opinions:
    """The nearest opinions within the ranges of the latents.

    Args:
      opinions: any opinions.

    Returns:
      `Opinions`; azimuths stay as they are.
    """
    bounds = tabletop_bounds()

    def clip(of, name):
        low, high = getattr(bounds.lower, name), getattr(bounds.upper, name)
        turns = getattr(bounds.periodic, name)
        return getattr(of, name) if turns else jnp.clip(getattr(of, name), low, high)

    own = ("position_m", "size_m", "colour")
    votes = Votes(**{name: clip(opinions.votes, name) for name in VOTE_FIELDS})
    return opinions.replace(votes=votes, **{name: clip(opinions, name) for name in own})


def blend_opinions(now: Opinions, then: Opinions, share: Array) -> Opinions:
    """Part of the way from one set of opinions to another.

    Args:
      now: present opinions.
      then: other opinions.
      share: `[]` how far, one for all of the way.

    Returns:
      `now + share (then - now)`; azimuths take the shorter arc.
    """
    change = jax.tree.map(jnp.subtract, then, now)
    change = change.replace(
        azimuth_rad=wrap_angle(change.azimuth_rad),
        votes=change.votes.replace(
            light_azimuth_rad=wrap_angle(change.votes.light_azimuth_rad)
        ),
    )
    return jax.tree.map(lambda x, dx: x + share * dx, now, change)


def _standardize(values: Array, low, high) -> Array:
    return (values - (low + high) / 2) * (math.sqrt(12) / (high - low))


def _restore(units: Array, low, high) -> Array:
    return (low + high) / 2 + units * (high - low) / math.sqrt(12)


def _size_range(class_id: Array) -> tuple[Array, Array]:
    """`[N]` least and greatest size of the class of each object."""
    low, high = jnp.array([SIZE_RANGE_M[name] for name in OBJECT_CLASSES]).T
    return low[class_id], high[class_id]


def field_range(name: str) -> tuple[Array, Array]:
    """The range of a latent.

    Args:
      name: field of `Tabletop`.

    Returns:
      Its least and its greatest value, from `tabletop_bounds`.
    """
    bounds = tabletop_bounds()
    return getattr(bounds.lower, name), getattr(bounds.upper, name)


def standardize_field(name: str, values: Array) -> Array:
    """A latent, measured from the middle of its range in its deviations.

    Args:
      name: field of `Tabletop`.
      values: `[...]`.

    Returns:
      `[...]`, of mean zero and deviation one if uniform.
    """
    return _standardize(values, *field_range(name))


def restore_field(name: str, units: Array) -> Array:
    """Inverse of `standardize_field`.

    Args:
      name: field of `Tabletop`.
      units: `[...]`.

    Returns:
      `[...]`.
    """
    return _restore(units, *field_range(name))


_SCALARS = "ambient directional light_elevation_rad".split()
_CAMERA = "camera_height_m camera_elevation_rad".split()


def encode_lighting(votes: Votes) -> Array:
    """Lighting in the order of `Prediction.lighting`.

    Args:
      votes: votes.

    Returns:
      `[..., 5]`; sine and cosine of the azimuth have deviation one too.
    """
    plain = [standardize_field(name, getattr(votes, name)) for name in _SCALARS]
    angle = votes.light_azimuth_rad
    circle = [math.sqrt(2) * jnp.sin(angle), math.sqrt(2) * jnp.cos(angle)]
    return jnp.stack(plain + circle, -1)


def encode_camera(votes: Votes) -> Array:
    """Camera in the order of `Prediction.camera`.

    Args:
      votes: votes.

    Returns:
      `[..., 2]`.
    """
    values = [standardize_field(name, getattr(votes, name)) for name in _CAMERA]
    return jnp.stack(values, -1)


def encode_colour(colour: Array) -> Array:
    """A colour in steps that look alike.

    Args:
      colour: `[..., 3]` linear RGB in [0, 1].

    Returns:
      `[..., 3]` standardised sRGB.
    """
    return _standardize(srgb_from_linear(colour), 0.0, 1.0)


def decode_colour(units: Array) -> Array:
    """Inverse of `encode_colour`, clipped to what it can say.

    Args:
      units: `[..., 3]`.

    Returns:
      `[..., 3]` linear RGB in [0, 1].
    """
    return linear_from_srgb(jnp.clip(_restore(units, 0.0, 1.0), 0, 1))


def encode_votes(votes: Votes) -> Array:
    """All shared latents as numbers.

    Args:
      votes: votes.

    Returns:
      `[..., 10]` ground colour, camera, lighting.
    """
    ground = encode_colour(votes.ground_colour)
    parts = ground, encode_camera(votes), encode_lighting(votes)
    return jnp.concatenate(parts, -1)


def encode_latents(table: Tabletop, votes: Votes) -> Array:
    """The latents that the network sees beside the patch of each object.

    Args:
      table: latents of `N` places.
      votes: `Votes` with a leading axis `[N]`.

    Returns:
      `[N, 70]`: class (3) and shape (29) one-hot, position, size, sine and cosine of
      the azimuth, colour, votes of the object (GO), votes of the table (GV), and
      their difference.

    Source: Romaszko et al., Learning Direct Optimization, section 8.
    """
    angle = table.azimuth_rad[:, None]
    first = jnp.array([sum(SHAPE_COUNTS[:i]) for i in range(len(SHAPE_COUNTS))])
    own = encode_votes(votes)
    voted = jnp.broadcast_to(encode_votes(votes_of_table(table)), own.shape)
    parts = [
        jax.nn.one_hot(table.class_id, len(OBJECT_CLASSES)),
        jax.nn.one_hot(first[table.class_id] + table.shape, sum(SHAPE_COUNTS)),
        standardize_field("position_m", table.position_m),
        _standardize(table.size_m, *_size_range(table.class_id))[:, None],
        math.sqrt(2) * jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], -1),
        encode_colour(table.colour),
        own,
        voted,
        own - voted,
    ]
    return jnp.concatenate(parts, -1)


def _turn(offset: Array, angle_rad: Array) -> Array:
    """`[N, 2]` (x, z) turned by azimuths, from +z towards +x."""
    x, z = offset[:, 0], offset[:, 1]
    sine, cosine = jnp.sin(angle_rad), jnp.cos(angle_rad)
    return jnp.stack([cosine * x + sine * z, cosine * z - sine * x], -1)


def encode_target(truth: Opinions, table: Tabletop) -> Prediction:
    """What the network should say.

    Args:
      truth: true opinions, with poses as the camera of `table` would see them, see
        `carry_objects`.
      table: present latents, whose pose is the frame of the predicted one.

    Returns:
      `Prediction` whose `azimuth` is the `[N]` int32 index of the bin. Positions
      farther than half the size of the object are taken as so far.
    """
    unit = POSITION_UNIT * table.size_m[:, None]
    offset = _turn(truth.position_m - table.position_m, -table.azimuth_rad) / unit
    degrees = jnp.rad2deg(truth.azimuth_rad - table.azimuth_rad)
    return Prediction(
        position=jnp.clip(offset, -_FARTHEST, _FARTHEST),
        size=_standardize(truth.size_m, *_size_range(table.class_id)),
        azimuth=jnp.round(degrees).astype(jnp.int32) % NUM_BINS,
        lighting=encode_lighting(truth.votes),
        camera=encode_camera(truth.votes),
        colour=encode_colour(truth.colour),
        ground_colour=encode_colour(truth.votes.ground_colour),
    )


def _average_bins(shares: Array) -> Array:
    """`[..., 360]` averaged over neighbouring bins, around the circle."""
    steps = np.arange(NUM_BINS)
    apart = np.minimum(steps, NUM_BINS - steps)
    weights = np.exp(-0.5 * (apart / _AVERAGED_BINS) ** 2)
    return shares @ jnp.asarray(weights[(steps[:, None] - steps) % NUM_BINS])


def decode_prediction(prediction: Prediction, table: Tabletop) -> Opinions:
    """What the network's numbers mean.

    Args:
      prediction: output of the network for `N` objects.
      table: latents that it saw.

    Returns:
      `Opinions`, not clipped; the azimuth is that of the most probable bin after each
      has been averaged with its neighbours (Gaussian weights, ten degrees). The paper
      does not average; the greatest of hundreds of nearly equal bins is an accident.
    """
    unit = POSITION_UNIT * table.size_m[:, None]
    offset = _turn(prediction.position * unit, table.azimuth_rad)
    likely = jnp.argmax(_average_bins(jax.nn.softmax(prediction.azimuth)), -1)
    turned = jnp.deg2rad(likely.astype(offset.dtype))
    plain = {
        name: restore_field(name, prediction.lighting[:, i])
        for i, name in enumerate(_SCALARS)
    }
    camera = {
        name: restore_field(name, prediction.camera[:, i])
        for i, name in enumerate(_CAMERA)
    }
    votes = Votes(
        ground_colour=decode_colour(prediction.ground_colour),
        light_azimuth_rad=safe_atan2(
            prediction.lighting[:, 3], prediction.lighting[:, 4]
        ),
        **plain,
        **camera,
    )
    return Opinions(
        position_m=table.position_m + offset,
        size_m=_restore(prediction.size, *_size_range(table.class_id)),
        azimuth_rad=table.azimuth_rad + wrap_angle(turned),
        colour=decode_colour(prediction.colour),
        votes=votes,
    )


__all__ = [
    "NUM_BINS",
    "POSITION_UNIT",
    "SHAPE_COUNTS",
    "Opinions",
    "Prediction",
    "blend_opinions",
    "clip_opinions",
    "decode_colour",
    "decode_prediction",
    "encode_camera",
    "encode_colour",
    "encode_latents",
    "encode_lighting",
    "encode_target",
    "encode_votes",
    "field_range",
    "opinions_of_table",
    "restore_field",
    "standardize_field",
]
