"""Thirteen categories of things with varied instances, named as those of ShapeNet.

An instance is a row of numbers between the limits of its category. All are of one
size: the bounding box is one across from corner to corner, about the origin.
"""

import numpy as np

from ivg.scene.mesh import Mesh
from ivg.scene.shapes.draws import Values, latin_hypercube
from ivg.scene.shapes.furniture import FURNITURE
from ivg.scene.shapes.solids import mesh_from_parts
from ivg.scene.shapes.vehicles import VEHICLES
from ivg.scene.voxels import fit_unit

NAMES = (
    "plane", "bench", "cabinet", "car", "telephone", "chair", "sofa", "rifle", "lamp",
    "monitor", "speaker", "table", "watercraft",
)  # fmt: skip
CATEGORIES = {name: (FURNITURE | VEHICLES)[name] for name in NAMES}


def draw_instances(category: str, seed: int, count: int) -> list[dict[str, float]]:
    """Instances spread evenly over the limits of a category.

    Args:
      category: one of `CATEGORIES`.
      seed: of the draw.
      count: how many.

    Returns:
      As many rows of numbers, see `latin_hypercube`.
    """
    rng = np.random.default_rng((seed, NAMES.index(category)))
    return latin_hypercube(rng, CATEGORIES[category][1], count)


def make_thing(category: str, values: Values) -> tuple[Mesh, np.ndarray]:
    """The mesh of an instance.

    Args:
      category: one of `CATEGORIES`.
      values: its numbers.

    Returns:
      `Mesh` about the origin, y up and the front towards +z, in a ball of radius one
      half; and `[V]` int in {0, 1, 2}, which of three colours each vertex has. Parts
      reach into each other.
    """
    mesh, tints = mesh_from_parts(CATEGORIES[category][0](values))
    return fit_unit(mesh), tints


__all__ = ["CATEGORIES", "NAMES", "draw_instances", "make_thing"]
