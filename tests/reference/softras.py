"""Soft rasterization in NumPy and float64: each pixel against each face.

A transcription of the equations of Liu et al., Soft Rasterizer, ICCV 2019, written
without regard to `ivg.render`. Colours are interpolated on the surface.
"""

import numpy as np

REACH = np.log(1e4 - 1)


def distance_to_outline(pixel, triangle):
    """Distance of a point from the three sides of a triangle in the plane."""
    distances = []
    for a, b in zip(triangle, np.roll(triangle, -1, 0), strict=True):
        t = np.clip((pixel - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        distances.append(np.linalg.norm(pixel - a - t * (b - a)))
    return min(distances)


def barycentrics(pixel, triangle):
    """Of a point in the plane; negative outside."""
    system = np.vstack([triangle.T, np.ones(3)])
    return np.linalg.solve(system, [*pixel, 1])


def fragment(pixel, triangle, depth):
    """Signed squared distance, depth, and coordinates on the surface."""
    weight = barycentrics(pixel, triangle)
    sign = 1 if np.all(weight > 0) else -1
    clamped = np.clip(weight, 0, 1)
    clamped /= clamped.sum()
    at = 1 / (clamped / depth).sum()
    return sign * distance_to_outline(pixel, triangle) ** 2, at, clamped * at / depth


def render(
    vertices, faces, colours, background, height, width, *, sigma, gamma, near, far,
    epsilon=1e-3,
):  # fmt: skip
    """Colour and silhouette.

    Args:
      vertices: `[V, 3]` pixels x, y and depth.
      faces: `[F, 3]` int.
      colours: `[F, 3, 3]` at the corners.
      background: `[3]`.
      height: rows.
      width: columns.
      sigma: blur, in halves of the picture's height squared.
      gamma: temperature.
      near: depth of score one.
      far: depth of score zero.
      epsilon: score of the background.

    Returns:
      `[H, W, 3]` and `[H, W]`.
    """
    rgb, alpha = np.zeros((height, width, 3)), np.zeros((height, width))
    for y, x in np.ndindex(height, width):
        missed, scores, seen = 1.0, [], []
        for face, corners in zip(faces, colours, strict=True):
            square, depth, weight = fragment(
                np.array([x + 0.5, y + 0.5]), vertices[face, :2], vertices[face, 2]
            )
            logit = square * (2 / height) ** 2 / sigma
            if logit > -REACH:
                probability = 1 / (1 + np.exp(-logit))
                missed *= 1 - probability
                score = np.log(probability) + (far - depth) / (far - near) / gamma
                scores.append(score)
                seen.append(weight @ corners)
        share = np.exp(np.array([*scores, epsilon / gamma]) - max([*scores, 0]))
        rgb[y, x] = share @ np.array([*seen, background]) / share.sum()
        alpha[y, x] = 1 - missed
    return rgb, alpha
