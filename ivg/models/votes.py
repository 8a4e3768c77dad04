"""What all objects of a table-top share, as each of them sees it.

Every object has an opinion on the camera, the lights and the ground: its votes. The
table has the median of all votes. `Votes` of `N` objects have a leading axis `[N]`.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.numerics import safe_atan2
from ivg.scene.tabletop import Tabletop
from ivg.typing import Array


@struct.dataclass
class Votes:
    """The latents that all objects share, as seen by one or by each of them.

    Attributes:
      ground_colour: `[3]` or `[N, 3]`.
      camera_height_m: `[]` or `[N]`.
      camera_elevation_rad: `[]` or `[N]`.
      ambient: `[]` or `[N]`.
      directional: `[]` or `[N]`.
      light_azimuth_rad: `[]` or `[N]`.
      light_elevation_rad: `[]` or `[N]`.
    """

    ground_colour: Array
    camera_height_m: Array
    camera_elevation_rad: Array
    ambient: Array
    directional: Array
    light_azimuth_rad: Array
    light_elevation_rad: Array


VOTE_FIELDS = tuple(Votes.__dataclass_fields__)


def votes_of_table(table: Tabletop) -> Votes:
    """The shared latents of a table.

    Args:
      table: latents.

    Returns:
      `Votes` without a leading axis.
    """
    return Votes(**{name: getattr(table, name) for name in VOTE_FIELDS})


def unanimous_votes(table: Tabletop) -> Votes:
    """Votes of objects that all agree with the table.

    Args:
      table: latents of `N` places.

    Returns:
      `Votes` with a leading axis `[N]`.
    """
    n = table.mask.shape[0]
    return jax.tree.map(
        lambda x: jnp.broadcast_to(x, (n, *x.shape)), votes_of_table(table)
    )


def masked_median(values: Array, mask: Array) -> Array:
    """The median of some of the rows.

    Args:
      values: `[N, ...]`.
      mask: `[N]` bool.

    Returns:
      `[...]`; the mean of the two in the middle of an even number, zero for none.
    """
    count = jnp.sum(mask)
    ordered = jnp.sort(
        jnp.where(mask.reshape(-1, *[1] * (values.ndim - 1)), values, jnp.inf), 0
    )
    low, high = jnp.maximum(count - 1, 0) // 2, count // 2
    middle = (ordered[low] + ordered[jnp.minimum(high, len(values) - 1)]) / 2
    return jnp.where(count > 0, middle, 0)


def vote(table: Tabletop, votes: Votes) -> Tabletop:
    """The table with the median of the votes of its objects.

    The azimuth of the light, which has no median on a circle, is that of the medians
    of sine and cosine. Without objects the table stays as it is.

    Args:
      table: latents of `N` places.
      votes: `Votes` with a leading axis `[N]`.

    Returns:
      `Tabletop`.

    Source: Romaszko et al., Learning Direct Optimization, section 5.
    """

    def median(values):
        return masked_median(values, table.mask)

    angle = votes.light_azimuth_rad
    azimuth = safe_atan2(median(jnp.sin(angle)), median(jnp.cos(angle)))
    agreed = jax.tree.map(median, votes).replace(light_azimuth_rad=azimuth)
    anyone = jnp.any(table.mask)
    return table.replace(
        **{
            name: jnp.where(anyone, getattr(agreed, name), getattr(table, name))
            for name in VOTE_FIELDS
        }
    )


__all__ = [
    "VOTE_FIELDS",
    "Votes",
    "masked_median",
    "unanimous_votes",
    "vote",
    "votes_of_table",
]
