"""The model of the experiment: how it sees rooms, and how it is kept."""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp

from experiments.pix2scene.config import Config
from ivg.data.room_views import (
    ALBEDO,
    DISTANCE_M,
    FAR,
    NEAR,
    TARGET,
    SceneViews,
    room_camera,
    room_lights,
)
from ivg.io.checkpoint import load_params, save_params
from ivg.train import scene_cycle
from ivg.train.scene_cycle import (
    Pix2Scene,
    init_pix2scene,
    make_pix2scene,
    picture_of_depth,
)
from ivg.typing import Array, PyTree

FIT = "sides"  # of normals: right along creases and outlines


class RoomBatch(NamedTuple):
    """Pictures of rooms, with their cameras and the lights to render with.

    Attributes:
      image: `[B, H, W, 3]` linear RGB.
      view: `[B, 3]`, see `view_of`.
      label: `[B]` int32.
      eye: `[B, 3]` metres.
      light: `[B, L, 3]` metres.
      light_rgb: `[B, L, 3]` strengths at one metre.
    """

    image: Array
    view: Array
    label: Array
    eye: Array
    light: Array
    light_rgb: Array


def view_of(eye: Array) -> Array:
    """What networks are told of a camera.

    Args:
      eye: `[..., 3]` metres, where it stands.

    Returns:
      `[..., 3]`, its direction from the point that all cameras look at.
    """
    return (eye - jnp.array(TARGET)) / DISTANCE_M


def room_batch(views: SceneViews) -> RoomBatch:
    """Pictures as the losses take them.

    Args:
      views: with one leading axis `[B]`; depth and normals are not used.

    Returns:
      `RoomBatch`.
    """
    image = views.image.astype(views.eye.dtype)
    lights = (views.light, views.light_rgb)
    return RoomBatch(image, view_of(views.eye), views.label, views.eye, *lights)


def render_room(depth: Array, known: RoomBatch | SceneViews) -> Array:
    """The picture of a depth map under the camera and the lights of a picture.

    Args:
      depth: `[P, P]` metres along the optical axis.
      known: one row, whose camera and lights are used.

    Returns:
      `[P, P, 3]` linear RGB. Differentiable in `depth`.
    """
    camera = room_camera(known.eye, depth.shape[0])
    lights = room_lights(known.light, known.light_rgb)
    return picture_of_depth(depth, camera, lights, jnp.full(3, ALBEDO), FIT)


def model_of(config: Config) -> Pix2Scene:
    """The model.

    Args:
      config: sizes.

    Returns:
      `Pix2Scene` for `RoomBatch`.
    """
    return make_pix2scene(config.sizes, jax.vmap(render_room), NEAR, FAR)


def first_params(config: Config) -> PyTree:
    """Parameters before training.

    Args:
      config: seed and sizes.

    Returns:
      Dictionary with "critic" and "generator", of which `encode` and `decode` take the
      latter.
    """
    return init_pix2scene(jax.random.key(config.seed), model_of(config))


def encode(
    config: Config, params: PyTree, images: Array, eyes: Array, labels: Array
) -> Array:
    """The latents of pictures, without chance.

    Args:
      config: sizes.
      params: with "encoder" and "decoder".
      images: `[B, H, W, 3]` linear RGB.
      eyes: `[B, 3]` metres.
      labels: `[B]` int32.

    Returns:
      `[B, n]` means.
    """
    numbers = model_of(config).encoder.apply(
        params["encoder"], images, view_of(eyes), labels
    )
    return numbers[0]


def decode(
    config: Config, params: PyTree, z: Array, eyes: Array, labels: Array
) -> Array:
    """The depth of latents, from any cameras.

    Args:
      config: sizes.
      params: with "encoder" and "decoder".
      z: `[B, n]`.
      eyes: `[B, 3]` metres.
      labels: `[B]` int32, not used unless the sizes have classes.

    Returns:
      `[B, H, W]` metres along the optical axis. Differentiable in `z`.
    """
    return scene_cycle.decode(model_of(config), params, z, view_of(eyes), labels)


def save_model(folder: str | pathlib.Path, params: PyTree) -> None:
    """Keeps encoder and decoder, in half precision.

    Args:
      folder: to make.
      params: with "encoder" and "decoder".
    """
    save_params(folder, params, jnp.float16)


def load_model(config: Config, folder: str | pathlib.Path) -> PyTree:
    """A trained model.

    Args:
      config: sizes.
      folder: from `save_model`.

    Returns:
      Dictionary with "encoder" and "decoder".

    Raises:
      InputError: if it is missing or does not fit.
    """
    shapes = jax.eval_shape(lambda: first_params(config)["generator"])
    return load_params(folder, shapes)


__all__ = [
    "FIT",
    "RoomBatch",
    "decode",
    "encode",
    "first_params",
    "load_model",
    "model_of",
    "render_room",
    "room_batch",
    "save_model",
    "view_of",
]
