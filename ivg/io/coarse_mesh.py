"""What makes meshes of files fit for rooms: fewer faces, tints, and their symmetry."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ivg.data.indoor_models import sample_surface
from ivg.scene.mesh import Mesh, make_mesh
from ivg.scene.shapes.indoor import Furniture

_TURNS = {36: (10.0, 50.0, 90.0), 4: (90.0,), 2: (180.0,)}  # degrees


def coarsened(mesh: Mesh, max_faces: int) -> Mesh:
    """A mesh of few faces, by merging the vertices in each cell of a grid.

    Args:
      mesh: without padding.
      max_faces: most faces; a mesh with no more is left as it is.

    Returns:
      `Mesh`, of flat faces if it was coarsened.

    Source: Rossignac and Borrel, Multi-resolution 3D approximations, 1993.
    """
    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    if len(faces) <= max_faces:
        return mesh
    low, extent = vertices.min(0), np.ptp(vertices, axis=0).max()
    cells = 128.0
    while True:
        _, merged = np.unique(
            np.floor((vertices - low) / extent * cells), axis=0, return_inverse=True
        )
        merged = merged.reshape(-1)
        few = merged[faces]
        proper = (few != np.roll(few, 1, 1)).all(1)
        # Rolled to the least corner first, so that both sides of a sheet remain.
        roll = (np.argmin(few[proper], 1)[:, None] + np.arange(3)) % 3
        sides = np.take_along_axis(few[proper], roll, 1)
        _, first = np.unique(sides, axis=0, return_index=True)
        if len(first) <= max_faces or cells < 4:
            break
        cells *= 0.8
    count = np.bincount(merged)
    places = np.stack([np.bincount(merged, x) / count for x in vertices.T], 1)
    corners = places[few[proper][np.sort(first)]]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    solid = area > 1e-9 * extent**2
    normals = np.repeat(cross[solid] / area[solid, None], 3, 0)
    flat = corners[solid].reshape(-1, 3)
    return make_mesh(flat, np.arange(len(flat)).reshape(-1, 3), normals)


def part_tints(mesh: Mesh) -> np.ndarray:
    """Colours by connected parts: the largest, the next, and all others in turn.

    Args:
      mesh: without padding.

    Returns:
      `[V]` int in {0, 1, 2}.
    """
    faces, edges = np.asarray(mesh.faces), np.asarray(mesh.edges)
    pairs = edges[edges[:, 3] >= 0, 2:]
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(faces),) * 2)
    _, part = connected_components(graph, directed=False)
    order = np.argsort(np.argsort(-np.bincount(part), kind="stable"))
    tints = np.zeros(len(mesh.vertices), int)
    tints[faces] = (order[part] % 3)[:, None]
    return tints


def symmetry_fold(piece: Furniture, tolerance: float = 1.5) -> int:
    """Turns about y that look the same, from samples of the surface.

    Args:
      piece: furniture.
      tolerance: greatest mean distance of turned samples from others, in units of
        that of samples that are not turned.

    Returns:
      36, 4, 2 or 1.
    """
    points, others = (
        sample_surface(piece.mesh, 3000, seed, piece.size_m)[0] * piece.size_m
        for seed in (0, 1)
    )
    tree = cKDTree(others)
    base = np.mean(tree.query(points)[0])
    for fold, degrees in _TURNS.items():
        if all(
            np.mean(tree.query(_turned(points, turn))[0]) < tolerance * base
            for turn in degrees
        ):
            return fold
    return 1


def _turned(points: np.ndarray, degrees: float) -> np.ndarray:
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return points @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])


__all__ = ["coarsened", "part_tints", "symmetry_fold"]
