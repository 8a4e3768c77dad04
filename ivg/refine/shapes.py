"""Shapes of the objects of a table-top, chosen by trying all of their class."""

import jax
import jax.numpy as jnp

from ivg.energy.pixel import robust_negative_log_likelihood
from ivg.energy.tabletop import display
from ivg.geometry.camera import FOV_RAD
from ivg.refine.lido import render_for_comparison
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import Tabletop
from ivg.typing import Array


def choose_shapes(
    table: Tabletop, observation: Array, library: MeshLibrary, fov_rad=FOV_RAD
) -> Tabletop:
    """Gives each object in turn the shape of its class that explains the picture best.

    A shape is judged by Eq. 1 of LiDO with each element as bright as it is observed, so
    that shadows, which the render does not have, do not decide.

    Args:
      table: latents of `N` places.
      observation: `[H, W, 3]` linear RGB.
      library: shapes of the classes of the table.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      The table with other shapes. One that no other beats stays, such as that of an
      object out of sight. No gradient: it is a choice.

    Source: ours; in Romaszko et al., shapes of the first guess stay.
    """
    sizes = jnp.array(library.class_sizes)

    def energy(table):
        seen = render_for_comparison(table, observation, library, fov_rad).rendered
        return robust_negative_log_likelihood(display(seen), display(observation))

    def choose(table, place):
        # The present shape comes first, and so stays where nothing is better. Those
        # of a class with few are tried more than once.
        away = jnp.arange(max(library.class_sizes))
        shapes = (table.shape[place] + away) % sizes[table.class_id[place]]
        tables = jax.vmap(lambda s: table.shape.at[place].set(s))(shapes)
        energies = jax.lax.map(lambda s: energy(table.replace(shape=s)), tables)
        return table.replace(shape=tables[jnp.argmin(energies)]), None

    return jax.lax.scan(choose, table, jnp.arange(len(table.mask)))[0]


__all__ = ["choose_shapes"]
