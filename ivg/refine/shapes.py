"""Shapes of the objects of a table-top, and which end is in front, chosen by trying."""

import jax
import jax.numpy as jnp

from ivg.energy.pixel import robust_negative_log_likelihood
from ivg.energy.tabletop import display
from ivg.geometry.camera import FOV_RAD
from ivg.refine.lido import render_for_comparison
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import OBJECT_CLASSES, Tabletop
from ivg.typing import Array

# How many ends of an object may be in front: those of a mug look nothing alike.
_ENDS = {"mug": 1, "banana": 2, "stapler": 2}


def choose_shapes(
    table: Tabletop, observation: Array, library: MeshLibrary, fov_rad=FOV_RAD
) -> Tabletop:
    """Gives each object in turn the shape of its class that explains the picture best.

    Bananas and staplers are tried with either end in front: half a turn away, where no
    small step leads.

    A shape is judged by Eq. 1 of LiDO with each element as bright as it is observed, so
    that its mean brightness does not decide. The edge of a shadow on the ground, which
    the render does not have, still can.

    Args:
      table: latents of `N` places.
      observation: `[H, W, 3]` linear RGB.
      library: shapes of the classes of the table.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      The table with other shapes, and azimuths that are half a turn more. An object
      that no other beats stays as it is, such as one out of sight, and so do empty
      places. No gradient: it is a choice.

    Source: ours; in Romaszko et al., shapes of the first guess stay.
    """
    sizes = [library.class_sizes[library.class_names.index(c)] for c in OBJECT_CLASSES]
    counts = jnp.array(sizes)[table.class_id]
    ends = jnp.array([_ENDS[name] for name in OBJECT_CLASSES])[table.class_id]

    def energy_of(tried):
        seen = render_for_comparison(tried, observation, library, fov_rad).rendered
        return robust_negative_log_likelihood(display(seen), display(observation))

    def other(table, place, away):
        """`away` shapes further on, and half a turn after each time around."""
        shape = (table.shape[place] + away) % counts[place]
        turn = jnp.pi * (away // counts[place])
        return table.replace(
            shape=table.shape.at[place].set(shape),
            azimuth_rad=table.azimuth_rad.at[place].add(turn),
        )

    def choose(best, place):
        start = best[1]

        def keep_better(away, best):
            tried = other(start, place, away)
            trial = energy_of(tried), tried
            is_better = trial[0] < best[0]
            return jax.tree.map(lambda x, y: jnp.where(is_better, x, y), trial, best)

        tries = jnp.where(table.mask[place], ends[place] * counts[place], 1)
        return jax.lax.fori_loop(1, tries, keep_better, best), None

    best = energy_of(table), table
    (_, chosen), _ = jax.lax.scan(choose, best, jnp.arange(len(table.mask)))
    return chosen


__all__ = ["choose_shapes"]
