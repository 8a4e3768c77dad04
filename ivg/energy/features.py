"""How far two pictures are apart for a network that has learned to see objects.

Source: StillebenDR (Periyasamy and Behnke, Towards 3D Scene Understanding using
Differentiable Rendering), Fig. 7.
"""

from collections.abc import Callable

import jax.numpy as jnp

from ivg.typing import Array


def feature_map(features: Array, highest: Array) -> Array:
    """Features of a picture as one channel.

    Args:
      features: `[..., C]`, not negative.
      highest: `[C]` what each channel hardly exceeds, a constant of the network. A
        scale of each picture's own, as in LPIPS, would tie its pixels together.

    Returns:
      `[...]` mean over the channels, each scaled so that [0, highest] becomes [-1, 1].
    """
    return jnp.mean(2 * features / highest - 1, -1)


def make_feature_energy(
    extract: Callable[[Array], Array], highest: Array
) -> Callable[[Array, Array], Array]:
    """Makes the mean squared difference of feature maps.

    Args:
      extract: function of pictures `[2, H, W, 3]` to features `[2, H, W, C]`, such as
        those of a U-Net.
      highest: as in `feature_map`.

    Returns:
      Function `(rendered [H, W, 3], observed [H, W, 3]) -> []`, of pictures as the
      network was trained with; differentiable in both.

    Source: Fig. 7, which leaves open how features are scaled and aggregated.
    """

    def energy(rendered, observed):
        pair = jnp.stack([rendered, observed])
        maps = feature_map(extract(pair), highest)
        return jnp.mean((maps[0] - maps[1]) ** 2)

    return energy


__all__ = ["feature_map", "make_feature_energy"]
