"""The models that rooms are furnished with: meshes, samples of surfaces, sizes.

Models fill a box of one unit about the origin, y up, the front towards +z, and are
placed with a size along each axis (`ivg.scene.indoor`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ivg.data.textures import sample_textures
from ivg.scene.indoor import INDOOR_NAMES
from ivg.scene.library import MeshLibrary, make_library
from ivg.scene.mesh import Mesh, make_mesh
from ivg.scene.shapes.indoor import Furniture, draw_indoor, make_indoor
from ivg.scene.shapes.solids import mesh_from_parts, slab
from ivg.typing import Array


class IndoorModels(NamedTuple):
    """`M` models, those of a category one after another.

    Attributes:
      library: meshes of the models and, last, of a cube that walls are made of;
        `V` is the padded number of vertices.
      tints: `[M + 1, V]` int32 in {0, 1, 2}, colour of each vertex.
      points: `[M, P, 3]` samples of the surface, evenly by its true area.
      normals: `[M, P, 3]` of the surface in the box of one unit, of length one,
        outward. Of a model of size `s` turned by `R` they are `R (n / s)`, made of
        length one again.
      size_m: `[M, 3]` metres.
      fold: `[M]` int32, turns about y that look the same.
      category: `[M]` int32, place in `INDOOR_NAMES`, ascending.
      textures: `[T, S, S, 3]` factors of colours, of mean one.
    """

    library: MeshLibrary
    tints: Array
    points: Array
    normals: Array
    size_m: Array
    fold: Array
    category: Array
    textures: Array


def sample_surface(
    mesh: Mesh, count: int, seed: int, size=(1.0, 1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Points spread over a surface, evenly by its area, and their normals.

    Args:
      mesh: mesh, padded or not.
      count: how many, `P`.
      seed: of the draw.
      size: `[3]` factors of the axes with which areas are measured.

    Returns:
      `[P, 3]` points and `[P, 3]` normals of length one, in the frame of the mesh;
      normals are interpolated between the vertices.
    """
    rng = np.random.default_rng(seed)
    faces = np.asarray(mesh.faces)[np.asarray(mesh.face_mask)]
    corners = np.asarray(mesh.vertices, np.float64)[faces]
    sides = (corners[:, 1:] - corners[:, :1]) * np.asarray(size)
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    face = rng.choice(len(area), count, p=area / area.sum())
    share = rng.uniform(size=(count, 2))
    share = np.where(share.sum(1, keepdims=True) > 1, 1 - share, share)
    weights = np.concatenate([1 - share.sum(1, keepdims=True), share], 1)[..., None]
    points = np.sum(weights * corners[face], 1)
    normals = np.sum(weights * np.asarray(mesh.normals, np.float64)[faces[face]], 1)
    length = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return points, normals / length


def make_models(
    furniture: Mapping[str, Sequence[Furniture]],
    *,
    num_points: int = 1000,
    seed: int = 0,
    num_textures: int = 35,
) -> IndoorModels:
    """Models of some furniture.

    Args:
      furniture: by category of `INDOOR_NAMES`; categories may be missing.
      num_points: samples of each surface, `P`.
      seed: of samples and textures.
      num_textures: `T`.

    Returns:
      `IndoorModels`.

    Raises:
      ValueError: if there is no furniture, or of an unknown category.
    """
    if not set(furniture) <= set(INDOOR_NAMES):
        raise ValueError(f"categories must be of {INDOOR_NAMES}, got {list(furniture)}")
    rows = [
        (category, piece)
        for category, name in enumerate(INDOOR_NAMES)
        for piece in furniture.get(name, ())
    ]
    if not rows:
        raise ValueError("models need at least one piece of furniture")
    pieces = [piece for _, piece in rows]
    samples = [
        sample_surface(p.mesh, num_points, seed + i, p.size_m)
        for i, p in enumerate(pieces)
    ]
    points, normals = (np.stack(x) for x in zip(*samples, strict=True))
    meshes = [piece.mesh for piece in pieces]
    library = make_library({"furniture": meshes, "wall": [_wall_cube()]})
    tints = np.zeros(library.mesh.vertices.shape[:2], np.int32)
    for row, piece in zip(tints, pieces, strict=False):  # the wall has tint zero
        row[: len(piece.tints)] = piece.tints
    return IndoorModels(
        library=library,
        tints=jnp.asarray(tints),
        points=jnp.asarray(points, jnp.float32),
        normals=jnp.asarray(normals, jnp.float32),
        size_m=jnp.asarray(np.stack([p.size_m for p in pieces]), jnp.float32),
        fold=jnp.asarray([p.fold for p in pieces], jnp.int32),
        category=jnp.asarray([category for category, _ in rows], jnp.int32),
        textures=_textures(jax.random.key(seed), num_textures),
    )


_textures = jax.jit(sample_textures, static_argnums=(1, 2))


def _wall_cube() -> Mesh:
    """A cube of one unit about the origin, the texture once on each side."""
    mesh, _ = mesh_from_parts([slab((0, 0, 0), (0.5, 0.5, 0.5))])
    vertices, normals = np.asarray(mesh.vertices), np.asarray(mesh.normals)
    axis = np.argmax(np.abs(normals), axis=1)
    columns = np.array([[2, 1], [0, 2], [0, 1]])[axis]
    uv = np.take_along_axis(vertices, columns, 1) + 0.5
    return make_mesh(vertices, np.asarray(mesh.faces), normals, uv)


def procedural_models(
    seed: int, count: int, num_points: int = 1000, num_textures: int = 35
) -> IndoorModels:
    """Models of procedural furniture.

    Args:
      seed: of the draw of instances; others give others.
      count: instances of each category.
      num_points: samples of each surface, `P`.
      num_textures: `T`.

    Returns:
      `IndoorModels` of `9 count` models.
    """
    furniture = {
        name: [make_indoor(name, values) for values in draw_indoor(name, seed, count)]
        for name in INDOOR_NAMES
    }
    return make_models(
        furniture, num_points=num_points, seed=seed, num_textures=num_textures
    )


def category_range(models: IndoorModels, category: Array) -> tuple[Array, Array]:
    """Where the models of a category are.

    Args:
      models: models.
      category: `[...]` int32.

    Returns:
      `[...]` first model and `[...]` number of models, zero if there are none.
    """
    first = jnp.searchsorted(models.category, category, side="left")
    last = jnp.searchsorted(models.category, category, side="right")
    return first.astype(jnp.int32), (last - first).astype(jnp.int32)


__all__ = [
    "IndoorModels",
    "category_range",
    "make_models",
    "procedural_models",
    "sample_surface",
]
