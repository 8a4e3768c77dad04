"""Checks of values from a JSON file; messages name the place, key, value and mend."""

from collections.abc import Mapping, Sequence
from typing import Any

from ivg.io.errors import InputError


def check_keys(source: str, data: Any, keys: Sequence[str]) -> None:
    """Checks that a JSON object has just these keys.

    Args:
      source: where the data comes from, for messages.
      data: value from JSON.
      keys: all keys.

    Raises:
      InputError: if it is no object, or a key is missing or unknown.
    """
    if not isinstance(data, Mapping):
        raise InputError(
            f"{source} is {shorten(data)}: write an object with the keys "
            f"{', '.join(keys)}"
        )
    for key in keys:
        if key not in data:
            raise InputError(f"{source}: the key {key!r} is missing: add it")
    for key in data:
        if key not in keys:
            raise InputError(
                f"{source}: unknown key {shorten(key)}: remove it or use one of "
                f"{', '.join(keys)}"
            )


def check_number(
    source: str, key: str, value: Any, limits: tuple[float, float]
) -> float:
    """Checks a number; a millionth beyond the limits passes.

    Args:
      source: where the data comes from, for messages.
      key: key of the value.
      value: value from JSON.
      limits: least and greatest value.

    Returns:
      The number.

    Raises:
      InputError: if it is no number, not finite or out of range.
    """
    low, high = limits
    if type(value) not in (int, float) or not low - 1e-6 <= value <= high + 1e-6:
        raise InputError(
            f"{source}: {key} is {shorten(value)}: write a number from {low:g} "
            f"to {high:g}"
        )
    return float(value)


def check_colour(source: str, key: str, data: Mapping) -> list[float]:
    """Checks a linear RGB colour.

    Args:
      source: where the data comes from, for messages.
      key: key of the colour in `data`.
      data: JSON object.

    Returns:
      Three numbers in [0, 1].

    Raises:
      InputError: if it is not a list of three such numbers.
    """
    value = data[key]
    if not isinstance(value, list) or len(value) != 3:
        raise InputError(
            f"{source}: {key} is {shorten(value)}: write three numbers from 0 to 1"
        )
    return [check_number(source, f"{key}[{i}]", x, (0, 1)) for i, x in enumerate(value)]


def shorten(value: Any, limit: int = 60) -> str:
    """A value as it may stand in a message.

    Args:
      value: any value.
      limit: most characters.

    Returns:
      Its representation on one line, cut off if it is long.
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


__all__ = [
    "check_colour",
    "check_keys",
    "check_number",
    "shorten",
]
