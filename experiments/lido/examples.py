"""What the Prediction Network learns from: objects, estimates of them, and the truth.

Source: Romaszko et al., Learning Direct Optimization, section 6.2.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.colour import linear_from_srgb, srgb_from_linear
from ivg.data.perturb import Perturbation, perturb_globals, perturb_objects
from ivg.models.patches import stack_pair
from ivg.models.tabletop_coding import (
    CHANGE_UNIT,
    COLOUR_SLOTS,
    SHAPE_COUNTS,
    Prediction,
    decode_colour,
    encode_colour,
    encode_inputs,
    encode_target,
)
from ivg.models.turns import NUM_BINS, average_bins
from ivg.models.views import View, view_latents, view_picture, view_prediction
from ivg.models.votes import Votes, vote, votes_of_table
from ivg.numerics import safe_divide, wrap_angle
from ivg.refine.lido import comparison_pixels, render_for_comparison
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import Tabletop, seen_objects, tabletop_camera
from ivg.typing import Array


@struct.dataclass
class Examples:
    """Examples of `M` objects.

    Attributes:
      observed: `[M, 64, 64, 3]` uint8 patches of pictures, sRGB.
      rendered: `[M, 64, 64, 3]` uint8 patches of renders, sRGB.
      inside: `[M, 64, 64]` uint8, 255 within the picture and 0 beyond.
      inputs: `[M, 76]` from `encode_inputs`.
      target: from `encode_target`.
    """

    observed: Array
    rendered: Array
    inside: Array
    inputs: Array
    target: Prediction


def uniform_draw(key: Array, shape: tuple[int, ...]) -> Array:
    """Errors uniform within their spread on either side.

    Args:
      key: random key, consumed.
      shape: shape.

    Returns:
      `[...]` in [-1, 1].
    """
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


def near_truth(
    key: Array, truth: Tabletop, spread: Perturbation
) -> tuple[Tabletop, Votes]:
    """An estimate near the truth, with votes that differ from object to object.

    Every shape is replaced by a random one of its class.

    Args:
      key: random key, consumed.
      truth: true latents of `N` places.
      spread: half widths of the uniform errors.

    Returns:
      The estimate and its `Votes` `[N]`.
    """
    key_votes, key_objects, key_shape = jax.random.split(key, 3)
    n = truth.mask.shape[0]

    def cast(key):
        return votes_of_table(perturb_globals(key, truth, spread, uniform_draw))

    votes = jax.vmap(cast)(jax.random.split(key_votes, n))
    table = perturb_objects(
        key_objects, truth, vote(truth, votes), spread, uniform_draw
    )
    counts = jnp.array(SHAPE_COUNTS)[truth.class_id]
    return table.replace(shape=jax.random.randint(key_shape, (n,), 0, counts)), votes


def median_errors(tables: Tabletop, truths: Tabletop) -> Perturbation:
    """How wrong estimates are, in the terms in which `near_truth` makes errors.

    Args:
      tables: estimates `[M, N]`.
      truths: true latents `[M, N]`, objects in the same places; the mask tells which
        of them count.

    Returns:
      `Perturbation` of median absolute errors, of objects the usual ones if none
      counts. In colours the median is over all channels, in the light over azimuth and
      elevation together.
    """
    wrong = jax.tree.map(np.asarray, jax.jit(jax.vmap(_deviations))(tables, truths))
    mask = np.asarray(truths.mask)
    of_objects = "position_px", "size", "azimuth_rad", "colour"

    def median(name):
        values = np.abs(getattr(wrong, name))
        values = values[mask] if name in of_objects else values
        return float(np.median(values)) if values.size else getattr(usual, name)

    usual = Perturbation()
    return Perturbation(**{name: median(name) for name in vars(usual)})


def _deviations(table: Tabletop, truth: Tabletop) -> Perturbation:
    """Errors in the units of `Perturbation`, which holds arrays here."""

    def seen(table):
        return seen_objects(table, tabletop_camera(table, height=256, width=256))

    def relative(name):
        new, old = getattr(table, name), getattr(truth, name)
        return safe_divide(new - old, jnp.max(old, -1, keepdims=True))

    def ratio(name):
        new, old = getattr(table, name), getattr(truth, name)
        return safe_divide(new - old, old)

    (place, size), (true_place, true_size) = seen(table), seen(truth)
    light = [
        wrap_angle(table.light_azimuth_rad - truth.light_azimuth_rad),
        table.light_elevation_rad - truth.light_elevation_rad,
    ]
    return Perturbation(
        position_px=place - true_place,
        size=safe_divide(size, true_size) - 1,
        azimuth_rad=wrap_angle(table.azimuth_rad - truth.azimuth_rad),
        colour=relative("colour"),
        ground_colour=relative("ground_colour"),
        camera_height=ratio("camera_height_m"),
        camera_elevation_rad=table.camera_elevation_rad - truth.camera_elevation_rad,
        strength=jnp.stack([ratio("ambient"), ratio("directional")]),
        light_rad=jnp.stack(light),
    )


def examples_of_scene(
    truth: Tabletop, picture: Array, table: Tabletop, votes: Votes, library: MeshLibrary
) -> Examples:
    """The examples of all places of one scene.

    Args:
      truth: true latents of `N` places.
      picture: `[H, W, 3]` uint8 sRGB.
      table: estimated latents of the same objects in the same places.
      votes: `Votes` `[N]`.
      library: shapes.

    Returns:
      `Examples` of `N` objects, of empty places too.
    """
    observation = linear_from_srgb(picture / 255.0)
    seen = render_for_comparison(table, observation, library)

    def pixels(picture):
        return jnp.round(255 * comparison_pixels(table, picture)).astype(jnp.uint8)

    return Examples(
        observed=pixels(observation),
        rendered=pixels(seen.rendered),
        inside=pixels(jnp.ones_like(observation))[..., 0],
        inputs=encode_inputs(table, votes, seen.colours),
        target=encode_target(truth, table, votes),
    )


def example_maker(library: MeshLibrary) -> Callable:
    """Makes the compiled function that makes examples.

    Args:
      library: shapes.

    Returns:
      Function of true `Tabletop`s, pictures, estimates and `Votes`, `[M]` each, to
      `Examples` `[M, N]`.
    """

    @jax.jit
    def make(*scenes):
        return jax.lax.map(lambda s: examples_of_scene(*s, library), scenes)

    return make


def only_objects(examples: Examples, mask: np.ndarray) -> Examples:
    """The examples of real objects, in one row.

    Args:
      examples: `Examples` `[M, N]`.
      mask: `[M, N]` bool.

    Returns:
      `Examples` of as many objects as the mask has.
    """
    return jax.tree.map(lambda x: np.asarray(x)[mask], examples)


def random_views(
    key_order: Array, key_side: Array, num: int, *, has_orders: bool, has_mirrored: bool
) -> View:
    """Views of examples, to learn from more of them than there are.

    Networks that see each example in six colours cannot learn them by heart.

    Args:
      key_order: random key of the orders of the channels, consumed.
      key_side: random key of the mirrors, consumed.
      num: number `B` of views.
      has_orders: whether channels are in any order.
      has_mirrored: whether half of the views are in a mirror.

    Returns:
      `View` `[B]`.
    """
    keys = jax.random.split(key_order, num)
    order = jax.vmap(lambda k: jax.random.permutation(k, 3))(keys)
    side = jax.random.bernoulli(key_side, shape=(num,))
    return View(
        order=order if has_orders else jnp.broadcast_to(jnp.arange(3), (num, 3)),
        is_mirrored=side & has_mirrored,
    )


def view_examples(views: View, examples: Examples) -> Examples:
    """The same scenes as they are seen otherwise.

    Args:
      views: `View` `[B]`.
      examples: `Examples` of `B` objects.

    Returns:
      `Examples`, each in its view.
    """

    def one(view, example):
        inside = example.inside
        return Examples(
            observed=view_picture(view, example.observed),
            rendered=view_picture(view, example.rendered),
            inside=jnp.where(view.is_mirrored, inside[:, ::-1], inside),
            inputs=view_latents(view, example.inputs),
            target=view_prediction(view, example.target),
        )

    return jax.vmap(one)(views, examples)


def dim_channels(key: Array, examples: Examples, least: float = 0.5) -> Examples:
    """The same scenes with surfaces of other colours: channels are darker by a share.

    Light is white and reflected in proportion, so that these are nearly pictures too:
    white highlights take on a tint, and the render is not as bright as the picture any
    more where its hue is wrong.

    Args:
      key: random key, consumed.
      examples: `Examples` of `B` objects.
      least: of the shares before the greatest of each example is made one.

    Returns:
      `Examples`, each with shares of its own; pixels are floats.
    """
    shares = jax.random.uniform(key, (len(examples.inputs), 3), minval=least)
    shares = shares / jnp.max(shares, -1, keepdims=True)

    def dimmed(patch):
        linear = linear_from_srgb(patch / 255.0)
        return 255.0 * srgb_from_linear(linear * shares[:, None, None])

    def colour_of(units):
        return encode_colour(shares * decode_colour(units))

    def change_of(now, change):
        then = colour_of(now + CHANGE_UNIT * change)
        return (then - colour_of(now)) / CHANGE_UNIT

    parts = jnp.moveaxis(examples.inputs[:, COLOUR_SLOTS], 1, 0)
    colour, own, voted, _, to_colour, to_ground = parts
    numbers = [colour_of(colour), colour_of(own), colour_of(voted)]
    numbers += [numbers[1] - numbers[2]]
    numbers += [change_of(colour, to_colour), change_of(own, to_ground)]
    target = examples.target
    return examples.replace(
        observed=dimmed(examples.observed),
        rendered=dimmed(examples.rendered),
        inputs=examples.inputs.at[:, COLOUR_SLOTS].set(jnp.stack(numbers, 1)),
        target=target.replace(
            colour=change_of(colour, target.colour),
            ground_colour=change_of(own, target.ground_colour),
        ),
    )


def network_inputs(examples: Examples) -> tuple[Array, Array]:
    """Patches and numbers as the network takes them.

    Args:
      examples: `Examples` of `B` objects.

    Returns:
      `[B, 64, 64, 9]` and `[B, 76]`.
    """
    pixels = examples.observed, examples.rendered, examples.inside[..., None]
    return stack_pair(*(p / 255.0 for p in pixels)), examples.inputs


def prediction_loss(
    prediction: Prediction,
    target: Prediction,
    azimuth_weight: float = 0.2,
    hue_weight: float = 0.0,
) -> Array:
    """What the Prediction Network minimises.

    Args:
      prediction: of `B` objects.
      target: from `encode_target`, likewise.
      azimuth_weight: of the cross-entropy of the azimuth.
      hue_weight: of the mean absolute error of both colours that is left when each
        error has its mean over red, green and blue taken away.

    Returns:
      `[]` sum over the sets of latents of the mean absolute and the mean squared
      error, and of the weighted cross-entropy of the azimuth, whose true bin is spread
      over its neighbours (`average_bins`).

    Source: Romaszko et al., section 8; there the true bin stands alone, and hues have
    no term: where a whole colour is too bright, all channels are wrong with one sign,
    and absolute errors say nothing of the hue.
    """
    goal = average_bins(jax.nn.one_hot(target.azimuth, NUM_BINS))
    entropy = -jnp.sum(goal * jax.nn.log_softmax(prediction.azimuth), -1)
    plain = [
        prediction.replace(azimuth=jnp.zeros(())),
        target.replace(azimuth=jnp.zeros(())),
    ]
    wrong = jax.tree.map(jnp.subtract, *plain)
    errors = jax.tree.leaves(wrong)
    plain_loss = sum(jnp.mean(jnp.abs(e)) + jnp.mean(e**2) for e in errors)
    hue_loss = sum(_hue_error(e) for e in (wrong.colour, wrong.ground_colour))
    extra = hue_weight * hue_loss + azimuth_weight * jnp.mean(entropy)
    return plain_loss + extra


def _hue_error(wrong: Array) -> Array:
    return jnp.mean(jnp.abs(wrong - jnp.mean(wrong, -1, keepdims=True)))


__all__ = [
    "Examples",
    "dim_channels",
    "example_maker",
    "examples_of_scene",
    "median_errors",
    "near_truth",
    "network_inputs",
    "only_objects",
    "prediction_loss",
    "random_views",
    "uniform_draw",
    "view_examples",
]
