"""Better latents by render-and-compare: ours, the paper encodes and is done.

A latent is decoded, rendered as surfels and compared with the picture; the gradient
of that comparison improves it, in the one loop of `ivg.refine.refiner`.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.chunks import in_chunks
from experiments.pix2scene.config import Config
from experiments.pix2scene.evaluate import square_errors
from experiments.pix2scene.networks import decode, render_room
from ivg.data.room_views import SceneViews
from ivg.energy.pixel import pyramid
from ivg.refine.gradient import gradient_refiner
from ivg.refine.refiner import refine
from ivg.typing import Array, PyTree

_LIMIT = 0.05  # difference of colours beyond which it counts linearly, full size
_NUM_SIZES = 4  # at which pictures are compared, each half the one before


class Seen(NamedTuple):
    """What a latent should explain.

    Attributes:
      view: one picture, with camera and lights.
      start: `[n]` its encoding.
    """

    view: SceneViews
    start: Array


class Refined(NamedTuple):
    """What the loop made of latents.

    Attributes:
      z: `[E, n]` after the last step.
      energy: `[E, T + 1]` of each picture, before every step and after the last.
    """

    z: np.ndarray
    energy: np.ndarray


def latent_energy(config: Config, params: PyTree, z: Array, seen: Seen) -> Array:
    """How badly a latent explains its picture.

    Args:
      config: sizes and weight of the prior.
      params: of encoder and decoder.
      z: `[n]`.
      seen: picture and encoding.

    Returns:
      `[]`: the Huber loss of colours, mean over the pictures of a pyramid, in units of
      `_LIMIT`, which is halved with their sizes; and the mean square distance of the
      latent from its encoding. Differentiable in `z`. A pixel that an outline crosses
      must not count with the square, and a face that is too dark as a whole must count
      more than what normals make up for pixel by pixel.
    """
    view = seen.view
    depth = decode(config, params, z[None], view.eye[None], view.label[None])[0]
    wrong = pyramid(render_room(depth, view) - view.image, _NUM_SIZES)
    units = (x * 2**level / _LIMIT for level, x in enumerate(wrong))
    error = sum(jnp.mean(optax.huber_loss(x)) for x in units) / _NUM_SIZES
    return error + config.refine_prior * jnp.mean((z - seen.start) ** 2)


def refine_latents(
    config: Config, params: PyTree, views: SceneViews, z: np.ndarray
) -> Refined:
    """Refines encodings.

    Args:
      config: steps and rate.
      params: of encoder and decoder.
      views: `[E]` pictures.
      z: `[E, n]` their encodings.

    Returns:
      `Refined` of `[E]`.
    """
    run = functools.partial(_refined, config, params)
    return in_chunks(run, views, z, chunk=config.batch_size, label="refine")


@jax.jit(static_argnums=0)
def _refined(config, params, views, z):
    schedule = optax.cosine_decay_schedule(config.refine_rate, config.refine_steps, 0.1)
    energy = functools.partial(latent_energy, config, params)
    refiner = gradient_refiner(energy, optax.adam(schedule))

    def one(view, start):
        seen = Seen(view, start)
        found = refine(refiner, start, seen, config.refine_steps)
        energies = jnp.append(found.info["energy"], energy(found.params, seen))
        return Refined(found.params, energies)

    return jax.vmap(one)(views, z)


def gain_metrics(
    kind: str, before: np.ndarray, after: np.ndarray, views: SceneViews
) -> dict[str, float]:
    """What refinement adds.

    Args:
      kind: of the rooms.
      before: `[E, H, W]` metres, depth of encodings.
      after: `[E, H, W]` metres, depth of refined latents.
      views: `[E]`.

    Returns:
      `depth_mse_refined_{kind}`; `depth_mse_gain_{kind}`, by how much that is less,
      and its standard error over pictures, `depth_mse_gain_error_{kind}`; and
      `share_improved_{kind}` of the pictures.
    """
    first, last = (square_errors(x, views) for x in (before, after))
    gain = first - last
    return {
        f"depth_mse_refined_{kind}": float(np.mean(last)),
        f"depth_mse_gain_{kind}": float(np.mean(gain)),
        f"depth_mse_gain_error_{kind}": float(np.std(gain) / np.sqrt(len(gain))),
        f"share_improved_{kind}": float(np.mean(gain > 0)),
    }


__all__ = [
    "Refined",
    "Seen",
    "gain_metrics",
    "latent_energy",
    "refine_latents",
]
