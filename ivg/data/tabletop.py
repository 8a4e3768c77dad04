"""Random table-tops: LiDO's stochastic scene generator, without textures and shadows.

Source: Romaszko et al., Learning Direct Optimization, sections 6.1 and 6.2.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.flatten_util import ravel_pytree

from ivg.colour import linear_from_srgb
from ivg.geometry.camera import Camera, ray_directions
from ivg.numerics import safe_divide
from ivg.render.visibility import mesh_visibility
from ivg.scene.graph import world_mesh
from ivg.scene.library import MeshLibrary, first_shape
from ivg.scene.tabletop import (
    MAX_OBJECTS,
    OBJECT_CLASSES,
    SIZE_RANGE_M,
    Tabletop,
    contact_px,
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
    reach = table.camera_height_m / jnp.maximum(-ray[1], 1e-3)
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
        position_m=put(table.position_m, reach * ray[jnp.array([0, 2])]),
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
    on_a, on_b = a @ axes.T, b @ axes.T
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
    names = "class_id shape position_m size_m azimuth_rad colour mask".split()
    return table.replace(**{name: getattr(table, name)[place][None] for name in names})


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
    """
    key_globals, key_target, key_objects = jax.random.split(key, 3)
    target = jax.random.randint(key_target, (), 4, num_places + 1)
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
    """

    def rejected(carry):
        return ~carry[2]

    def again(carry):
        attempt, _, _ = carry
        key_attempt = jax.random.fold_in(key, attempt)
        return attempt + 1, *try_tabletop(key_attempt, library, num_places)

    first = (0, sample_globals(key, num_places), jnp.array(False))
    return jax.lax.while_loop(rejected, again, first)[1]


@struct.dataclass
class Perturbation:
    """Standard deviations of the errors of a first estimate.

    The defaults give the medians that the paper measures after its initialization
    networks (Table 2): 3.23 px, 7.08 %, 9.15 degrees, .027 (objects), .021 (ground),
    1.47 px (camera) and .23 (lighting).

    Attributes:
      position_px: of each coordinate of the contact point, in a picture of 256.
      size: relative, of the projected size.
      azimuth_rad: radians.
      colour: of each channel, relative to the brightest.
      ground_colour: likewise.
      camera_height: relative.
      camera_elevation_rad: radians.
      strength: relative, of both lights.
      light_rad: of azimuth and elevation of the far light.
    """

    position_px: float = 3.23 / 1.17741
    size: float = 0.0708 / 0.67449
    azimuth_rad: float = math.radians(9.15) / 0.67449
    colour: float = 0.067
    ground_colour: float = 0.067
    camera_height: float = 0.008
    camera_elevation_rad: float = math.radians(0.36)
    strength: float = 0.45
    light_rad: float = 0.5


Draw = Callable[[Array, tuple[int, ...]], Array]


def perturb_tabletop(
    key: Array,
    truth: Tabletop,
    spread: Perturbation | None = None,
    draw: Draw = jax.random.normal,
) -> Tabletop:
    """A first estimate with the errors of the paper's initialization.

    Contact point and size are wrong in the picture, seen by a camera that is wrong
    too, as after a detector: both are carried back to the ground by that camera.

    Args:
      key: random key, consumed.
      truth: true latents.
      spread: sizes of the errors. Those of `Perturbation()` if absent.
      draw: `(key, shape) -> [...]` errors in units of the spread.

    Returns:
      `Tabletop`, clipped to the ranges. Classes and shapes stay right.
    """
    table = perturb_globals(key, truth, spread, draw)
    return perturb_objects(key, truth, table, spread, draw)


def perturb_globals(
    key: Array,
    truth: Tabletop,
    spread: Perturbation | None = None,
    draw: Draw = jax.random.normal,
) -> Tabletop:
    """The errors of `perturb_tabletop` in camera, lights and the colour of the ground.

    Args:
      key: random key, consumed.
      truth: true latents.
      spread: sizes of the errors.
      draw: `(key, shape) -> [...]` errors in units of the spread.

    Returns:
      `Tabletop`, clipped to the ranges. The objects stay right.
    """
    spread = Perturbation() if spread is None else spread
    noise = _noise_like(key, truth, draw)

    def share(name, spread):
        return getattr(truth, name) * (1 + spread * getattr(noise, name))

    def shift(name, spread):
        return getattr(truth, name) + spread * getattr(noise, name)

    table = truth.replace(
        camera_height_m=share("camera_height_m", spread.camera_height),
        camera_elevation_rad=shift("camera_elevation_rad", spread.camera_elevation_rad),
        ambient=share("ambient", spread.strength),
        directional=share("directional", spread.strength),
        light_azimuth_rad=shift("light_azimuth_rad", spread.light_rad),
        light_elevation_rad=shift("light_elevation_rad", spread.light_rad),
        ground_colour=_perturb_colour(
            truth.ground_colour, spread.ground_colour * noise.ground_colour
        ),
    )
    return clip_tabletop(table)


def perturb_objects(
    key: Array,
    truth: Tabletop,
    table: Tabletop,
    spread: Perturbation | None = None,
    draw: Draw = jax.random.normal,
) -> Tabletop:
    """The errors of `perturb_tabletop` in the objects.

    Args:
      key: random key, consumed.
      truth: true latents.
      table: latents whose camera sees the objects.
      spread: sizes of the errors.
      draw: `(key, shape) -> [...]` errors in units of the spread.

    Returns:
      `Tabletop` with the camera, lights and ground of `table`, clipped to the ranges.
    """
    spread = Perturbation() if spread is None else spread
    noise, size = _noise_like(key, truth, draw), 256
    pixel, depth = contact_px(truth, tabletop_camera(truth, height=size, width=size))
    pixel = pixel + spread.position_px * noise.position_m
    ray = ray_directions(tabletop_camera(table, height=size, width=size), pixel)
    reach = table.camera_height_m * safe_divide(1.0, jnp.maximum(-ray[:, 1], 1e-3))
    position = reach[:, None] * ray[:, jnp.array([0, 2])]
    table = table.replace(position_m=jnp.where(truth.mask[:, None], position, 0))
    _, new_depth = contact_px(table, tabletop_camera(table, height=size, width=size))
    factor = 1 + spread.size * noise.size_m
    table = table.replace(
        size_m=jnp.where(truth.mask, truth.size_m * factor * new_depth / depth, 0.1),
        azimuth_rad=truth.azimuth_rad + spread.azimuth_rad * noise.azimuth_rad,
        colour=_perturb_colour(truth.colour, spread.colour * noise.colour),
    )
    return clip_tabletop(table)


def _noise_like(key: Array, table: Tabletop, draw: Draw) -> Tabletop:
    """Random numbers in the place of all latents, from a single draw."""
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), table)
    flat, unravel = ravel_pytree(zeros)
    return unravel(draw(key, flat.shape))


def _perturb_colour(colour: Array, noise: Array) -> Array:
    return colour + noise * jnp.max(colour, -1, keepdims=True)


def clip_tabletop(table: Tabletop) -> Tabletop:
    """The nearest latents within the ranges.

    Args:
      table: latents.

    Returns:
      `Tabletop`; sizes may go 30 % beyond the range of the classes, positions and
      angles stay as they are.
    """
    bounds = tabletop_bounds()
    names = (
        "ground_colour", "camera_height_m", "camera_elevation_rad", "ambient",
        "directional", "light_elevation_rad", "colour",
    )  # fmt: skip
    return table.replace(
        size_m=jnp.clip(
            table.size_m, bounds.lower.size_m * 0.7, bounds.upper.size_m * 1.3
        ),
        **{
            name: jnp.clip(
                getattr(table, name),
                getattr(bounds.lower, name),
                getattr(bounds.upper, name),
            )
            for name in names
        },
    )


__all__ = [
    "CSS_COLOURS",
    "Draw",
    "Perturbation",
    "clip_tabletop",
    "footprints",
    "perturb_globals",
    "perturb_objects",
    "perturb_tabletop",
    "rectangles_overlap",
    "sample_colour",
    "sample_globals",
    "sample_tabletop",
    "take_object",
    "try_tabletop",
]
