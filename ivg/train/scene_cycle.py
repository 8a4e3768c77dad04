"""The model of pix2scene: from pictures to latents to depth to pictures, and back.

A scene has a latent `z`. The encoder draws it from a picture, the decoder makes depth
of it, and depth is rendered with the camera and the light of a real picture.

Source: Rajeswar et al., Pix2Scene, section 3.3.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax

from ivg.geometry.camera import Camera
from ivg.models.network import Network
from ivg.models.pix2scene import (
    Pix2SceneSizes,
    critic_network,
    decoder_network,
    depth_from_raw,
    encoder_network,
    sample_latent,
)
from ivg.render.surfel import render_surfels
from ivg.scene.appearance import Lights
from ivg.typing import Array, PyTree


class Pictures(Protocol):
    """What the losses know of a batch: a pytree that has these fields, and others.

    `image` `[B, H, W, C]`, `view` `[B, V]` and `label` `[B]` int32.
    """

    @property
    def image(self) -> Array: ...
    @property
    def view(self) -> Array: ...
    @property
    def label(self) -> Array: ...


class Pix2Scene(NamedTuple):
    """The model.

    Attributes:
      sizes: of the networks.
      encoder: from `encoder_network`.
      decoder: from `decoder_network`.
      critic: from `critic_network`.
      render: `(depth [B, H, W], batch) -> [B, H, W, C]`, the picture of a depth map
        under the camera and the light of a batch, of which it knows more than
        `Pictures`.
      near: least depth, metres.
      far: greatest depth, metres.
    """

    sizes: Pix2SceneSizes
    encoder: Network
    decoder: Network
    critic: Network
    render: Callable[[Array, PyTree], Array]
    near: float
    far: float


class Cycle(NamedTuple):
    """What encoder and decoder make of a batch.

    Attributes:
      mean: `[B, n]` of the encodings of the pictures.
      log_var: `[B, n]`.
      encoded: `[B, n]` encodings, drawn.
      again_depth: `[B, H, W]` metres, decoded from them.
      again_image: `[B, H, W, C]` rendered from that.
      latent: `[B, n]` drawn from the standard normal distribution.
      depth: `[B, H, W]` metres, decoded from it.
      image: `[B, H, W, C]` rendered from that.
      again_latent: `[B, n]` mean of the encodings of that.
    """

    mean: Array
    log_var: Array
    encoded: Array
    again_depth: Array
    again_image: Array
    latent: Array
    depth: Array
    image: Array
    again_latent: Array


def make_pix2scene(
    sizes: Pix2SceneSizes,
    render: Callable[[Array, PyTree], Array],
    near: float,
    far: float,
) -> Pix2Scene:
    """The model of some sizes.

    Args:
      sizes: of the networks.
      render: see `Pix2Scene`.
      near: least depth, metres.
      far: greatest depth, metres.

    Returns:
      `Pix2Scene`.
    """
    networks = (encoder_network(sizes), decoder_network(sizes), critic_network(sizes))
    return Pix2Scene(sizes, *networks, render, near, far)


def init_pix2scene(key: Array, model: Pix2Scene) -> PyTree:
    """Parameters before training.

    Args:
      key: random key, consumed.
      model: model.

    Returns:
      Dictionary with "critic", and "generator" with "encoder" and "decoder".
    """
    keys = jax.random.split(key, 3)
    encoder, decoder = model.encoder.init(keys[0]), model.decoder.init(keys[1])
    generator = {"encoder": encoder, "decoder": decoder}
    return {"critic": model.critic.init(keys[2]), "generator": generator}


def picture_of_depth(
    depth: Array, camera: Camera, lights: Lights, albedo: Array, fit: str = "sphere"
) -> Array:
    """The picture of a depth map.

    Args:
      depth: `[H, W]` metres along the optical axis.
      camera: of `H` by `W` pixels.
      lights: in the world.
      albedo: `[3]` or `[H, W, 3]` reflectance, linear RGB.
      fit: of normals, see `ivg.render.surfel.surfel_normals`.

    Returns:
      `[H, W, 3]` linear RGB, with normals from the depth. Differentiable in all floats.
    """
    return render_surfels(depth, albedo, camera, lights, fit=fit)[0]


def encode(model: Pix2Scene, generator: PyTree, batch: Pictures) -> Array:
    """The latents of pictures, without chance.

    Args:
      model: model.
      generator: parameters of encoder and decoder.
      batch: pictures.

    Returns:
      `[B, n]` means.
    """
    encoder = generator["encoder"]
    return model.encoder.apply(encoder, batch.image, batch.view, batch.label)[0]


def decode(
    model: Pix2Scene, generator: PyTree, latent: Array, view: Array, label: Array
) -> Array:
    """The depth of latents.

    Args:
      model: model.
      generator: parameters of encoder and decoder.
      latent: `[B, n]`.
      view: `[B, V]`.
      label: `[B]` int32.

    Returns:
      `[B, H, W]` metres along the optical axis.
    """
    raw = model.decoder.apply(generator["decoder"], latent, view, label)
    return depth_from_raw(raw, model.near, model.far)


def draw_picture(
    model: Pix2Scene, generator: PyTree, latent: Array, batch: Pictures
) -> tuple[Array, Array]:
    """The depth of latents, and what it looks like.

    Args:
      model: model.
      generator: parameters of encoder and decoder.
      latent: `[B, n]`.
      batch: whose views, labels and lights are used.

    Returns:
      `[B, H, W]` metres, and `[B, H, W, C]`.
    """
    depth = decode(model, generator, latent, batch.view, batch.label)
    return depth, model.render(depth, batch)


def draw_encoding(
    model: Pix2Scene, generator: PyTree, batch: Pictures, key: Array
) -> tuple[Array, Array, Array]:
    """Encodings of pictures.

    Args:
      model: model.
      generator: parameters of encoder and decoder.
      batch: pictures.
      key: random key, consumed.

    Returns:
      `[B, n]` means, log-variances and random encodings.
    """
    encoder = generator["encoder"]
    mean, log_var = model.encoder.apply(encoder, batch.image, batch.view, batch.label)
    return mean, log_var, sample_latent(key, mean, log_var)


def run_cycle(
    model: Pix2Scene, generator: PyTree, batch: Pictures, key: Array
) -> Cycle:
    """From pictures to latents and back, and from latents to pictures and back.

    Args:
      model: model.
      generator: parameters of encoder and decoder.
      batch: pictures.
      key: random key, consumed.

    Returns:
      `Cycle`, differentiable in the parameters.
    """
    keys = jax.random.split(key)
    mean, log_var, encoded = draw_encoding(model, generator, batch, keys[0])
    again = draw_picture(model, generator, encoded, batch)
    latent = jax.random.normal(keys[1], mean.shape)
    made = draw_picture(model, generator, latent, batch)
    back, _ = model.encoder.apply(
        generator["encoder"], made[1], batch.view, batch.label
    )
    return Cycle(mean, log_var, encoded, *again, latent, *made, back)


__all__ = [
    "Cycle",
    "Pictures",
    "Pix2Scene",
    "decode",
    "draw_encoding",
    "draw_picture",
    "encode",
    "init_pix2scene",
    "make_pix2scene",
    "picture_of_depth",
    "run_cycle",
]
