"""Shapes of the objects of a table-top, chosen by trying all of their class."""

import jax
import jax.numpy as jnp

from ivg.energy.pixel import robust_negative_log_likelihood
from ivg.energy.tabletop import display
from ivg.geometry.camera import FOV_RAD
from ivg.refine.lido import render_for_comparison
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import OBJECT_CLASSES, Tabletop
from ivg.typing import Array


def choose_shapes(
    table: Tabletop, observation: Array, library: MeshLibrary, fov_rad=FOV_RAD
) -> Tabletop:
    """Gives each object in turn the shape of its class that explains the picture best.

    A shape is judged by Eq. 1 of LiDO with each element as bright as it is observed, so
    that its mean brightness does not decide. The edge of a shadow on the ground, which
    the render does not have, still can.

    Args:
      table: latents of `N` places.
      observation: `[H, W, 3]` linear RGB.
      library: shapes of the classes of the table.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      The table with other shapes. One that no other beats stays, such as that of an
      object out of sight, and so do those of empty places. No gradient: it is a choice.

    Source: ours; in Romaszko et al., shapes of the first guess stay.
    """
    sizes = [library.class_sizes[library.class_names.index(c)] for c in OBJECT_CLASSES]
    counts = jnp.array(sizes)[table.class_id]

    def energy_of(shape):
        tried = table.replace(shape=shape)
        seen = render_for_comparison(tried, observation, library, fov_rad).rendered
        return robust_negative_log_likelihood(display(seen), display(observation))

    def choose(best, place):
        def keep_better(away, best):
            other = (table.shape[place] + away) % counts[place]
            shape = best[1].at[place].set(other)
            tried = energy_of(shape), shape
            is_better = tried[0] < best[0]
            return jax.tree.map(lambda x, y: jnp.where(is_better, x, y), tried, best)

        tries = jnp.where(table.mask[place], counts[place], 1)
        return jax.lax.fori_loop(1, tries, keep_better, best), None

    best = energy_of(table.shape), table.shape
    (_, shape), _ = jax.lax.scan(choose, best, jnp.arange(len(table.mask)))
    return table.replace(shape=shape)


__all__ = ["choose_shapes"]
