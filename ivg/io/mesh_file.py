"""Meshes from files: OBJ, STL, PLY and GLB, set upright on their contact point."""

import io
import math
import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh

from ivg.io.errors import InputError, check_file, one_line
from ivg.scene.mesh import Mesh, make_mesh

SUFFIXES = (".glb", ".obj", ".ply", ".stl")
_CREASE_RAD = math.radians(30)

_Y_UP_FROM = {
    "y": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "-y": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "z": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "-z": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "x": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "-x": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
}


class _Soup(NamedTuple):
    vertices: np.ndarray  # [V, 3]
    faces: np.ndarray  # [F, 3]
    normals: np.ndarray | None  # [V, 3]
    uv: np.ndarray | None  # [V, 2]


def load_mesh(
    path: str | os.PathLike,
    *,
    unit_m: float = 1.0,
    up_axis: str = "y",
    max_faces: int = 200_000,
) -> Mesh:
    """A mesh from a file.

    All parts of a scene become one mesh, each in its place. Normals and uv are kept
    where every part has them; other normals are smooth, with creases at angles above
    30 degrees. Faces without area are dropped, and a closed mesh that is inside out
    is turned. Materials are ignored.

    Args:
      path: file with the suffix .obj, .stl, .ply or .glb.
      unit_m: metres per unit of the file, positive.
      up_axis: the file's axis that points up: x, y, z, or one of them with a minus.
      max_faces: most faces.

    Returns:
      `Mesh` in metres, y up. The middle of its bounding box is above the origin and
      its lowest point at y = 0.

    Raises:
      InputError: if the file is missing, broken, of another kind, has no faces, too
        many, or values that are not finite.
    """
    path = Path(path)
    shown = repr(str(path))
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{shown} has the suffix {path.suffix!r}: convert the mesh to one of "
            f"{', '.join(SUFFIXES)}"
        )
    if up_axis not in _Y_UP_FROM:
        raise InputError(f"up_axis is {up_axis!r}: give one of {', '.join(_Y_UP_FROM)}")
    if not (math.isfinite(unit_m) and unit_m > 0):
        raise InputError(f"unit_m is {unit_m!r}: give the metres per unit, above 0")
    check_file(path, "mesh")
    soup = _read(path, shown, max_faces)
    rotation = np.array(_Y_UP_FROM[up_axis], float)
    soup = soup._replace(
        vertices=soup.vertices @ rotation.T * unit_m,
        normals=None if soup.normals is None else soup.normals @ rotation.T,
    )
    extent = np.ptp(soup.vertices, axis=0).max()
    if not 1e-6 < extent < 1e5:
        raise InputError(
            f"{shown} is {extent:.3g} m large: give the metres per unit with unit_m"
        )
    soup = _turn_outside(_drop_degenerate(soup, shown))
    if soup.normals is None:
        soup = _with_creases(soup)
    return make_mesh(_on_contact_point(soup.vertices), *soup[1:])


def _read(path: Path, shown: str, max_faces: int) -> _Soup:
    try:
        scene = _load_scene(path)
        parts = _parts(scene)
    except Exception as error:  # the readers raise all kinds for broken files
        raise InputError(
            f"{shown} cannot be read as a mesh ({one_line(error)}): export it again"
        ) from None
    if not parts:
        raise InputError(f"{shown} has no faces: export it as a triangle mesh")
    soup = _joined(parts)
    if not np.isfinite(soup.vertices).all():
        raise InputError(f"{shown} has vertices that are not finite: export it again")
    if soup.faces.min() < 0 or soup.faces.max() >= len(soup.vertices):
        raise InputError(f"{shown} has faces of missing vertices: export it again")
    if len(soup.faces) > max_faces:
        raise InputError(
            f"{shown} has {len(soup.faces):,} faces: simplify it to at most "
            f"{max_faces:,}"
        )
    return soup


def _load_scene(path: Path) -> trimesh.Scene:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what is wrong is told by what was read
        return trimesh.load_scene(
            io.BytesIO(path.read_bytes()),
            file_type=path.suffix[1:].lower(),
            process=False,
            maintain_order=True,
            skip_materials=True,
        )


def _parts(scene: trimesh.Scene) -> list[_Soup]:
    parts = []
    for node in sorted(scene.graph.nodes_geometry):
        matrix, name = scene.graph[node]
        mesh = scene.geometry[name]
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
            parts.append(_placed(mesh, np.asarray(matrix, float)))
    return parts


def _placed(mesh: trimesh.Trimesh, matrix: np.ndarray) -> _Soup:
    linear = matrix[:3, :3]
    faces = np.asarray(mesh.faces, int)
    normals = None
    if "vertex_normals" in mesh._cache:  # those of the file; none are computed
        cofactor = np.cross(np.roll(linear, -1, 0), np.roll(linear, -2, 0))
        normals = np.asarray(mesh.vertex_normals, float) @ cofactor.T
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        is_good = np.isfinite(length).all() and (length > 1e-12).all()
        normals = normals / length if is_good else None
    if np.linalg.det(linear) < 0:
        faces = faces[:, ::-1]
        normals = None if normals is None else -normals
    uv = np.asarray(getattr(mesh.visual, "uv", None), float)
    has_uv = uv.shape == (len(mesh.vertices), 2) and np.isfinite(uv).all()
    with np.errstate(all="ignore"):
        vertices = np.asarray(mesh.vertices, float) @ linear.T + matrix[:3, 3]
    return _Soup(vertices, faces, normals, uv if has_uv else None)


def _joined(parts: list[_Soup]) -> _Soup:
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])

    def stack(arrays):
        return None if any(a is None for a in arrays) else np.concatenate(arrays)

    return _Soup(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([p.faces + s for p, s in zip(parts, starts, strict=True)]),
        stack([part.normals for part in parts]),
        stack([part.uv for part in parts]),
    )


def _face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """`[F, 3]` normals whose length is twice the area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def _drop_degenerate(soup: _Soup, shown: str) -> _Soup:
    extent = np.ptp(soup.vertices[soup.faces].reshape(-1, 3), axis=0).max()
    area = np.linalg.norm(_face_normals(soup.vertices, soup.faces), axis=1)
    faces = soup.faces[area > 1e-12 * extent**2]
    if not len(faces):
        raise InputError(f"{shown} has only faces without area: export it again")
    used, new = np.unique(faces, return_inverse=True)
    kept = [None if x is None else x[used] for x in (soup.normals, soup.uv)]
    return _Soup(soup.vertices[used], new.reshape(-1, 3), *kept)


def _weld(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices at equal positions as one: their places and each one's number."""
    places, welded = np.unique(vertices, axis=0, return_inverse=True)
    return places, welded.reshape(-1)


def _turn_outside(soup: _Soup) -> _Soup:
    places, welded = _weld(soup.vertices)
    closed = trimesh.Trimesh(places, welded[soup.faces], process=False)
    if closed.is_watertight and closed.volume < 0:
        soup = soup._replace(faces=soup.faces[:, ::-1])
    if soup.normals is not None:
        outward = _face_normals(soup.vertices, soup.faces)
        agreement = np.sum(soup.normals[soup.faces].sum(1) * outward)
        if agreement < 0:
            soup = soup._replace(normals=-soup.normals)
    return soup


def _with_creases(soup: _Soup) -> _Soup:
    """Splits vertices where faces meet at more than the crease angle."""
    places, welded = _weld(soup.vertices)
    corners = welded[soup.faces]
    mesh = trimesh.Trimesh(places, corners, process=False)
    smooth = mesh.face_adjacency[mesh.face_adjacency_angles < _CREASE_RAD]
    patch = trimesh.graph.connected_component_labels(smooth, len(corners))
    patch = np.repeat(patch, 3)
    _, group = np.unique(
        np.column_stack([corners.ravel(), patch]), axis=0, return_inverse=True
    )
    normals = np.zeros((group.max() + 1, 3))
    weighted = _face_normals(places, corners)
    np.add.at(normals, group.reshape(-1), np.repeat(weighted, 3, axis=0))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    key = [group.reshape(-1)]
    if soup.uv is not None:
        key.append(
            np.unique(soup.uv, axis=0, return_inverse=True)[1].reshape(-1)[
                soup.faces.ravel()
            ]
        )
    _, first, faces = np.unique(
        np.column_stack(key), axis=0, return_index=True, return_inverse=True
    )
    source = soup.faces.ravel()[first]
    return _Soup(
        soup.vertices[source],
        faces.reshape(-1, 3),
        normals[group.reshape(-1)[first]],
        None if soup.uv is None else soup.uv[source],
    )


def _on_contact_point(vertices: np.ndarray) -> np.ndarray:
    low, high = vertices.min(0), vertices.max(0)
    middle = (low + high) / 2
    return vertices - [middle[0], low[1], middle[2]]


__all__ = ["SUFFIXES", "load_mesh"]
