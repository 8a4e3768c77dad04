"""Triangle meshes.

A mesh is topology (faces, edges: integers, fixed) and vertex attributes (floats,
differentiable). Faces are counter-clockwise seen from outside. Vertices that share
a position may differ in normal or uv; where the normals differ, the edge between
them is a crease.
"""

import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.numerics import safe_normalize
from ivg.typing import Array


@struct.dataclass
class Mesh:
    """One triangle mesh in its own frame (y up, metres).

    Attributes:
      vertices: `[V, 3]` metres.
      normals: `[V, 3]` unit outward normals.
      uv: `[V, 2]` texture coordinates, v up.
      faces: `[F, 3]` int32 vertex indices, counter-clockwise from outside.
      edges: `[E, 4]` int32: two vertices, the face that they belong to, and the
        face beyond, -1 at a border.
      edge_sharp: `[E]` bool, True where the two faces give the edge different
        normals, so that shading jumps there. Such an edge has a row for each face.
      vertex_mask: `[V]` bool, False for padding.
      face_mask: `[F]` bool, False for padding.
      edge_mask: `[E]` bool, False for padding.
    """

    vertices: Array
    normals: Array
    uv: Array
    faces: Array
    edges: Array
    edge_sharp: Array
    vertex_mask: Array
    face_mask: Array
    edge_mask: Array


def vertex_normals(vertices: Array, faces: Array) -> Array:
    """Smooth normals: the area-weighted mean of the faces around each vertex.

    Args:
      vertices: `[V, 3]` metres.
      faces: `[F, 3]` int32.

    Returns:
      `[V, 3]` unit normals (zero for a vertex of no face or of degenerate faces
      only). Differentiable in the vertices.
    """
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    weighted = jnp.cross(b - a, c - a)
    total = jnp.zeros_like(vertices)
    for corner in range(3):
        total = total.at[faces[:, corner]].add(weighted)
    return safe_normalize(total)


def make_mesh(vertices, faces, normals=None, uv=None) -> Mesh:
    """A mesh from arrays, with its edges found.

    Args:
      vertices: `[V, 3]` metres, finite.
      faces: `[F, 3]` vertex indices, counter-clockwise from outside.
      normals: `[V, 3]` unit normals; smooth ones are made if absent.
      uv: `[V, 2]` texture coordinates; zero if absent.

    Returns:
      `Mesh` without padding.

    Raises:
      ValueError: for a wrong shape or type, an index out of range, no face, or
        values that are not finite.
    """
    vertices = np.asarray(vertices, np.float64)
    faces = np.asarray(faces)
    _check(vertices, faces, normals, uv)
    dtype = jnp.result_type(float)
    position = jnp.asarray(vertices, dtype)
    faces = jnp.asarray(faces, jnp.int32)
    if normals is None:
        normals = vertex_normals(position, faces)
    if uv is None:
        uv = np.zeros((len(vertices), 2))
    edges, sharp = find_edges(vertices, np.asarray(faces), np.asarray(normals))
    return Mesh(
        vertices=position,
        normals=jnp.asarray(normals, dtype),
        uv=jnp.asarray(uv, dtype),
        faces=faces,
        edges=jnp.asarray(edges, jnp.int32),
        edge_sharp=jnp.asarray(sharp, bool),
        vertex_mask=jnp.asarray(np.ones(len(vertices), bool)),
        face_mask=jnp.asarray(np.ones(len(faces), bool)),
        edge_mask=jnp.asarray(np.ones(len(edges), bool)),
    )


def _check(vertices: np.ndarray, faces: np.ndarray, normals, uv) -> None:
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise ValueError(f"vertices must have shape [V, 3], got {vertices.shape}")
    if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0:
        raise ValueError(f"faces must have shape [F, 3] with F > 0, got {faces.shape}")
    if not np.issubdtype(faces.dtype, np.integer):
        raise ValueError(f"faces must be integers, got {faces.dtype}")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(
            f"face indices must be in [0, {len(vertices)}), "
            f"got {faces.min()} to {faces.max()}"
        )
    if not np.isfinite(vertices).all():
        raise ValueError("vertices must be finite")
    for name, values, width in (("normals", normals, 3), ("uv", uv, 2)):
        shape = (len(vertices), width)
        if values is not None and np.shape(values) != shape:
            raise ValueError(f"{name} must have shape {shape}, got {np.shape(values)}")
        if values is not None and not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite")


def find_edges(
    vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Edges with the faces beside them, and which of them are sharp.

    Vertices at equal positions are taken as one, so a seam of uv is no border. An
    edge of more than two faces is a border of each. A sharp edge has two rows.

    Args:
      vertices: `[V, 3]`.
      faces: `[F, 3]` int.
      normals: `[V, 3]` unit normals.

    Returns:
      `[E, 4]` int32 as in `Mesh.edges`, and `[E]` bool: whether the two faces
      give the edge normals more than 8 degrees apart.
    """
    _, welded = np.unique(vertices, axis=0, return_inverse=True)
    welded = welded.reshape(-1)
    half = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    face_of = np.tile(np.arange(len(faces)), 3)
    proper = welded[half[:, 0]] != welded[half[:, 1]]
    half, face_of = half[proper], face_of[proper]
    flip = welded[half[:, 0]] > welded[half[:, 1]]
    half[flip] = half[flip][:, ::-1]
    order = np.lexsort((face_of, *welded[half].T[::-1]))
    half, face_of = half[order], face_of[order]
    _, first, count = np.unique(
        welded[half], axis=0, return_index=True, return_counts=True
    )
    pair = first[count == 2]
    agree = np.sum(normals[half[pair]] * normals[half[pair + 1]], -1) > 0.99
    sharp = pair[~agree.all(-1)]
    single = np.setdiff1d(np.arange(len(half)), np.concatenate([pair, pair + 1]))
    own = np.concatenate([pair, sharp + 1, single])
    other = np.concatenate(
        [face_of[pair + 1], face_of[sharp], np.full(len(single), -1)]
    )
    edges = np.column_stack([half[own], face_of[own], other]).astype(np.int32)
    return edges, np.isin(own, np.concatenate([sharp, sharp + 1]))


__all__ = ["Mesh", "find_edges", "make_mesh", "vertex_normals"]
