"""Table-top latents as the numbers that go into LiDO's network and come out of it.

Every object has an opinion on what all of them share, see `ivg.models.votes`.
Numbers that go in are standardised: latents by the middle and the deviation of a
uniform law over their range (sizes: over that of the class), in place of the means and
deviations of a training set. Numbers that come out are changes, all of them zero
where nothing is to be mended; so are the last six that go in, see `encode_inputs`.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.colour import linear_from_srgb, srgb_from_linear
from ivg.geometry.camera import FOV_RAD
from ivg.models.turns import NUM_BINS, likely_turn
from ivg.models.votes import VOTE_FIELDS, Votes, votes_of_table
from ivg.numerics import safe_atan2, wrap_angle
from ivg.scene.tabletop import (
    OBJECT_CLASSES,
    SIZE_RANGE_M,
    Tabletop,
    place_objects,
    seen_objects,
    tabletop_bounds,
    tabletop_camera,
)
from ivg.typing import Array

POSITION_UNIT = 1 / 64  # of the height of the picture: 4 of 256 pixels
SIZE_UNIT = 0.1  # of the logarithm of the apparent size
CHANGE_UNIT = 0.5  # of the deviation of a colour, a light or the camera
_FARTHEST = 5.0  # units of position and size that are taught
SHAPE_COUNTS = (6, 15, 8)  # of the classes of `OBJECT_CLASSES`
# Where `encode_inputs` has colours, and how far to the side a thing or light is.
COLOUR_SLOTS = np.array([37, 40, 50, 60, 70, 73])[:, None] + np.arange(3)
SIDE_INPUTS = np.array([32, 48, 58, 68])
AZIMUTH_INPUTS = (35, 36)  # where it says sine and cosine of the azimuth


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
    """What the network says of `N` objects.

    Attributes:
      position: `[N, 2]` change of the contact point in the picture, right and down, in
        `POSITION_UNIT`s.
      size: `[N]` change of the logarithm of the apparent size, in `SIZE_UNIT`s.
      azimuth: `[N, 360]` logits of the change of the azimuth; bin `b` stands for
        `b` degrees, those from 180 on for `b - 360`.
      lighting: `[N, 5]` change of uniform strength, directional strength, elevation,
        sine and cosine of the azimuth, in `CHANGE_UNIT`s as all that follow.
      camera: `[N, 2]` of height and elevation.
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
    """The latents of each object and of the table as numbers.

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


def encode_inputs(table: Tabletop, votes: Votes, colours: Array) -> Array:
    """All numbers that the network sees beside the patch of each object.

    Args:
      table: latents of `N` places.
      votes: `Votes` with a leading axis `[N]`.
      colours: `[1 + N, 3]` linear RGB of the ground and of the objects, with which the
        render would be as bright as the picture.

    Returns:
      `[N, 76]`: `encode_latents`, and by how much the colours of the object and of the
      ground would change, in the units of `Prediction`.

    Source: Romaszko et al., Learning Direct Optimization, section 8, for the first 70.
    """
    ground = jnp.broadcast_to(colours[0], votes.ground_colour.shape)
    parts = [
        encode_latents(table, votes),
        _change(encode_colour, colours[1:], table.colour),
        _change(encode_colour, ground, votes.ground_colour),
    ]
    return jnp.concatenate(parts, -1)


def encode_target(truth: Tabletop, table: Tabletop, votes: Votes) -> Prediction:
    """What the network should say.

    Args:
      truth: true latents of `N` places.
      table: present latents of the same objects in the same places.
      votes: present `Votes` `[N]`, whose changes are predicted.

    Returns:
      `Prediction` whose `azimuth` is the `[N]` int32 index of the bin. Of positions
      and sizes no more than five units are asked for.

    Source: Romaszko et al., Learning Direct Optimization, section 8, where poses are
    predicted in the frame of the object and all else as it is. A change is zero where
    the network is not sure, and a small network cannot copy latents exactly.
    """
    (place, apparent), (true_place, true_apparent) = _seen(table), _seen(truth)
    grown = jnp.log(_positive(true_apparent)) - jnp.log(_positive(apparent))
    degrees = jnp.rad2deg(truth.azimuth_rad - table.azimuth_rad)
    goal = votes_of_table(truth)

    return Prediction(
        position=_limit((true_place - place) / POSITION_UNIT),
        size=_limit(grown / SIZE_UNIT),
        azimuth=jnp.round(degrees).astype(jnp.int32) % NUM_BINS,
        lighting=_change(encode_lighting, goal, votes),
        camera=_change(encode_camera, goal, votes),
        colour=_change(encode_colour, truth.colour, table.colour),
        ground_colour=_change(encode_colour, goal.ground_colour, votes.ground_colour),
    )


def _change(encode, then, now):
    return (encode(then) - encode(now)) / CHANGE_UNIT


def _seen(table: Tabletop, fov_rad=FOV_RAD) -> tuple[Array, Array]:
    """Contact points and apparent sizes, in heights of the picture."""
    camera = tabletop_camera(table, height=1, width=1, fov_rad=fov_rad)
    return seen_objects(table, camera)


def _positive(apparent: Array) -> Array:
    return jnp.maximum(apparent, 1e-3)


def _limit(units: Array) -> Array:
    return jnp.clip(units, -_FARTHEST, _FARTHEST)


def decode_prediction(
    prediction: Prediction, table: Tabletop, votes: Votes, fov_rad=FOV_RAD
) -> Opinions:
    """What the network's numbers mean.

    Args:
      prediction: output of the network for `N` objects.
      table: latents that it saw.
      votes: `Votes` `[N]` that it saw.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Opinions`, not clipped, with poses as the camera of `table` sees them. The
      azimuth is that of the most probable bin within 60 degrees, after each has been
      averaged with its neighbours (`average_bins`). The paper takes the greatest of
      all, but that of hundreds of nearly equal ones is an accident, and half of the way
      to the other end of an object is a quarter turn.
    """
    place, apparent = _seen(table, fov_rad)
    pixels = place + POSITION_UNIT * _limit(prediction.position)
    apparent = apparent * jnp.exp(SIZE_UNIT * _limit(prediction.size))
    placed = place_objects(table, pixels, apparent, fov_rad)
    turned = jnp.deg2rad(likely_turn(prediction.azimuth).astype(pixels.dtype))
    return Opinions(
        position_m=placed.position_m,
        size_m=placed.size_m,
        azimuth_rad=table.azimuth_rad + wrap_angle(turned),
        colour=_changed_colour(table.colour, prediction.colour),
        votes=_changed_votes(votes, prediction),
    )


def _changed_colour(colour: Array, change: Array) -> Array:
    return decode_colour(encode_colour(colour) + CHANGE_UNIT * change)


def _changed_votes(votes: Votes, prediction: Prediction) -> Votes:
    lighting = encode_lighting(votes) + CHANGE_UNIT * prediction.lighting
    camera = encode_camera(votes) + CHANGE_UNIT * prediction.camera
    ground = _changed_colour(votes.ground_colour, prediction.ground_colour)
    plain = {n: restore_field(n, lighting[:, i]) for i, n in enumerate(_SCALARS)}
    plain |= {n: restore_field(n, camera[:, i]) for i, n in enumerate(_CAMERA)}
    angle = safe_atan2(lighting[:, 3], lighting[:, 4])
    return Votes(ground_colour=ground, light_azimuth_rad=angle, **plain)


__all__ = [
    "AZIMUTH_INPUTS",
    "CHANGE_UNIT",
    "COLOUR_SLOTS",
    "POSITION_UNIT",
    "SHAPE_COUNTS",
    "SIDE_INPUTS",
    "SIZE_UNIT",
    "Opinions",
    "Prediction",
    "blend_opinions",
    "clip_opinions",
    "decode_colour",
    "decode_prediction",
    "encode_camera",
    "encode_colour",
    "encode_inputs",
    "encode_latents",
    "encode_lighting",
    "encode_target",
    "encode_votes",
    "field_range",
    "opinions_of_table",
    "restore_field",
    "standardize_field",
]
