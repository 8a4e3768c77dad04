"""The networks of the voxel experiment: how they infer grids, and how they are kept."""

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp

from experiments.ige_voxel.config import Config
from ivg.io.checkpoint import load_params, save_params
from ivg.models.voxel_energy import (
    energy_evidence,
    init_energy,
    pooled_energy,
    pooled_grids,
    voxel_energy,
)
from ivg.models.voxel_networks import GRID_SIDE, VoxelSizes, base_network, start_network
from ivg.refine.refiner import Refinement, refine
from ivg.refine.unrolled import Descent, unrolled_refiner
from ivg.typing import Array, PyTree


def sizes_at(config: Config, resolution: int) -> VoxelSizes:
    """Widths of the networks that are trained at a resolution.

    Above 32 there are finer features, of half as many channels, as long as the picture
    has pixels for them.

    Args:
      config: widths at 32.
      resolution: voxels along each side, 32 times a power of two.

    Returns:
      `VoxelSizes`.
    """
    more = min((resolution // GRID_SIDE).bit_length() - 1, 6 - len(config.sizes.image))
    image, depths = list(config.sizes.image), list(config.sizes.depths)
    for _ in range(more):
        image.append(max(image[-1] // 2, 2))
        depths.append(max(depths[-1] // 2, 1))
    return config.sizes._replace(image=tuple(image), depths=tuple(depths))


def init_descent(config: Config, resolution: int, key: Array) -> PyTree:
    """First parameters of a first estimate, of energies and of a descent.

    Args:
      config: widths.
      resolution: voxels along each side.
      key: random key, consumed.

    Returns:
      Dictionary with "start", "energy" and "descent".
    """
    sizes = sizes_at(config, resolution)
    first, second = jax.random.split(key)
    return {
        "start": start_network(sizes).init(first),
        "energy": init_energy(second, sizes, config.last_scale),
        "descent": {
            "rate": jnp.asarray(config.rate, float),
            "clip": jnp.asarray(config.clip, float),
        },
    }


def enlarge_grid(logits: Array, resolution: int) -> Array:
    """A grid at a higher resolution, linear between the middles of voxels.

    Args:
      logits: `[N, N, N]`.
      resolution: voxels along each side of the result, a multiple of `N`.

    Returns:
      `[R, R, R]`.
    """
    if resolution == len(logits):
        return logits
    return jax.image.resize(logits, (resolution,) * 3, "trilinear")


def descend(
    params: PyTree, logits: Array, features: tuple[Array, ...], num_steps: int
) -> Refinement:
    """The descent of one grid.

    Args:
      params: dictionary with "energy" and "descent".
      logits: `[N, N, N]` first estimate.
      features: `[h, h, C]` of one picture, coarse to fine.
      num_steps: `T`.

    Returns:
      `Refinement` of the logits.
    """
    descent = Descent(
        params["descent"]["rate"], params["descent"]["clip"], jnp.zeros(())
    )
    refiner = unrolled_refiner(
        lambda y, x: voxel_energy(params["energy"], y, x), descent
    )
    evidence = energy_evidence(params["energy"], features)
    return refine(refiner, logits, evidence, num_steps)


def trajectories(
    config: Config,
    resolution: int,
    params: PyTree,
    pictures: Array,
    statistics: PyTree | None = None,
) -> Array:
    """All estimates of the grids of some pictures.

    Args:
      config: widths and steps.
      resolution: that the networks were made for, and of the grids.
      params: from `init_descent`.
      pictures: `[B, 128, 128, 3]` of any scale.
      statistics: of the first estimate's network; those of the batch if None.

    Returns:
      `[B, T + 1, N, N, N]` logits.
    """
    network = start_network(sizes_at(config, resolution))
    estimate = network.apply(params["start"], pictures, statistics=statistics)

    def one(logits, features):
        logits = enlarge_grid(logits, resolution)
        return descend(params, logits, features, config.num_steps).trajectory

    return jax.vmap(one)(*estimate)


def _estimator(config, trained_at):
    """The function from a model and one picture to its `FirstEstimate`."""
    network = start_network(sizes_at(config, trained_at))

    def estimate(model, picture):
        params, statistics = model["params"]["start"], model["statistics"]
        found = network.apply(
            params, picture[None].astype(float), statistics=statistics
        )
        return jax.tree.map(lambda x: x[0], found)

    return estimate


@functools.cache
def descender(config: Config, trained_at: int, resolution: int) -> Callable:
    """Makes the compiled function from one picture to its grid.

    Args:
      config: widths and steps.
      trained_at: resolution that the networks were made for.
      resolution: of the grids, at least that.

    Returns:
      Function `({"params", "statistics"}, picture [128, 128, 3])` to the last logits
      `[N, N, N]`.
    """
    estimate = _estimator(config, trained_at)

    @jax.jit
    def run(model, picture):
        params = model["params"]
        logits, features = estimate(model, picture)
        logits = enlarge_grid(logits, resolution)
        return descend(params, logits, features, config.num_steps).params

    return run


@functools.cache
def learned_part(config: Config, trained_at: int) -> Callable:
    """Makes the compiled function that does what networks do in a descent, alone.

    Args:
      config: widths and steps.
      trained_at: resolution that the networks were made for.

    Returns:
      Function `({"params", "statistics"}, picture [128, 128, 3])` to the sum of all
      slopes: encoder, decoders, and the energy's networks and their derivative in
      every step, at pooled grids that never change.
    """
    estimate = _estimator(config, trained_at)

    @jax.jit
    def run(model, picture):
        params = model["params"]
        logits, features = estimate(model, picture)
        evidence = energy_evidence(params["energy"], features)
        pooled = pooled_grids(
            params["energy"], enlarge_grid(logits, trained_at), evidence
        )
        slope = jax.grad(functools.partial(pooled_energy, params["energy"]))

        def step(seen, _):
            return jax.tree.map(jnp.add, seen, slope(seen, evidence)), None

        seen, _ = jax.lax.scan(step, pooled, length=config.num_steps)
        return sum(jnp.sum(x) for x in seen)

    return run


@functools.cache
def first_estimator(config: Config, trained_at: int = GRID_SIDE) -> Callable:
    """Makes the compiled function from one picture to the first estimate.

    Args:
      config: widths.
      trained_at: resolution that the networks were made for.

    Returns:
      Function as that of `descender`, to `[32, 32, 32]`.
    """
    estimate = _estimator(config, trained_at)

    @jax.jit
    def run(model, picture):
        return estimate(model, picture).logits

    return run


@functools.cache
def base_reconstructor(config: Config) -> Callable:
    """Makes the compiled function from one picture to what a base network says.

    Args:
      config: widths.

    Returns:
      Function as that of `descender`, to `[32, 32, 32]`.
    """
    network = base_network(config.sizes)

    @jax.jit
    def run(model, picture):
        return network.apply(
            model["params"], picture[None].astype(float),
            statistics=model["statistics"],
        )[0]  # fmt: skip

    return run


def grow(new: PyTree, old: PyTree) -> PyTree:
    """Parameters of a network with further features, as far as they are known.

    Args:
      new: first parameters.
      old: those of a network with fewer features.

    Returns:
      `new` with the values of `old` wherever there are some.
    """
    known = dict(jax.tree_util.tree_leaves_with_path(old))
    return jax.tree_util.tree_map_with_path(lambda p, x: known.get(p, x), new)


def model_shapes(config: Config, name: str) -> PyTree:
    """Shapes of what is kept of a network.

    Args:
      config: widths.
      name: such as "ige_iou_32" or "base_world".

    Returns:
      Dictionary with "params" and "statistics".
    """

    def make(key):
        pictures = jnp.zeros((1, 128, 128, 3))
        if name.startswith("base"):
            network = base_network(config.sizes)
            params = own = network.init(key)
        else:
            resolution = int(name.rpartition("_")[2])
            network = start_network(sizes_at(config, resolution))
            params = init_descent(config, resolution, key)
            own = params["start"]
        return {"params": params, "statistics": network.observe(own, pictures)}

    return jax.eval_shape(make, jax.random.key(0))


def save_model(folder: str | pathlib.Path, model: PyTree) -> None:
    """Writes parameters in half precision, and statistics as they are.

    Args:
      folder: folder to make.
      model: dictionary with "params" and "statistics".
    """
    half = jax.tree.map(lambda x: x.astype(jnp.float16), model["params"])
    save_params(folder, model | {"params": half})


def load_model(folder: str | pathlib.Path, config: Config, name: str) -> PyTree:
    """Reads what `save_model` wrote.

    Args:
      folder: of the network.
      config: widths.
      name: of the network.

    Returns:
      Dictionary with "params" and "statistics".

    Raises:
      InputError: if there is none, or one of other widths.
    """
    return load_params(folder, model_shapes(config, name))


__all__ = [
    "base_reconstructor",
    "descend",
    "descender",
    "enlarge_grid",
    "first_estimator",
    "grow",
    "init_descent",
    "learned_part",
    "load_model",
    "model_shapes",
    "save_model",
    "sizes_at",
    "trajectories",
]
