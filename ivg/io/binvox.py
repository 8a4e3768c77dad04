"""Grids of voxels as binvox files, which ShapeNet has.

Source: Patrick Min, binvox (patrickmin.com/binvox/binvox.html): a header in text,
then pairs of a value and how often it is repeated, y fastest, then z, then x.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ivg.io.atomic import write_atomic
from ivg.io.errors import InputError, check_file

_MAX_SIDE = 1024
_HEADER = re.compile(rb"\A#binvox 1\s*\n(.*?)data\s*?\n", re.DOTALL)


class Binvox(NamedTuple):
    """A cube of voxels.

    Attributes:
      grid: `[N, N, N]` bool along x, y and z.
      translate: `[3]` lowest corner of the cube in the units of the model.
      scale: side of the cube in the units of the model.
    """

    grid: np.ndarray
    translate: tuple[float, float, float]
    scale: float


def read_binvox(path: str | os.PathLike) -> Binvox:
    """Reads a grid.

    Args:
      path: of the file.

    Returns:
      `Binvox`.

    Raises:
      InputError: if the file is missing, broken or no cube.
    """
    data = check_file(path, "binvox").read_bytes()
    header = _HEADER.match(data)
    if header is None:
        raise InputError(f"{str(path)!r} has no header of binvox: export it again")
    fields = dict(
        (name, values.split())
        for name, _, values in (
            line.strip().partition(" ")
            for line in header.group(1).decode("ascii", "replace").splitlines()
        )
    )
    try:
        sides = tuple(int(x) for x in fields["dim"])
        translate = tuple(float(x) for x in fields.get("translate", (0, 0, 0)))
        scale = float(fields.get("scale", (1,))[0])
    except (KeyError, ValueError, IndexError):
        raise InputError(
            f"{str(path)!r} has a broken header: export it again"
        ) from None
    if len(set(sides)) != 1 or len(sides) != 3 or not 0 < sides[0] <= _MAX_SIDE:
        raise InputError(
            f"{str(path)!r} has {sides} voxels: export a cube of {_MAX_SIDE} at most"
        )
    runs = np.frombuffer(data, np.uint8, offset=header.end())
    values, counts = runs[: len(runs) // 2 * 2 : 2], runs[1::2]
    if len(translate) != 3 or counts.sum(dtype=np.int64) != sides[0] ** 3:
        raise InputError(f"{str(path)!r} is cut off or damaged: export it again")
    flat = np.repeat(values > 0, counts)
    return Binvox(flat.reshape(sides).transpose(0, 2, 1), translate, scale)


def write_binvox(
    path: str | os.PathLike,
    grid: np.ndarray,
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0),
    scale: float = 1.0,
) -> Path:
    """Writes a grid.

    Args:
      path: of the file.
      grid: `[N, N, N]` bool along x, y and z.
      translate: lowest corner of the cube.
      scale: side of the cube.

    Returns:
      The path.

    Raises:
      InputError: if the file cannot be written.
      ValueError: if the grid is no cube.
    """
    grid = np.asarray(grid, bool)
    if grid.ndim != 3 or len(set(grid.shape)) != 1:
        raise ValueError(f"a grid must be a cube, got {grid.shape}")
    flat = grid.transpose(0, 2, 1).reshape(-1)
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    runs = []
    for start, length in zip(starts, np.diff(starts, append=len(flat)), strict=True):
        value = int(flat[start])
        runs += [value, 255] * (length // 255)
        runs += [value, length % 255] if length % 255 else []
    sides, corner = " ".join(map(str, grid.shape)), " ".join(map(str, translate))
    header = f"#binvox 1\ndim {sides}\ntranslate {corner}\nscale {scale}\ndata\n"
    return write_atomic(path, header.encode("ascii") + bytes(runs))


__all__ = ["Binvox", "read_binvox", "write_binvox"]
