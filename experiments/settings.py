"""What the content of a folder was made with, so that nothing else is mixed into it."""

import json
import pathlib

from ivg.io.atomic import write_json
from ivg.io.errors import InputError

_FILE = "settings.json"


def read_settings(folder: pathlib.Path) -> dict:
    """What the content of a folder was made with.

    Args:
      folder: of the results.

    Returns:
      What `write_settings` has kept; nothing in a new folder.
    """
    path = folder / _FILE
    return json.loads(path.read_text()) if path.exists() else {}


def check_settings(
    folder: pathlib.Path, kept: dict, settings: dict, what: str = "scenes"
) -> None:
    """Refuses to go on with other settings.

    Args:
      folder: of the results.
      kept: from `read_settings`.
      settings: numbers, strings, None and tuples or dictionaries of them, by name.
      what: the folder has.

    Raises:
      InputError: if something is kept and a setting is another one; it names them all.
    """
    given = json.loads(json.dumps(settings))
    names = sorted(given.keys() | kept.keys()) if kept else []
    changed = [name for name in names if given.get(name) != kept.get(name)]
    if changed:
        now, before = (
            ", ".join(f"{name}={values.get(name)}" for name in changed)
            for values in (given, kept)
        )
        raise InputError(
            f"{now}: {folder} has {what} of {before}; name another --output"
        )


def write_settings(folder: pathlib.Path, settings: dict) -> None:
    """Keeps what the content of a folder is made with.

    Args:
      folder: of the results.
      settings: as for `check_settings`.
    """
    write_json(folder / _FILE, settings)


__all__ = ["check_settings", "read_settings", "write_settings"]
