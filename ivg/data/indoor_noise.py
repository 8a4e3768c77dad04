"""What predictors make of a picture of a room: errors of depth, normals, masks, boxes.

Errors of predicted geometry are smooth: a scale and a turn that change slowly over the
picture, and edges that are washed out. Detectors miss what is hardly seen, and
retrieval may give another model of the category.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.data.indoor_models import IndoorModels, category_range
from ivg.data.indoor_rooms import IndoorExample
from ivg.numerics import safe_divide, safe_normalize
from ivg.scene.indoor import Detections, RoomPicture
from ivg.typing import Array

_GRIDS = ((4, 5), (10, 13))  # cells of the smooth fields
_REACH_PX = 4


class Noise(NamedTuple):
    """How large errors are; lengths in pixels are for pictures 160 wide.

    Attributes:
      depth_scale: deviation of the logarithm of the scale of a picture's depth.
      depth_field: deviation of a smooth field of the same.
      blur_px: greatest deviation of the blur of depth and normals.
      normals_rad: deviation of a smooth turn about each axis, radians.
      mask_px: blur after which masks are cut again at another level.
      mask_level: deviation of that level, and of its change along the border.
      box_share: deviation of each side of a box, as a share of its width or height.
      confidence: deviation of the logit of the score.
      miss: share of detections that are missing when the score is one half; twice
        that when it is zero, none when it is one.
      retrieval: share of detections with a random model of the category.
      wrong_category: share of detections of another category.
      colour: deviation of brightness and of each channel, logarithms.
    """

    depth_scale: float = 0.04
    depth_field: float = 0.03
    blur_px: float = 1.5
    normals_rad: float = 0.1
    mask_px: float = 1.5
    mask_level: float = 0.15
    box_share: float = 0.04
    confidence: float = 1.0
    miss: float = 0.1
    retrieval: float = 0.5
    wrong_category: float = 0.02
    colour: float = 0.1


PREDICTED = Noise()
NO_NOISE = Noise(*(0.0,) * len(Noise._fields))


def smooth_field(key: Array, height: int, width: int, channels: int) -> Array:
    """Noise that changes slowly over a picture.

    Args:
      key: random key, consumed.
      height: rows (static).
      width: columns (static).
      channels: number of fields `C` (static).

    Returns:
      `[H, W, C]`, of mean zero and a deviation near one.
    """
    keys = jax.random.split(key, len(_GRIDS))
    total = jnp.zeros((height, width, channels))
    for key_grid, cells, weight in zip(keys, _GRIDS, (1.0, 0.5), strict=True):
        grid = jax.random.normal(key_grid, (*cells, channels))
        total += weight * jax.image.resize(grid, total.shape, "cubic")
    return total


def blurred(image: Array, valid: Array, deviation_px: Array) -> Array:
    """A picture blurred among its valid pixels, by a Gaussian of nine taps each way.

    Args:
      image: `[H, W, C]`.
      valid: `[H, W]` bool.
      deviation_px: `[]` deviation, pixels, not negative.

    Returns:
      `[H, W, C]`, zero where a pixel is not valid.
    """
    taps = jnp.arange(-_REACH_PX, _REACH_PX + 1)
    weights = jnp.exp(-(taps**2) / (2 * jnp.maximum(deviation_px, 0.1) ** 2))
    mask = valid[..., None].astype(image.dtype)
    both = jnp.concatenate([image * mask, mask], -1)
    for axis in (0, 1):
        around = [(0, 0)] * 3
        around[axis] = (_REACH_PX, _REACH_PX)
        padded, size = jnp.pad(both, around), both.shape[axis]
        both = jnp.zeros_like(both)
        for i, weight in enumerate(weights):
            both += weight * jax.lax.slice_in_dim(padded, i, i + size, axis=axis)
    return mask * safe_divide(both[..., :-1], both[..., -1:])


def predicted_depth(key: Array, depth: Array, noise: Noise) -> Array:
    """Depth as a network would predict it.

    Args:
      key: random key, consumed.
      depth: `[H, W]` metres, zero where unknown.
      noise: how large errors are.

    Returns:
      `[H, W]` metres, zero where `depth` is.
    """
    keys = jax.random.split(key, 3)
    height, width = depth.shape
    blur = noise.blur_px * width / 160 * jax.random.uniform(keys[0])
    soft = blurred(depth[..., None], depth > 0, blur)[..., 0]
    field = smooth_field(keys[1], height, width, 1)[..., 0]
    scale = noise.depth_scale * jax.random.normal(keys[2])
    return soft * jnp.exp(scale + noise.depth_field * field)


def predicted_normals(key: Array, normals: Array, noise: Noise) -> Array:
    """Normals as a network would predict them.

    Args:
      key: random key, consumed.
      normals: `[H, W, 3]` of length one, or zero where unknown.
      noise: how large errors are.

    Returns:
      `[H, W, 3]` of length one, or zero where `normals` are.
    """
    key_blur, key_turn = jax.random.split(key)
    height, width = normals.shape[:2]
    blur = noise.blur_px * width / 160 * jax.random.uniform(key_blur)
    soft = blurred(normals, jnp.any(normals != 0, -1), blur)
    turn = noise.normals_rad * smooth_field(key_turn, height, width, 3)
    return safe_normalize(soft + jnp.cross(turn, soft))


def predicted_masks(key: Array, owner: Array, num: int, noise: Noise) -> Array:
    """Masks as a network would predict them: grown or shrunk, with uneven borders.

    Args:
      key: random key, consumed.
      owner: `[H, W]` int32 whose mask has the pixel, -1 for nobody's.
      num: number of masks `N` (static).
      noise: how large errors are.

    Returns:
      `[H, W]` int32 likewise; at most four pixels from the true borders.
    """
    key_level, key_field = jax.random.split(key)
    height, width = owner.shape
    masks = (owner[..., None] == jnp.arange(num)).astype(float)
    everywhere = jnp.ones(owner.shape, bool)
    soft = blurred(masks, everywhere, noise.mask_px * width / 160)
    level = jax.random.normal(key_level, (num,))
    level += smooth_field(key_field, height, width, num)
    over = soft - 0.5 - jnp.clip(noise.mask_level * level, -0.4, 0.4)
    found = jnp.argmax(over, -1).astype(jnp.int32)
    return jnp.where(jnp.max(over, -1) > 0, found, -1)


def predicted_boxes(
    key: Array, box_px: Array, height: int, width: int, noise: Noise
) -> Array:
    """Boxes as a detector would predict them.

    Args:
      key: random key, consumed.
      box_px: `[N, 4]` left, top, right and bottom, pixels.
      height: rows of the picture.
      width: its columns.
      noise: how large errors are.

    Returns:
      `[N, 4]` in the picture, at least two pixels wide and high.
    """
    size = jnp.tile(box_px[:, 2:] - box_px[:, :2], 2)
    moved = box_px + noise.box_share * size * jax.random.normal(key, box_px.shape)
    limit = jnp.array([width, height], box_px.dtype)
    low = jnp.clip(moved[:, :2], 0, limit - 2)
    return jnp.concatenate([low, jnp.clip(moved[:, 2:], low + 2, limit)], -1)


def predicted_scores(key: Array, visible: Array, noise: Noise) -> Array:
    """Confidence of a detector, higher for what is seen better.

    Args:
      key: random key, consumed.
      visible: `[N]` share of the surface turned to the camera that is seen.
      noise: how large errors are.

    Returns:
      `[N]` in (0, 1).
    """
    logit = 6.0 * visible - 0.5
    error = noise.confidence * jax.random.normal(key, visible.shape)
    return jax.nn.sigmoid(logit + error)


def retrieve(
    key: Array, models: IndoorModels, model: Array, noise: Noise
) -> tuple[Array, Array]:
    """Models as they are retrieved for detections.

    Args:
      key: random key, consumed.
      models: what there is.
      model: `[N]` int32 true models.
      noise: how often others are retrieved.

    Returns:
      `[N]` int32 models and `[N]` int32 their categories.
    """
    keys = jax.random.split(key, 4)
    n = model.shape
    category = models.category[model]
    other = jax.random.randint(keys[0], n, 0, models.category.shape[0])
    is_wrong = jax.random.bernoulli(keys[1], noise.wrong_category, n)
    is_wrong &= models.category[other] != category
    first, count = category_range(models, category)
    similar = first + jax.random.randint(keys[2], n, 0, count)
    is_similar = jax.random.bernoulli(keys[3], noise.retrieval, n)
    found = jnp.where(is_wrong, other, jnp.where(is_similar, similar, model))
    return found, models.category[found]


def add_noise(
    key: Array, example: IndoorExample, models: IndoorModels, noise: Noise = PREDICTED
) -> IndoorExample:
    """An example as predictors of depth, normals and objects would give it.

    Args:
      key: random key, consumed.
      example: without noise.
      models: models of the example, from which others are retrieved too.
      noise: how large errors are.

    Returns:
      `IndoorExample` with another `picture` and `retrieved`; what is true stays.
      Detections that are missed are not present, in any row.
    """
    keys = jax.random.split(key, 8)
    picture, found = example.picture, example.picture.detections
    height, width = picture.depth.shape
    num = found.present.shape[0]
    score = predicted_scores(keys[0], example.visible, noise)
    missed = jax.random.bernoulli(keys[1], noise.miss * 2 * (1 - score))
    present = found.present & ~missed
    retrieved, category = retrieve(keys[2], models, example.model, noise)
    owner = jnp.where(present[picture.owner] & (picture.owner >= 0), picture.owner, -1)
    detections = Detections(
        present=present,
        box_px=predicted_boxes(keys[3], found.box_px, height, width, noise),
        score=jnp.where(present, score, 0),
        category=category,
        fold=models.fold[retrieved],
        points=models.points[retrieved],
        normals=models.normals[retrieved],
    )
    noisy = RoomPicture(
        camera=picture.camera,
        rgb=_jittered(keys[4], picture.rgb, noise),
        depth=predicted_depth(keys[5], picture.depth, noise),
        normals=predicted_normals(keys[6], picture.normals, noise),
        owner=predicted_masks(keys[7], owner, num, noise),
        detections=detections,
    )
    return example._replace(picture=noisy, retrieved=retrieved)


def _jittered(key: Array, rgb: Array, noise: Noise) -> Array:
    """Brighter or darker, and of another tone."""
    factor = jax.random.normal(key, (4,))
    return jnp.clip(rgb * jnp.exp(noise.colour * (factor[3] + factor[:3] / 2)), 0, 1)


__all__ = [
    "NO_NOISE",
    "PREDICTED",
    "Noise",
    "add_noise",
    "blurred",
    "predicted_boxes",
    "predicted_depth",
    "predicted_masks",
    "predicted_normals",
    "predicted_scores",
    "retrieve",
    "smooth_field",
]
