"""The families: canonical meshes, latent spaces, test instances and what is true.

All meshes of a family have the middle of its canonical mesh as their origin.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from experiments.registration.config import Config
from ivg.refine.registration import Deformable
from ivg.scene.library import make_library
from ivg.scene.mesh import Mesh
from ivg.scene.shapes.instances import draw_values, make_instance, middle_values
from ivg.shape_space.latent_space import (
    ShapeDecoder,
    decode_shape,
    deformation_fields,
    field_decoder,
    fit_latent_space,
)
from ivg.typing import Array

_TRAIN, _TEST = 0, 1  # seeds of instances, after that of the experiment


@struct.dataclass
class Family:
    """A family of shapes; families of an experiment have equal sizes.

    Attributes:
      deformable: canonical mesh and latents.
      index: `[M]` its vertices that are the sub-sampled points.
    """

    deformable: Deformable
    index: Array


@struct.dataclass
class Instance:
    """A thing to be registered with.

    Attributes:
      mesh: its own mesh.
      fit: `[M, 3]` metres, the canonical points drawn to the whole of it.
      reference: `[M, 3]` metres, the places on its surface nearest to those.
    """

    mesh: Mesh
    fit: Array
    reference: Array


def canonical_meshes(config: Config) -> dict[str, Mesh]:
    """The canonical instances.

    Args:
      config: families and resolution.

    Returns:
      Meshes by name, without padding.
    """
    return {
        name: _shifted(_mesh(config, name, middle_values(name)), _middle(config, name))
        for name in config.families
    }


def _mesh(config: Config, name: str, values) -> Mesh:
    return make_instance(name, values, config.cell_m)


def _middle(config: Config, name: str) -> np.ndarray:
    return np.mean(_mesh(config, name, middle_values(name)).vertices, 0)


def _shifted(mesh: Mesh, origin: np.ndarray) -> Mesh:
    return mesh.replace(vertices=mesh.vertices - origin)


def training_meshes(config: Config, name: str, count: int) -> list[Mesh]:
    """Training instances of a family.

    Args:
      config: counts and resolution.
      name: of the family.
      count: how many of them.

    Returns:
      The first meshes, without padding.
    """
    rows = draw_values(name, 2 * config.seed + _TRAIN, config.num_train)[:count]
    middle = _middle(config, name)
    return [_shifted(_mesh(config, name, row), middle) for row in rows]


def held_out_meshes(config: Config, name: str) -> list[Mesh]:
    """Test instances of a family, none of which is a training instance.

    Args:
      config: counts and resolution.
      name: of the family.

    Returns:
      Meshes without padding.
    """
    rows = draw_values(name, 2 * config.seed + _TEST, config.num_test)
    middle = _middle(config, name)
    return [_shifted(_mesh(config, name, row), middle) for row in rows]


def surface_points(mesh: Mesh, count: int, seed: int) -> np.ndarray:
    """Points spread evenly over a surface.

    Args:
      mesh: mesh without padding.
      count: how many.
      seed: of the draw.

    Returns:
      `[count, 3]` float64.
    """
    rng = np.random.default_rng(seed)
    corners = np.asarray(mesh.vertices, np.float64)[np.asarray(mesh.faces)]
    sides = corners[:, 1:] - corners[:, :1]
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    face = rng.choice(len(area), count, p=area / area.sum())
    share = rng.uniform(size=(count, 2))
    share = np.where(share.sum(1, keepdims=True) > 1, 1 - share, share)
    return corners[face, 0] + np.einsum("pk,pkd->pd", share, sides[face])


def point_index(config: Config, mesh: Mesh) -> np.ndarray:
    """Which vertices of a canonical mesh are its sub-sampled points.

    Args:
      config: count and seed.
      mesh: canonical mesh without padding.

    Returns:
      `[M]` in a random order.
    """
    rng = np.random.default_rng(config.seed)
    return rng.permutation(mesh.vertices.shape[0])[: config.num_points]


def _fields(config: Config, canonical: Mesh, meshes: list[Mesh]):
    points = np.asarray(canonical.vertices)[point_index(config, canonical)]
    clouds = [surface_points(m, config.num_samples, i) for i, m in enumerate(meshes)]
    fields, beta_m = deformation_fields(
        points, clouds, beta=config.beta, stiffness=config.stiffness, rank=config.rank
    )
    return points, fields, beta_m


def fit_decoders(config: Config) -> dict[str, ShapeDecoder]:
    """Latent spaces of all families from their training instances.

    Args:
      config: families, counts and settings of coherent point drift.

    Returns:
      By name, decoders of the vertices of the canonical meshes; `mean` holds how far
      the mean shape is from the canonical one. All are padded to the longest.
    """
    found = {}
    canonical = canonical_meshes(config)
    length = max(mesh.vertices.shape[0] for mesh in canonical.values())
    for name, mesh in canonical.items():
        meshes = training_meshes(config, name, config.num_train)
        space = fit_latent_space(*_fields(config, mesh, meshes), config.num_latents)
        decoder = field_decoder(space, np.asarray(mesh.vertices, np.float64))
        away = decoder.replace(mean=decoder.mean - mesh.vertices)
        pad = length - mesh.vertices.shape[0]
        found[name] = ShapeDecoder(
            jnp.pad(away.mean, ((0, pad), (0, 0))),
            jnp.pad(away.basis, ((0, 0), (0, pad), (0, 0))),
        )
    return found


def make_families(config: Config, decoders: dict[str, ShapeDecoder]) -> dict:
    """Families whose arrays have equal sizes, so that one program serves all.

    Args:
      config: families and resolution.
      decoders: from `fit_decoders`.

    Returns:
      `Family` by name.
    """
    canonical = canonical_meshes(config)
    padded = make_library({name: [mesh] for name, mesh in canonical.items()}).mesh
    families = {}
    for i, (name, mesh) in enumerate(canonical.items()):
        own = jax.tree.map(lambda x, i=i: x[i], padded)
        away = decoders[name]
        decoder = ShapeDecoder(own.vertices + away.mean, away.basis)
        index = jnp.asarray(point_index(config, mesh))
        families[name] = Family(Deformable(own, decoder), index)
    return families


def decoder_shapes(config: Config) -> dict[str, ShapeDecoder]:
    """Shapes of what `fit_decoders` makes.

    Args:
      config: families and resolution.

    Returns:
      `jax.ShapeDtypeStruct` in the place of arrays.
    """
    meshes = canonical_meshes(config).values()
    length = max(mesh.vertices.shape[0] for mesh in meshes)
    one = ShapeDecoder(
        jax.ShapeDtypeStruct((length, 3), jnp.float32),
        jax.ShapeDtypeStruct((config.num_latents, length, 3), jnp.float32),
    )
    return {name: one for name in config.families}


def canonical_points(family: Family) -> Array:
    """The sub-sampled points of the canonical mesh.

    Args:
      family: family.

    Returns:
      `[M, 3]` metres.
    """
    return family.deformable.mesh.vertices[family.index]


def shape_points(family: Family, latents: Array) -> Array:
    """The sub-sampled points of a shape.

    Args:
      family: family.
      latents: `[K]`.

    Returns:
      `[M, 3]` metres.
    """
    return decode_shape(point_decoder(family), latents)


def point_decoder(family: Family) -> ShapeDecoder:
    """The sub-sampled points as a function of latents.

    Args:
      family: family.

    Returns:
      `ShapeDecoder` of `[M, 3]` points.
    """
    whole = family.deformable.decoder
    return ShapeDecoder(whole.mean[family.index], whole.basis[:, family.index])


def make_instances(config: Config, meshes: dict[str, list[Mesh]]) -> dict:
    """Instances with the truth about their canonical points.

    A canonical point belongs where coherent point drift to the whole surface takes
    it, moved to the nearest place of the surface.

    Args:
      config: settings of coherent point drift.
      meshes: instances by family, without padding.

    Returns:
      `Instance` by family, with a leading axis over its instances and equal sizes.
    """
    padded = iter(_unstack(make_library(meshes).mesh))
    canonical, found = canonical_meshes(config), {}
    for name, group in meshes.items():
        points, fields, beta_m = _fields(config, canonical[name], group)
        kernel = np.exp(-cdist(points, points, "sqeuclidean") / (2 * beta_m**2))
        fits = points + kernel @ fields
        rows = []
        for mesh, fit in zip(group, fits, strict=True):
            dense = surface_points(mesh, config.num_dense, config.seed)
            nearest = dense[cKDTree(dense).query(fit)[1]]
            pair = (jnp.asarray(x, jnp.float32) for x in (fit, nearest))
            rows.append(Instance(next(padded), *pair))
        found[name] = jax.tree.map(lambda *x: jnp.stack(x), *rows)
    return found


def _unstack(tree):
    return [jax.tree.map(lambda x, i=i: x[i], tree) for i in range(len(tree.vertices))]


def parts_of_faces(config: Config, family: Family) -> Array:
    """A label for each face, the same part of the canonical mesh in every shape.

    Args:
      config: number of parts.
      family: family.

    Returns:
      `[F]` int32 from one on; k-means of the canonical vertices.
    """
    mesh = family.deformable.mesh
    real = np.asarray(mesh.vertices, np.float64)[np.asarray(mesh.vertex_mask)]
    _, label = kmeans2(real, config.num_parts, minit="++", seed=config.seed)
    return jnp.asarray(label, jnp.int32)[mesh.faces[:, 0]] + 1


__all__ = [
    "Family",
    "Instance",
    "canonical_meshes",
    "canonical_points",
    "decoder_shapes",
    "fit_decoders",
    "held_out_meshes",
    "make_families",
    "make_instances",
    "parts_of_faces",
    "point_decoder",
    "point_index",
    "shape_points",
    "surface_points",
    "training_meshes",
]
