"""The evaluation as pictures: what the model sees and says, and views from above.

Source: Periyasamy and Behnke, StillebenDR, 2023, figures 13 and 14.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.decomposition.data import Example, Problem, scene_of, to_bytes
from ivg.geometry.camera import look_at
from ivg.render.pipeline import render
from ivg.scene.library import MeshLibrary
from ivg.scene.stack import Stack
from ivg.typing import Array
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.overlay import draw_contours
from ivg.viz.picture import png_bytes

_NEARER, _FARTHER = np.array([31.0, 111, 180]), np.array([224.0, 123, 0])
_PAPER, _EMPTY = np.array([255.0] * 3), np.array([64.0] * 3)
_EYE_HEIGHT_M = 3.0  # so far that views from above look like plans
_VIEW_RAD = 0.07
_LINE_PX, _LINE_COLOUR = 1.0, (0, 0, 0)


def depth_change_picture(
    maps: np.ndarray, shown: np.ndarray, noise_m: float
) -> np.ndarray:
    """Changes of depth as colours.

    Args:
      maps: `[h, w]` metres.
      shown: `[h, w]` bool, which cells show an object.
      noise_m: change of the full colours.

    Returns:
      `[h, w, 3]` uint8: blue nearer, orange farther, white stays, grey no object.
    """
    share = np.clip(maps / noise_m, -1, 1)[..., None]
    full = np.where(share < 0, _NEARER, _FARTHER)
    colours = _PAPER + np.abs(share) * (full - _PAPER)
    colours = np.where(shown[..., None], colours, _EMPTY)
    return np.round(colours).astype(np.uint8)


def examples_png(examples: Example, maps: np.ndarray, noise_m: float) -> bytes:
    """What the model sees and says.

    Args:
      examples: `[M]`.
      maps: `[M, 2, h, w]` metres, predicted changes.
      noise_m: change of the full colours.

    Returns:
      Content of a PNG file, a row per example: the observed picture, the estimate,
      its peels, the predicted and the true change of depth in both layers.
    """
    rows = []
    for i in range(len(maps)):
        objects = np.asarray(examples.objects[i])
        true = np.asarray(examples.change[i])[np.maximum(objects, 0)]
        pictures = [
            np.kron(depth_change_picture(m, o >= 0, noise_m), np.ones((8, 8, 1), "u1"))
            for values in (maps[i], true)
            for m, o in zip(values, objects, strict=True)
        ]
        rows.append([examples.observed[i], examples.rendered[i], *examples.peels[i]])
        rows[-1] += pictures
    labels = ["observed", "estimate", "peel 1", "peel 2"]
    labels += [f"{what}, {i}" for what in ("predicted", "true") for i in (1, 2)]
    return png_bytes(contact_sheet(rows, column_labels=labels, cell_px=144))


def top_view_maker(library: MeshLibrary, size_px: int) -> Callable:
    """Makes the compiled function that looks at a stack from above.

    Args:
      library: from `stack_library`.
      size_px: side of the picture.

    Returns:
      Function of a `Stack`, the grain of the wood and the depth in the middle of the
      picture to `[S, S, 3]` uint8 and `[S, S]` objects. The camera of the scene is at
      the lower edge and looks upwards.
    """

    @jax.jit
    def view(stack: Stack, wood: Array, depth_m: Array):
        middle = jnp.stack([jnp.zeros(()), jnp.zeros(()), -depth_m])
        camera = look_at(
            middle.at[1].set(_EYE_HEIGHT_M), middle, up=(0.0, 0.0, -1.0),
            height=size_px, width=size_px, fov_rad=_VIEW_RAD,
        )  # fmt: skip
        scene = scene_of(stack, wood, library, size_px).replace(camera=camera)
        seen = render(scene)
        return to_bytes(seen.rgb), seen.object_index

    return view


def top_views_png(
    before: Sequence[Problem], after: Sequence[Problem], view: Callable
) -> bytes:
    """Figure 14: scenes from above, before and after one pass of the model.

    Args:
      before: problems.
      after: the same with the estimates that the model gives.
      view: from `top_view_maker`.

    Returns:
      Content of a PNG file, a row per problem: the wrong estimate, the refined one
      and the truth, each with the outlines of the truth.
    """
    rows = []
    for first, last in zip(before, after, strict=True):
        depth = -np.mean(first.truth.position_m[:, 2])
        # Outlines are drawn of nodes from 1 on.
        outlines = np.asarray(view(first.truth, first.wood, depth)[1]) + 1
        stacks = first.estimate, last.estimate, first.truth
        pictures = [np.asarray(view(s, first.wood, depth)[0]) for s in stacks]
        rows.append(
            [draw_contours(p, outlines, _LINE_COLOUR, _LINE_PX) for p in pictures]
        )
    labels = ["estimate", "refined", "truth"]
    return png_bytes(contact_sheet(rows, column_labels=labels, cell_px=256))


__all__ = ["depth_change_picture", "examples_png", "top_view_maker", "top_views_png"]
