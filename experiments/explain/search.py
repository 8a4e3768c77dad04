"""A first guess without any network: a coarse search over hypotheses.

Nothing is known but which objects to look for. A single picture does not tell
scale, so each object is given the middle of the range of its class; where its
contact point and how large it appears, and how far the camera looks down, then
place it and the camera. Hypotheses are rendered small, coloured with the mean
colours under their masks, and ranked by the robust likelihood; the best go on.
"""

import functools
import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.explain.contours import CONTOUR_WEIGHT, contour_energy, edge_distance
from ivg.data.perturb import Perturbation, perturb_tabletop
from ivg.data.tabletop import sample_globals
from ivg.energy.pixel import robust_negative_log_likelihood
from ivg.energy.tabletop import display
from ivg.geometry.camera import project, ray_directions
from ivg.numerics import safe_divide, wrap_angle
from ivg.render.pipeline import Buffers, render
from ivg.scene.graph import world_mesh
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import (
    OBJECT_CLASSES,
    SIZE_RANGE_M,
    Tabletop,
    ground_position,
    scene_from_tabletop,
    tabletop_bounds,
    tabletop_camera,
)
from ivg.typing import Array

SEARCH_PX = 64
_BATCH = 16
_CHUNK = 96
_VARIATIONS = 64
_SPREADS = (1.0, 0.6, 0.4, 0.25, 0.15)
_OUTSIDE_WEIGHT = 5.0
_ELEVATIONS_DEG = (12.0, 25.0, 40.0, 55.0, 70.0)
_SHARES = (0.2, 0.35, 0.5, 0.65)  # apparent size as a share of the picture
_PLACES = (0.3, 0.5, 0.7)  # of the contact point, as a share of the picture
_LOWER_PLACES = (0.45, 0.6, 0.75, 0.9)


def empty_table(num_places: int) -> Tabletop:
    """A table without objects under a plain light from above.

    Args:
      num_places: number `N` of places for objects.

    Returns:
      `Tabletop`.
    """
    return sample_globals(jax.random.key(0), num_places).replace(
        ambient=jnp.array(0.5),
        directional=jnp.array(0.6),
        light_azimuth_rad=jnp.array(0.5),
        light_elevation_rad=jnp.array(1.0),
        camera_height_m=jnp.array(0.3),
        camera_elevation_rad=jnp.deg2rad(jnp.array(40.0)),
        ground_colour=jnp.full(3, 0.5),
    )


def place_first(
    table: Tabletop, elevation_rad: Array, pixel: Array, share: Array, fov_rad
) -> Tabletop:
    """Sets camera and object 0 so that the object appears at a place in a size.

    Args:
      table: latents whose object 0 has class, shape, size and azimuth.
      elevation_rad: `[]` of the camera, radians.
      pixel: `[2]` contact point as a share of the picture.
      share: `[]` size of the object as a share of the picture.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Tabletop`; the height of the camera is kept within its range.
    """
    table = table.replace(camera_elevation_rad=elevation_rad)
    camera = tabletop_camera(table, height=SEARCH_PX, width=SEARCH_PX, fov_rad=fov_rad)
    ray = ray_directions(camera, pixel[None] * SEARCH_PX)[0]
    depth = camera.focal_px[1] * table.size_m[0] / (share * SEARCH_PX)
    bounds = tabletop_bounds()
    height = jnp.clip(
        -ray[1] * depth, bounds.lower.camera_height_m, bounds.upper.camera_height_m
    )
    return place_object(table.replace(camera_height_m=height), 0, ray)


def place_object(table: Tabletop, place: int, ray: Array) -> Tabletop:
    """Puts an object where a line of sight meets the ground.

    Args:
      table: latents.
      place: which object.
      ray: `[3]` direction from the camera; it should point down.

    Returns:
      `Tabletop`.
    """
    position = ground_position(table, ray)
    return table.replace(position_m=table.position_m.at[place].set(position))


def fit_colours(
    table: Tabletop, observation: Array, library: MeshLibrary, fov_rad
) -> tuple[Tabletop, Array, Buffers]:
    """Gives ground and objects the colours that they have in the picture.

    Each colour is the ratio of the observed to the rendered white mean over the
    mask of its element, so that the mean of the picture is explained.

    Args:
      table: latents.
      observation: `[H, W, 3]` linear RGB.
      library: shapes.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      The coloured `Tabletop`, its linear RGB picture `[H, W, 3]`, and the white
      `Buffers`.
    """
    white = table.replace(ground_colour=jnp.ones(3), colour=jnp.ones_like(table.colour))
    height, width = observation.shape[:2]
    scene = scene_from_tabletop(
        white, library, height=height, width=width, fov_rad=fov_rad
    )
    seen = render(scene, mode="hard")
    nodes = jnp.arange(table.mask.shape[0] + 1)
    masks = (seen.object_index[None] == nodes[:, None, None]).astype(jnp.float32)
    observed = jnp.einsum("nhw,hwc->nc", masks, observation)
    rendered = jnp.einsum("nhw,hwc->nc", masks, seen.rgb)
    colours = jnp.clip(safe_divide(observed, rendered, fallback=0.5), 0, 1)
    picture = seen.rgb * jnp.einsum("nhw,nc->hwc", masks, colours)
    return table.replace(ground_colour=colours[0], colour=colours[1:]), picture, seen


def outside_share(table: Tabletop, library: MeshLibrary, fov_rad) -> Array:
    """How much of the objects lies outside the picture.

    Args:
      table: latents.
      library: shapes.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `[]` sum over objects of the share of their vertices outside, in [0, N].
    """
    scene = scene_from_tabletop(table, library, height=1, width=1, fov_rad=fov_rad)
    mesh = world_mesh(scene)
    pixel, depth = project(scene.camera, mesh.vertices)
    outside = jnp.any((pixel < 0) | (pixel > 1), -1) | (depth < scene.camera.near)
    per_node = (-1, library.mesh.vertices.shape[1])
    real = mesh.vertex_mask.reshape(per_node)
    share = jnp.sum(outside.reshape(per_node) & real, 1) / jnp.maximum(real.sum(1), 1)
    return jnp.sum(share[1:])


def rank(
    hypotheses: Tabletop,
    observation: Array,
    distance: Array,
    library: MeshLibrary,
    fov_rad,
) -> tuple[Tabletop, Array]:
    """Colours hypotheses and scores them against the picture.

    Args:
      hypotheses: `Tabletop` with a leading axis `[M]`.
      observation: `[H, W, 3]` linear RGB.
      distance: `[H, W]` from `edge_distance`.
      library: shapes.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      The coloured hypotheses and their energies `[M]`.
    """

    def score(table):
        coloured, picture, seen = fit_colours(table, observation, library, fov_rad)
        energy = robust_negative_log_likelihood(display(picture), display(observation))
        contours = contour_energy(seen.object_index, seen.normal, distance)
        outside = outside_share(table, library, fov_rad)
        return coloured, energy + CONTOUR_WEIGHT * contours + _OUTSIDE_WEIGHT * outside

    return jax.lax.map(score, hypotheses, batch_size=_BATCH)


def _best_of(score, hypotheses, observation, distance, num: int) -> list[Tabletop]:
    """The best of any number of hypotheses, scored in equal chunks: one program."""
    total = hypotheses.mask.shape[0]
    coloured, energies = [], []
    for start in range(0, total, _CHUNK):
        rows = np.minimum(np.arange(start, start + _CHUNK), total - 1)
        chunk = jax.tree.map(lambda x, rows=rows: np.asarray(x)[rows], hypotheses)
        tables, values = score(chunk, observation, distance)
        coloured.append(tables)
        energies.append(
            np.where(np.arange(start, start + _CHUNK) < total, values, np.inf)
        )
    order = np.argsort(np.concatenate(energies), kind="stable")[:num]
    joined = jax.tree.map(lambda *x: np.concatenate(x), *coloured)
    return [jax.tree.map(lambda x, i=i: x[i], joined) for i in order]


def _differs(one: Tabletop, other: Tabletop) -> bool:
    """Whether some object has another shape, or is turned by 50 degrees or more."""
    turn = wrap_angle(one.azimuth_rad - other.azimuth_rad)
    turned = np.abs(turn) >= np.deg2rad(50)
    return bool(np.any((turned | (one.shape != other.shape)) & one.mask))


def _unlike(tables: Sequence[Tabletop], num: int) -> list[Tabletop]:
    """The first tables of which no two are alike, filled up with the first."""
    chosen: list[Tabletop] = []
    for table in tables:
        if all(_differs(table, other) for other in chosen) and len(chosen) < num:
            chosen.append(table)
    return chosen + [chosen[0]] * (num - len(chosen))


def _with_class(table: Tabletop, place: int, name: str) -> Tabletop:
    """The table with a middling object of a class added, on the host."""

    def put(column, value):
        column = np.array(column)
        column[place] = value
        return column

    return table.replace(
        class_id=put(table.class_id, OBJECT_CLASSES.index(name)),
        shape=put(table.shape, 0),
        size_m=put(table.size_m, np.mean(SIZE_RANGE_M[name])),
        mask=put(table.mask, True),
    )


def _turns(num: int) -> np.ndarray:
    return np.arange(num) * 2 * np.pi / num


def _set_pose(table: Tabletop, place: int, azimuth: Array, shape: Array) -> Tabletop:
    return table.replace(
        azimuth_rad=table.azimuth_rad.at[place].set(azimuth),
        shape=table.shape.at[place].set(shape),
    )


@jax.jit
def first_hypotheses(table: Tabletop, fov_rad) -> Tabletop:
    """Views of object 0: all elevations, apparent sizes, places and four azimuths.

    Args:
      table: latents with object 0.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Tabletop` with a leading axis over hypotheses.
    """
    grid = itertools.product(
        np.deg2rad(_ELEVATIONS_DEG), _PLACES, _LOWER_PLACES, _SHARES, _turns(4)
    )
    elevation, x, y, share, azimuth = jnp.asarray(list(grid), jnp.float32).T

    def view(elevation, pixel, share, azimuth):
        posed = _set_pose(table, 0, azimuth, table.shape[0])
        return place_first(posed, elevation, pixel, share, fov_rad)

    return jax.vmap(view)(elevation, jnp.stack([x, y], -1), share, azimuth)


@functools.partial(jax.jit, static_argnames="place")
def further_hypotheses(table: Tabletop, place: int, fov_rad) -> Tabletop:
    """Places and azimuths of one more object under a camera that is known.

    Args:
      table: latents with that object.
      place: which object.
      fov_rad: `[]` vertical field of view, radians.

    Returns:
      `Tabletop` with a leading axis over hypotheses.
    """
    steps = np.linspace(0.1, 0.9, 9)
    x, y, azimuth = jnp.asarray(
        list(itertools.product(steps, steps, _turns(4))), jnp.float32
    ).T
    camera = tabletop_camera(table, height=SEARCH_PX, width=SEARCH_PX, fov_rad=fov_rad)
    rays = ray_directions(camera, jnp.stack([x, y], -1) * SEARCH_PX)

    def put(ray, azimuth):
        return place_object(_set_pose(table, place, azimuth, 0), place, ray)

    return jax.vmap(put)(rays, azimuth)


def pose_hypotheses(table: Tabletop, place: int, library: MeshLibrary) -> Tabletop:
    """Every shape of an object's class at twelve azimuths.

    Args:
      table: latents.
      place: which object.
      library: shapes.

    Returns:
      `Tabletop` with a leading axis over hypotheses.
    """
    name = OBJECT_CLASSES[int(table.class_id[place])]
    num_shapes = library.class_sizes[library.class_names.index(name)]
    grid = np.array(list(itertools.product(_turns(12), range(num_shapes))))
    azimuth, shape = grid[:, 0].astype(np.float32), grid[:, 1].astype(np.int32)
    return _set_poses(table, place, azimuth, shape)


@functools.partial(jax.jit, static_argnames="place")
def _set_poses(table: Tabletop, place: int, azimuth: Array, shape: Array) -> Tabletop:
    return jax.vmap(lambda a, s: _set_pose(table, place, a, s))(azimuth, shape)


def jittered(key: Array, tables: Sequence[Tabletop], spread: float) -> Tabletop:
    """The guesses and random variations of each.

    Args:
      key: random key, consumed.
      tables: guesses.
      spread: size of the variations; one is as far as the coarse grid is wide.

    Returns:
      `Tabletop` with a leading axis over the guesses and their variations.
    """
    widths = Perturbation(
        position_px=16 * spread, size=0.2 * spread, azimuth_rad=0.5 * spread,
        colour=0.0, ground_colour=0.0, camera_height=0.2 * spread,
        camera_elevation_rad=0.15 * spread, strength=0.0, light_rad=0.0,
    )  # fmt: skip
    stacked = jax.tree.map(lambda *x: np.stack(x), *tables)
    varied = _vary(key, stacked, widths)
    return jax.tree.map(lambda a, b: np.concatenate([a, b]), stacked, varied)


@jax.jit
def _vary(key: Array, tables: Tabletop, widths: Perturbation) -> Tabletop:
    many = jax.tree.map(lambda x: jnp.repeat(x, _VARIATIONS, 0), tables)
    keys = jax.random.split(key, many.mask.shape[0])
    varied = jax.vmap(perturb_tabletop, (0, 0, None))(keys, many, widths)
    return jax.vmap(within_bounds)(varied)


def within_bounds(table: Tabletop) -> Tabletop:
    """The same picture from latents that refinement does not push elsewhere.

    A picture does not tell scale, so all lengths are multiplied until the first object
    has a size of its range. The sizes of others are clipped.

    Args:
      table: latents.

    Returns:
      `Tabletop` with sizes and height of the camera in their ranges.
    """
    bounds = tabletop_bounds()
    low, high = bounds.lower, bounds.upper
    factor = jnp.clip(table.size_m[0], low.size_m, high.size_m) / table.size_m[0]
    height = factor * table.camera_height_m
    return table.replace(
        position_m=factor * table.position_m,
        size_m=jnp.clip(factor * table.size_m, low.size_m, high.size_m),
        camera_height_m=jnp.clip(height, low.camera_height_m, high.camera_height_m),
    )


def coarse_search(
    key: Array,
    observation: Array,
    objects: Sequence[str],
    library: MeshLibrary,
    *,
    fov_rad,
    num_best: int = 4,
    on_stage: Callable[[], None] = lambda: None,
) -> list[Tabletop]:
    """First guesses for a picture.

    The first object is searched together with the camera, the others one after the
    other under the camera of the best guess so far. Then all are varied at random,
    less and less.

    Args:
      key: random key, consumed.
      observation: `[H, W, 3]` small linear RGB picture.
      objects: names of classes to look for.
      library: shapes.
      fov_rad: `[]` vertical field of view, radians.
      num_best: number of guesses to return.
      on_stage: called after each of the `num_stages(objects)` stages.

    Returns:
      `num_best` guesses that differ in pose or shape, the best one first.
    """
    distance = jnp.asarray(edge_distance(np.asarray(observation)))
    score = jax.jit(functools.partial(rank, library=library, fov_rad=fov_rad))

    def keep_best(hypotheses: Tabletop) -> list[Tabletop]:
        return _best_of(score, hypotheses, observation, distance, num_best)

    best = [empty_table(len(objects))]
    for place, name in enumerate(objects):
        tables = [_with_class(table, place, name) for table in best[:1]]
        if place == 0:
            candidates = first_hypotheses(tables[0], fov_rad)
        else:
            candidates = further_hypotheses(tables[0], place, fov_rad)
        best = keep_best(candidates)
        on_stage()
        best = keep_best(_poses(best, place, library))
        on_stage()
    for stage, spread in enumerate(_SPREADS):
        best = keep_best(jittered(jax.random.fold_in(key, stage), best, spread))
        if stage == 1:  # the view is about right: look at all shapes again
            for place in range(len(objects)):
                best = keep_best(_poses(best, place, library))
        on_stage()
    sweeps = [_poses(best[:1], place, library) for place in range(len(objects))]
    swept = jax.tree.map(lambda *x: np.concatenate(x), *sweeps)
    ranked = _best_of(score, swept, observation, distance, swept.mask.shape[0])
    return _unlike(ranked, num_best)


def _poses(tables: Sequence[Tabletop], place: int, library: MeshLibrary) -> Tabletop:
    """Each guess as it is, and with every shape and azimuth of one object."""
    kept = [jax.tree.map(lambda x: np.asarray(x)[None], table) for table in tables]
    varied = [pose_hypotheses(table, place, library) for table in tables]
    return jax.tree.map(lambda *x: np.concatenate(x), *kept, *varied)


def num_stages(objects: Sequence[str]) -> int:
    """How many stages a search has.

    Args:
      objects: names of the classes to look for.

    Returns:
      Number of calls of `on_stage`.
    """
    return 2 * len(objects) + len(_SPREADS)


__all__ = [
    "SEARCH_PX",
    "coarse_search",
    "empty_table",
    "first_hypotheses",
    "fit_colours",
    "further_hypotheses",
    "jittered",
    "num_stages",
    "outside_share",
    "place_first",
    "place_object",
    "pose_hypotheses",
    "rank",
    "within_bounds",
]
