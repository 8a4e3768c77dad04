"""Random table-tops: LiDO's stochastic scene generator, without textures and shadows.

Source: Romaszko et al., Learning Direct Optimization, sections 6.1 and 6.2.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.colour import linear_from_srgb
from ivg.geometry.camera import Camera, ray_directions
from ivg.numerics import matmul
from ivg.render.visibility import mesh_visibility
from ivg.scene.graph import world_mesh
from ivg.scene.library import MeshLibrary, first_shape
from ivg.scene.tabletop import (
    MAX_OBJECTS,
    OBJECT_CLASSES,
    OBJECT_FIELDS,
    SIZE_RANGE_M,
    Tabletop,
    ground_position,
    scene_from_tabletop,
    tabletop_bounds,
    tabletop_camera,
)
from ivg.typing import Array

# The 16 colours of HTML 4.01 and the orange of CSS 2.1, sRGB.
CSS_COLOURS = np.array(
    [
        (0, 255, 255), (0, 0, 0), (0, 0, 255), (255, 0, 255), (128, 128, 128),
        (0, 128, 0), (0, 255, 0), (128, 0, 0), (0, 0, 128), (128, 128, 0),
        (255, 165, 0), (128, 0, 128), (255, 0, 0), (192, 192, 192), (0, 128, 128),
        (255, 255, 255), (255, 255, 0),
    ]
) / 255.0  # fmt: skip
_WHITE, _YELLOW = 15, 16
_MIN_OBJECTS = 4
_CANVAS_PX = 64  # side of the picture in which areas are counted
_ATTEMPTS = 48  # objects tried before a scene is given up


def sample_colour(key: Array, fixed: int | None = None) -> Array:
    """A colour as the paper mixes them.

    Two of 17 named colours in a random proportion, then up to 0.2 more or less per
    channel, clipped.

    Args:
      key: random key, consumed.
      fixed: index into `CSS_COLOURS` of one component, or None for any.

    Returns:
      `[3]` linear RGB in [0, 1]; mixed as sRGB.
    """
    pick, share, noise = jax.random.split(key, 3)
    pair = jax.random.randint(pick, (2,), 0, len(CSS_COLOURS))
    if fixed is not None:
        pair = pair.at[0].set(fixed)
    first, second = jnp.asarray(CSS_COLOURS)[pair]
    proportion = jax.random.uniform(share)
    mixed = proportion * first + (1 - proportion) * second
    noisy = mixed + jax.random.uniform(noise, (3,), minval=-0.2, maxval=0.2)
    return linear_from_srgb(jnp.clip(noisy, 0, 1))


def sample_globals(key: Array, num_places: int = MAX_OBJECTS) -> Tabletop:
    """An empty table with a camera and lights, uniform over the paper's ranges.

    Args:
      key: random key, consumed.
      num_places: number `N` of places for objects.

    Returns:
      `Tabletop` without objects.
    """
    colour, *keys = jax.random.split(key, 7)
    bounds = tabletop_bounds()

    def uniform(key, name):
        lower, upper = (getattr(side, name) for side in (bounds.lower, bounds.upper))
        return jax.random.uniform(key, minval=lower, maxval=upper)

    names = (
        "camera_height_m", "camera_elevation_rad", "ambient", "directional",
        "light_azimuth_rad", "light_elevation_rad",
    )  # fmt: skip
    n = num_places
    return Tabletop(
        ground_colour=sample_colour(colour, fixed=_WHITE),
        **{name: uniform(k, name) for name, k in zip(names, keys, strict=True)},
        class_id=jnp.zeros(n, jnp.int32),
        shape=jnp.zeros(n, jnp.int32),
        position_m=jnp.zeros((n, 2)),
        size_m=jnp.full(n, 0.1),
        azimuth_rad=jnp.zeros(n),
        colour=jnp.zeros((n, 3)),
        mask=jnp.zeros(n, bool),
    )


def _propose(
    key: Array, table: Tabletop, place: Array, library: MeshLibrary
) -> Tabletop:
    """The table with a random object put into one place."""
    keys = jax.random.split(key, 7)
    class_id = jax.random.randint(keys[0], (), 0, len(OBJECT_CLASSES))
    sizes = [library.class_sizes[library.class_names.index(c)] for c in OBJECT_CLASSES]
    low, high = jnp.array([SIZE_RANGE_M[c] for c in OBJECT_CLASSES])[class_id]
    camera = tabletop_camera(table, height=_CANVAS_PX, width=_CANVAS_PX)
    pixel = jax.random.uniform(keys[1], (1, 2), maxval=float(_CANVAS_PX))
    ray = ray_directions(camera, pixel)[0]
    colour = jnp.where(
        class_id == OBJECT_CLASSES.index("banana"),
        sample_colour(keys[2], fixed=_YELLOW),
        sample_colour(keys[2]),
    )

    def put(values, value):
        return values.at[place].set(value)

    shape = jax.random.randint(keys[3], (), 0, jnp.array(sizes)[class_id])
    return table.replace(
        class_id=put(table.class_id, class_id),
        shape=put(table.shape, shape),
        position_m=put(table.position_m, ground_position(table, ray)),
        size_m=put(table.size_m, jax.random.uniform(keys[4], minval=low, maxval=high)),
        azimuth_rad=put(
            table.azimuth_rad, jax.random.uniform(keys[5], maxval=2 * math.pi)
        ),
        colour=put(table.colour, colour),
        mask=put(table.mask, True),
    )


def _on_table(table: Tabletop, place: Array) -> Array:
    """Whether an object's position is within the bounds."""
    bounds = tabletop_bounds()
    position = table.position_m[place]
    lower, upper = bounds.lower.position_m, bounds.upper.position_m
    return jnp.all((position >= lower) & (position <= upper))


def footprints(table: Tabletop, library: MeshLibrary) -> Array:
    """Rectangles around the objects on the ground.

    Args:
      table: latents.
      library: shapes.

    Returns:
      `[N, 4, 2]` corners (x, z) in metres, in order around each rectangle. It is
      the bounding box of the mesh in its own frame.
    """
    classes = [library.class_names.index(c) for c in OBJECT_CLASSES]
    shape = first_shape(library, jnp.array(classes)[table.class_id]) + table.shape
    vertices = library.mesh.vertices[:, :, jnp.array([0, 2])]
    real = library.mesh.vertex_mask[..., None]
    low = jnp.min(jnp.where(real, vertices, jnp.inf), 1)[shape] * table.size_m[:, None]
    high = (
        jnp.max(jnp.where(real, vertices, -jnp.inf), 1)[shape] * table.size_m[:, None]
    )
    x = jnp.stack([low[:, 0], high[:, 0], high[:, 0], low[:, 0]], -1)
    z = jnp.stack([low[:, 1], low[:, 1], high[:, 1], high[:, 1]], -1)
    sine, cosine = (f(table.azimuth_rad)[:, None] for f in (jnp.sin, jnp.cos))
    turned = jnp.stack([cosine * x + sine * z, cosine * z - sine * x], -1)
    return turned + table.position_m[:, None]


def rectangles_overlap(a: Array, b: Array) -> Array:
    """Whether two rectangles share a point, by the separating axis theorem.

    Args:
      a: `[4, 2]` corners in order.
      b: `[4, 2]` corners in order.

    Returns:
      `[]` bool.
    """
    axes = jnp.stack([a[1] - a[0], a[2] - a[1], b[1] - b[0], b[2] - b[1]])
    on_a, on_b = matmul(a, axes.T), matmul(b, axes.T)
    apart = (on_a.max(0) < on_b.min(0)) | (on_b.max(0) < on_a.min(0))
    return ~jnp.any(apart)


def _node_index(table: Tabletop, library: MeshLibrary, camera: Camera) -> Array:
    """`[H, W]` node seen at each pixel, -1 for background; objects start at 1."""
    scene = scene_from_tabletop(table, library)
    mesh = world_mesh(scene)
    face_index = mesh_visibility(camera, mesh)[0]
    faces_per_node = library.mesh.faces.shape[1]
    return jnp.where(face_index < 0, -1, face_index // faces_per_node)


def _area_alone(table: Tabletop, library: MeshLibrary, place: Array):
    """Pixels of one object, nothing before it: in the picture, and in all.

    The canvas of the second extends the picture by its own size on every side.
    """
    size = _CANVAS_PX
    camera = tabletop_camera(table, height=size, width=size)
    wide = camera.replace(
        height=3 * size,
        width=3 * size,
        principal_point_px=camera.principal_point_px + size,
    )
    shown = _node_index(take_object(table, place), library, wide) == 1
    return jnp.sum(shown[size : 2 * size, size : 2 * size]), jnp.sum(shown)


def take_object(table: Tabletop, place: Array) -> Tabletop:
    """The table with a single place, that of one object.

    Args:
      table: latents.
      place: `[]` int32 which object.

    Returns:
      `Tabletop` with one place.
    """
    return table.replace(
        **{name: getattr(table, name)[place][None] for name in OBJECT_FIELDS}
    )


def _areas_together(table: Tabletop, library: MeshLibrary) -> Array:
    """`[N]` visible pixels of each object among all the others."""
    camera = tabletop_camera(table, height=_CANVAS_PX, width=_CANVAS_PX)
    node = _node_index(table, library, camera)
    nodes = jnp.arange(1, table.mask.shape[0] + 1)
    return jnp.sum(node[None] == nodes[:, None, None], (1, 2))


@struct.dataclass
class _Progress:
    """A table being laid: with `count` objects of `area` pixels each, unoccluded."""

    table: Tabletop
    area: Array
    count: Array


def _is_seen(table: Tabletop, area: Array, place: Array, library: MeshLibrary):
    """Whether half of the new object is in the picture, and none is half occluded."""
    inside, everywhere = _area_alone(table, library, place)
    area = area.at[place].set(inside)
    visible = _areas_together(table, library)
    seen = jnp.all((2 * visible >= area) | ~table.mask)
    return (inside > 0) & (2 * inside >= everywhere) & seen, area


def _try_object(key: Array, progress: _Progress, library: MeshLibrary) -> _Progress:
    """Adds one random object, if the paper's rules allow it."""
    place = progress.count
    table = _propose(key, progress.table, place, library)
    corners = footprints(table, library)
    others = jax.vmap(rectangles_overlap, (None, 0))(corners[place], corners)
    apart = ~jnp.any(others & progress.table.mask)
    plausible = _on_table(table, place) & apart
    accepted, area = jax.lax.cond(
        plausible,
        lambda: _is_seen(table, progress.area, place, library),
        lambda: (jnp.array(False), progress.area),
    )
    added = _Progress(table, area, place + 1)
    return jax.tree.map(lambda new, old: jnp.where(accepted, new, old), added, progress)


def try_tabletop(
    key: Array, library: MeshLibrary, num_places: int = MAX_OBJECTS
) -> tuple[Tabletop, Array]:
    """One attempt at a random table-top.

    Args:
      key: random key, consumed.
      library: shapes, from `tabletop_library`.
      num_places: number `N` of places for objects, at least 4.

    Returns:
      `Tabletop`, and `[]` bool: whether the target number of objects (4 to `N`)
      found a place.

    Raises:
      ValueError: if there are fewer than 4 places.
    """
    if num_places < _MIN_OBJECTS:
        raise ValueError(f"at least {_MIN_OBJECTS} places are needed, not {num_places}")
    key_globals, key_target, key_objects = jax.random.split(key, 3)
    target = jax.random.randint(key_target, (), _MIN_OBJECTS, num_places + 1)
    table = sample_globals(key_globals, num_places)
    start = _Progress(table, jnp.zeros(num_places, jnp.int32), jnp.array(0, jnp.int32))

    def unfinished(carry):
        attempt, progress = carry
        return (attempt < _ATTEMPTS) & (progress.count < target)

    def body(carry):
        attempt, progress = carry
        key = jax.random.fold_in(key_objects, attempt)
        return attempt + 1, _try_object(key, progress, library)

    _, progress = jax.lax.while_loop(unfinished, body, (0, start))
    return progress.table, progress.count == target


def sample_tabletop(
    key: Array, library: MeshLibrary, num_places: int = MAX_OBJECTS
) -> Tabletop:
    """A random table-top by the paper's rules.

    Four to seven objects; each has half of its pixels or more in the picture,
    stands clear of the others (rectangles around the footprints do not overlap) and
    is not occluded by more than half. A scene in which the target number finds no
    place is rejected and another one drawn. The contact point is uniform in the
    picture; the paper does not say.

    Args:
      key: random key, consumed.
      library: shapes, from `tabletop_library`.
      num_places: number `N` of places for objects, at least 4.

    Returns:
      `Tabletop`.

    Raises:
      ValueError: if there are fewer than 4 places.
    """

    def rejected(carry):
        return ~carry[2]

    def again(carry):
        attempt, _, _ = carry
        key_attempt = jax.random.fold_in(key, attempt)
        return attempt + 1, *try_tabletop(key_attempt, library, num_places)

    first = (0, sample_globals(key, num_places), jnp.array(False))
    return jax.lax.while_loop(rejected, again, first)[1]


__all__ = [
    "CSS_COLOURS",
    "footprints",
    "rectangles_overlap",
    "sample_colour",
    "sample_globals",
    "sample_tabletop",
    "take_object",
    "try_tabletop",
]
