"""Pictures of the evaluation: contact sheets and turning scenes.

Source: Rajeswar et al., Pix2Scene, Figs. 4, 5, 12 and 15. As there, near is
dark in pictures of depth, and red, green and blue are x, y and z in those of normals.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.pix2scene.config import Config
from experiments.pix2scene.data import make_views, way_to_turn
from experiments.pix2scene.evaluate import Reconstruction, reconstruct, turned_views
from ivg.data.room_views import FAR, NEAR, SceneViews, turned_eye
from ivg.typing import PyTree
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.gif import gif_bytes
from ivg.viz.picture import png_bytes

_FRAMES = 17


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """A depth map as a picture.

    Args:
      depth: `[H, W]` metres.

    Returns:
      `[H, W, 3]` uint8, black at `NEAR` and white at `FAR`.
    """
    share = np.clip((np.asarray(depth) - NEAR) / (FAR - NEAR), 0, 1)
    return np.repeat(np.round(255 * share).astype(np.uint8)[..., None], 3, -1)


def normal_picture(normal: np.ndarray) -> np.ndarray:
    """Normals as a picture.

    Args:
      normal: `[H, W, 3]` unit, in the world.

    Returns:
      `[H, W, 3]` uint8, from 0 for -1 to 255 for 1.
    """
    return np.round(255 * (np.asarray(normal) + 1) / 2).astype(np.uint8)


def first_rows(rows: PyTree, count: int) -> PyTree:
    """The first of many.

    Args:
      rows: pytree of arrays `[E, ...]`.
      count: how many.

    Returns:
      Pytree of arrays of that length.
    """
    return jax.tree.map(lambda x: x[:count], rows)


def sheet_of(config: Config, rows: Sequence, columns=None, names=None) -> np.ndarray:
    """Pictures side by side.

    Args:
      config: size of a cell.
      rows: of pictures.
      columns: labels, or None.
      names: labels of the rows, or None.

    Returns:
      `[H', W', 3]` uint8.
    """
    return contact_sheet(
        rows, column_labels=columns, row_labels=names, cell_px=config.shown_px
    )


def reconstruction_png(
    config: Config, views: SceneViews, found: Reconstruction, refined: Reconstruction
) -> bytes:
    """Fig. 4: pictures, what became of them, and the truth.

    Args:
      config: number and size of the pictures.
      views: `[E]`.
      found: `[E]` of encodings.
      refined: `[E]` of refined latents.

    Returns:
      Content of a PNG file.
    """
    rows = []
    for i in range(min(config.num_shown, len(views.image))):
        depths = [depth_picture(x.depth[i]) for x in (found, refined, views)]
        normals = [normal_picture(x.normal[i]) for x in (found, refined, views)]
        pictures = [x.image[i] for x in (views, found, refined)]
        rows.append([*pictures, *depths, *normals])
    own = ("encoded", "refined", "truth")
    columns = ["input", *own[:2], *(f"d. {x}" for x in own), *(f"n. {x}" for x in own)]
    return png_bytes(sheet_of(config, rows, columns))


def turned_png(
    config: Config, params: PyTree, sweep: SceneViews, z: np.ndarray
) -> bytes:
    """Figs. 5 and 15: what is seen from turned cameras, over the truth.

    Args:
      config: angles, number and size of the pictures.
      params: of encoder and decoder.
      sweep: `[E, A + 1]`, from `make_sweep`.
      z: `[E, n]`, from the pictures before the turn.

    Returns:
      Content of a PNG file; for each scene pictures and normals, found and true. The
      first column is the input.
    """
    count = min(max(1, config.num_shown // 2), len(z))
    few, z = first_rows(sweep, count), z[:count]
    angles = range(len(config.angles_deg) + 1)
    truth = [turned_views(few, place) for place in angles]
    found = [reconstruct(config, params, views, z) for views in truth]
    rows, names = [], []
    for i in range(count):
        for name, source in (("found", found), ("truth", truth)):
            rows.append([x.image[i] for x in source])
            names.append(name)
        for source in (found, truth):
            rows.append([normal_picture(x.normal[i]) for x in source])
            names.append("normals")
    columns = [f"{angle:g} deg" for angle in (0.0, *config.angles_deg)]
    return png_bytes(sheet_of(config, rows, columns, names))


def turning_gif(
    config: Config, params: PyTree, sweep: SceneViews, z: np.ndarray
) -> bytes:
    """Fig. 5, moving: the input, and the scene from a camera that goes around it.

    Args:
      config: number and size of the pictures.
      params: of encoder and decoder.
      sweep: `[E, A + 1]`, from `make_sweep`.
      z: `[E, n]`, from the pictures before the turn.

    Returns:
      Content of a GIF file; beside the input are picture, depth and normals.
    """
    count = min(4, len(z))
    views, z = turned_views(first_rows(sweep, count), 0), z[:count]
    angles = jnp.deg2rad(jnp.linspace(0, config.angles_deg[-1], _FRAMES))
    frames = []
    for eye in np.asarray(_turned_eyes(views.eye, angles)):
        seen = reconstruct(config, params, views._replace(eye=eye), z)
        frames.append(sheet_of(config, [_beside(views, seen, i) for i in range(count)]))
    return gif_bytes([*frames, *frames[-2:0:-1]], last_duration_ms=120)


@jax.jit
def _turned_eyes(eyes, angles):
    """`[T, E, 3]` of `[E, 3]` and `[T]`."""

    def one(eye, angle):
        return turned_eye(eye, angle * way_to_turn(eye))

    return jax.vmap(jax.vmap(one, (0, None)), (None, 0))(eyes, angles)


def _beside(views, seen, i):
    depth, normal = depth_picture(seen.depth[i]), normal_picture(seen.normal[i])
    return [views.image[i], seen.image[i], depth, normal]


def random_lights_png(config: Config, params: PyTree, views, z: np.ndarray) -> bytes:
    """Fig. 12: reconstructions by a model that does not know the lights.

    Args:
      config: number and size of the pictures.
      params: of encoder and decoder.
      views: `[E]`.
      z: `[E, n]` of these.

    Returns:
      Content of a PNG file: pictures, reconstructions under other lights, depth, and
      true depth.
    """
    few = first_rows(views, config.num_shown)
    other = few._replace(
        light=np.roll(few.light, 1, 0), light_rgb=np.roll(few.light_rgb, 1, 0)
    )
    seen = reconstruct(config, params, other, z[: config.num_shown])
    columns = ["input", "other light", "depth", "true depth"]
    rows = []
    for i in range(len(few.image)):
        depths = [depth_picture(x.depth[i]) for x in (seen, few)]
        rows.append([few.image[i], seen.image[i], *depths])
    return png_bytes(sheet_of(config, rows, columns))


def samples_png(config: Config, kinds: Sequence[str]) -> bytes:
    """Fig. 4, left: pictures of random rooms with their depth and normals.

    Args:
      config: sizes.
      kinds: of rooms.

    Returns:
      Content of a PNG file.
    """
    rows, names = [], []
    for kind in kinds:
        few = first_rows(make_views(config, kind, "test"), config.num_shown)
        rows += [list(few.image), [*map(depth_picture, few.depth)]]
        rows.append([*map(normal_picture, few.normal)])
        names += [kind, "", ""]
    return png_bytes(sheet_of(config, rows, names=names))


__all__ = [
    "depth_picture",
    "first_rows",
    "normal_picture",
    "random_lights_png",
    "reconstruction_png",
    "samples_png",
    "sheet_of",
    "turned_png",
    "turning_gif",
]
