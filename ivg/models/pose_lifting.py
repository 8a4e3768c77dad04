"""Networks that lift a pose from a picture into space: a base network, two energies.

The base network says a first estimate. The energy of an estimate is the sum of a
reprojection energy, of squared distances among the projected and the observed joints,
and of a feasibility energy, of squared distances among the joints in space. Both see
one sample; batch them with `jax.vmap`. Poses are those of `ivg.scene.skeleton`, in
the camera frame of `ivg.geometry.distortion`, about one unit away.

Source: Jack et al., IGE-Net, section 5.1; Martinez et al., A simple yet effective
baseline for 3D human pose estimation, ICCV 2017.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.geometry.distortion import project_normalized
from ivg.models.layers import drop_half, glorot_layer
from ivg.models.network import Network
from ivg.models.normalization import EPSILON
from ivg.numerics import matmul
from ivg.scene.skeleton import INPUT_JOINTS, LEFT_HIP, OUTPUT_JOINTS, RIGHT_HIP
from ivg.typing import Array, PyTree

NUM_INPUT, NUM_OUTPUT = len(INPUT_JOINTS), len(OUTPUT_JOINTS)
_NUM_PAIRS = tuple(n * (n - 1) // 2 for n in (NUM_INPUT + NUM_OUTPUT, NUM_OUTPUT))
# Poses begin a unit away: the loss knows no scale, and a negative one fits as well.
_OUT_SCALE = 0.1
# Squared distance of hips of poses a unit away is about 2e-3.
_LEAST_HIPS = 1e-6


@struct.dataclass
class Sight:
    """What is known of a pose: where its joints appear, and through which lens.

    Attributes:
      joints: `[16, 2]` normalised and distorted, in the order of `INPUT_JOINTS`.
      radial: `[3]` k1, k2, k3 of the lens.
      tangential: `[2]` p1, p2 of the lens.
    """

    joints: Array
    radial: Array
    tangential: Array


class LiftingEnergy(NamedTuple):
    """The two networks inside the energy of a pose.

    Attributes:
      reprojection: of 496 squared distances.
      feasibility: of 120 squared distances.
      reprojection_scale: factor of the 496 (static).
      feasibility_scale: factor of the 120 (static).
    """

    reprojection: Network
    feasibility: Network
    reprojection_scale: float = 1.0
    feasibility_scale: float = 1.0


def base_network(width: int = 128, num_blocks: int = 1) -> Network:
    """The network of Martinez et al. in any width, without bound on its weights.

    A dense layer, residual blocks of two such layers, a dense layer out. Each of the
    inner layers has no bias, but batch normalization, ReLU and dropout of one half.

    While it is trained, layers are normalised by the batch. `freeze_statistics` puts
    the statistics of many samples into scales and offsets; from then on a sample does
    not depend on others.

    Args:
      width: units of the inner layers.
      num_blocks: residual blocks.

    Returns:
      `Network` from joints `[B, 16, 2]` to poses `[B, 16, 3]`. Its `apply` has the
      keyword `by_batch`, which turns batch normalization on; without it, scales and
      offsets stand alone. 128 and 1 give 43,824 parameters, 1024 and 2 give
      4,286,512.
    """
    sizes = [2 * NUM_INPUT] + [width] * (1 + 2 * num_blocks)

    def init(key):
        keys = jax.random.split(key, len(sizes))
        inner = [
            {
                "kernel": _normal(k, (a, b), math.sqrt(2 / a)),
                "scale": jnp.ones(b),
                "offset": jnp.zeros(b),
            }
            for k, a, b in zip(keys, sizes, sizes[1:], strict=False)
        ]
        shape = (width, 3 * NUM_OUTPUT)
        out = {
            "kernel": _normal(keys[-1], shape, _OUT_SCALE * math.sqrt(2 / width)),
            "bias": jnp.tile(jnp.array([0.0, 0.0, 1.0]), NUM_OUTPUT),
        }
        return {"inner": inner, "out": out}

    def apply(params, joints, *, key=None, by_batch=False):
        return _run_base(params, joints, key, by_batch)[0]

    return Network(init, apply)


def freeze_statistics(params: PyTree, joints: Array, *, key: Array | None) -> PyTree:
    """Puts the statistics of samples in the place of those of the batch.

    Args:
      params: of a `base_network` trained with `by_batch`.
      joints: `[M, 16, 2]`, many samples.
      key: for the dropout under which the statistics are taken, as running averages
        would; None for none.

    Returns:
      Parameters of the same shapes, for `apply` without `by_batch`.
    """
    _, statistics = _run_base(params, joints, key, True)
    inner = []
    for layer, (mean, deviation) in zip(params["inner"], statistics, strict=True):
        scale = layer["scale"] / deviation
        offset = layer["offset"] - mean * scale
        inner.append(layer | {"scale": scale, "offset": offset})
    return params | {"inner": inner}


def _run_base(params, joints, key, by_batch):
    """Poses, and mean and deviation of what enters each normalization."""
    num = len(params["inner"])
    keys = [None] * num if key is None else jax.random.split(key, num)
    statistics, x, before = [], joints.reshape(len(joints), -1), None
    for index, layer in enumerate(params["inner"]):
        y = matmul(x, layer["kernel"])
        mean, deviation = jnp.zeros(y.shape[1:]), jnp.ones(y.shape[1:])
        if by_batch:
            mean, deviation = jnp.mean(y, 0), jnp.sqrt(jnp.var(y, 0) + EPSILON)
        statistics.append((mean, deviation))
        y = jax.nn.relu((y - mean) / deviation * layer["scale"] + layer["offset"])
        y = y if keys[index] is None else drop_half(keys[index], y)
        if index % 2 == 0:  # the end of a block, or the first layer
            y = y if before is None else y + before
            before = y
        x = y
    out = matmul(x, params["out"]["kernel"]) + params["out"]["bias"]
    return out.reshape(len(joints), NUM_OUTPUT, 3), statistics


def squared_distances(points: Array) -> Array:
    """Squared distances of all pairs of points, each pair once.

    No root, hence smooth where points meet. The differences are a matrix product,
    whose way back XLA runs twice as fast as that of slices.

    Args:
      points: `[P, D]`.

    Returns:
      `[P (P - 1) / 2]`, of the points (0, 1), (0, 2) and so on.

    Source: IGE-Net, Eq. 6.
    """
    first, second = np.triu_indices(len(points), 1)
    pairs = np.arange(len(first))
    difference = np.zeros((len(first), len(points)))
    difference[pairs, first], difference[pairs, second] = 1, -1
    return jnp.sum(matmul(jnp.asarray(difference, points.dtype), points) ** 2, -1)


def softabs(x: Array) -> Array:
    """A smooth absolute value, halved: `(softplus(x) + softplus(-x)) / 2`.

    Args:
      x: `[...]`.

    Returns:
      `[...]`; `log 2` at zero, with slope `tanh(x / 2) / 2`.

    Source: IGE-Net, section 5.1, and its released code.
    """
    return (jax.nn.softplus(x) + jax.nn.softplus(-x)) / 2


def energy_network(
    num_inputs: int, hidden: int = 64, outputs: int = 8, last_scale: float = 1e-3
) -> Network:
    """Two dense layers with softplus and softabs, summed.

    Args:
      num_inputs: numbers `N` that it sees.
      hidden: units of the first layer.
      outputs: units of the second.
      last_scale: factor of the first kernel of the second layer: the descent has
        little effect at first.

    Returns:
      `Network` from `[N]` to `[]`: one sample, unlike other networks.

    Source: IGE-Net, Eq. 7 and 8, section 5.2 (Glorot's kernels, the last one scaled).
    The width of 64 follows from the multiply-adds of Fig. 4.
    """

    def init(key):
        first, second = jax.random.split(key)
        return {
            "hidden": glorot_layer(first, (num_inputs, hidden), 1.0),
            "out": glorot_layer(second, (hidden, outputs), last_scale),
        }

    def apply(params, inputs, *, key=None):
        del key
        first, second = params["hidden"], params["out"]
        x = jax.nn.softplus(inputs @ first["kernel"] + first["bias"])
        return jnp.sum(softabs(x @ second["kernel"] + second["bias"]))

    return Network(init, apply)


def lifting_energy(
    hidden: int = 64, reprojection_scale: float = 1.0, feasibility_scale: float = 1.0
) -> LiftingEnergy:
    """The networks inside the energy of a pose.

    Args:
      hidden: units of their first layers.
      reprojection_scale: factor of the squared distances of the first.
      feasibility_scale: factor of the squared distances of the second.

    Returns:
      `LiftingEnergy`; at a width of 64, 32,328 and 8,264 parameters.
    """
    first, second = (energy_network(count, hidden) for count in _NUM_PAIRS)
    return LiftingEnergy(first, second, reprojection_scale, feasibility_scale)


def init_energy(energy: LiftingEnergy, key: Array) -> PyTree:
    """First parameters of both networks.

    Args:
      energy: networks.
      key: random key, consumed.

    Returns:
      Dictionary with "reprojection" and "feasibility".
    """
    first, second = jax.random.split(key)
    return {
        "reprojection": energy.reprojection.init(first),
        "feasibility": energy.feasibility.init(second),
    }


def reprojection_energy(
    energy: LiftingEnergy, params: PyTree, pose: Array, sight: Sight
) -> Array:
    """How badly the projection of a pose fits the joints that are seen.

    Args:
      energy: networks.
      params: of the reprojection network.
      pose: `[16, 3]` in the camera frame.
      sight: what is seen.

    Returns:
      `[]`; 8 log 2 would be least.

    Source: IGE-Net, Eq. 7.
    """
    seen = project_normalized(pose, sight.radial, sight.tangential)
    inputs = squared_distances(jnp.concatenate([seen, sight.joints]))
    return energy.reprojection.apply(params, energy.reprojection_scale * inputs)


def feasibility_energy(energy: LiftingEnergy, params: PyTree, pose: Array) -> Array:
    """How unlike a person a pose is; neither scale, place nor a mirror matter.

    Args:
      energy: networks.
      params: of the feasibility network.
      pose: `[16, 3]`.

    Returns:
      `[]`; 8 log 2 would be least.

    Source: IGE-Net, Eq. 8. The square of the distance of the hips divides.
    """
    hips = jnp.sum((pose[RIGHT_HIP] - pose[LEFT_HIP]) ** 2) + _LEAST_HIPS
    inputs = squared_distances(pose) / hips
    return energy.feasibility.apply(params, energy.feasibility_scale * inputs)


def pose_energy(
    energy: LiftingEnergy, params: PyTree, pose: Array, sight: Sight
) -> Array:
    """The energy of an estimate of a pose, of one sample.

    Args:
      energy: networks.
      params: dictionary with "reprojection" and "feasibility".
      pose: `[16, 3]` in the camera frame.
      sight: what is seen.

    Returns:
      `[]`.

    Source: IGE-Net, Eq. 5.
    """
    return reprojection_energy(
        energy, params["reprojection"], pose, sight
    ) + feasibility_energy(energy, params["feasibility"], pose)


def base_multiply_adds(width: int, num_blocks: int) -> int:
    """Multiply-adds of the dense layers of a base network, for one pose.

    Args:
      width: units of the inner layers.
      num_blocks: residual blocks.

    Returns:
      Count; 43,008 for 128 and 1.
    """
    return width * (2 * NUM_INPUT + 2 * num_blocks * width + 3 * NUM_OUTPUT)


def step_multiply_adds(hidden: int = 64, outputs: int = 8) -> int:
    """Multiply-adds of the dense layers of both energies and of their gradient.

    Args:
      hidden: units of their first layers.
      outputs: units of their second layers.

    Returns:
      Count for one step of one pose; 80,896 for 64 and 8.
    """
    return 2 * (sum(_NUM_PAIRS) * hidden + 2 * hidden * outputs)


def _normal(key, shape, deviation):
    return deviation * jax.random.truncated_normal(key, -2, 2, shape) / 0.87962566


__all__ = [
    "NUM_INPUT",
    "NUM_OUTPUT",
    "LiftingEnergy",
    "Sight",
    "base_multiply_adds",
    "base_network",
    "energy_network",
    "feasibility_energy",
    "freeze_statistics",
    "init_energy",
    "lifting_energy",
    "pose_energy",
    "reprojection_energy",
    "softabs",
    "squared_distances",
    "step_multiply_adds",
]
