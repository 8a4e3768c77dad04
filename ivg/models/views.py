"""The same picture as one of another table-top: in a mirror, or in other colours.

Lights are white, so that red, green and blue may change places; and a mirror exchanges
left and right. Such a view is a picture too, of a table-top whose latents follow from
the true ones. A network can learn from it, and can be asked about it: where its answers
about two views differ, it errs, and their mean errs less.

The two sides of a mug and of a stapler are alike, so that azimuths change sign in a
mirror. A banana lies on its side and curves to one of its own: the mirror exchanges its
ends, which are nearly alike.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.models.network import Network
from ivg.models.tabletop_coding import (
    AZIMUTH_INPUTS,
    COLOUR_SLOTS,
    SIDE_INPUTS,
    Prediction,
)
from ivg.models.turns import NUM_BINS
from ivg.scene.tabletop import OBJECT_CLASSES
from ivg.typing import Array, PyTree


@struct.dataclass
class View:
    """How a picture is looked at. Views may have a leading axis.

    Attributes:
      order: `[3]` int32, which channels stand for red, green and blue.
      is_mirrored: `[]` bool, whether left and right change places.
    """

    order: Array
    is_mirrored: Array


def view_cycle(has_orders: bool = True, has_mirrored: bool = True) -> View:
    """Views that a refinement takes in turn.

    Args:
      has_orders: whether there are such with channels in another order: each channel
        stands for red, for green and for blue equally often.
      has_mirrored: whether every other one is seen in a mirror.

    Returns:
      `View` `[V]` of six views, or of three, two or one; the first is the picture as it
      is.
    """
    count = (3 if has_orders else 1) * (2 if has_mirrored else 1)
    turns = np.arange(count)
    order = (np.arange(3) + (turns[:, None] if has_orders else 0)) % 3
    return View(
        order=np.broadcast_to(order, (count, 3)).astype(np.int32),
        is_mirrored=has_mirrored & (turns % 2 == 1),
    )


def inverse_view(view: View) -> View:
    """The view that undoes another one.

    Args:
      view: view.

    Returns:
      `View`.
    """
    return view.replace(order=jnp.argsort(view.order))


def view_picture(view: View, picture: Array) -> Array:
    """A picture as it is seen.

    Args:
      view: view.
      picture: `[H, W, ..., 3]`, any type.

    Returns:
      `[H, W, ..., 3]` likewise.
    """
    ordered = jnp.take(picture, view.order, -1)
    return jnp.where(view.is_mirrored, ordered[:, ::-1], ordered)


def view_latents(view: View, latents: Array) -> Array:
    """The numbers beside the patch of an object, of the table-top that is seen.

    Args:
      view: view.
      latents: `[Z]` from `encode_inputs`.

    Returns:
      `[Z]`.
    """
    is_banana = latents[OBJECT_CLASSES.index("banana")] > 0
    sine, cosine = AZIMUTH_INPUTS
    signs = jnp.ones_like(latents).at[SIDE_INPUTS].set(-1)
    signs = signs.at[sine].set(jnp.where(is_banana, 1, -1))
    signs = signs.at[cosine].set(jnp.where(is_banana, -1, 1))
    colours = jnp.take(latents[COLOUR_SLOTS], view.order, -1)
    ordered = latents.at[COLOUR_SLOTS].set(colours)
    return jnp.where(view.is_mirrored, signs * ordered, ordered)


def view_prediction(view: View, prediction: Prediction) -> Prediction:
    """What is true of the table-top that is seen, of what is true of another.

    Args:
      view: view; its `inverse_view` for the way back.
      prediction: of one object, its azimuth as `[360]` logits or the `[]` index of a
        bin.

    Returns:
      `Prediction`.
    """
    azimuth = prediction.azimuth
    bins = -jnp.arange(NUM_BINS) % NUM_BINS
    mirrored = prediction.replace(
        position=prediction.position.at[0].multiply(-1),
        azimuth=azimuth[bins] if azimuth.ndim else -azimuth % NUM_BINS,
        lighting=prediction.lighting.at[3].multiply(-1),
    )
    sided = jax.tree.map(
        lambda then, now: jnp.where(view.is_mirrored, then, now), mirrored, prediction
    )
    return sided.replace(
        colour=jnp.take(sided.colour, view.order, -1),
        ground_colour=jnp.take(sided.ground_colour, view.order, -1),
    )


def apply_in_view(
    network: Network, params: PyTree, view: View, patches: Array, latents: Array
) -> Prediction:
    """What the network says of a picture when it sees it otherwise.

    Args:
      network: from `prediction_network`.
      params: its parameters.
      view: view.
      patches: `[N, S, S, 9]` from `stack_pair`.
      latents: `[N, Z]` from `encode_inputs`.

    Returns:
      `Prediction` of the `N` objects as they are, not as they are seen.
    """

    def of_each(function, view, values):
        return jax.vmap(function, (None, 0))(view, values)

    pairs = patches.reshape(*patches.shape[:-1], 3, 3)
    seen = of_each(view_picture, view, pairs).reshape(patches.shape)
    said = network.apply(params, seen, of_each(view_latents, view, latents))
    return of_each(view_prediction, inverse_view(view), said)


__all__ = [
    "View",
    "apply_in_view",
    "inverse_view",
    "view_cycle",
    "view_latents",
    "view_picture",
    "view_prediction",
]
