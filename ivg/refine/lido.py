"""LiDO: a network looks at picture and render, and says where the latents should be.

Source: Romaszko, Williams and Winn, Learning Direct Optimization for Scene
Understanding, section 8.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct

from ivg.energy.tabletop import display
from ivg.geometry.camera import FOV_RAD
from ivg.models.network import Network
from ivg.models.patches import crop_patches, halve, stack_pair
from ivg.models.tabletop_coding import (
    Opinions,
    blend_opinions,
    clip_opinions,
    decode_prediction,
    encode_inputs,
    opinions_of_table,
)
from ivg.models.views import View, apply_in_view, view_cycle
from ivg.models.votes import Votes, unanimous_votes, vote
from ivg.numerics import matmul, safe_divide, wrap_angle
from ivg.refine.leaves import to_units
from ivg.refine.refiner import Refiner
from ivg.render.pipeline import render
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import (
    Tabletop,
    carry_objects,
    contact_px,
    scene_from_tabletop,
    tabletop_bounds,
    tabletop_camera,
)
from ivg.typing import Array, PyTree

PATCH_SHARE = 0.5  # of the side of the picture: 128 of 256 pixels
PredictFn = Callable[[Array, Array, Array, Tabletop, Votes], Opinions]


@struct.dataclass
class LidoState:
    """What a step hands to the next one.

    Attributes:
      votes: `Votes` of the `N` objects.
      is_done: `[]` bool, whether the latents have come to rest.
    """

    votes: Votes
    is_done: Array


def element_sums(picture: Array, node_index: Array, num_nodes: int) -> Array:
    """How much light the picture has where each element is seen.

    Args:
      picture: `[H, W, 3]` linear RGB.
      node_index: `[H, W]` int32 node seen, -1 for none.
      num_nodes: number `N` of nodes.

    Returns:
      `[N, 3]` sums over the mask of each node. Differentiable in the picture.
    """
    masks = jax.nn.one_hot(node_index.reshape(-1), num_nodes, dtype=picture.dtype)
    return matmul(masks.T, picture.reshape(-1, 3))


def brightness_factors(
    rendered: Array, observed: Array, node_index: Array, num_nodes: int
) -> Array:
    """How much brighter each element is in the picture than in the render.

    Args:
      rendered: `[H, W, 3]` linear RGB.
      observed: `[H, W, 3]` linear RGB.
      node_index: `[H, W]` int32 node seen in the render, -1 for none.
      num_nodes: number `N` of nodes.

    Returns:
      `[N]` ratio of the sums of brightness over the predicted mask; one for an empty
      mask or a black render.
    """
    sums = (element_sums(p, node_index, num_nodes) for p in (observed, rendered))
    bright, drawn = (s.sum(-1) for s in sums)
    return safe_divide(bright, drawn, fallback=1.0)


def match_brightness(
    rendered: Array, observed: Array, node_index: Array, num_nodes: int
) -> Array:
    """The render with each element as bright as it is in the picture.

    The latents were made for a renderer with shadows; without them an element is too
    bright, and this takes that out of the comparison. The latents do not change.

    Args:
      rendered: `[H, W, 3]` linear RGB.
      observed: `[H, W, 3]` linear RGB.
      node_index: `[H, W]` int32 node seen in the render, -1 for none.
      num_nodes: number of nodes.

    Returns:
      `[H, W, 3]` linear RGB.

    Source: Romaszko et al., section 8, last paragraph.
    """
    factors = brightness_factors(rendered, observed, node_index, num_nodes)
    return rendered * jnp.append(factors, 1.0)[node_index][..., None]


def match_colours(
    rendered: Array, observed: Array, node_index: Array, colours: Array
) -> Array:
    """Colours that would give each element the light that it has in the picture.

    They are nearly the true ones where nothing but the colours is wrong: pixels of
    outlines have the colours of two elements. `match_brightness` hides from the network
    how much brighter the picture is; here it is told.

    Args:
      rendered: `[H, W, 3]` linear RGB.
      observed: `[H, W, 3]` linear RGB.
      node_index: `[H, W]` int32 node seen in the render, -1 for none.
      colours: `[N, 3]` present colours of the nodes, linear RGB in [0, 1].

    Returns:
      `[N, 3]` likewise: each channel times the ratio of its sums over the predicted
      mask, at most one; as it is for an empty mask or a black render.

    Source: ours.
    """
    sums = (element_sums(p, node_index, len(colours)) for p in (observed, rendered))
    return jnp.clip(colours * safe_divide(*sums, fallback=1.0), 0, 1)


@struct.dataclass
class Comparison:
    """The render of the present latents beside the picture.

    Attributes:
      rendered: `[H, W, 3]` linear RGB of the plain renderer, each element as bright as
        it is in the picture.
      colours: `[1 + N, 3]` linear RGB of the ground and of `N` objects, as
        `match_colours` would have them.
    """

    rendered: Array
    colours: Array


def render_for_comparison(
    table: Tabletop, observation: Array, library: MeshLibrary, fov_rad=FOV_RAD
) -> Comparison:
    """What the network sees of the present latents.

    Args:
      table: latents.
      observation: `[H, W, 3]` linear RGB.
      library: shapes.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Comparison` of `N` places.
    """
    height, width = observation.shape[:2]
    scene = scene_from_tabletop(
        table, library, height=height, width=width, fov_rad=fov_rad
    )
    seen = render(scene)
    picture, index = jnp.clip(seen.rgb, 0, 1), seen.object_index
    colours = jnp.concatenate([table.ground_colour[None], table.colour])
    return Comparison(
        rendered=match_brightness(picture, observation, index, len(colours)),
        colours=match_colours(picture, observation, index, colours),
    )


def comparison_pixels(table: Tabletop, picture: Array, fov_rad=FOV_RAD) -> Array:
    """A picture around each object.

    Args:
      table: latents of `N` places.
      picture: `[H, W, C]` linear RGB.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `[N, H / 4, H / 4, C]` sRGB in [0, 1] of a square of half the side of the picture
      about the contact point, halved in size: 64 by 64 from a picture of 256. Zero
      beyond the picture.
    """
    height, width = picture.shape[:2]
    camera = tabletop_camera(table, height=height, width=width, fov_rad=fov_rad)
    centres, _ = contact_px(table, camera)
    return halve(crop_patches(display(picture), centres, int(height * PATCH_SHARE)))


def comparison_patches(
    table: Tabletop, observation: Array, rendered: Array, fov_rad=FOV_RAD
) -> Array:
    """Picture and render around each object, as the network sees them.

    Args:
      table: latents of `N` places.
      observation: `[H, W, 3]` linear RGB.
      rendered: `[H, W, 3]` linear RGB, of a `Comparison`.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `[N, H / 4, H / 4, 9]` normalised pixels of picture, render and difference.
    """
    everything = jnp.concatenate(
        [observation, rendered, jnp.ones_like(rendered[..., :1])], -1
    )
    pixels = comparison_pixels(table, everything, fov_rad)
    return stack_pair(pixels[..., :3], pixels[..., 3:6], pixels[..., 6:])


def network_predictor(
    network: Network, params: PyTree, fov_rad=FOV_RAD, views: View | None = None
) -> PredictFn:
    """A prediction network as the predictor of `lido_refiner`.

    Args:
      network: from `prediction_network`.
      params: its parameters.
      fov_rad: `[]` vertical field of view, radians.
      views: `View` `[V]` in which the network sees the picture, one after the other
        from step to step; the picture as it is if absent. The latents become the mean
        of their first values and all predictions (`step_size`), so that what the
        network gets wrong in one view only averages out, at no cost.

    Returns:
      Predictor.
    """
    views = view_cycle(False, False) if views is None else views

    def predict(step, patches, colours, table, votes):
        view = jax.tree.map(lambda x: jnp.asarray(x)[step % len(x)], views)
        latents = encode_inputs(table, votes, colours)
        prediction = apply_in_view(network, params, view, patches, latents)
        return decode_prediction(prediction, table, votes, fov_rad)

    return predict


def step_size(step: Array, offset: float = 2.0) -> Array:
    """`1 / (t + a)`.

    Args:
      step: `[]` count from zero.
      offset: `a`.

    Returns:
      `[]`. With 2, the latents become the mean of their first values and all
      predictions, so that a perfect prediction leaves `1 / (T + 1)` of the error after
      `T` steps.

    Source: Romaszko et al., section 8.
    """
    return 1 / (step + offset)


def lido_refiner(
    predict: PredictFn,
    library: MeshLibrary,
    votes: Votes | None = None,
    *,
    offset: float = 2.0,
    tolerance: float = 0.0,
    fov_rad=FOV_RAD,
) -> Refiner:
    """Moves latents towards what a network predicts, object by object.

    A step renders once. Each object is predicted from its own patches; predictions are
    clipped to the ranges of the latents; all latents go `1 / (t + a)` of the way; the
    shared ones become the median of the votes of all objects. Classes, shapes and the
    number of objects stay. So do contact points and apparent sizes in the picture when
    the camera changes: a predictor speaks of poses as the present camera sees them
    (`carry_objects`). In the paper, whose cameras are nearly right from the start, true
    positions are predicted.

    Args:
      predict: `(step [], patches [N, S, S, 9], colours [1 + N, 3], table, votes) ->
        Opinions`; colours as in `Comparison`.
      library: shapes, from `tabletop_library`.
      votes: first `Votes` with a leading axis `[N]`; those of the table if absent.
      offset: `a`.
      tolerance: the latents come to rest once no latent moves by more than this share
        of its range; zero never.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Refiner` of `Tabletop`s, given a `[H, W, 3]` linear RGB picture. It reports
      `change` `[]`, the greatest change of a latent in widths of its range, and the
      `votes` of the `N` objects.

    Source: Romaszko et al., section 8, steps 1 to 4.
    """

    def init(table, observation):
        del observation
        first = unanimous_votes(table) if votes is None else votes
        return LidoState(first, jnp.array(False))

    def move(step, state, table, observation):
        seen = render_for_comparison(table, observation, library, fov_rad)
        patches = comparison_patches(table, observation, seen.rendered, fov_rad)
        predicted = clip_opinions(
            predict(step, patches, seen.colours, table, state.votes)
        )
        now = opinions_of_table(table, state.votes)
        moved = blend_opinions(now, predicted, step_size(step, offset))
        after = _with_opinions(table, moved, fov_rad)
        return moved.votes, after, _greatest_change(table, after)

    def rest(step, state, table, observation):
        del step, observation
        return state.votes, table, jnp.zeros(())

    def update(step, state, table, observation):
        arguments = step, state, table, observation
        if tolerance > 0:
            cast, after, change = jax.lax.cond(state.is_done, rest, move, *arguments)
        else:
            cast, after, change = move(*arguments)
        info = {"change": change, "votes": cast}
        return LidoState(cast, change < tolerance), after, info

    return Refiner(init, update)


def _with_opinions(table: Tabletop, opinions: Opinions, fov_rad) -> Tabletop:
    """The table with new opinions of its objects and the median of their votes.

    The objects stay where they appear: what the old camera saw, the new one sees.
    """

    def keep_empty(name):
        new, old = getattr(opinions, name), getattr(table, name)
        mask = table.mask.reshape(-1, *[1] * (new.ndim - 1))
        return jnp.where(mask, new, old)

    names = ("position_m", "size_m", "azimuth_rad", "colour")
    own = table.replace(**{name: keep_empty(name) for name in names})
    voted = carry_objects(own, vote(own, opinions.votes), fov_rad)
    turned = wrap_angle(voted.light_azimuth_rad - table.light_azimuth_rad)
    return voted.replace(light_azimuth_rad=table.light_azimuth_rad + turned)


def _greatest_change(before: Tabletop, after: Tabletop) -> Array:
    bounds = tabletop_bounds()
    pairs = zip(to_units(before, bounds), to_units(after, bounds), strict=True)
    return jnp.max(jnp.stack([jnp.max(jnp.abs(b - a)) for a, b in pairs]))


__all__ = [
    "PATCH_SHARE",
    "Comparison",
    "LidoState",
    "PredictFn",
    "brightness_factors",
    "comparison_patches",
    "comparison_pixels",
    "element_sums",
    "lido_refiner",
    "match_brightness",
    "match_colours",
    "network_predictor",
    "render_for_comparison",
    "step_size",
]
