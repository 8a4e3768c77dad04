"""Gradient render-and-compare: mask and depth of one object, from the same starts."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.multi_sparc.config import Config
from experiments.multi_sparc.data import Pictures, restore
from experiments.multi_sparc.networks import once
from ivg.data.first_poses import first_placements
from ivg.data.indoor_models import IndoorModels
from ivg.data.sparse_tokens import box_tokens, make_sight
from ivg.geometry.camera import Camera, resize
from ivg.numerics import safe_normalize
from ivg.refine.gradient import gradient_refiner
from ivg.refine.multi_sparc import Alignment
from ivg.refine.refiner import refine
from ivg.render.pipeline import render
from ivg.scene.graph import make_nodes, make_scene
from ivg.scene.indoor import Placement, RoomPicture
from ivg.scene.library import MeshLibrary, get_shape, single_shape
from ivg.typing import Array

_RATE = 0.03
_DEPTH_M = 0.3  # errors of depth above count little more


class Target(NamedTuple):
    """What the picture of one object should be.

    Attributes:
      mask: `[h, w]` where the object is seen.
      weight: `[h, w]` zero where another one is in the way.
      depth: `[h, w]` metres, zero where unknown.
      camera: `Camera` of `h` rows and `w` columns.
      library: of its mesh alone.
    """

    mask: Array
    weight: Array
    depth: Array
    camera: Camera
    library: MeshLibrary


def make_target(config: Config, picture: RoomPicture, library: MeshLibrary, row):
    """The target of a detection, at the resolution of `gradient_rows`.

    Args:
      config: resolution.
      picture: picture.
      library: of the retrieved mesh alone.
      row: `[]` int32, which detection.

    Returns:
      `Target`.
    """
    step = max(1, config.height // config.gradient_rows)
    owner = picture.owner[step // 2 :: step, step // 2 :: step]
    mask = (owner == row).astype(picture.depth.dtype)
    free = mask + (owner < 0)
    depth = picture.depth[step // 2 :: step, step // 2 :: step]
    camera = resize(picture.camera, *owner.shape)
    return Target(mask, free, depth, camera, library)


def mask_depth_energy(pose: Placement, target: Target) -> Array:
    """Squared difference of masks, and robust difference of depths where both are.

    Args:
      pose: with the logarithm of the size in the place of the size.
      target: what should be seen.

    Returns:
      `[]`.
    """
    turn = safe_normalize(pose.quaternion)[None]
    size = jnp.exp(pose.size)[None]
    nodes = make_nodes(jnp.zeros(1, jnp.int32), pose.position[None], turn, size)
    seen = render(make_scene(target.library, nodes, target.camera))
    extent = jnp.maximum(jnp.sum(target.mask), 1)
    masks = jnp.sum(target.weight * (seen.alpha - target.mask) ** 2) / extent
    both = target.mask * (seen.depth > 0) * (target.depth > 0)
    error = jnp.where(both > 0, seen.depth - target.depth, 0) / _DEPTH_M
    depths = jnp.sum(both * error**2 / (1 + error**2)) / extent
    return masks + depths


def follow(config: Config, starts: Placement, target: Target):
    """Descends from several starts and takes the least energy.

    Args:
      config: number of steps.
      starts: `Placement` of `[A]`.
      target: what should be seen.

    Returns:
      `Placement` and its energy `[]`.
    """
    refiner = gradient_refiner(mask_depth_energy, optax.adam(_RATE))
    starts = starts._replace(size=jnp.log(starts.size))

    def one(start):
        last = refine(refiner, start, target, config.gradient_steps).params
        return last, mask_depth_energy(last, target)

    last, energies = jax.lax.map(one, starts)
    best = jnp.argmin(jnp.where(jnp.isfinite(energies), energies, jnp.inf))
    pose = jax.tree.map(lambda x: x[best], last)
    turn = safe_normalize(pose.quaternion)
    return Placement(pose.position, turn, jnp.exp(pose.size)), energies[best]


def align_by_gradient(
    config: Config,
    models: IndoorModels,
    mean_size_m: Array,
    pictures: Pictures,
    count: int,
) -> Alignment:
    """Aligns the detections of pictures by gradients.

    Args:
      config: sizes.
      models: with the meshes of what was retrieved.
      mean_size_m: `[9, 3]` metres.
      pictures: `E`.
      count: pictures to align, the first ones.

    Returns:
      `Alignment` with a leading axis `[count]`, on the host; the score is that of the
      detector times `exp(-energy)`.
    """

    @jax.jit
    def every(library, mean_size_m, pictures, keys):
        def one(row):
            example = restore(row[0], pictures.points, pictures.normals)
            sight = make_sight(example.picture)
            box = box_tokens(row[1], sight, config.counts.box)
            starts = first_placements(sight, box, mean_size_m)
            found = example.picture.detections

            def object_of(given):
                index, own = given

                def run():
                    mesh = get_shape(library, example.retrieved[index])
                    lone = single_shape(mesh)
                    return follow(
                        config, own, make_target(config, example.picture, lone, index)
                    )

                def skip():
                    return jax.tree.map(lambda x: x[0], own), jnp.zeros(())

                return jax.lax.cond(found.present[index], run, skip)

            rows = jnp.arange(len(found.present))
            starts = jax.tree.map(lambda x: jnp.moveaxis(x, 1, 0), starts)
            placement, energy = jax.lax.map(object_of, (rows, starts))
            return once(placement, found.score * jnp.exp(-energy))

        return jax.lax.map(one, (pictures.examples, keys))

    some = pictures._replace(
        examples=jax.tree.map(lambda x: x[:count], pictures.examples)
    )
    keys = jax.random.split(jax.random.key(config.seed + 2), count)
    found = every(models.library, jnp.asarray(mean_size_m), some, keys)
    return jax.tree.map(np.asarray, found)


__all__ = ["Target", "align_by_gradient", "follow", "make_target", "mask_depth_energy"]
