"""How irregular a depth map is.

Source: Rajeswar et al., Pix2Scene: their released code has three such terms, of which
the paper says nothing, and maximises them by mistake.
"""

import jax
import jax.numpy as jnp

from ivg.typing import Array

_EDGE = 0.1  # difference of grey values that is an edge


def range_loss(depth: Array, near: float, far: float) -> Array:
    """Depths out of range.

    Args:
      depth: `[..., H, W]` metres.
      near: least depth.
      far: greatest depth.

    Returns:
      `[]` mean square of the metres beyond.
    """
    beyond = jnp.maximum(depth - far, 0) + jnp.maximum(near - depth, 0)
    return jnp.mean(beyond**2)


def _bend(depth, row, column):
    """How far the middle of two opposite neighbours is off their line."""
    height, width = depth.shape[-2:]
    inverse, wide = 1 / depth, abs(column)

    def at(i, j):
        rows = slice(row + i, height - row + i)
        return inverse[..., rows, wide + j : width - wide + j]

    return (at(row, column) + at(-row, -column)) / at(0, 0) - 2


def normal_loss(depth: Array) -> Array:
    """How far points are from where the normals of their neighbours' middle put them.

    With `Q` and `Q'` from a point to two opposite neighbours, a plane has `N . Q = 0`
    and `N . Q' = 0` for some `N`. Divided by the depths of the neighbours and summed,
    `N` falls out, for `1 / d` is affine in the image on a plane: what is left is
    `d / d_k + d / d_k' - 2`.

    Args:
      depth: `[..., H, W]` metres.

    Returns:
      `[]` mean absolute value over the four pairs of opposite neighbours.

    Source: Pix2Scene's released code penalises `|N . grad P|`; section 3.3.2.
    """
    pairs = ((0, 1), (1, 0), (1, 1), (1, -1))
    return jnp.mean(jnp.stack([jnp.mean(jnp.abs(_bend(depth, *k))) for k in pairs]))


def edge_loss(depth: Array, image: Array) -> Array:
    """How much depth bends where the picture is even.

    Args:
      depth: `[..., H, W]` metres.
      image: `[..., H, W, C]`; a constant.

    Returns:
      `[]` mean of the bends along rows and columns, see `normal_loss`, each times
      `exp(-step / .1)` for the step of the grey value between the two neighbours.
    """
    grey = jnp.mean(jax.lax.stop_gradient(image), -1)
    steps = (grey[..., 2:] - grey[..., :-2], grey[..., 2:, :] - grey[..., :-2, :])
    bends = (_bend(depth, 0, 1), _bend(depth, 1, 0))
    return 0.5 * sum(
        jnp.mean(jnp.abs(bend) * jnp.exp(-jnp.abs(step) / _EDGE))
        for bend, step in zip(bends, steps, strict=True)
    )


__all__ = ["edge_loss", "normal_loss", "range_loss"]
