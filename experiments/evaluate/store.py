"""Rows of scenes on disk: a Parquet file for each batch, whole or absent.

The name of a file says which scenes are in it, so what is left to do is what has no
file. Who made a file, and beside whom, does not matter: a run goes on with other
devices than it began with.
"""

import io
import json
import pathlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ivg.io.atomic import write_atomic
from ivg.io.errors import InputError

_SECONDS = b"ivg_seconds"


def part_paths(folder: pathlib.Path, num_scenes: int, batch: int) -> dict:
    """The files that make up a table.

    Args:
      folder: of the results.
      num_scenes: rows of the table.
      batch: rows of a file; the last one may have fewer.

    Returns:
      Path for each first scene.
    """
    ends = {s: min(s + batch, num_scenes) for s in range(0, num_scenes, batch)}
    return {
        start: folder / "parts" / f"scenes-{start:09d}-{end:09d}.parquet"
        for start, end in ends.items()
    }


def write_part(
    path: pathlib.Path,
    first: int,
    columns: dict[str, np.ndarray],
    reasons: Sequence[str | None],
    seconds: float,
) -> None:
    """Writes the rows of one batch.

    Args:
      path: from `part_paths`.
      first: number of the first scene.
      columns: `[B]` for each name.
      reasons: why scenes failed, None for those that did not; their number is that
        of the rows, and what goes beyond it is left out.
      seconds: what the batch took.
    """
    count = len(reasons)
    table = pa.table(
        {"scene": pa.array(np.arange(first, first + count))}
        | {"failure": pa.array(reasons, pa.string())}
        | {name: pa.array(values[:count]) for name, values in columns.items()}
    )
    noted = table.replace_schema_metadata({_SECONDS: json.dumps(seconds)})
    write_atomic(path, _parquet(noted))


def read_parts(paths: Sequence[pathlib.Path]) -> tuple[pa.Table, float]:
    """All rows, in the order of the scenes.

    Args:
      paths: files.

    Returns:
      The table, and what all batches took, seconds.

    Raises:
      InputError: if one is missing.
    """
    for path in paths:
        if not path.exists():
            raise InputError(
                f"{path}: not there, though a process has written it: give all "
                "processes an --output on a disk that they share"
            )
    tables = [pq.read_table(path) for path in paths]
    seconds = sum(json.loads(table.schema.metadata[_SECONDS]) for table in tables)
    plain = [table.replace_schema_metadata(None) for table in tables]
    return pa.concat_tables(plain), seconds


def write_table(path: pathlib.Path, table: pa.Table) -> None:
    """Writes a table as one Parquet file.

    Args:
      path: of the file.
      table: rows.
    """
    write_atomic(path, _parquet(table.combine_chunks()))


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


__all__ = [
    "part_paths",
    "read_parts",
    "write_part",
    "write_table",
]
