"""Scenes of random latents, and of latents between two encodings.

Source: Rajeswar et al., Pix2Scene, section 4.3 and Figs. 7 to 9.
"""

import jax
import numpy as np

from experiments.pix2scene.config import Config
from experiments.pix2scene.evaluate import Reconstruction, reconstruct
from experiments.pix2scene.figures import (
    depth_picture,
    first_rows,
    normal_picture,
    sheet_of,
)
from ivg.data.room_views import DISTANCE_M, SceneViews, octant_lights, octant_points
from ivg.data.surfel_rooms import CLASSES
from ivg.typing import PyTree
from ivg.viz.picture import png_bytes

_BETWEEN = 7  # pictures of an interpolation


def interpolation_png(
    config: Config, params: PyTree, views: SceneViews, z: np.ndarray
) -> bytes:
    """Fig. 9: pictures and depth of latents on the line between two encodings.

    Args:
      config: number and size of the pictures.
      params: of encoder and decoder.
      views: `[E]`.
      z: `[E, n]` of these.

    Returns:
      Content of a PNG file; rows belong to neighbouring pictures, which stand at both
      ends. All is seen by the camera of the first under its lights.
    """
    rows = []
    for i in range(0, 2 * max(1, config.num_shown // 4), 2):
        first, second = (min(k, len(z) - 1) for k in (i, i + 1))
        share = np.linspace(0, 1, _BETWEEN)[:, None]
        between = ((1 - share) * z[first] + share * z[second]).astype(z.dtype)
        fixed = jax.tree.map(
            lambda x, k=first: np.repeat(x[k : k + 1], _BETWEEN, 0), views
        )
        seen = reconstruct(config, params, fixed, between)
        rows.append([views.image[first], *seen.image, views.image[second]])
        rows.append([None, *map(depth_picture, seen.depth), None])
    return png_bytes(sheet_of(config, rows))


def generate(
    config: Config, params: PyTree, views: SceneViews, seed: int
) -> Reconstruction:
    """Scenes of random latents.

    Args:
      config: sizes.
      params: of encoder and decoder.
      views: `[E]`; their cameras, lights and labels.
      seed: of the latents.

    Returns:
      `Reconstruction` of `[E]`.
    """
    shape = (len(views.eye), config.sizes.latent)
    z = np.asarray(jax.random.normal(jax.random.key(seed), shape))
    return reconstruct(config, params, views, z)


def generated_png(config: Config, seen: Reconstruction) -> bytes:
    """Fig. 7: pictures of generated scenes, each over its depth and normals.

    Args:
      config: number and size of the pictures.
      seen: `[E]`, from `generate`.

    Returns:
      Content of a PNG file.
    """
    shown = first_rows(seen, 2 * config.num_shown)
    rows = []
    for start in range(0, len(shown.image), config.num_shown):
        part = jax.tree.map(lambda x, s=start: x[s : s + config.num_shown], shown)
        rows += [list(part.image), [*map(depth_picture, part.depth)]]
        rows.append([*map(normal_picture, part.normal)])
    return png_bytes(sheet_of(config, rows))


def conditional_png(config: Config, params: PyTree, kind: str) -> bytes:
    """Fig. 8: the same latents, cameras and lights for every class.

    Args:
      config: sizes, of a model that knows classes.
      params: of encoder and decoder.
      kind: of the rooms that it has learned from.

    Returns:
      Content of a PNG file, a row of pictures and one of depth for each class.
    """
    names, count = CLASSES[kind], config.num_shown
    keys = jax.random.split(jax.random.key(config.seed + 2), 2)
    eyes = np.asarray(octant_points(keys[0], count, DISTANCE_M))
    light, rgb = map(np.asarray, octant_lights(keys[1]))
    light, rgb = (np.broadcast_to(x, (count, *x.shape)) for x in (light, rgb))
    blank = np.zeros((count, 0))
    rows, labels = [], []
    for label, name in enumerate(names):
        own = np.full(count, label, np.int32)
        views = SceneViews(blank, eyes, light, rgb, own, blank, blank)
        seen = generate(config, params, views, config.seed + 3)
        rows += [list(seen.image), [*map(depth_picture, seen.depth)]]
        labels += [name, ""]
    return png_bytes(sheet_of(config, rows, names=labels))


def spread_metrics(kind: str, depth: np.ndarray, views: SceneViews) -> dict[str, float]:
    """Whether generated scenes are as different as true ones.

    Args:
      kind: of the rooms.
      depth: `[E, H, W]` metres, of random latents seen by the cameras of `views`.
      views: `[E]`.

    Returns:
      `depth_spread_generated_{kind}` and `depth_spread_true_{kind}`: standard
      deviation at a pixel, mean over pixels, metres.
    """
    pairs = {"generated": depth, "true": views.depth}
    return {
        f"depth_spread_{name}_{kind}": float(np.mean(np.std(values, 0)))
        for name, values in pairs.items()
    }


__all__ = [
    "conditional_png",
    "generate",
    "generated_png",
    "interpolation_png",
    "spread_metrics",
]
