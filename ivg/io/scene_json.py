"""A table-top scene as JSON that a person can read and edit.

Units are in the names: metres, degrees, linear RGB in [0, 1]. Every value is
checked on loading; a message names the file, the key, the value and the mend.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from ivg.io.atomic import write_atomic
from ivg.io.errors import InputError, check_file, one_line
from ivg.io.validate import check_colour, check_keys, check_number, shorten
from ivg.scene.library import MeshLibrary
from ivg.scene.tabletop import MAX_OBJECTS, OBJECT_CLASSES, Tabletop

FORMAT = "ivg.tabletop"
VERSION = 1

# As `tabletop_bounds` has them, in the units of the file; sizes may go further.
_SCENE_RANGES = {
    "fov_deg": (1.0, 170.0),
    "camera_height_m": (0.05, 0.75),
    "camera_elevation_deg": (0.0, 75.0),
    "ambient_strength": (0.0, 1.0),
    "directional_strength": (0.0, 2.0),
    "light_azimuth_deg": (-360.0, 360.0),
    "light_elevation_deg": (0.0, 90.0),
}
_OBJECT_RANGES = {
    "x_m": (-1.5, 1.5),
    "z_m": (-2.5, 0.0),
    "size_m": (1e-3, 2.0),
    "azimuth_deg": (-360.0, 360.0),
}
_COLOUR_RANGE = (0.0, 1.0)
_SCENE_KEYS = ("format", "version", *_SCENE_RANGES, "ground_colour_linear_rgb")
_OBJECT_KEYS = ("class", "shape", *_OBJECT_RANGES, "colour_linear_rgb")


def tabletop_to_dict(latents: Tabletop, *, fov_deg: float) -> dict[str, Any]:
    """Latents as plain numbers in the units of the file.

    Args:
      latents: latents with `N` places; empty ones are left out.
      fov_deg: vertical field of view, degrees.

    Returns:
      What `save_tabletop` writes. Azimuths are in [0, 360) and values beyond what
      the file may hold are clipped.

    Raises:
      ValueError: if a value is not finite.
    """
    scene: dict[str, Any] = {
        "fov_deg": fov_deg,
        "camera_height_m": latents.camera_height_m,
        "camera_elevation_deg": _degrees(latents.camera_elevation_rad),
        "ambient_strength": latents.ambient,
        "directional_strength": latents.directional,
        "light_azimuth_deg": _degrees(latents.light_azimuth_rad) % 360,
        "light_elevation_deg": _degrees(latents.light_elevation_rad),
    }
    scene = {key: _plain(key, scene[key], _SCENE_RANGES[key]) for key in scene}
    colour = _plain_colour("ground_colour", latents.ground_colour)
    places = [i for i, used in enumerate(np.asarray(latents.mask)) if used]
    return {
        "format": FORMAT,
        "version": VERSION,
        **scene,
        "ground_colour_linear_rgb": colour,
        "objects": [_object_to_dict(latents, i) for i in places],
    }


def _object_to_dict(latents: Tabletop, i: int) -> dict[str, Any]:
    numbers = {
        "x_m": latents.position_m[i, 0],
        "z_m": latents.position_m[i, 1],
        "size_m": latents.size_m[i],
        "azimuth_deg": _degrees(latents.azimuth_rad[i]) % 360,
    }
    return {
        "class": OBJECT_CLASSES[int(latents.class_id[i])],
        "shape": int(latents.shape[i]),
        **{key: _plain(key, numbers[key], _OBJECT_RANGES[key]) for key in numbers},
        "colour_linear_rgb": _plain_colour("colour", latents.colour[i]),
    }


def _degrees(angle_rad) -> float:
    return math.degrees(float(angle_rad))


def _plain(key: str, value, limits: tuple[float, float]) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{key} must be finite to be saved, got {number}")
    return round(min(max(number, limits[0]), limits[1]), 6)


def _plain_colour(key: str, colour) -> list[float]:
    return [_plain(key, value, _COLOUR_RANGE) for value in np.asarray(colour)]


def save_tabletop(
    path: str | os.PathLike, latents: Tabletop, *, fov_deg: float
) -> Path:
    """Writes latents as JSON, whole or not at all.

    Args:
      path: where to write.
      latents: latents.
      fov_deg: vertical field of view, degrees.

    Returns:
      The path.

    Raises:
      InputError: if it cannot be written.
      ValueError: if a value is not finite.
    """
    data = tabletop_to_dict(latents, fov_deg=fov_deg)
    return write_atomic(path, _compact_lists(json.dumps(data, indent=2)) + "\n")


def _compact_lists(text: str) -> str:
    """Puts the three numbers of a colour on one line."""
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and lines[-1].rstrip().endswith('rgb": ['):
            lines[-1] = lines[-1] + line.strip()
        elif lines and 'rgb": [' in lines[-1] and not lines[-1].endswith(("]", "],")):
            gap = "" if line.strip().startswith("]") else " "
            lines[-1] = lines[-1] + gap + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines)


def load_tabletop(
    path: str | os.PathLike, library: MeshLibrary, *, num_places: int = MAX_OBJECTS
) -> tuple[Tabletop, float]:
    """Latents from JSON.

    Args:
      path: file as written by `save_tabletop`, perhaps edited.
      library: library that the classes and shapes must be in.
      num_places: places for objects, `N`.

    Returns:
      `Tabletop` with the objects in the first places, and the vertical field of
      view in degrees.

    Raises:
      InputError: naming the first thing that is wrong.
    """
    path = check_file(path, "scene")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(
            f"{str(path)!r} is no JSON ({one_line(error)}): mend it there"
        ) from None
    return tabletop_from_dict(
        data, library, num_places=num_places, source=repr(str(path))
    )


def tabletop_from_dict(
    data: Any,
    library: MeshLibrary,
    *,
    num_places: int = MAX_OBJECTS,
    source: str = "scene",
) -> tuple[Tabletop, float]:
    """Latents from plain numbers; inverse of `tabletop_to_dict`.

    Args:
      data: dictionary with the keys of the file.
      library: library that the classes and shapes must be in.
      num_places: places for objects, `N`.
      source: where the data comes from, for messages.

    Returns:
      `Tabletop` with `N` places, and the vertical field of view in degrees.

    Raises:
      InputError: naming the first thing that is wrong.
    """
    check_keys(source, data, (*_SCENE_KEYS, "objects"))
    for key, wanted in (("format", FORMAT), ("version", VERSION)):
        if data[key] != wanted or isinstance(data[key], bool):
            raise InputError(
                f"{source}: {key} is {shorten(data[key])}: write {wanted!r}"
            )
    objects = data["objects"]
    if not isinstance(objects, list) or len(objects) > num_places:
        what = len(objects) if isinstance(objects, list) else shorten(objects)
        raise InputError(
            f"{source}: objects is {what}: give a list of at most {num_places}"
        )
    numbers = {
        k: check_number(source, k, data[k], _SCENE_RANGES[k]) for k in _SCENE_RANGES
    }
    ground = check_colour(source, "ground_colour_linear_rgb", data)
    parsed = [
        _parse_object(f"{source}: objects[{i}]", o, library)
        for i, o in enumerate(objects)
    ]
    return _tabletop(numbers, ground, parsed, num_places), numbers["fov_deg"]


def _tabletop(numbers, ground, objects, num_places) -> Tabletop:
    dtype = jnp.result_type(float)

    def padded(key, kind, empty):
        values = [o[key] for o in objects]
        return jnp.asarray(values + [empty] * (num_places - len(values)), kind)

    scalar = {
        key: jnp.asarray(math.radians(x) if key.endswith("deg") else x, dtype)
        for key, x in numbers.items()
    }
    return Tabletop(
        ground_colour=jnp.asarray(ground, dtype),
        camera_height_m=scalar["camera_height_m"],
        camera_elevation_rad=scalar["camera_elevation_deg"],
        ambient=scalar["ambient_strength"],
        directional=scalar["directional_strength"],
        light_azimuth_rad=scalar["light_azimuth_deg"],
        light_elevation_rad=scalar["light_elevation_deg"],
        class_id=padded("class", jnp.int32, 0),
        shape=padded("shape", jnp.int32, 0),
        position_m=padded("position_m", dtype, [0.0, -1.0]),
        size_m=padded("size_m", dtype, 0.1),
        azimuth_rad=padded("azimuth_rad", dtype, 0.0),
        colour=padded("colour", dtype, [0.5] * 3),
        mask=jnp.arange(num_places) < len(objects),
    )


def _parse_object(source: str, data: Any, library: MeshLibrary) -> dict[str, Any]:
    check_keys(source, data, _OBJECT_KEYS)
    name, shape = data["class"], data["shape"]
    known = [c for c in OBJECT_CLASSES if c in library.class_names]
    if name not in known:
        raise InputError(
            f"{source}: class is {shorten(name)}: write one of {', '.join(known)}"
        )
    size = library.class_sizes[library.class_names.index(name)]
    if type(shape) is not int or not 0 <= shape < size:
        raise InputError(
            f"{source}: shape is {shorten(shape)}: write a whole number from 0 to "
            f"{size - 1}"
        )
    x, z, size_m, azimuth_deg = (
        check_number(source, key, data[key], _OBJECT_RANGES[key])
        for key in _OBJECT_RANGES
    )
    return {
        "class": OBJECT_CLASSES.index(name),
        "shape": shape,
        "position_m": [x, z],
        "size_m": size_m,
        "azimuth_rad": math.radians(azimuth_deg),
        "colour": check_colour(source, "colour_linear_rgb", data),
    }


__all__ = [
    "load_tabletop",
    "save_tabletop",
    "tabletop_from_dict",
    "tabletop_to_dict",
]
