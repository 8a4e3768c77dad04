"""A family of shapes as a few numbers: principal components of deformation fields.

One canonical shape is registered with every instance of the family; what it takes to
bend it into an instance is a field `W` of weights of Gaussian kernels on its points,
which moves them by `G W`. The principal components of those fields span the family.

In the paper they are those of the numbers `W`. Kernels that overlap give large weights
that cancel, and these would come first; so fields are compared here by how they move
the points.

Source: StillebenDR (Periyasamy and Behnke, Towards 3D Scene Understanding using
Differentiable Rendering), section on deformable registration.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.shape_space.cpd import (
    gaussian_kernel,
    middle_and_size,
    nonrigid_model,
    register_points,
)
from ivg.typing import Array


@struct.dataclass
class LatentSpace:
    """Deformation fields of a family of `n` instances.

    Attributes:
      points: `[M, 3]` of the canonical shape, metres.
      mean: `[M, 3]` mean field.
      components: `[K, M, 3]` fields, one standard deviation of the family each, the
        greatest first.
      motions: `[K, M, 3]` metres, how they move the points; orthogonal.
      beta_m: `[]` width of the kernels, metres.
    """

    points: Array
    mean: Array
    components: Array
    motions: Array
    beta_m: Array


@struct.dataclass
class ShapeDecoder:
    """Vertices as a linear function of latents.

    Attributes:
      mean: `[V, 3]` metres, the shape of latents zero.
      basis: `[K, V, 3]` metres, what one standard deviation of each latent adds.
    """

    mean: Array
    basis: Array


def deformation_fields(
    canonical: Array,
    instances: list[Array],
    *,
    beta: float = 1.0,
    stiffness: float = 1.0,
    rank: int | None = None,
    **options,
) -> tuple[np.ndarray, float]:
    """Registers the canonical shape with every instance.

    Args:
      canonical: `[M, 3]` points, metres.
      instances: `[N, 3]` points of each, metres; not in any order.
      beta: width of the kernels in root mean square distances of the canonical shape.
      stiffness: `lambda`.
      rank: as for `nonrigid_model`.
      **options: of `register_points`.

    Returns:
      `[n, M, 3]` fields that give metres, and the width of their kernels in metres.
    """
    _, scale = middle_and_size(canonical)
    model = nonrigid_model(beta, stiffness, rank)
    found = [register_points(canonical, x, model, **options) for x in instances]
    return scale * np.stack([f.params for f in found]), beta * scale


def fit_latent_space(
    points: Array, fields: Array, beta_m: float, num_latents: int = 5
) -> LatentSpace:
    """Principal components of deformation fields.

    Args:
      points: `[M, 3]` canonical points, metres.
      fields: `[n, M, 3]`.
      beta_m: width of the kernels, metres.
      num_latents: `K`, at most `n - 1`.

    Returns:
      `LatentSpace`, float64.

    Raises:
      ValueError: if there are too few instances.
    """
    n = len(fields)
    if not 0 < num_latents < n:
        raise ValueError(
            f"num_latents: {num_latents} latents need more than {n} instances"
        )
    canonical = np.asarray(points, np.float64)
    mean = np.mean(fields, 0, dtype=np.float64)
    kernel = _kernel(canonical, canonical, beta_m)
    motions = np.matmul(kernel, fields - mean)
    shares, _, _ = np.linalg.svd(motions.reshape(n, -1), full_matrices=False)
    # A column u of the shares mixes the rows X into s v^T; s / sqrt(n - 1) is one
    # standard deviation.
    mix = shares[:, :num_latents].T / np.sqrt(n - 1)

    def blend(rows):
        return np.tensordot(mix, rows, 1)

    return LatentSpace(canonical, mean, blend(fields - mean), blend(motions), beta_m)


def encode_field(space: LatentSpace, field: Array) -> np.ndarray:
    """The latents nearest to a deformation field.

    Args:
      space: family.
      field: `[M, 3]`.

    Returns:
      `[K]` in standard deviations, zero along components that no instance has.
    """
    kernel = _kernel(space.points, space.points, space.beta_m)
    along = np.tensordot(space.motions, kernel @ (np.asarray(field) - space.mean), 2)
    length2 = np.sum(space.motions**2, (1, 2))
    return np.where(length2 > 0, along / np.where(length2 > 0, length2, 1), 0)


def field_decoder(space: LatentSpace, vertices: Array) -> ShapeDecoder:
    """What the latents do to a mesh that lies on the canonical shape.

    Args:
      space: family.
      vertices: `[V, 3]` of the canonical mesh, metres; any points near its surface.

    Returns:
      `ShapeDecoder`, float32.
    """
    kernel = _kernel(vertices, space.points, space.beta_m)
    return ShapeDecoder(
        mean=jnp.asarray(vertices + kernel @ space.mean, jnp.float32),
        basis=jnp.asarray(np.matmul(kernel, space.components), jnp.float32),
    )


def move_by_field(space: LatentSpace, field: Array, vertices: Array) -> np.ndarray:
    """A mesh bent by a deformation field.

    Args:
      space: family, whose points and kernels the field refers to.
      field: `[M, 3]`; zeros leave the mesh as it is.
      vertices: `[V, 3]` metres.

    Returns:
      `[V, 3]` metres, float64.
    """
    kernel = _kernel(vertices, space.points, space.beta_m)
    return np.asarray(vertices, np.float64) + kernel @ field


def decode_shape(decoder: ShapeDecoder, latents: Array) -> Array:
    """The vertices of a shape.

    Args:
      decoder: from `field_decoder`.
      latents: `[K]` standard deviations.

    Returns:
      `[V, 3]` metres: one matrix product, differentiable in the latents.
    """
    return decoder.mean + jnp.tensordot(latents, decoder.basis, 1)


def _kernel(points, centres, beta_m):
    with jax.enable_x64(True):
        pair = jnp.asarray(points, jnp.float64), jnp.asarray(centres, jnp.float64)
        return np.asarray(gaussian_kernel(*pair, beta_m))


__all__ = [
    "LatentSpace",
    "ShapeDecoder",
    "decode_shape",
    "deformation_fields",
    "encode_field",
    "field_decoder",
    "fit_latent_space",
    "move_by_field",
]
