"""Furniture of the nine categories of `INDOOR_NAMES`, in a box of one unit.

An instance is a row of numbers between the limits of its category.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ivg.scene.indoor import INDOOR_NAMES
from ivg.scene.mesh import Mesh
from ivg.scene.shapes import indoor_parts as parts
from ivg.scene.shapes.draws import Limits, Values, latin_hypercube
from ivg.scene.shapes.furniture import FURNITURE, Builder
from ivg.scene.shapes.solids import mesh_from_parts

_UNIT = (0.0, 1.0)


class Furniture(NamedTuple):
    """A piece of furniture.

    Attributes:
      mesh: `Mesh` whose box is one unit along each axis about the origin, y up and
        the front towards +z; uv are metres on its true surface.
      tints: `[V]` int in {0, 1, 2}, which of three colours each vertex has.
      size_m: `[3]` metres along x, y and z.
      fold: turns about y that look the same: 1, 2, 4, or 36 for any.
    """

    mesh: Mesh
    tints: np.ndarray
    size_m: np.ndarray
    fold: int


INDOOR: dict[str, tuple[Builder, Limits]] = {
    "bathtub": (
        parts.build_bathtub,
        {
            "length": (1.4, 1.8), "width": (0.65, 0.85), "height": (0.45, 0.65),
            "rim": (0.04, 0.1), "foot": (0.02, 0.12), "slope": (0.75, 0.95),
            "kind": _UNIT,
        },
    ),
    "bed": (
        parts.build_bed,
        {
            "width": (0.9, 1.9), "length": (1.9, 2.15), "height": (0.4, 0.65),
            "foot": (0.05, 0.15), "mattress": (0.15, 0.28), "head": (0.2, 0.6),
            "cover": (0.3, 0.7), "has_head": _UNIT, "has_end": _UNIT,
            "has_cover": _UNIT,
        },
    ),
    "bin": (
        parts.build_bin,
        {
            "width": (0.22, 0.42), "height": (0.28, 0.65), "aspect": (0.5, 0.75),
            "taper": (0.7, 1.0), "kind": _UNIT, "has_lid": _UNIT, "lid": (0.02, 0.1),
        },
    ),
    "bookshelf": (
        parts.build_bookshelf,
        {
            "width": (0.5, 1.6), "height": (0.8, 2.1), "depth": (0.25, 0.42),
            "thick": (0.01, 0.016), "gap": (0.3, 0.45), "columns": _UNIT,
            "books": _UNIT, "empty": (0.1, 0.8),
        },
    ),
    "cabinet": FURNITURE["cabinet"],
    "chair": (parts.build_chair, {**FURNITURE["chair"][1], "is_soft": _UNIT}),
    "display": (
        parts.build_display,
        {
            **{k: v for k, v in FURNITURE["monitor"][1].items()
               if k not in ("width", "height")},
            "large": _UNIT, "stand": _UNIT,
        },
    ),
    "sofa": FURNITURE["sofa"],
    "table": (parts.build_table, {**FURNITURE["table"][1], "drawers": _UNIT}),
}  # fmt: skip
_FOLDS = {
    "bathtub": lambda v: 2,
    "bin": parts.bin_fold,
    "table": parts.table_fold,
}


def draw_indoor(category: str, seed: int, count: int) -> list[dict[str, float]]:
    """Instances spread evenly over the limits of a category.

    Args:
      category: one of `INDOOR_NAMES`.
      seed: of the draw.
      count: how many.

    Returns:
      As many rows of numbers, see `latin_hypercube`.
    """
    rng = np.random.default_rng((seed, INDOOR_NAMES.index(category)))
    return latin_hypercube(rng, INDOOR[category][1], count)


def make_indoor(category: str, values: Values) -> Furniture:
    """The mesh of an instance.

    Args:
      category: one of `INDOOR_NAMES`.
      values: its numbers.

    Returns:
      `Furniture`. Its parts reach into each other.
    """
    mesh, tints = mesh_from_parts(INDOOR[category][0](values))
    fold = _FOLDS.get(category, lambda v: 1)(values)
    return fit_box(mesh, tints, fold)


def fit_box(mesh: Mesh, tints: np.ndarray, fold: int) -> Furniture:
    """A piece of furniture from its mesh in metres.

    Args:
      mesh: `Mesh` without padding, metres, with some extent along each axis.
      tints: `[V]` int in {0, 1, 2}.
      fold: turns about y that look the same.

    Returns:
      `Furniture`.
    """
    vertices = np.asarray(mesh.vertices, np.float64)
    used = vertices[np.unique(np.asarray(mesh.faces))]
    low, high = used.min(0), used.max(0)
    size = high - low
    # Normals go by the inverse transpose, so that they stay across their planes.
    normals = np.asarray(mesh.normals, np.float64) * size
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    unit = mesh.replace(
        vertices=jnp.asarray((vertices - (low + high) / 2) / size, float),
        normals=jnp.asarray(normals, float),
        uv=jnp.asarray(_box_uv(vertices, np.asarray(mesh.normals)), float),
    )
    return Furniture(unit, np.asarray(tints), size, fold)


def _box_uv(vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Texture coordinates in metres, projected along the main axis of the normal."""
    axis = np.argmax(np.abs(normals), axis=1)
    columns = np.array([[2, 1], [0, 2], [0, 1]])[axis]
    return np.take_along_axis(vertices, columns, 1)


__all__ = ["INDOOR", "Furniture", "draw_indoor", "fit_box", "make_indoor"]
