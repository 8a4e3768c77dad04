"""Outputs that are whole or absent: written under another name, then renamed."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ivg.io.errors import InputError, one_line


def write_atomic(path: str | os.PathLike, data: bytes | str) -> Path:
    """Writes a file so that no reader ever sees a part of it.

    Args:
      path: where to write; its folder is made if absent, an old file is replaced.
      data: content; text is written as UTF-8.

    Returns:
      The path.

    Raises:
      InputError: if it cannot be written; nothing is left behind.
    """
    path = Path(path)
    check_writable_folder(path.parent)
    content = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"cannot write {str(path)!r} ({_reason(error)}): name another output"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return path


def write_json(path: str | os.PathLike, data: Any) -> Path:
    """Writes data as JSON, whole or not at all.

    Args:
      path: file.
      data: what `json` can write.

    Returns:
      The path.

    Raises:
      InputError: as `write_atomic`.
    """
    return write_atomic(path, json.dumps(data, indent=2) + "\n")


def check_writable_folder(path: str | os.PathLike) -> Path:
    """Makes a folder if it is absent and tries to write in it.

    Args:
      path: folder for outputs.

    Returns:
      The path.

    Raises:
      InputError: if it cannot be made or written.
    """
    path = Path(path)
    shown = repr(str(path))
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{shown} is a file: name a folder for the output")
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot write in the folder {shown} ({_reason(error)}): name another"
        ) from None
    return path


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or one_line(error)


__all__ = [
    "check_writable_folder",
    "write_atomic",
    "write_json",
]
