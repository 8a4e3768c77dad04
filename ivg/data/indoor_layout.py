"""Random rooms: which objects there are and where they stand.

The origin is the middle of the floor, y is up. Objects are drawn one after another,
each the first of some candidates that hits nothing: large ones rather at the walls,
chairs rather at tables, displays on tables and cabinets or on a wall.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ivg.data.indoor_models import IndoorModels, category_range
from ivg.geometry import rotation
from ivg.numerics import matmul
from ivg.scene.indoor import INDOOR_NAMES, Placement
from ivg.typing import Array

MOST_OBJECTS = 7
_CANDIDATES = 24
_THIN_M = 0.2  # displays up to this hang on walls
_GAP_M = 0.02
#               tub   bed   bin   shelf cabin chair displ sofa  table
_FREQUENCY = (0.05, 0.06, 0.09, 0.09, 0.13, 0.26, 0.08, 0.07, 0.17)
_AT_WALL = (0.90, 0.90, 0.50, 0.95, 0.90, 0.10, 1.00, 0.80, 0.35)
_ORDER = (0, 0, 2, 0, 1, 3, 4, 0, 1)
_TABLE, _CABINET, _CHAIR, _DISPLAY = (
    INDOOR_NAMES.index(name) for name in ("table", "cabinet", "chair", "display")
)


class Room(NamedTuple):
    """A room with `K` places for objects.

    Attributes:
      half_m: `[2]` half extents along x and z, metres.
      height_m: `[]` of the ceiling.
      model: `[K]` int32 model of each object.
      placement: `Placement` of `[K]` objects in the world.
      mask: `[K]` bool, which objects there are.
    """

    half_m: Array
    height_m: Array
    model: Array
    placement: Placement
    mask: Array


class _Placed(NamedTuple):
    """Boxes upright in a room, `[..., 3]` their middles and sizes, `[...]` turns."""

    position: Array
    azimuth: Array
    size: Array


def sample_objects(
    key: Array, models: IndoorModels, weights: Array, num: int
) -> tuple[Array, Array]:
    """Some models at random, with a size of each.

    Args:
      key: random key, consumed.
      models: what to choose from.
      weights: `[9]` frequency of the categories.
      num: how many, `K` (static).

    Returns:
      `[K]` int32 models and `[K, 3]` sizes: those of the models, up to a sixth
      larger or smaller, all axes together and each by itself.
    """
    keys = jax.random.split(key, 4)
    _, counts = category_range(models, jnp.arange(len(INDOOR_NAMES)))
    chances = jnp.where(counts > 0, jnp.log(weights), -jnp.inf)
    category = jax.random.categorical(keys[0], chances, shape=(num,))
    first, count = category_range(models, category)
    model = first + jax.random.randint(keys[1], (num,), 0, count)
    whole = jax.random.uniform(keys[2], (num, 1), minval=-0.08, maxval=0.08)
    axes = jax.random.uniform(keys[3], (num, 3), minval=-0.08, maxval=0.08)
    return model, models.size_m[model] * jnp.exp(whole + axes)


def sample_layout(key: Array, models: IndoorModels) -> Room:
    """A furnished room.

    Args:
      key: random key, consumed.
      models: what to furnish it with.

    Returns:
      `Room` of one to seven objects, rather many, that touch each other nowhere; `K`
      is seven. Those that find no free place are left out.
    """
    keys = jax.random.split(key, 6)
    half = jax.random.uniform(keys[0], (2,), minval=1.5, maxval=2.7)
    height = jax.random.uniform(keys[1], minval=2.3, maxval=2.9)
    model, size = sample_objects(keys[2], models, jnp.array(_FREQUENCY), MOST_OBJECTS)
    counts = jax.random.randint(keys[3], (2,), 1, MOST_OBJECTS + 1)
    wanted = jnp.arange(MOST_OBJECTS) < jnp.max(counts)
    order = jnp.argsort(jnp.array(_ORDER)[models.category[model]] + 10 * ~wanted)
    model, size, wanted = model[order], size[order], wanted[order]
    category = models.category[model]

    def place(carry, row):
        placed, mask = carry
        index, key = row
        box, fits = _first_fit(key, category, size[index], placed, mask, index, half)
        fits &= wanted[index] & (box.position[1] + box.size[1] / 2 < height)
        placed = jax.tree.map(lambda all_, one: all_.at[index].set(one), placed, box)
        return (placed, mask.at[index].set(fits)), None

    empty = _Placed(jnp.zeros((MOST_OBJECTS, 3)), jnp.zeros(MOST_OBJECTS), size)
    rows = jnp.arange(MOST_OBJECTS), jax.random.split(keys[4], MOST_OBJECTS)
    (placed, mask), _ = jax.lax.scan(place, (empty, wanted & False), rows)
    turns = jax.vmap(rotation.quaternion_from_azimuth)(placed.azimuth)
    return Room(half, height, model, Placement(placed.position, turns, size), mask)


def _first_fit(key, category, size, placed, mask, index, half):
    """The first of the candidates that is possible and hits nothing."""

    def candidate(key):
        box, possible = _candidate(key, category, size, placed, mask, index, half)
        hits = jax.vmap(lambda other: boxes_overlap(box, other))(placed) & mask
        return box, possible & _inside(box, half) & ~jnp.any(hits)

    boxes, fits = jax.vmap(candidate)(jax.random.split(key, _CANDIDATES))
    best = jnp.argmax(fits)
    return jax.tree.map(lambda x: x[best], boxes), fits[best]


def _candidate(key, category, size, placed, mask, index, half):
    """Where an object could stand, and whether there is such a place at all."""
    keys = jax.random.split(key, 7)
    own = category[index]
    wall = _at_wall(keys[0], size, half)
    free = _anywhere(keys[1], size, half)
    is_at_wall = jax.random.bernoulli(keys[2], jnp.array(_AT_WALL)[own])
    box = _where(is_at_wall, wall, free)

    tables = mask & (category == _TABLE)
    chosen = jax.random.categorical(keys[3], jnp.where(tables, 0.0, -1e9))
    seat = _at_table(keys[4], size, jax.tree.map(lambda x: x[chosen], placed))
    sits = (own == _CHAIR) & jnp.any(tables) & jax.random.bernoulli(keys[5], 0.8)
    box = _where(sits, seat, box)

    carries = mask & ((category == _TABLE) | (category == _CABINET))
    carries &= (placed.size[:, 1] < 1.3) & (placed.size[:, 0] > 0.9 * size[0])
    chosen = jax.random.categorical(keys[6], jnp.where(carries, 0.0, -1e9))
    on_top = _on_top(keys[4], size, jax.tree.map(lambda x: x[chosen], placed))
    base = jax.random.uniform(keys[5], minval=0.8, maxval=1.3)
    hung = wall._replace(position=wall.position.at[1].set(base + size[1] / 2))
    is_thin = size[2] < _THIN_M
    hangs = is_thin & (~jnp.any(carries) | is_at_wall & (base > 1.15))
    is_display = own == _DISPLAY
    box = _where(is_display, _where(hangs, hung, on_top), box)
    return box, ~is_display | is_thin | jnp.any(carries)


def _where(condition, a, b):
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), a, b)


def _axes(azimuth) -> tuple[Array, Array]:
    """`[2]` directions (x, z) of the right hand side and the front of a box."""
    sine, cosine = jnp.sin(azimuth), jnp.cos(azimuth)
    return jnp.stack([cosine, -sine], -1), jnp.stack([sine, cosine], -1)


def _standing(flat, azimuth, size, base=0.0) -> _Placed:
    position = jnp.stack([flat[0], base + size[1] / 2, flat[1]])
    return _Placed(position, azimuth, size)


def _at_wall(key, size, half) -> _Placed:
    """With its back to one of the walls."""
    key_wall, key_along, key_gap = jax.random.split(key, 3)
    azimuth = jax.random.randint(key_wall, (), 0, 4) * (jnp.pi / 2)
    right, front = _axes(azimuth)
    gap = jax.random.uniform(key_gap, minval=_GAP_M, maxval=0.08)
    reach = matmul(jnp.abs(front), half) - size[2] / 2 - gap
    side = jnp.maximum(matmul(jnp.abs(right), half) - size[0] / 2 - _GAP_M, 0)
    along = side * jax.random.uniform(key_along, minval=-1.0, maxval=1.0)
    return _standing(along * right - reach * front, azimuth, size)


def _anywhere(key, size, half) -> _Placed:
    """Somewhere on the floor, half of the times parallel to the walls."""
    keys = jax.random.split(key, 3)
    quarter = jax.random.randint(keys[0], (), 0, 4) * (jnp.pi / 2)
    turn = jax.random.uniform(keys[1], minval=-jnp.pi, maxval=jnp.pi)
    azimuth = quarter + jnp.where(jnp.abs(turn) < jnp.pi / 2, 0.15 * turn, turn)
    share = jax.random.uniform(keys[2], (2,), minval=-1.0, maxval=1.0)
    return _standing(share * jnp.maximum(half - size[0] / 2, 0.1), azimuth, size)


def _at_table(key, size, table) -> _Placed:
    """In front of one of the sides of a table, facing it."""
    keys = jax.random.split(key, 4)
    side = jax.random.randint(keys[0], (), 0, 4)
    azimuth = table.azimuth + side * (jnp.pi / 2)
    right, front = _axes(azimuth)
    is_end = side % 2 == 1
    reach, width = jnp.where(is_end, table.size[::2], table.size[::-2])
    gap = jax.random.uniform(keys[1], minval=_GAP_M, maxval=0.25)
    free = jnp.maximum(width - size[0], 0.0) / 2
    along = free * jax.random.uniform(keys[2], minval=-1.0, maxval=1.0)
    away = reach / 2 + size[2] / 2 + gap
    turn = 0.12 * jax.random.normal(keys[3])
    flat = table.position[::2] + along * right + away * front
    return _standing(flat, azimuth + jnp.pi + turn, size)


def _on_top(key, size, support) -> _Placed:
    """On a table or cabinet, looking to its front."""
    key_along, key_turn = jax.random.split(key)
    right, front = _axes(support.azimuth)
    free = jnp.maximum(support.size[0] - size[0], 0.0) / 2
    along = free * jax.random.uniform(key_along, minval=-0.9, maxval=0.9)
    back = jnp.minimum(0.1, jnp.maximum(support.size[2] - size[2], 0.0) / 2)
    turn = 0.15 * jax.random.normal(key_turn)
    flat = support.position[::2] + along * right - back * front
    top = support.position[1] + support.size[1] / 2
    return _standing(flat, support.azimuth + turn, size, top)


def _inside(box, half) -> Array:
    right, front = _axes(box.azimuth)
    extent = (jnp.abs(right) * box.size[0] + jnp.abs(front) * box.size[2]) / 2
    return jnp.all(jnp.abs(box.position[::2]) + extent <= half)


def boxes_overlap(a, b) -> Array:
    """Whether two upright boxes share space.

    Args:
      a: with `position` `[3]`, `azimuth` `[]` and `size` `[3]`, metres.
      b: the other one.

    Returns:
      `[]` bool, by separating axes of the footprints and by heights; boxes less
      than a centimetre apart side by side overlap, those that stand on each other do
      not.
    """
    apart = b.position - a.position
    axes = jnp.stack([*_axes(a.azimuth), *_axes(b.azimuth)])
    reach = sum(
        jnp.abs(matmul(axes, axis)) * extent / 2
        for box in (a, b)
        for axis, extent in zip(_axes(box.azimuth), box.size[::2], strict=True)
    )
    meets = jnp.all(jnp.abs(matmul(axes, apart[::2])) < reach + 0.01)
    return meets & (jnp.abs(apart[1]) < (a.size[1] + b.size[1]) / 2 - 1e-3)


__all__ = [
    "MOST_OBJECTS",
    "Room",
    "boxes_overlap",
    "sample_layout",
    "sample_objects",
]
