"""The energy of a table-top: render it and compare pictures."""

from collections.abc import Callable

import jax.numpy as jnp

from ivg.colour import srgb_from_linear
from ivg.energy.pixel import robust_negative_log_likelihood
from ivg.geometry.camera import FOV_RAD
from ivg.render.pipeline import render
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import Tabletop, scene_from_tabletop
from ivg.typing import Array


def render_tabletop(
    latents: Tabletop,
    library: MeshLibrary,
    *,
    height: int,
    width: int,
    fov_rad=FOV_RAD,
    background=(0.0, 0.0, 0.0),
) -> Array:
    """The antialiased picture of a table-top.

    Args:
      latents: latents.
      library: shapes, from `tabletop_library`.
      height: image rows.
      width: image columns.
      fov_rad: `[]` vertical field of view, radians.
      background: `[3]` linear RGB beyond the ground.

    Returns:
      `[H, W, 3]` linear RGB, not clipped: bright lights go beyond one.
    """
    scene = scene_from_tabletop(
        latents, library, height=height, width=width, fov_rad=fov_rad,
        background=background,
    )  # fmt: skip
    return render(scene).rgb


def tabletop_energy(
    library: MeshLibrary,
    *,
    fov_rad=FOV_RAD,
    background=(0.0, 0.0, 0.0),
    compare: Callable[[Array, Array], Array] = robust_negative_log_likelihood,
) -> Callable[[Tabletop, Array], Array]:
    """Makes the energy of table-top latents given a picture.

    Pictures are compared as they are displayed (sRGB, clipped to [0, 1]), because
    the deviation of Eq. 1 is meant for such intensities.

    Args:
      library: shapes, from `tabletop_library`.
      fov_rad: `[]` vertical field of view, radians.
      background: `[3]` linear RGB beyond the ground.
      compare: from rendered and observed display intensities to a scalar.

    Returns:
      Function `(latents, observation) -> []` of latents and a `[H, W, 3]` linear
      RGB picture, differentiable in the float latents.
    """

    def energy(latents: Tabletop, observation: Array) -> Array:
        height, width = observation.shape[:2]
        picture = render_tabletop(
            latents, library, height=height, width=width, fov_rad=fov_rad,
            background=background,
        )  # fmt: skip
        return compare(display(picture), display(observation))

    return energy


def display(linear: Array) -> Array:
    """Linear RGB as displayed: clipped to [0, 1], then encoded as sRGB.

    Args:
      linear: `[..., 3]` linear RGB.

    Returns:
      `[..., 3]` in [0, 1]; no gradient where clipped.
    """
    return srgb_from_linear(jnp.clip(linear, 0, 1))


__all__ = ["display", "render_tabletop", "tabletop_energy"]
