"""The energy of a grid of voxels in the frustum of a camera, given its picture.

At each size of the picture's features a short convolutional network sees the
features and the grid side by side, whose depth is then a channel. The grid is pooled
for it: coarse over the picture and fine along the depth where features are coarse,
and the other way round. One sample; batch with `jax.vmap`. Differentiable any number
of times.

Source: Jack et al., IGE-Net, section 6.1.
"""

import jax
import jax.numpy as jnp

from ivg.models.layers import glorot_layer
from ivg.models.pose_lifting import softabs
from ivg.models.voxel_networks import GRID_SIDE, VoxelSizes
from ivg.typing import Array, PyTree


def init_energy(key: Array, sizes: VoxelSizes, last_scale: float = 1.0) -> list[PyTree]:
    """First parameters of the networks at all sizes.

    Args:
      key: random key, consumed.
      sizes: channels of the features and cells of depth.
      last_scale: factor of the first kernels of the second layers.

    Returns:
      For each size, coarse to fine, two layers: 3 by 3 cells, then 3 by 3, or 2 by 2
      at the first size, which has 4 by 4 cells.

    Source: IGE-Net, section 6.3. Glorot's kernels, as for poses.
    """
    levels = []
    keys = jax.random.split(key, len(sizes.image))
    pairs = zip(keys, sizes.image, sizes.depths, strict=True)
    for level, (own, width, depth) in enumerate(pairs):
        first, second = jax.random.split(own)
        side = 3 if level else 2
        shapes = (3, 3, width + depth, width), (side, side, width, width // 2)
        levels.append(
            {
                "hidden": glorot_layer(first, shapes[0], 1.0),
                "out": glorot_layer(second, shapes[1], last_scale),
            }
        )
    return levels


def pool_grid(grid: Array, cells: int, depth: int) -> Array:
    """The mean over boxes of voxels.

    Args:
      grid: `[N, N, N]`, rows, columns and depth.
      cells: rows and columns of the result, a divisor of `N`.
      depth: its depth, a divisor of `N`.

    Returns:
      `[cells, cells, depth]`.

    Raises:
      ValueError: if a number does not divide `N`.
    """
    rows, columns, planes = grid.shape
    if rows % cells or columns % cells or planes % depth:
        raise ValueError(
            f"a grid of {grid.shape} has no means over {cells}, {cells}, {depth} cells"
        )
    boxes = grid.reshape(
        cells, rows // cells, cells, columns // cells, depth, planes // depth
    )
    return jnp.mean(boxes, (1, 3, 5))


def energy_evidence(
    params: list[PyTree], features: tuple[Array, ...]
) -> tuple[Array, ...]:
    """What the features say to the first layers: it is the same in every step.

    Args:
      params: from `init_energy`.
      features: `[h, h, C]` of one picture, coarse to fine.

    Returns:
      `[h - 2, h - 2, C]` for each: sums of the first layers without the grid.
    """
    return tuple(
        _convolve(x, level["hidden"]["kernel"][:, :, : x.shape[-1]])
        + level["hidden"]["bias"]
        for level, x in zip(params, features, strict=True)
    )


def voxel_energy(
    params: list[PyTree], logits: Array, evidence: tuple[Array, ...]
) -> Array:
    """The energy of a grid.

    It is multiplied by the number of voxels in units of `32^3`: the slope at a voxel
    is then of the same size in a finer grid, where means are over more of them.

    Args:
      params: from `init_energy`.
      logits: `[N, N, N]` of occupancy, `N` a multiple of 32 (and of the cells of the
        finest features).
      evidence: from `energy_evidence`.

    Returns:
      `[]`.

    Source: IGE-Net, Eq. 10. The paper speaks of pooled voxel values, its released
    code pools logits, as here.
    """
    pooled = pooled_grids(params, logits, evidence)
    return pooled_energy(params, pooled, evidence) * (logits.size / GRID_SIDE**3)


def pooled_grids(
    params: list[PyTree], logits: Array, evidence: tuple[Array, ...]
) -> list[Array]:
    """A grid as the networks of all sizes see it.

    Args:
      params: from `init_energy`.
      logits: `[N, N, N]`.
      evidence: from `energy_evidence`.

    Returns:
      `[h, h, D]` for each size, coarse to fine; their sizes do not depend on `N`.
    """
    return [
        pool_grid(logits, seen.shape[0] + 2, _own_kernel(level, seen).shape[2])
        for level, seen in zip(params, evidence, strict=True)
    ]


def pooled_energy(
    params: list[PyTree], pooled: list[Array], evidence: tuple[Array, ...]
) -> Array:
    """What the networks of all sizes say: the learned part of `voxel_energy`.

    Args:
      params: from `init_energy`.
      pooled: from `pooled_grids`.
      evidence: from `energy_evidence`.

    Returns:
      `[]`.
    """
    total = jnp.zeros(())
    for level, own, seen in zip(params, pooled, evidence, strict=True):
        x = jax.nn.softplus(seen + _convolve(own, _own_kernel(level, seen)))
        x = _convolve(x, level["out"]["kernel"]) + level["out"]["bias"]
        total += jnp.sum(softabs(x))
    return total


def _own_kernel(level, seen):
    """The part of a first kernel that sees the grid."""
    return level["hidden"]["kernel"][:, :, seen.shape[-1] :]


def _convolve(x, kernel):
    """VALID convolution of `[h, w, C]` as a matrix product, fast in all derivatives."""
    size, _, channels, width = kernel.shape
    rows, columns = (n - size + 1 for n in x.shape[:2])
    shifted = [
        x[i : i + rows, j : j + columns] for i in range(size) for j in range(size)
    ]
    patches = jnp.concatenate(shifted, -1).reshape(rows * columns, -1)
    matrix = kernel.reshape(size * size * channels, width)
    return (patches @ matrix).reshape(rows, columns, width)


__all__ = [
    "energy_evidence",
    "init_energy",
    "pool_grid",
    "pooled_energy",
    "pooled_grids",
    "voxel_energy",
]
