"""The networks of the pose experiment: what they infer, and how they are kept."""

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp

from experiments.ige_pose.config import Config
from ivg.io.checkpoint import load_params, save_params
from ivg.models.network import Network
from ivg.models.pose_lifting import (
    LiftingEnergy,
    Sight,
    base_network,
    init_energy,
    lifting_energy,
    pose_energy,
)
from ivg.refine.refiner import refine
from ivg.refine.unrolled import Descent, make_descent, unrolled_refiner
from ivg.typing import Array, PyTree

_STEPS = 127  # of eight bits with a sign


@functools.cache
def start_network() -> Network:
    """The network of the first estimate.

    Returns:
      `Network` of width 128 with one block, 43,824 parameters.
    """
    return base_network(128, 1)


def energy_of(config: Config) -> LiftingEnergy:
    """The energies of a preset.

    Args:
      config: widths and scales.

    Returns:
      `LiftingEnergy`.
    """
    return lifting_energy(
        config.hidden, config.reprojection_scale, config.feasibility_scale
    )


def init_descent(config: Config, key: Array) -> PyTree:
    """First parameters of energies and descent, beside a first estimate.

    Args:
      config: widths.
      key: random key, consumed.

    Returns:
      Dictionary with "start", "energy" and "descent".
    """
    first, second = jax.random.split(key)
    return {
        "start": start_network().init(first),
        "energy": init_energy(energy_of(config), second),
        "descent": make_descent(),
    }


def lift(
    energy: LiftingEnergy, params: PyTree, sights: Sight, num_steps: int, key=None
) -> Array:
    """Poses from joints, by a first estimate and a descent.

    Args:
      energy: networks.
      params: as from `init_descent`.
      sights: `Sight` `[B]`.
      num_steps: `T`.
      key: for dropout in the first estimate, or None.

    Returns:
      `[B, T + 1, 16, 3]` all estimates.
    """
    start = start_network().apply(params["start"], sights.joints, key=key)

    def descend(pose, sight):
        refiner = unrolled_refiner(
            lambda y, x: pose_energy(energy, params["energy"], y, x), params["descent"]
        )
        return refine(refiner, pose, sight, num_steps).trajectory

    return jax.vmap(descend)(start, sights)


@functools.cache
def lifter(config: Config, num_steps: int) -> Callable[[PyTree, Sight], Array]:
    """Compiles `lift` in parts that stay in the cache.

    Args:
      config: widths.
      num_steps: `T`.

    Returns:
      Function `(params, Sight [M]) -> [M, T + 1, 16, 3]`.
    """
    energy = energy_of(config)

    @jax.jit
    def run(params, sights):
        def one(sight):
            single = jax.tree.map(lambda x: x[None], sight)
            return lift(energy, params, single, num_steps)[0]

        return jax.lax.map(one, sights, batch_size=50)

    return run


def base_lifter(params: PyTree, sights: Sight) -> Array:
    """Poses as a base network says them, its statistics frozen.

    Args:
      params: of any base network.
      sights: `Sight` `[M]`.

    Returns:
      `[M, 1, 16, 3]`.
    """
    return jax.jit(start_network().apply)(params, sights.joints)[:, None]


def in_eight_bits(params: PyTree) -> PyTree:
    """Kernels as whole numbers, with a factor for each column.

    Args:
      params: of a base network.

    Returns:
      The same dictionary with `{"whole": int8, "factor": float}` for each kernel.
    """

    def one(path, leaf):
        if path[-1].key != "kernel":
            return leaf
        factor = jnp.maximum(jnp.max(jnp.abs(leaf), 0), 1e-30) / _STEPS
        return {"whole": jnp.round(leaf / factor).astype(jnp.int8), "factor": factor}

    return jax.tree_util.tree_map_with_path(one, params)


def from_eight_bits(params: PyTree) -> PyTree:
    """Kernels as numbers again; inverse of `in_eight_bits`.

    Args:
      params: from `in_eight_bits`.

    Returns:
      Parameters of a base network.
    """

    def is_kernel(x):
        return isinstance(x, dict) and "whole" in x

    def one(x):
        return x["whole"] * x["factor"] if is_kernel(x) else x

    return jax.tree.map(one, params, is_leaf=is_kernel)


def save_base(folder: str | pathlib.Path, params: PyTree) -> None:
    """Writes a base network, its kernels in eight bits.

    Args:
      folder: folder to make.
      params: of the network.
    """
    save_params(folder, in_eight_bits(params))


def load_base(folder: str | pathlib.Path, width: int, num_blocks: int) -> PyTree:
    """Reads a base network.

    Args:
      folder: from `save_base`.
      width: units of its layers.
      num_blocks: residual blocks.

    Returns:
      Parameters.

    Raises:
      InputError: if there is none, or one of another size.
    """
    network = base_network(width, num_blocks)

    def like(key):
        return in_eight_bits(network.init(key))

    return from_eight_bits(load_params(folder, jax.eval_shape(like, jax.random.key(0))))


def save_descent(folder: str | pathlib.Path, params: PyTree) -> None:
    """Writes energies, descent and first estimate in half precision.

    Args:
      folder: folder to make.
      params: as from `init_descent`.
    """
    save_params(folder, _without_scalars(params), jnp.float16)


def load_descent(folder: str | pathlib.Path, config: Config) -> PyTree:
    """Reads energies, descent and first estimate.

    Args:
      folder: from `save_descent`.
      config: widths.

    Returns:
      Parameters as from `init_descent`.

    Raises:
      InputError: if there are none, or of other widths.
    """

    def like(key):
        return _without_scalars(init_descent(config, key))

    params = load_params(folder, jax.eval_shape(like, jax.random.key(0)))
    return params | {"descent": Descent(*jnp.unstack(params["descent"]))}


def _without_scalars(params):
    """The descent as one array: Orbax forgets the shape of a single number."""
    return params | {"descent": jnp.stack(jax.tree.leaves(params["descent"]))}


__all__ = [
    "base_lifter",
    "energy_of",
    "from_eight_bits",
    "in_eight_bits",
    "init_descent",
    "lift",
    "lifter",
    "load_base",
    "load_descent",
    "save_base",
    "save_descent",
    "start_network",
]
