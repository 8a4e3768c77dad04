"""One object of a random table-top whose pose is to be found."""

import math

import jax
import jax.numpy as jnp
from flax import struct

from ivg.data.tabletop import sample_tabletop
from ivg.energy.pixel import blur
from ivg.energy.tabletop import display, render_tabletop
from ivg.geometry import rotation
from ivg.numerics import matmul, safe_divide
from ivg.scene.library import MeshLibrary, first_shape, get_shape
from ivg.scene.tabletop import OBJECT_CLASSES, Tabletop
from ivg.typing import Array, Bounds

POSITION_SPREAD = 0.15  # in sizes of the object
AZIMUTH_SPREAD_RAD = math.radians(15.0)
_RANGE = 4.0  # spreads on each side


@struct.dataclass
class Pose:
    """What is searched for.

    Attributes:
      position_m: `[2]` metres, x and z on the ground.
      azimuth_rad: `[]` radians about +y.
    """

    position_m: Array
    azimuth_rad: Array


@struct.dataclass
class Problem:
    """A picture, all of its latents but a pose, and a first guess of that.

    Attributes:
      table: true latents of a table with one object.
      vertices: `[V, 3]` metres, of the object in its own frame.
      vertex_mask: `[V]` bool.
      start: first `Pose`.
      observation: `[H, W, 3]` blurred picture as displayed.
      weight: `[]` factor of the residuals that makes the first energy one.
    """

    table: Tabletop
    vertices: Array
    vertex_mask: Array
    start: Pose
    observation: Array
    weight: Array


def sample_problem(
    key: Array, library: MeshLibrary, size_px: int, blur_px: float
) -> Problem:
    """The first object of a random table-top, alone, at a wrong pose.

    Args:
      key: random key, consumed.
      library: shapes, from `tabletop_library`.
      size_px: side of the picture.
      blur_px: standard deviation of the blur.

    Returns:
      `Problem`.
    """
    key_table, key_position, key_azimuth = jax.random.split(key, 3)
    table = sample_tabletop(key_table, library, 4)
    names = (
        "class_id", "shape", "position_m", "size_m", "azimuth_rad", "colour", "mask",
    )  # fmt: skip
    table = table.replace(**{name: getattr(table, name)[:1] for name in names})
    classes = jnp.array([library.class_names.index(name) for name in OBJECT_CLASSES])
    shape = first_shape(library, classes[table.class_id[0]]) + table.shape[0]
    mesh = get_shape(library, shape)
    moved = POSITION_SPREAD * table.size_m[0] * jax.random.normal(key_position, (2,))
    turned = AZIMUTH_SPREAD_RAD * jax.random.normal(key_azimuth)
    start = Pose(table.position_m[0] + moved, table.azimuth_rad[0] + turned)
    seen, guessed = (
        picture_of(pose, table, library, size_px, blur_px)
        for pose in (true_pose(table), start)
    )
    return Problem(
        table=table,
        vertices=table.size_m[0] * mesh.vertices,
        vertex_mask=mesh.vertex_mask,
        start=start,
        observation=seen,
        weight=safe_divide(1.0, jnp.sqrt(jnp.sum((guessed - seen) ** 2) / 2)),
    )


def true_pose(table: Tabletop) -> Pose:
    """The pose of the only object.

    Args:
      table: latents of one object.

    Returns:
      `Pose`.
    """
    return Pose(table.position_m[0], table.azimuth_rad[0])


def picture_of(
    pose: Pose, table: Tabletop, library: MeshLibrary, size_px: int, blur_px: float
) -> Array:
    """The blurred picture of a table whose object has another pose.

    Args:
      pose: pose of the object.
      table: all other latents.
      library: shapes.
      size_px: side of the picture.
      blur_px: standard deviation of the blur.

    Returns:
      `[H, W, 3]` as displayed.
    """
    posed = table.replace(
        position_m=pose.position_m[None], azimuth_rad=pose.azimuth_rad[None]
    )
    return blur(
        display(render_tabletop(posed, library, height=size_px, width=size_px)),
        blur_px,
    )


def pose_bounds(problem: Problem) -> Bounds:
    """The box around the first guess; gives every method the same units.

    Args:
      problem: problem.

    Returns:
      `Bounds` of a `Pose`: four standard deviations of the perturbation each way.
    """
    half = Pose(
        _RANGE * POSITION_SPREAD * problem.table.size_m[0] * jnp.ones(2),
        jnp.asarray(_RANGE * AZIMUTH_SPREAD_RAD),
    )
    return Bounds(
        jax.tree.map(jnp.subtract, problem.start, half),
        jax.tree.map(jnp.add, problem.start, half),
        Pose(False, False),
    )


def pose_error(pose: Pose, problem: Problem) -> Array:
    """How far the vertices of the object are from where they should be.

    Args:
      pose: estimate.
      problem: problem.

    Returns:
      `[]` metres, root mean square over the vertices.

    Source: the distance of corresponding points, as in Hinterstoisser et al., Model
    Based Training, Detection and Pose Estimation, ACCV 2012.
    """

    def placed(pose):
        turn = rotation.matrix_from_quaternion(
            rotation.quaternion_from_azimuth(pose.azimuth_rad)
        )
        x, z = pose.position_m
        shift = jnp.stack([x, jnp.zeros_like(x), z])
        return matmul(problem.vertices, turn.T) + shift

    square = jnp.sum((placed(pose) - placed(true_pose(problem.table))) ** 2, -1)
    real = problem.vertex_mask
    return jnp.sqrt(jnp.sum(jnp.where(real, square, 0)) / jnp.sum(real))


__all__ = [
    "AZIMUTH_SPREAD_RAD",
    "POSITION_SPREAD",
    "Pose",
    "Problem",
    "picture_of",
    "pose_bounds",
    "pose_error",
    "sample_problem",
    "true_pose",
]
