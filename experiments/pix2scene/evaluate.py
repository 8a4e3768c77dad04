"""How right the depth is that models find in pictures they have not seen."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.chunks import in_chunks
from experiments.pix2scene.config import Config
from experiments.pix2scene.networks import FIT, decode, encode, render_room
from ivg.data.room_views import SceneViews, room_camera
from ivg.metrics.hausdorff import hausdorff
from ivg.models.pix2scene import encoder_network
from ivg.render.surfel import surfel_normals, surfel_points
from ivg.typing import PyTree


class Reconstruction(NamedTuple):
    """What a model makes of pictures.

    Attributes:
      z: `[E, n]`.
      depth: `[E, H, W]` metres along the optical axis.
      image: `[E, H, W, 3]` linear RGB, under the true lights.
      normal: `[E, H, W, 3]` in the world.
    """

    z: np.ndarray
    depth: np.ndarray
    image: np.ndarray
    normal: np.ndarray


def encodings(config: Config, params: PyTree, views: SceneViews) -> np.ndarray:
    """Latents of pictures.

    Args:
      config: sizes.
      params: of encoder and decoder.
      views: `[E]`.

    Returns:
      `[E, n]`.
    """
    rows = (views.image, views.eye, views.label)
    run = functools.partial(_encode, config, params)
    return in_chunks(run, *rows, chunk=config.batch_size)


_encode = jax.jit(encode, static_argnums=0)


def reconstruct(
    config: Config, params: PyTree, views: SceneViews, z: np.ndarray
) -> Reconstruction:
    """Depth and pictures of latents, seen from where pictures were taken.

    Args:
      config: sizes.
      params: of encoder and decoder.
      views: `[E]`; their cameras, lights and labels.
      z: `[E, n]`.

    Returns:
      `Reconstruction` of `[E]`.
    """
    # Pictures are not looked at: something small stands for them.
    known = views._replace(image=views.eye, depth=views.eye, normal=views.eye)
    run = functools.partial(_reconstructed, config, params)
    return in_chunks(run, known, z, chunk=config.batch_size)


@jax.jit(static_argnums=0)
def _reconstructed(config, params, views, z):
    depth = decode(config, params, z, views.eye, views.label)
    image = jax.vmap(render_room)(depth, views)
    return Reconstruction(z, depth, image, jax.vmap(_normals)(depth, views.eye))


def _normals(depth, eye):
    normal = surfel_normals(depth, room_camera(eye, depth.shape[0]), fit=FIT)
    return jnp.moveaxis(normal, 0, -1)


def untrained(config: Config, params: PyTree) -> PyTree:
    """The same decoder behind an encoder that has learned nothing.

    Args:
      config: sizes and seed.
      params: of encoder and decoder.

    Returns:
      Parameters.
    """
    fresh = encoder_network(config.sizes).init(jax.random.key(config.seed + 1))
    return {**params, "encoder": fresh}


def square_errors(depth: np.ndarray, views: SceneViews) -> np.ndarray:
    """Mean square error of the depth of each picture.

    Args:
      depth: `[E, H, W]` metres, or what can be broadcast to it.
      views: `[E]`.

    Returns:
      `[E]`, square metres; the room is one metre long.
    """
    return np.mean((depth - views.depth) ** 2, axis=(-2, -1))


def hausdorff_errors(
    config: Config, depth: np.ndarray, views: SceneViews
) -> tuple[np.ndarray, np.ndarray]:
    """Hausdorff distances of the points of all pixels, walls included.

    Args:
      config: how many pictures count.
      depth: `[E, H, W]` metres.
      views: `[E]`.

    Returns:
      `[E']` forward (from what was found) and `[E']` reverse, metres.
    """
    rows = (depth, views.depth, views.eye)
    rows = jax.tree.map(lambda x: x[: config.num_hausdorff], rows)
    return in_chunks(_hausdorff, *rows, chunk=config.batch_size)


@jax.jit
def _hausdorff(*rows):
    def one(row):
        depth, true, eye = row
        camera = room_camera(eye, depth.shape[0])
        points = [surfel_points(x, camera).reshape(3, -1).T for x in (depth, true)]
        return tuple(hausdorff(*points))

    return jax.lax.map(one, rows)


def normal_errors(config: Config, depth: np.ndarray, views: SceneViews) -> np.ndarray:
    """Angles between normals of the depth and true ones.

    Args:
      config: pictures at a time.
      depth: `[E, H, W]` metres.
      views: `[E]`.

    Returns:
      `[E]` means over pixels, degrees.
    """
    rows = (depth, views.normal, views.eye)
    return in_chunks(_normal_errors, *rows, chunk=config.batch_size)


@jax.jit
def _normal_errors(*rows):
    def one(depth, true, eye):
        cosine = jnp.sum(_normals(depth, eye) * true, -1)
        return jnp.mean(jnp.rad2deg(jnp.arccos(jnp.clip(cosine, -1, 1))))

    return jax.vmap(one)(*rows)


def geometry_metrics(
    config: Config, name: str, depth: np.ndarray, views: SceneViews
) -> dict[str, float]:
    """Table 1 and 2 of the paper, for one kind of rooms or one angle.

    Args:
      config: sizes.
      name: what is measured.
      depth: `[E, H, W]` metres.
      views: `[E]`.

    Returns:
      `depth_mse_{name}`, `hausdorff_f_{name}` and `hausdorff_r_{name}`.
    """
    forward, reverse = hausdorff_errors(config, depth, views)
    return {
        f"depth_mse_{name}": float(np.mean(square_errors(depth, views))),
        f"hausdorff_f_{name}": float(np.mean(forward)),
        f"hausdorff_r_{name}": float(np.mean(reverse)),
    }


def baseline_metrics(
    config: Config, kind: str, params: PyTree, views: SceneViews, others: SceneViews
) -> dict[str, float]:
    """Errors of what has not looked at the picture.

    Args:
      config: sizes.
      kind: of the rooms.
      params: of encoder and decoder.
      views: `[E]`.
      others: other rooms of the kind.

    Returns:
      `depth_mse_mean_predictor_{kind}` and its Hausdorff distances, of the mean depth
      at each pixel; `depth_mse_constant_{kind}`, of one mean for all pixels; and
      `depth_mse_untrained_{kind}`, with an encoder that has learned nothing.
    """
    mean = np.broadcast_to(others.depth.mean(0), views.depth.shape)
    metrics = geometry_metrics(config, f"mean_predictor_{kind}", mean, views)
    constant = square_errors(others.depth.mean(), views)
    metrics[f"depth_mse_constant_{kind}"] = float(np.mean(constant))
    fresh = untrained(config, params)
    blind = reconstruct(config, fresh, views, encodings(config, fresh, views))
    error = float(np.mean(square_errors(blind.depth, views)))
    return metrics | {f"depth_mse_untrained_{kind}": error}


def picture_metrics(
    config: Config, kind: str, found: Reconstruction, views: SceneViews
) -> dict[str, float]:
    """How like pictures and normals are.

    Args:
      config: sizes.
      kind: of the rooms.
      found: `[E]`.
      views: `[E]`.

    Returns:
      `image_rmse_{kind}` in linear RGB, and `normal_deg_{kind}`.
    """
    error = np.sqrt(np.mean((found.image - views.image) ** 2))
    angle = np.mean(normal_errors(config, found.depth, views))
    return {f"image_rmse_{kind}": float(error), f"normal_deg_{kind}": float(angle)}


def turned_views(sweep: SceneViews, place: int) -> SceneViews:
    """The pictures of one angle.

    Args:
      sweep: `[E, A + 1]`, from `make_sweep`.
      place: 0 for before the turn.

    Returns:
      `SceneViews` of `[E]`.
    """
    return jax.tree.map(lambda x: x[:, place], sweep)


def sweep_metrics(
    config: Config, kind: str, params: PyTree, sweep: SceneViews, z: np.ndarray
) -> dict[str, float]:
    """Table 2: errors of views that the model has not seen.

    Args:
      config: angles.
      kind: of the rooms.
      params: of encoder and decoder.
      sweep: `[E, A + 1]`, from `make_sweep`.
      z: `[E, n]`, from the pictures before the turn.

    Returns:
      What `geometry_metrics` returns for `{kind}_{angle}`, degrees, from zero on.
    """
    metrics = {}
    for place, angle in enumerate((0.0, *config.angles_deg)):
        views = turned_views(sweep, place)
        depth = reconstruct(config, params, views, z).depth
        metrics |= geometry_metrics(config, f"{kind}_{angle:g}", depth, views)
    return metrics


__all__ = [
    "Reconstruction",
    "baseline_metrics",
    "encodings",
    "geometry_metrics",
    "hausdorff_errors",
    "normal_errors",
    "picture_metrics",
    "reconstruct",
    "square_errors",
    "sweep_metrics",
    "turned_views",
    "untrained",
]
