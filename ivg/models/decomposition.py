"""The Scene Decomposition Model: depths of the objects in two layers of a scene.

It sees the observed picture, and what the present estimate looks like: rendered, and
peeled into two layers, with depths. For every cell of eight by eight pixels it says
how far the object which each layer shows there should move along the optical axis.

Source: Periyasamy and Behnke, Towards 3D Scene Understanding Using Differentiable
Rendering (StillebenDR), 2023, "Learning Scene Decomposition" and figure 13.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct

from ivg.models.layers import Conv
from ivg.models.network import Network, network_from_linen
from ivg.models.resnet import RESNET18_WIDTHS, STRIDE, BasicBlock, ResNetStage
from ivg.numerics import safe_divide
from ivg.typing import Array

NUM_LAYERS = 2
DEPTH_UNIT_M = 0.25
GAIN = 5.0  # of the difference of features
LARGEST_CHANGE = 2.0  # of an observed depth, in units of the outputs
JOINED = ("differences", "as_is")


@struct.dataclass
class DecompositionInput:
    """What the model sees of `B` scenes.

    Attributes:
      observed: `[B, H, W, 3]` sRGB in [0, 1].
      rendered: `[B, H, W, 3]` the estimate, likewise.
      peels: `[B, 2, H, W, 3]` its layers, likewise.
      depths: `[B, H / 8, W / 8, D]` metres, zero for background: of the rendered
        picture and of both peels, and of the observed one if `D` is four (RGB-D).
    """

    observed: Array
    rendered: Array
    peels: Array
    depths: Array


def decomposition_model(
    *,
    num_depths: int = 1 + NUM_LAYERS,
    stage_widths: tuple[int, int, int] = RESNET18_WIDTHS,
    width: int = 128,
    num_blocks: int = 4,
    depth_change_m: float = 0.005,
    joined: str = "differences",
) -> Network:
    """The model.

    Args:
      num_depths: 3, or 4 with the observed depth (RGB-D).
      stage_widths: of the ResNet stage that all pictures go through.
      width: of the blocks after it.
      num_blocks: number of these blocks.
      depth_change_m: about the greatest change of depth, metres: the unit of the
        outputs and of the difference of depths.
      joined: "differences" or "as_is", see `join_maps`.

    Returns:
      `Network` from `DecompositionInput` to `[B, 2, H / 8, W / 8]`, the change of
      depth of the object in each layer, in units of `depth_change_m`. The maps that
      come in at an eighth of the size are 515 or 516 at the widths of ResNet-18.

    Raises:
      ValueError: for an unknown way to join.
    """
    if joined not in JOINED:
        raise ValueError(f"joined must be one of {JOINED}, got {joined!r}")
    module = _Decomposition(stage_widths, width, num_blocks, depth_change_m, joined)
    side = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    like = (
        side, side, jax.ShapeDtypeStruct((1, NUM_LAYERS, 32, 32, 3), jnp.float32),
        jax.ShapeDtypeStruct((1, 4, 4, num_depths), jnp.float32),
    )  # fmt: skip
    network = network_from_linen(module, *like)

    def apply(params, seen, key=None):
        parts = seen.observed, seen.rendered, seen.peels, seen.depths
        return network.apply(params, *parts, key=key)

    return Network(network.init, apply)


class _Decomposition(nn.Module):
    stage_widths: tuple[int, int, int]
    width: int
    num_blocks: int
    depth_change_m: float
    joined: str

    @nn.compact
    def __call__(self, observed, rendered, peels, depths):
        pictures = jnp.concatenate([observed[:, None], rendered[:, None], peels], 1)
        flat = pictures.reshape(-1, *pictures.shape[2:])
        features = ResNetStage(self.stage_widths, name="stage")(2 * flat - 1)
        features = features.reshape(*pictures.shape[:2], *features.shape[1:])
        x = join_maps(features, depths, self.depth_change_m, self.joined)
        x = nn.relu(Conv(self.width, 3, name="join")(x))
        for index in range(self.num_blocks):
            x = BasicBlock(self.width, name=f"block_{index}")(x)
        return jnp.moveaxis(Conv(NUM_LAYERS, 1, name="change")(x), -1, 1)


def join_maps(
    features: Array, depths: Array, depth_change_m: float, joined: str = "differences"
) -> Array:
    """What the blocks after the ResNet stage get.

    Args:
      features: `[B, 4, h, w, C]` of the observed and the rendered picture and of both
        peels.
      depths: `[B, h, w, D]` metres.
      depth_change_m: unit of differences of depth, metres.
      joined: "as_is" for the maps themselves, as in the paper, depths in units of
        `DEPTH_UNIT_M`. With "differences" the observed ones stand as their difference
        from the rendered ones: features times `GAIN`, depths in units of
        `depth_change_m` and clipped to `LARGEST_CHANGE` of them, as at outlines.
        Estimates are so near the truth that otherwise training does not begin.

    Returns:
      `[B, h, w, 4 C + D]`.
    """
    maps, scaled = list(jnp.moveaxis(features, 1, 0)), depths / DEPTH_UNIT_M
    if joined == "differences":
        maps[0] = GAIN * (maps[0] - maps[1])
        change = (depths[..., 1 + NUM_LAYERS :] - depths[..., :1]) / depth_change_m
        change = jnp.clip(change, -LARGEST_CHANGE, LARGEST_CHANGE)
        scaled = jnp.concatenate([scaled[..., : 1 + NUM_LAYERS], change], -1)
    return jnp.concatenate([*maps, scaled], -1)


def at_cells(maps: Array) -> Array:
    """Maps at an eighth of their size: the values at the middle of each cell.

    Args:
      maps: `[H, W, ...]`, sides multiples of eight.

    Returns:
      `[H / 8, W / 8, ...]`. Depths and indices cannot be averaged across outlines.
    """
    return maps[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]


def cell_weights(objects: Array, num_objects: int) -> Array:
    """Which cells show which object.

    Args:
      objects: `[..., 2, h, w]` index of the object in each layer, -1 for none.
      num_objects: `N` (static).

    Returns:
      `[..., N, 2, h, w]` one where the object is, otherwise zero.
    """
    index = jnp.arange(num_objects)[:, None, None, None]
    return (objects[..., None, :, :, :] == index).astype(float)


def decomposition_loss(maps: Array, objects: Array, change: Array) -> Array:
    """Mean squared error over the cells that show an object.

    Args:
      maps: `[B, 2, h, w]` from the model.
      objects: `[B, 2, h, w]` index of the object in each layer, -1 for none.
      change: `[B, N]` true change of depth of each object, in units of the model.

    Returns:
      `[]`, zero without any object.
    """
    weights = cell_weights(objects, change.shape[-1])
    wrong = (maps[:, None] - change[:, :, None, None, None]) ** 2
    return safe_divide(jnp.sum(weights * wrong), jnp.sum(weights))


def object_changes(maps: Array, objects: Array, num_objects: int) -> Array:
    """One change for each object: the mean over its cells in both layers.

    Args:
      maps: `[2, h, w]` from the model, of one scene.
      objects: `[2, h, w]` index of the object in each layer, -1 for none.
      num_objects: `N` (static).

    Returns:
      `[N]` in units of the model; zero for an object that no cell shows.
    """
    weights = cell_weights(objects, num_objects)
    total = jnp.sum(weights * maps, (1, 2, 3))
    return safe_divide(total, jnp.sum(weights, (1, 2, 3)))


__all__ = [
    "DEPTH_UNIT_M",
    "GAIN",
    "JOINED",
    "LARGEST_CHANGE",
    "NUM_LAYERS",
    "DecompositionInput",
    "at_cells",
    "cell_weights",
    "decomposition_loss",
    "decomposition_model",
    "join_maps",
    "object_changes",
]
