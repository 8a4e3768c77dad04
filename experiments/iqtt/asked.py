"""Questions that the user asks, as pictures in a folder."""

import pathlib

import jax.numpy as jnp
import numpy as np

from ivg.colour import srgb_from_linear
from ivg.io.errors import InputError
from ivg.io.image import central_square, load_image, resize_image

PARTS = ("q", "a0", "a1", "a2")
_SUFFIXES = (".png", ".jpg", ".jpeg")
_LEAST_PX = 16


def load_questions(folder: str, pixels: int) -> tuple[list[str], np.ndarray]:
    """Questions from `NAME_q.png`, `NAME_a0.png`, `NAME_a1.png` and `NAME_a2.png`.

    A question may also be a folder `NAME` with `q.png`, `a0.png`, `a1.png` and
    `a2.png`, or the folder itself may hold these four. JPEG is as good as PNG.

    Args:
      folder: with all of them.
      pixels: side of the pictures; from others the middle square is taken and scaled.

    Returns:
      Names in their order, and `[Q, 4, P, P, 3]` uint8 sRGB.

    Raises:
      InputError: if there is no folder or no question in it, or a picture of a question
        is missing or cannot be read.
    """
    root = pathlib.Path(folder)
    if not root.is_dir():
        raise InputError(f"--questions={folder}: there is no such folder")
    found = _find(root)
    if not found:
        raise InputError(
            f"--questions={folder}: there is no question; name its pictures "
            "NAME_q.png, NAME_a0.png, NAME_a1.png and NAME_a2.png, or q.png, a0.png, "
            "a1.png and a2.png in a folder NAME"
        )
    names = sorted(found)
    return names, np.stack([_load(found[name], pixels) for name in names])


def _find(root: pathlib.Path) -> dict[str, dict[str, pathlib.Path]]:
    """For each question its pictures by part; missing ones are where they should be."""
    found: dict[str, dict[str, pathlib.Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        begin, _, part = path.stem.rpartition("_")
        if part not in PARTS:
            continue
        place = path.parent.relative_to(root).as_posix()
        name = "/".join(x for x in (place if place != "." else "", begin) if x)
        name = name or root.resolve().name
        like = path.name.removesuffix(f"{part}{path.suffix}")
        empty = {p: path.with_name(f"{like}{p}.png") for p in PARTS}
        found.setdefault(name, empty)[part] = path
    return found


def _load(parts: dict[str, pathlib.Path], pixels: int) -> np.ndarray:
    return np.stack([_picture(parts[part], pixels) for part in PARTS])


def _picture(path, pixels):
    image = load_image(path, min_size=_LEAST_PX)
    square = resize_image(central_square(image), pixels, pixels)
    rgb = np.asarray(srgb_from_linear(jnp.asarray(square)))
    return np.round(255 * rgb).astype(np.uint8)


__all__ = ["PARTS", "load_questions"]
