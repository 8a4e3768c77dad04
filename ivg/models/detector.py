"""Finds objects: their classes, contact points and sizes.

The heads look at 16 by 16 cells of features, the 128 by 128 pixels about a point,
and slide over a whole picture. The last class is the background.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct

from ivg.models.backbones import STRIDE
from ivg.models.layers import Conv, PatchHead
from ivg.models.network import Network, network_from_linen
from ivg.typing import Array

PATCH_CELLS = 16
MARGIN_PX = PATCH_CELLS * STRIDE // 2


@struct.dataclass
class DetectorGrid:
    """What the heads say about every place of a picture.

    Attributes:
      class_logits: `[B, h, w, K + 1]`, the background last.
      size: `[B, h, w]` in [0, 1], a share of the range of sizes in training.
    """

    class_logits: Array
    size: Array


@struct.dataclass
class Detections:
    """At most `M` objects of one picture, the surest first.

    Attributes:
      class_id: `[M]` int32, zero where there is none.
      score: `[M]` probability of the class, zero where there is none.
      position_px: `[M, 2]` contact point, x and y.
      size: `[M]` as in `DetectorGrid`.
      mask: `[M]` whether there is an object.
    """

    class_id: Array
    score: Array
    position_px: Array
    size: Array
    mask: Array


def detector_head(
    features: int, width: int = 50, hidden: int = 200, num_classes: int = 3
) -> Network:
    """The two heads of the detector, class and size, which share nothing.

    Args:
      features: number `C` of features per cell.
      width: of the three convolutions of a head; half is dropped after each.
      hidden: width of the dense layer after them, applied to every cell.
      num_classes: number `K` of classes without the background.

    Returns:
      `Network` from features `[B, h, w, C]` to `DetectorGrid` of h - 15 by w - 15.

    Source: LiDO, appendix C, table C.5. Its dense layers also take "the detector
    output", which a detector does not have yet; here they do not.
    """
    shape = (1, PATCH_CELLS, PATCH_CELLS, features)
    return network_from_linen(
        _Detector(width, hidden, num_classes), jax.ShapeDtypeStruct(shape, jnp.float32)
    )


class _Detector(nn.Module):
    width: int
    hidden: int
    num_classes: int

    @nn.compact
    def __call__(self, features):
        def head(name, outputs):
            x = PatchHead(self.width, 3, name=f"{name}_head")(features)
            x = jnp.tanh(Conv(self.hidden, 1, name=f"{name}_hidden")(x))
            return Conv(outputs, 1, name=name)(x)

        return DetectorGrid(
            class_logits=head("class", self.num_classes + 1),
            size=nn.sigmoid(head("size", 1)[..., 0]),
        )


def pad_picture(pixels: Array, margin_px: int = MARGIN_PX) -> Array:
    """A picture with a margin of zeros, so that patches may reach over its edges.

    Args:
      pixels: `[H, W, C]`, normalised.
      margin_px: width of the margin, a multiple of 8; at 64 contact points may lie
        anywhere in the picture.

    Returns:
      `[H + 2 margin, W + 2 margin, C]`.
    """
    margin = (margin_px, margin_px)
    return jnp.pad(pixels, (margin, margin, (0, 0)))


def cell_centres(rows: int, columns: int, margin_px: int = MARGIN_PX) -> Array:
    """Where in the picture the cells of a `DetectorGrid` look.

    Args:
      rows: number of rows of the grid.
      columns: number of its columns.
      margin_px: width of the margin that the picture was given.

    Returns:
      `[rows, columns, 2]` x and y in pixels of the picture without its margin: the
      middle of the patch of 128 by 128 pixels, 8 from one cell to the next.
    """
    first = MARGIN_PX - margin_px
    x = first + STRIDE * jnp.arange(columns, dtype=jnp.float32)
    y = first + STRIDE * jnp.arange(rows, dtype=jnp.float32)
    return jnp.stack(jnp.meshgrid(x, y), -1)


def smooth_cells(values: Array) -> Array:
    """A mean over three by three cells with weights 1, 2, 1 in both directions.

    An object answers in all cells near its contact point, about as surely in each;
    the middle of the answers is where their mean is greatest. The paper does not do
    this: of objects found twice without it, most are found once with it.

    Args:
      values: `[h, w, K]`; beyond the cells they count as zero.

    Returns:
      `[h, w, K]`.
    """
    for axis in (0, 1):
        pad = [(1, 1) if i == axis else (0, 0) for i in range(3)]
        wide, n = jnp.pad(values, pad), values.shape[axis]
        parts = [jax.lax.slice_in_dim(wide, i, i + n, axis=axis) for i in range(3)]
        values = (parts[0] + 2 * parts[1] + parts[2]) / 4
    return values


def suppress_non_maxima(
    probabilities: Array,
    size: Array,
    centres_px: Array,
    *,
    radius_px: Array | float,
    max_detections: int,
    min_score: Array | float = 0.5,
    between_cells: bool = False,
) -> Detections:
    """Chooses the surest cells that are not close to a surer one.

    The score of a cell is the probability of its likeliest class other than the
    background; cells suppress each other whatever their classes.

    Args:
      probabilities: `[h, w, K + 1]` of the classes, the background last.
      size: `[h, w]`.
      centres_px: `[h, w, 2]`.
      radius_px: `[]` or `[h, w]` within it, a surer cell suppresses the others.
      max_detections: number `M` of places for detections.
      min_score: `[]` cells below it are no detections.
      between_cells: whether position and size are means over the three by three
        cells about the chosen one, those of its class, weighted by their scores.
        The paper does not do this; it knows positions to 8 pixels then.

    Returns:
      `Detections`; zero where there is none. Of equal scores the first in reading
      order wins. No gradient in the choice.
    """
    score = jnp.max(probabilities[..., :-1], -1).reshape(-1)
    class_id = jnp.argmax(probabilities[..., :-1], -1).reshape(-1)
    values = jnp.concatenate([centres_px, size[..., None]], -1).reshape(-1, 3)
    cells, mask = _choose(score, values[:, :2], radius_px, max_detections, min_score)
    found = values[cells]
    if between_cells:
        weight = score * (class_id == class_id[cells, None])
        found = _mean_of_neighbours(cells, weight, values, size.shape)
    found = jnp.where(mask[:, None], found, 0)
    return Detections(
        class_id=jnp.where(mask, class_id[cells], 0).astype(jnp.int32),
        score=jnp.where(mask, score[cells], 0),
        position_px=found[:, :2],
        size=found[:, 2],
        mask=mask,
    )


def _choose(score, centres, radius, number, min_score):
    """Cells `[M]`, the surest first, and whether they count `[M]`."""
    radius = jnp.broadcast_to(jnp.ravel(radius), score.shape)

    def step(left, _):
        best = jnp.argmax(left)
        near = jnp.sum((centres - centres[best]) ** 2, -1) <= radius[best] ** 2
        return jnp.where(near, -1, left), (best, left[best])

    first = jnp.where(score >= min_score, score, -1)
    _, (cells, scores) = jax.lax.scan(step, first, None, length=number)
    return cells, scores >= 0


def _mean_of_neighbours(cells, weight, values, shape):
    """Means `[M, 3]` of values `[N, 3]` over cells that touch the chosen `[M]`."""
    row, column = jnp.divmod(jnp.arange(len(values)), shape[1])
    near = jnp.abs(row - row[cells, None]) <= 1
    near &= jnp.abs(column - column[cells, None]) <= 1
    weight = jnp.where(near, weight, 0)
    total = jnp.sum(weight, 1, keepdims=True)
    # Differences from the first value keep the mean of pixels exact.
    offsets = values - values[cells, None]
    mean = jnp.sum(weight[..., None] * offsets, 1) / jnp.where(total > 0, total, 1)
    return values[cells] + mean


__all__ = [
    "DetectorGrid",
    "Detections",
    "MARGIN_PX",
    "PATCH_CELLS",
    "cell_centres",
    "detector_head",
    "pad_picture",
    "smooth_cells",
    "suppress_non_maxima",
]
