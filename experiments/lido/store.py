"""Latents of table-tops on disk, with arrays beside them."""

import io
import pathlib

import numpy as np

from ivg.io.atomic import write_atomic
from ivg.scene.tabletop import Tabletop

_FIELDS = tuple(Tabletop.__dataclass_fields__)


def write_tables(path: pathlib.Path, tables: Tabletop, **arrays) -> None:
    """Writes latents and arrays as one `.npz` file.

    Args:
      path: of the file.
      tables: latents with any leading axes.
      **arrays: arrays by name, none that of a latent.
    """
    fields = {name: np.asarray(getattr(tables, name)) for name in _FIELDS}
    buffer = io.BytesIO()
    np.savez(buffer, **fields, **{k: np.asarray(v) for k, v in arrays.items()})
    write_atomic(path, buffer.getvalue())


def read_tables(path: pathlib.Path, *names: str) -> tuple:
    """What `write_tables` wrote.

    Args:
      path: of the file.
      *names: of the arrays.

    Returns:
      The latents, then the arrays.
    """
    with np.load(path, allow_pickle=False) as data:
        tables = Tabletop(**{name: data[name] for name in _FIELDS})
        return tables, *(data[name] for name in names)


__all__ = ["read_tables", "write_tables"]
