"""The two searches that LiDO is compared with, and their blocks of latents.

"GBO" follows gradients of the antialiased renderer by a truncated Newton method,
"Simplex" is that of Nelder and Mead. Both minimise Eq. 1 over a few latents at a
time. The paper's limits, 50 and 100 iterations, are read as limits of each
minimisation of a block, and all blocks as being minimised once; it says no more.

Source: Romaszko et al., Learning Direct Optimization, sections 7 and 10.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ivg.refine.gradient import EnergyFn
from ivg.refine.refiner import Refinement
from ivg.refine.scipy_baseline import Minimizer, Search, make_minimizer
from ivg.scene.tabletop import OBJECT_CLASSES, SIZE_RANGE_M, Tabletop, tabletop_bounds
from ivg.typing import Array, Bounds

# Lowest value of Eq. 1 with its sigma of 0.1, for the first trial of a line search.
_LOWEST_ENERGY = -math.log(0.8 / (0.1 * math.sqrt(2 * math.pi)) + 0.2)
GBO = Search("TNC", iterations=50, options={"minfev": _LOWEST_ENERGY})
SIMPLEX = Search("Nelder-Mead", iterations=100)
GROUND_BLOCK = ("ground_colour",)
COLOUR_BLOCK = ("colour",)
POSE_BLOCK = ("position_m", "size_m", "azimuth_rad")
ILLUMINATION_BLOCK = (
    "ambient", "directional", "light_azimuth_rad", "light_elevation_rad",
)  # fmt: skip
CAMERA_BLOCK = ("camera_height_m", "camera_elevation_rad")


def tabletop_blocks(latents: Tabletop) -> list[Tabletop]:
    """The blocks of the paper, in its order.

    Args:
      latents: latents with `N` places, not traced.

    Returns:
      `2 N + 3` masks: colour of the ground, colours of each object, pose of each
      object, illumination, camera. Those of empty places mark nothing.
    """
    nothing = jax.tree.map(lambda leaf: np.zeros(np.shape(leaf), bool), latents)
    objects = np.diag(np.asarray(latents.mask))

    def mark(names, places=True):
        def marked(leaf):
            return (leaf.T | places).T  # the first axis is that of the places

        return nothing.replace(**{n: marked(getattr(nothing, n)) for n in names})

    return [
        mark(GROUND_BLOCK),
        *(mark(COLOUR_BLOCK, place) for place in objects),
        *(mark(POSE_BLOCK, place) for place in objects),
        mark(ILLUMINATION_BLOCK),
        mark(CAMERA_BLOCK),
    ]


def search_bounds(latents: Tabletop, reach: float = 0.25) -> Bounds:
    """The ranges in which a table-top is searched.

    Args:
      latents: first estimate with `N` places.
      reach: how far a contact point may move along x and along z, in distances from
        the camera. The paper gives no range of positions; this one makes a step of a
        near and of a far object move them alike in the picture.

    Returns:
      `Bounds`: those of `tabletop_bounds`, with the sizes of each object's class and
      positions around the estimate.
    """
    bounds = tabletop_bounds()
    low, high = jnp.array([SIZE_RANGE_M[name] for name in OBJECT_CLASSES]).T
    across = jnp.sum(latents.position_m**2, -1) + latents.camera_height_m**2
    move = reach * jnp.sqrt(across)[:, None]
    return bounds.replace(
        lower=bounds.lower.replace(
            size_m=low[latents.class_id], position_m=latents.position_m - move
        ),
        upper=bounds.upper.replace(
            size_m=high[latents.class_id], position_m=latents.position_m + move
        ),
    )


def tabletop_minimizer(
    energy: EnergyFn, search: Search, *, reach: float = 0.25
) -> Minimizer:
    """Makes one of LiDO's baselines.

    Args:
      energy: of latents and a picture, from `tabletop_energy`.
      search: `GBO`, `SIMPLEX` or another.
      reach: of positions, as for `search_bounds`.

    Returns:
      Function `(latents, picture) -> Refinement` with a step for each block of
      `tabletop_blocks` and each round; `info` as by `make_minimizer`.
    """
    minimize = make_minimizer(energy, search)

    def explain(latents: Tabletop, picture: Array) -> Refinement:
        bounds = search_bounds(latents, reach)
        return minimize(latents, picture, bounds, tabletop_blocks(latents))

    return explain


__all__ = [
    "CAMERA_BLOCK",
    "COLOUR_BLOCK",
    "GBO",
    "GROUND_BLOCK",
    "ILLUMINATION_BLOCK",
    "POSE_BLOCK",
    "SIMPLEX",
    "search_bounds",
    "tabletop_blocks",
    "tabletop_minimizer",
]
