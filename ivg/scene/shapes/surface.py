"""Surfaces as grids of points over two parameters: the parts shapes are built of.

Notation: a point function maps a row parameter `u` and a column `[3]`, which is
`(angle, sign_a, sign_b)`, to a point `[3]`. Rows run along the part, columns around
it, so that `d point/du x d point/d angle` points out of it. A curve is a control
array `[K, 4, D]` of `K` cubic Bezier pieces; piece `k` is passed as `u` goes from
`k` to `k + 1`. The sampled `u` and columns are constant, so every shape of a family
has the same faces; the points are differentiable in whatever the point function
closes over, and can be `vmap`ped.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.numerics import safe_normalize
from ivg.scene.mesh import Mesh, make_mesh
from ivg.scene.shapes.curve import cubic_path, vector
from ivg.typing import Array

PointFn = Callable[[Array, Array], Array]
Box = tuple[float, float, float, float]
UNIT_BOX: Box = (0.0, 0.0, 1.0, 1.0)
WELD_M = 1e-7  # neighbouring patches may round the points that they share apart
NUDGE = 1e-4  # normals are taken this far inside the ends, where poles are regular


@struct.dataclass
class Patch:
    """A smooth piece of surface: `R` rows of `C` points.

    Attributes:
      points: `[R, C, 3]` metres. On a closed patch the last column repeats the
        first, bit for bit.
      normals: `[R, C, 3]` unit outward normals.
      uv: `[R, C, 2]` texture coordinates in [0, 1].
      poles: whether all points of the first and of the last row are one (static).
    """

    points: Array
    normals: Array
    uv: Array
    poles: tuple[bool, bool] = struct.field(pytree_node=False)


# Keeps XLA from working out the control points anew at every point, which would
# double the time to compile.
_computed_once = jax.lax.optimization_barrier


def lathe(profile: Array) -> PointFn:
    """A surface of revolution about the y axis.

    Args:
      profile: `[K, 4, 2]` radius and height; the body lies to its left.

    Returns:
      Point function for `circle_columns`.
    """

    profile = _computed_once(profile)

    def point(u, column):
        radius, height = cubic_path(profile, u)
        return vector(radius * jnp.cos(column[0]), height, radius * jnp.sin(column[0]))

    return point


def tube(axis: Array, binormal: Array, profile: Array, ridge: float = 0.0) -> PointFn:
    """A generalised cylinder about a plane curve.

    Args:
      axis: `[A, 4, 3]` the curve, in metres.
      binormal: `[3]` unit normal of its plane.
      profile: `[K, 4, 3]` place on the axis in [0, A], half thickness in the plane
        and half width across it.
      ridge: `[]` depth of five rounded ridges, as a fraction of the radius.

    Returns:
      Point function for `circle_columns`.
    """

    axis, profile = _computed_once((axis, profile))

    def point(u, column):
        place, thickness, width = cubic_path(profile, u)
        centre, tangent = jax.jvp(
            lambda s: cubic_path(axis, s), (place,), (jnp.ones_like(place),)
        )
        normal = jnp.cross(safe_normalize(tangent), binormal)
        bulge = 1 + ridge * jnp.cos(5 * column[0])
        a, b = bulge * jnp.cos(column[0]), bulge * jnp.sin(column[0])
        return centre + thickness * a * normal + width * b * binormal

    return point


def loft(profile: Array) -> PointFn:
    """A body along z whose sections are rectangles with rounded corners.

    Args:
      profile: `[K, 4, 5]` z, half width in x, lowest y, highest y, corner radius
        (at most 0.9 of half the smaller side; larger values are cut to that).

    Returns:
      Point function for `corner_columns`.
    """

    profile = _computed_once(profile)

    def point(u, column):
        z, half_width, low, high, corner = cubic_path(profile, u)
        angle, up, side = column
        half_height = (high - low) / 2
        corner = jnp.minimum(corner, 0.9 * jnp.minimum(half_width, half_height))
        y = (low + high) / 2 + up * (half_height - corner)
        x = side * (half_width - corner)
        return vector(x + corner * jnp.sin(angle), y + corner * jnp.cos(angle), z)

    return point


def patch(
    point: PointFn,
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    poles: tuple[bool, bool] = (False, False),
    closed: bool = True,
    uv_box: Box = UNIT_BOX,
) -> Patch:
    """Samples a point function.

    Args:
      point: point function.
      rows: `[R]` values of `u`.
      columns: `[C, 3]`.
      poles: whether the first and the last row are single points.
      closed: whether the last column is the first.
      uv_box: least u and v and greatest u and v of the texture coordinates.

    Returns:
      `Patch`. Its normals are derivatives of the point function, so exact. At a
      pole, each copy has the normal of the one face that it serves.
    """
    sections = [(rows, poles, uv_box)]
    return patches_along(point, sections, columns, closed=closed)[0]


def patches_along(
    point: PointFn,
    sections: Sequence[tuple[np.ndarray, tuple[bool, bool], Box]],
    columns: np.ndarray,
    *,
    closed: bool = True,
) -> list[Patch]:
    """Samples a point function in sections with sharp edges between them.

    Args:
      point: point function, traced once for all sections.
      sections: rows, poles and uv box of each, as for `patch`.
      columns: `[C, 3]`.
      closed: whether the last column is the first.

    Returns:
      A `Patch` for each section.
    """
    rows = [np.asarray(rows, float) for rows, _, _ in sections]
    dtype = jnp.result_type(float)
    u, inside = (jnp.asarray(np.concatenate(x), dtype) for x in (rows, _inside(rows)))
    around = jnp.asarray(columns[:-1] if closed else columns, dtype)
    ends = np.cumsum([len(r) for r in rows])[:-1]
    points = jnp.split(_over_grid(point)(u, around), ends)
    normals = jnp.split(_over_grid(_normal_of(point))(inside, around), ends)
    found = []
    for i, (r, poles, box) in enumerate(sections):
        at, facing = _at_poles(points[i], normals[i], poles)
        if closed:
            at, facing = (jnp.concatenate([x, x[:, :1]], 1) for x in (at, facing))
        uv = jnp.asarray(_grid_uv(len(r), len(columns), poles, box), dtype)
        found.append(Patch(at, facing, uv, poles))
    return found


def _inside(rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Rows a little inside the ends of their sections."""
    return [
        np.clip(r, r[0] + NUDGE, r[-1] - NUDGE) if r[-1] > r[0] else r for r in rows
    ]


def _at_poles(points: Array, normals: Array, poles) -> tuple[Array, Array]:
    """All points of a pole in one place, and normals of the faces around it."""
    for row, is_pole in zip((0, -1), poles, strict=True):
        if is_pole:
            points = points.at[row].set(points[row, :1])
            between = normals[row] + jnp.roll(normals[row], -1, 0)
            normals = normals.at[row].set(safe_normalize(between))
    return points, normals


def _over_grid(function: PointFn) -> PointFn:
    return jax.vmap(jax.vmap(function, (None, 0)), (0, None))


def _normal_of(point: PointFn) -> PointFn:
    def normal(u, column):
        turn = jnp.zeros_like(column).at[0].set(1.0)
        along = jax.jvp(lambda u: point(u, column), (u,), (jnp.ones_like(u),))[1]
        around = jax.jvp(lambda c: point(u, c), (column,), (turn,))[1]
        return safe_normalize(jnp.cross(along, around))

    return normal


def _grid_uv(num_rows: int, num_columns: int, poles, box: Box) -> np.ndarray:
    down, across = np.meshgrid(
        np.linspace(0, 1, num_rows), np.linspace(1, 0, num_columns), indexing="ij"
    )
    for row, is_pole in zip((0, -1), poles, strict=True):
        if is_pole:  # a pole's copy serves the face between two columns
            across[row] = np.clip(across[row] - 0.5 / (num_columns - 1), 0, 1)
    low, high = np.array(box[:2]), np.array(box[2:])
    return low + (high - low) * np.stack([across, down], -1)


def compiled(patches_of: Callable) -> Callable:
    """Compiles a function that is to run a few times only, on the host.

    Args:
      patches_of: function of parameters to patches.

    Returns:
      The same function, compiled with less care and in half the time.
    """
    options = {"xla_backend_optimization_level": 0}
    return jax.jit(patches_of, compiler_options=options)


def join(patches: Sequence[Patch]) -> tuple[Array, Array, Array]:
    """The vertices of several patches as one list.

    Args:
      patches: patches.

    Returns:
      `[V, 3]` points, `[V, 3]` normals and `[V, 2]` uv.
    """
    return _join(patches, jnp.concatenate)


def _join(patches: Sequence[Patch], concatenate: Callable) -> tuple:
    used, _ = _topology(patches)
    parts = (
        [getattr(p, name).reshape(-1, size) for p in patches]
        for name, size in (("points", 3), ("normals", 3), ("uv", 2))
    )
    points, normals, uv = (concatenate(part)[used] for part in parts)
    return points, normals, uv


def join_faces(patches: Sequence[Patch]) -> np.ndarray:
    """The faces that go with `join`; they depend on the patches' sizes only.

    Args:
      patches: patches, or their abstract values (`jax.eval_shape`).

    Returns:
      `[F, 3]` int32 NumPy array.
    """
    return _topology(patches)[1]


def mesh_from_patches(patches: Sequence[Patch]) -> Mesh:
    """The mesh of several patches.

    Args:
      patches: patches with concrete values.

    Returns:
      `Mesh` without padding.
    """
    concrete = jax.tree.map(np.asarray, patches)
    points, normals, uv = _join(concrete, np.concatenate)
    return make_mesh(_weld(points), join_faces(patches), normals, uv)


def _weld(points: Array) -> np.ndarray:
    """Points that rounding alone keeps apart, at one and the same place."""
    places = np.asarray(points)
    near = np.abs(places[:, None] - places).max(-1) < WELD_M
    return places[near.argmax(1)]  # the first of those nearby


def settle(patches: Sequence[Patch], shift: Array | None = None) -> list[Patch]:
    """Moves a shape as a whole so that its lowest point is at y = 0.

    Args:
      patches: patches.
      shift: `[3]` metres, added first.

    Returns:
      The moved patches.
    """
    shift = jnp.zeros(3) if shift is None else shift
    low = jnp.min(jnp.stack([p.points[..., 1].min() for p in patches]))
    shift = shift.at[1].set(-low)
    return [p.replace(points=p.points + shift[None, None]) for p in patches]


def _topology(patches: Sequence[Patch]) -> tuple[np.ndarray, np.ndarray]:
    faces, start = [], 0
    for p in patches:
        num_rows, num_columns = p.points.shape[:2]
        faces.append(start + _grid_faces(num_rows, num_columns, p.poles))
        start += num_rows * num_columns
    used, index = np.unique(np.concatenate(faces), return_inverse=True)
    return used, index.reshape(-1, 3).astype(np.int32)


def _grid_faces(num_rows: int, num_columns: int, poles) -> np.ndarray:
    at = np.arange(num_rows * num_columns).reshape(num_rows, num_columns)
    a, b, c, d = at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]
    first, second = np.stack([a, b, c], -1), np.stack([a, c, d], -1)
    if poles[0]:
        second = second[1:]
    if poles[1]:
        first = first[:-1]
    return np.concatenate([first.reshape(-1, 3), second.reshape(-1, 3)])


__all__ = [
    "Patch",
    "PointFn",
    "compiled",
    "join",
    "join_faces",
    "lathe",
    "loft",
    "mesh_from_patches",
    "patch",
    "patches_along",
    "settle",
    "tube",
]
