"""How well a stack explains a picture, seen through what hides its objects.

Source: Periyasamy and Behnke, Towards 3D Scene Understanding Using Differentiable
Rendering (StillebenDR), 2023, section on occluded object pose refinement.
"""

from collections.abc import Callable

from ivg.energy.pixel import squared_error
from ivg.energy.tabletop import display
from ivg.render.pipeline import render
from ivg.scene.library import MeshLibrary
from ivg.scene.stack import Stack, scene_from_stack
from ivg.typing import Array, PyTree


def render_stack(stack: Stack, library: MeshLibrary, size_px: int, **options) -> Array:
    """The picture of a stack.

    Args:
      stack: objects.
      library: from `stack_library`.
      size_px: side of the picture.
      **options: of `render`.

    Returns:
      `[S, S, 3]` as displayed, differentiable in every float of the stack.
    """
    scene = scene_from_stack(stack, library, height=size_px, width=size_px)
    return display(render(scene, cull="back", **options).rgb)


def stack_energy(
    library: MeshLibrary, place: Callable[[Stack, PyTree], Stack], **options
) -> Callable[[PyTree, tuple[Array, Stack]], Array]:
    """Makes the mean squared difference of a picture and that of a moved stack.

    Args:
      library: from `stack_library`.
      place: puts the objects where the parameters say, such as `with_depths`.
      **options: of `render`; with `mode="peeled"` hidden objects have a gradient.

    Returns:
      Energy `(params, (picture [S, S, 3] as displayed, Stack)) -> []`; the stack gives
      all that the parameters do not.
    """

    def energy(params, observation):
        picture, stack = observation
        moved = place(stack, params)
        return squared_error(
            render_stack(moved, library, len(picture), **options), picture
        )

    return energy


__all__ = ["render_stack", "stack_energy"]
