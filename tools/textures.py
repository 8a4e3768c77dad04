"""Procedural textures: patterns in space, baked into the uv of a mesh.

A texture multiplies a colour. `bake` scales it so that its mean over the surface is
that colour, which makes the colour the true latent of a textured object.
"""

import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from ivg.render.visibility import visibility

SIZE_PX = 512
MAX_ALBEDO = 0.97


def solid_noise(point, scale, rng, octaves=3):
    """Smooth noise in space, about zero, of unit deviation.

    Args:
      point: `[..., D]` places.
      scale: `[D]` or `[]` size of the largest blobs, in the unit of `point`.
      rng: NumPy generator.
      octaves: number of layers; each is half as large and half as strong.

    Returns:
      `[...]`.
    """
    total = 0.0
    for octave in range(octaves):
        grid = rng.standard_normal((32,) * point.shape[-1])
        places = np.moveaxis(point / np.asarray(scale) * 2**octave, -1, 0)
        layer = ndimage.map_coordinates(grid, places, order=1, mode="grid-wrap")
        total = total + layer / 2**octave
    return total / np.std(total)


def checks(across, along):
    """1 and 0 like a chess board; a field is one unit across and along."""
    return (np.floor(across) + np.floor(along)) % 2


def soft_step(x, edge, width):
    """0 below the edge, 1 above it."""
    return 1 / (1 + np.exp(-(x - edge) / width))


def speckled(point, uv, rng):
    """Glaze with dark specks."""
    specks = soft_step(solid_noise(point, 0.05, rng, 2), 1.7, 0.1)
    return 1 + 0.04 * solid_noise(point, 0.3, rng) - 0.55 * specks


def banded(point, uv, rng):
    """A mug with two darker bands outside."""
    height = point[..., 1] / point[..., 1].max()
    outside = (uv[..., 0] < 0.9) & (uv[..., 1] < 0.5)
    wide = (height > 0.50) & (height < 0.68)
    narrow = (height > 0.74) & (height < 0.79)
    bands = outside & (wide | narrow)
    return 1 - 0.5 * bands + 0.03 * solid_noise(point, 0.2, rng)


def chequered(point, uv, rng):
    """A mug with a frieze of checks outside."""
    height = point[..., 1] / point[..., 1].max()
    angle = np.arctan2(point[..., 0], point[..., 2]) / (2 * np.pi)
    outside = (uv[..., 0] < 0.9) & (uv[..., 1] < 0.5)
    frieze = outside & (height > 0.30) & (height < 0.70)
    fields = checks(angle * 20, (height - 0.30) / 0.20)
    return 1 - 0.55 * frieze * fields + 0.03 * solid_noise(point, 0.2, rng)


def ripe(point, uv, rng):
    """A banana with brown freckles and dark ends."""
    freckles = soft_step(solid_noise(point, (0.03, 0.03, 0.06), rng, 2), 1.5, 0.15)
    ends = soft_step(np.abs(point[..., 2]), 0.465, 0.006)
    brown = np.array([0.45, 0.6, 0.8])
    dark = np.maximum(0.8 * freckles, ends)[..., None]
    shade = 1 + 0.06 * solid_noise(point, (0.1, 0.1, 0.5), rng)
    return shade[..., None] * (1 - brown * dark)


def brushed(point, uv, rng):
    """Streaks along z."""
    return 1 + 0.08 * solid_noise(point, (0.03, 0.03, 0.8), rng)


def striped(point, uv, rng):
    """Stripes across z, with streaks."""
    stripes = (point[..., 2] * 9) % 1 < 0.35
    return brushed(point, uv, rng) * (1 - 0.4 * stripes)


def planks(point, rng):
    """Wooden boards along x, 12 cm wide."""
    board = np.floor(point[..., 1] / 0.12).astype(int)
    tone = rng.uniform(0.86, 1.14, 64)[board % 64]
    shift = rng.uniform(0, 30, 64)[board % 64]
    place = np.stack([point[..., 0] + shift, point[..., 1]], -1)
    grain = solid_noise(place, (0.25, 0.012), rng)
    seam = np.abs(point[..., 1] / 0.12 - board - 0.5) > 0.49
    wood = tone * (1 + 0.10 * grain) * (1 - 0.5 * seam)
    tint = np.array([0.0, 0.03, 0.06]) * grain[..., None]
    return wood[..., None] * (1 - tint)


def cloth(point, rng):
    """A table-cloth with checks of 4 cm and a weave."""
    across, along = ((point[..., i] / 0.04) % 2 < 1 for i in (0, 1))
    weave = solid_noise(point, 0.006, rng, 1)
    return (1 - 0.16 * across) * (1 - 0.16 * along) * (1 + 0.03 * weave)


def stone(point, rng):
    """Light stone with soft clouds, veins and grains."""
    veins = np.exp(-((solid_noise(point, 0.3, rng, 4) / 0.06) ** 2))
    clouds = solid_noise(point, 0.15, rng)
    grains = solid_noise(point, 0.008, rng, 1)
    return 1 + 0.06 * clouds + 0.04 * grains - 0.22 * veins


def bake(mesh, pattern, colour, rng):
    """The texture of one mesh.

    Args:
      mesh: `Mesh` without padding.
      pattern: from `[..., 3]` places, `[..., 2]` uv and a generator to a factor.
      colour: `[3]` linear RGB, the mean over the surface.
      rng: NumPy generator.

    Returns:
      `[SIZE_PX, SIZE_PX, 3]` float32 linear RGB; rows follow v, columns u.
    """
    vertices, uv, faces = (np.asarray(x) for x in (mesh.vertices, mesh.uv, mesh.faces))
    point = _bake_positions(mesh)
    centre = (np.arange(SIZE_PX) + 0.5) / SIZE_PX
    factor = pattern(point, np.stack(np.meshgrid(centre, centre), -1), rng)
    factor = factor if factor.ndim == 3 else factor[..., None]
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=-1)
    chosen = rng.choice(len(faces), 100_000, p=area / area.sum())
    weight = rng.dirichlet((1, 1, 1), len(chosen))
    place = np.einsum("nk,nkc->nc", weight, uv[faces[chosen]])
    column, row = np.clip(place * SIZE_PX, 0, SIZE_PX - 1).astype(int).T
    return scale_to_mean(factor, colour, lambda image: image[row, column].mean(0))


def scale_to_mean(factor, colour, mean):
    """The colour times a factor, scaled to have the colour as its mean.

    Args:
      factor: `[H, W, 3]` or `[H, W, 1]`.
      colour: `[3]` linear RGB.
      mean: from an image to its `[3]` mean.

    Returns:
      `[H, W, 3]` float32 in [0, `MAX_ALBEDO`].
    """
    colour = np.asarray(colour, float)
    image = np.broadcast_to(factor, (*factor.shape[:2], 3)) * colour
    for _ in range(8):  # clipping changes the mean
        image = np.clip(image * (colour / np.maximum(mean(image), 1e-6)), 0, MAX_ALBEDO)
    return image.astype(np.float32)


def _bake_positions(mesh):
    """`[SIZE_PX, SIZE_PX, 3]` place on the mesh of every texel."""
    uv = mesh.uv * SIZE_PX
    flat = jnp.concatenate([uv, jnp.ones_like(uv[:, :1])], -1)
    face_index = np.asarray(
        visibility(
            flat, mesh.faces, mesh.face_mask,
            near=0.01, height=SIZE_PX, width=SIZE_PX,
        )[0]
    )  # fmt: skip
    face = np.asarray(mesh.faces)[np.maximum(face_index, 0)]
    a, b, c = np.moveaxis(np.asarray(uv, np.float64)[face], -2, 0)
    centre = np.arange(SIZE_PX) + 0.5
    texel = np.stack(np.meshgrid(centre, centre), -1)
    whole = _cross(b - a, c - a)
    whole = np.where(np.abs(whole) < 1e-12, 1, whole)
    second = _cross(texel - a, c - a) / whole
    third = _cross(b - a, texel - a) / whole
    weight = np.stack([1 - second - third, second, third], -1)
    point = np.einsum("hwk,hwkc->hwc", weight, np.asarray(mesh.vertices)[face])
    nearest = ndimage.distance_transform_edt(
        face_index < 0, return_distances=False, return_indices=True
    )
    return point[tuple(nearest)]


def _cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
