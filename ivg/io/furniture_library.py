"""Furniture libraries of Sweet Home 3D: `.sh3f` files with names, sizes and models.

Such a file is a zip with a table of properties, `PluginFurnitureCatalog.properties`,
whose keys end in `#` and the number of a piece, and with models. Widths (x), depths
(z) and heights (y) are centimetres; a model is turned by `modelRotation`, nine numbers
row by row, and then stretched to that size. Its front looks towards +z.

Debian's package `sweethome3d-furniture` has five files of different artists.

Source: `DefaultFurnitureCatalog` and `ModelManager` of Sweet Home 3D (eTeks).
"""

import os
import posixpath
import re
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ivg.io.coarse_mesh import coarsened, part_tints, symmetry_fold
from ivg.io.errors import InputError, check_file, one_line
from ivg.io.mesh_file import load_mesh
from ivg.scene.indoor import INDOOR_NAMES
from ivg.scene.mesh import Mesh, make_mesh
from ivg.scene.shapes.indoor import Furniture, fit_box

CATALOGUE = "PluginFurnitureCatalog.properties"
_MOST_FACES = 200_000
_MOST_BYTES = 100_000_000
_LINE = re.compile(r"\s*([^=:\s]+)\s*[=:]\s*(.*)")
# The first rule with a word of the name decides; None: none of the nine categories.
_RULES: tuple[tuple[str | None, str], ...] = (
    ("cabinet", r"bedside table|tv stand|television cabinet|(?<!corner )cabinet"),
    ("sofa", r"futon couch"),
    (
        None,
        r"lamp|light|fan|cloth|mat|tennis|football|pool|remote|wheelchair|ottoman|swing"
        r"|beach|deck|relax|high chair|washing|changing|dressing|basketball|opened"
        r"|stool|tablecloth|park|corner|bunk|mezzanine|freezer|intercom|air",
    ),
    ("table", r"desk table"),
    ("bed", r"bed|crib|futon"),
    ("bin", r"bin|dustbin|trash|trashcan|wastebasket"),
    ("bathtub", r"bath|bathtub|jacuzzi"),
    ("bookshelf", r"bookcase|bookshelf|bookshelve|shelve|shelf"),
    ("cabinet", r"wardrobe|cupboard|dresser|drawer|chest|locker|nightstand|sideboard"),
    ("display", r"tv|television|monitor|imac"),
    ("sofa", r"sofa|couch"),
    ("chair", r"chair|armchair"),
    ("table", r"table|desk|workbench"),
)
_FOLDED = ("bathtub", "bin", "table")


class LibraryEntry(NamedTuple):
    """A row of a library.

    Attributes:
      library: name of the file, without folder.
      identity: of the piece, or its name.
      name: in English.
      creator: artist, or an empty text.
      category: one of `INDOOR_NAMES`, or None for anything else.
      model: place of the model in the zip.
      size_m: `[3]` metres along x, y and z.
      rotation: `[3, 3]` that turns the model upright.
    """

    library: str
    identity: str
    name: str
    creator: str
    category: str | None
    model: str
    size_m: np.ndarray
    rotation: np.ndarray


def indoor_category(name: str) -> str | None:
    """Which of the nine categories a name speaks of.

    Args:
      name: in English, such as "Coffee table".

    Returns:
      One of `INDOOR_NAMES`, or None for anything else.
    """
    words = " ".join(name.lower().split())
    for category, pattern in _RULES:
        if re.search(rf"\b({pattern})s?\b", words):
            return category
    return None


def read_catalogue(path: str | os.PathLike) -> list[LibraryEntry]:
    """The rows of a library.

    Args:
      path: `.sh3f` file.

    Returns:
      One entry for each piece, in the order of the file; doors, windows and all else
      have the category None.

    Raises:
      InputError: if the file is missing, no zip, without a catalogue, or a row lacks a
        model or a size above zero.
    """
    path = check_file(path, "furniture library")
    shown = repr(str(path))
    with _open(path, shown) as archive:
        if CATALOGUE not in archive.namelist():
            raise InputError(f"{shown} has no {CATALOGUE}: give a library of furniture")
        text = _read(archive, CATALOGUE, shown).decode("latin-1")
    table = _properties(text)
    entries = []
    number = 1
    while f"name#{number}" in table:
        entries.append(_entry(table, number, path.name, shown))
        number += 1
    if not entries:
        raise InputError(f"{shown} has no furniture: {CATALOGUE} names none")
    return entries


def _open(path: Path, shown: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"{shown} is no zip file ({one_line(error)}): fetch it again"
        ) from None


def _read(archive: zipfile.ZipFile, name: str, shown: str) -> bytes:
    try:
        if archive.getinfo(name).file_size > _MOST_BYTES:
            raise InputError(f"{shown}: {name} is too large: leave it out")
        return archive.read(name)
    except (KeyError, zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise InputError(
            f"{shown}: {name} cannot be read ({one_line(error)}): fetch it again"
        ) from None


def _properties(text: str) -> dict[str, str]:
    """Java's properties: lines of keys and values, with escapes and continuations."""
    joined = re.sub(r"(?<!\\)((?:\\\\)*)\\\r?\n[ \t]*", r"\1", text)
    table = {}
    for line in joined.splitlines():
        found = _LINE.match(line)
        if found and not line.lstrip().startswith(("#", "!")):
            table[found.group(1)] = _unescaped(found.group(2).strip())
    return table


def _unescaped(value: str) -> str:
    def one(match):
        code = match.group(1)
        return chr(int(code[1:], 16)) if len(code) > 1 else code

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, value)


def _entry(
    table: Mapping[str, str], number: int, library: str, shown: str
) -> LibraryEntry:
    name = table[f"name#{number}"]
    centimetres = [
        _number(table, f"{key}#{number}", shown) for key in ("width", "height", "depth")
    ]
    if f"model#{number}" not in table:
        raise InputError(f"{shown}: {name!r} has no model#{number}: add it")
    is_opening = table.get(f"doorOrWindow#{number}", "false").lower() == "true"
    return LibraryEntry(
        library=library,
        identity=table.get(f"id#{number}", name),
        name=name,
        creator=table.get(f"creator#{number}", ""),
        category=None if is_opening else indoor_category(name),
        model=table[f"model#{number}"].lstrip("/"),
        size_m=np.array(centimetres) / 100,
        rotation=_rotation(table.get(f"modelRotation#{number}"), name, shown),
    )


def _number(table: Mapping[str, str], key: str, shown: str) -> float:
    try:
        value = float(table[key])
    except (KeyError, ValueError):
        value = 0.0
    if not 0 < value < 1e5:
        raise InputError(
            f"{shown}: {key} is {table.get(key)!r}: write centimetres above 0"
        )
    return value


def _rotation(text: str | None, name: str, shown: str) -> np.ndarray:
    if text is None:
        return np.eye(3)
    try:
        matrix = np.array([float(x) for x in text.split()]).reshape(3, 3)
    except ValueError:
        matrix = np.zeros((3, 3))
    if not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-2):
        raise InputError(
            f"{shown}: modelRotation of {name!r} is {text!r}: write nine numbers of a "
            "rotation"
        )
    return matrix


def load_piece(
    path: str | os.PathLike, entry: LibraryEntry, *, max_faces: int = 3000
) -> Furniture:
    """The model of an entry, turned and stretched as the catalogue says.

    Args:
      path: `.sh3f` file of the entry.
      entry: from `read_catalogue`.
      max_faces: finer models are coarsened to at most so many faces.

    Returns:
      `Furniture`: y up, the front towards +z. Tints go by connected parts, as
      materials are not read. `fold` is found from the shape, for bathtubs, bins and
      tables only.

    Raises:
      InputError: if the model is missing, broken, flat, or of a kind other than OBJ.
    """
    path = Path(path)
    shown = repr(str(path))
    if not entry.model.lower().endswith(".obj"):
        raise InputError(
            f"{shown}: {entry.model} is no OBJ file: leave {entry.name!r} out"
        )
    with _open(path, shown) as archive:
        data = _read(archive, entry.model, shown)
    raw = _load_bytes(data, entry, shown)
    vertices = np.asarray(raw.vertices, np.float64) @ entry.rotation.T
    extent = np.ptp(vertices, axis=0)
    if extent.min() <= 1e-6 * extent.max():
        raise InputError(f"{shown}: {entry.name!r} is flat: leave it out")
    stretch = entry.size_m / extent
    normals = np.asarray(raw.normals, np.float64) @ entry.rotation.T / stretch
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    mesh = make_mesh(vertices * stretch, _facing(np.asarray(raw.faces), entry), normals)
    mesh = coarsened(mesh, max_faces)
    piece = fit_box(mesh, part_tints(mesh), 1)
    is_folded = entry.category in _FOLDED
    fold = symmetry_fold(piece) if is_folded else 1
    return piece._replace(size_m=entry.size_m, fold=fold)


def _facing(faces: np.ndarray, entry: LibraryEntry) -> np.ndarray:
    return faces[:, ::-1] if np.linalg.det(entry.rotation) < 0 else faces


def _load_bytes(data: bytes, entry: LibraryEntry, shown: str) -> Mesh:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.obj"
        file.write_bytes(data)
        try:
            return load_mesh(file, max_faces=_MOST_FACES)
        except InputError as error:
            text = str(error).replace(repr(str(file)), posixpath.basename(entry.model))
            raise InputError(f"{shown}: {text}") from None


def load_furniture(
    paths: Sequence[str | os.PathLike], *, max_faces: int = 3000
) -> tuple[list[tuple[LibraryEntry, Furniture]], list[str]]:
    """All pieces of the nine categories in some libraries.

    Args:
      paths: `.sh3f` files.
      max_faces: finer models are coarsened to at most so many faces.

    Returns:
      Entries with their furniture, and a line for each piece that was left out
      because its model cannot be used.

    Raises:
      InputError: if a file cannot be read as a library, or nothing is left.
    """
    pieces, left_out = [], []
    for path in paths:
        for entry in read_catalogue(path):
            if entry.category is None:
                continue
            try:
                pieces.append((entry, load_piece(path, entry, max_faces=max_faces)))
            except InputError as error:
                left_out.append(str(error))
    if not pieces:
        raise InputError(
            f"no furniture of {', '.join(INDOOR_NAMES)} in "
            f"{', '.join(map(str, paths))}: give other libraries"
        )
    return pieces, left_out


__all__ = [
    "CATALOGUE",
    "LibraryEntry",
    "indoor_category",
    "load_furniture",
    "load_piece",
    "read_catalogue",
]
