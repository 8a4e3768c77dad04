"""LiDO's scores of table-top pictures: masks and intensities.

Nodes are those of `scene_from_tabletop`: 0 is the ground, `1 + i` object `i`, -1 the
background. An object of the estimate is compared with the true one in its place.

Source: Romaszko et al., Learning Direct Optimization, section 9.2.
"""

import jax
import jax.numpy as jnp

from ivg.metrics.image import intersection_over_union, masked_mean_squared_error
from ivg.typing import Array

GROUND_NODE = 0


def tabletop_image_metrics(
    estimate_index: Array,
    true_index: Array,
    rendered: Array,
    observed: Array,
    mask: Array,
) -> dict[str, Array]:
    """Overlap of the masks, and squared errors at the true masks.

    The background has no score of its own and no share in the squared errors.
    Ground that is taken for background, or background for ground, lowers the
    overlap of the ground, as do missing and superfluous objects.

    Args:
      estimate_index: `[H, W]` int32 node of the estimate seen at each pixel.
      true_index: `[H, W]` int32 node of the truth seen at each pixel.
      rendered: `[H, W, 3]` picture of the estimate as displayed, in [0, 1].
      observed: `[H, W, 3]` observed picture as displayed, in [0, 1].
      mask: `[N]` bool, places that hold an object both of the estimate and of the
        truth.

    Returns:
      `iou_object` `[N]`, `iou_ground` `[]`, `mse_object` `[N]` and `mse_ground`
      `[]`, fractions. NaN for places without an object, objects without a true
      pixel, and a ground without one. Without gradient in the masks.
    """

    def of_node(node):
        true = true_index == node
        overlap = intersection_over_union(estimate_index == node, true)
        error = masked_mean_squared_error(rendered, observed, true)
        seen = jnp.any(true)
        return jnp.where(seen, overlap, jnp.nan), jnp.where(seen, error, jnp.nan)

    overlap, error = jax.vmap(of_node)(GROUND_NODE + jnp.arange(mask.shape[0] + 1))
    return {
        "iou_object": jnp.where(mask, overlap[1:], jnp.nan),
        "iou_ground": overlap[0],
        "mse_object": jnp.where(mask, error[1:], jnp.nan),
        "mse_ground": error[0],
    }


__all__ = ["GROUND_NODE", "tabletop_image_metrics"]
