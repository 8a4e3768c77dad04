"""Sizes of experiments: presets, of which flags replace single fields."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypeVar

from ivg.io.errors import InputError

Config = TypeVar("Config")


def make_config(presets: Mapping[str, Config], preset: str, **changes) -> Config:
    """A preset with some fields replaced.

    Args:
      presets: dataclasses by name.
      preset: one of the names.
      **changes: fields of the dataclass; None keeps that of the preset.

    Returns:
      The dataclass.

    Raises:
      InputError: for an unknown preset, a number that is not positive (a seed may be
        anything), or training steps that are no multiple of the field `chunk`.
    """
    check_choices("preset", [preset], presets)
    given = {name: value for name, value in changes.items() if value is not None}
    for name, value in given.items():
        values = value if isinstance(value, tuple) else (value,)
        for item in values:
            if name != "seed" and not isinstance(item, str) and not item > 0:
                raise InputError(f"--{name}={item}: give a positive number")
    chunk = getattr(presets[preset], "chunk", 1)
    if given.get("steps", 0) % chunk:
        raise InputError(f"--steps={given['steps']}: give a multiple of {chunk}")
    return dataclasses.replace(presets[preset], **given)  # pyright: ignore


def check_choices(flag: str, values: Iterable, choices: Iterable) -> None:
    """Refuses what cannot be chosen.

    Args:
      flag: name of the flag, without dashes.
      values: that were chosen.
      choices: all that there are.

    Raises:
      InputError: for the first of the values that is no choice.
    """
    known = list(choices)
    for value in values:
        if value not in known:
            choose = ", ".join(map(str, known))
            raise InputError(f"--{flag}={value}: choose from {choose}")


__all__ = ["check_choices", "make_config"]
