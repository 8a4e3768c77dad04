"""The benchmark scenes: six balls at random over a square ground.

The camera stands at (0, 1.6, 3.2) and looks at the origin, with a vertical field of
view of 50 degrees. From scene to scene picture and meshes grow.
"""

from typing import NamedTuple

import numpy as np
import trimesh

EYE = (0.0, 1.6, 3.2)
FOV_DEG = 50.0
AMBIENT, DIFFUSE, ALBEDO = 0.3, 0.5, 0.5
LIGHT = (0.5, 0.8, 0.3)
SUBDIVISIONS = {64: 1, 128: 2, 256: 3, 512: 4, 1024: 4}  # of balls, by side


class Soup(NamedTuple):
    """A scene as one mesh.

    Attributes:
      vertices: `[V, 3]` float32, metres.
      faces: `[F, 3]` int32.
      size: side of the picture, pixels.
    """

    vertices: np.ndarray
    faces: np.ndarray
    size: int


def make_soup(size: int, num_balls: int = 6, seed: int = 0) -> Soup:
    """One of the scenes.

    Args:
      size: side of the picture, a key of `SUBDIVISIONS`.
      num_balls: number of balls.
      seed: of their places.

    Returns:
      `Soup`.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(num_balls):
        ball = trimesh.creation.icosphere(SUBDIVISIONS[size], radius=0.35)
        ball.apply_translation(rng.uniform([-1, -0.3, -1], [1, 0.3, 1]))
        parts.append(ball)
    corners = [[-3, -0.6, -3], [3, -0.6, -3], [3, -0.6, 3], [-3, -0.6, 3]]
    parts.append(trimesh.Trimesh(corners, [[0, 2, 1], [0, 3, 2]], process=False))
    whole = trimesh.util.concatenate(parts)
    return Soup(whole.vertices.astype(np.float32), whole.faces.astype(np.int32), size)


__all__ = [
    "ALBEDO", "AMBIENT", "DIFFUSE", "EYE", "FOV_DEG", "LIGHT", "SUBDIVISIONS", "Soup",
    "make_soup",
]  # fmt: skip
