"""Which settings a folder was trained with."""

import dataclasses
import json
import pathlib
from collections.abc import Iterable

from ivg.io.atomic import write_json
from ivg.io.errors import InputError

_FILE = "settings.json"


def check_same_run(folder: pathlib.Path, config, ignored: Iterable[str] = ()) -> None:
    """Refuses to go on with a training that was begun with other settings.

    Its checkpoints are named after networks alone, so that it would pass for one of
    these settings.

    Args:
      folder: of the training; `settings.json` in it holds the settings, from the first
        call on.
      config: dataclass of numbers, strings and tuples of them.
      ignored: fields that may differ.

    Raises:
      InputError: if a setting is another one; it names them all.
    """
    path, skipped = folder / _FILE, set(ignored)
    settings = json.loads(json.dumps(dataclasses.asdict(config)))
    if not path.exists():
        write_json(path, settings)
        return
    before = json.loads(path.read_text())
    names = sorted((settings.keys() | before.keys()) - skipped)
    changed = [
        f"{name}={before.get(name)} (now {settings.get(name)})"
        for name in names
        if before.get(name) != settings.get(name)
    ]
    if changed:
        raise InputError(
            f"{folder} has a training with {', '.join(changed)}: give the same again, "
            "or another folder (--output)"
        )


__all__ = ["check_same_run"]
