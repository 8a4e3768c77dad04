"""Materials and lights. All colours are linear RGB."""

import jax.numpy as jnp
from flax import struct

from ivg.typing import Array


@struct.dataclass
class Material:
    """Reflectance of every node of a scene.

    What is None is left out of the compiled program.

    Attributes:
      albedo: `[N, 3]` diffuse reflectance in [0, 1].
      specular: `[N, 3]` strength of the highlight; None for matte nodes.
      shininess: `[N]` exponent of the highlight, positive; None without `specular`.
      vertex_colours: `[N, V, 3]` factors of the albedo at the vertices of every
        node, `V` being the padded number of the library; None for white.
      textures: `[T, S, S, 3]` pictures, factors of the albedo, first row at v = 1;
        S is a power of two. None for no textures.
      texture_id: `[N]` int32 picture of every node, -1 for none; None without
        `textures`.
      texture_scale: `[N, 2]` how often the picture is repeated per unit of u and v;
        None for once.
    """

    albedo: Array
    specular: Array | None = None
    shininess: Array | None = None
    vertex_colours: Array | None = None
    textures: Array | None = None
    texture_id: Array | None = None
    texture_scale: Array | None = None


@struct.dataclass
class Lights:
    """All lights of a scene; light adds up.

    Strengths are such that a white surface facing a light of strength one has
    radiance one (irradiance over pi).

    Attributes:
      ambient: `[3]` strength from everywhere.
      direction: `[D, 3]` unit vectors from the surface towards each far light.
      directional: `[D, 3]` strength of each far light.
      position: `[P, 3]` metres, place of each point light.
      point: `[P, 3]` strength of each point light at one metre, falling with the
        squared distance.
      environment: `[9, 3]` spherical harmonics of the light from far around (see
        `ivg.render.harmonics`); None for none.
    """

    ambient: Array
    direction: Array
    directional: Array
    position: Array
    point: Array
    environment: Array | None = None


def make_material(
    num_nodes: int,
    albedo=0.8,
    *,
    specular=None,
    shininess=32.0,
    vertex_colours=None,
    textures=None,
    texture_id=0,
    texture_scale=None,
) -> Material:
    """Materials from plain numbers; matte light grey without arguments.

    Args:
      num_nodes: number `N` of nodes.
      albedo: `[N, 3]`, `[3]` or `[]`.
      specular: `[N, 3]`, `[3]` or `[]` strength of the highlight, if any.
      shininess: `[N]` or `[]` exponent of the highlight.
      vertex_colours: `[N, V, 3]` factors, if any.
      textures: `[T, S, S, 3]` pictures, if any.
      texture_id: `[N]` or `[]` index of the picture, -1 for none.
      texture_scale: `[N, 2]`, `[N, 1]` or `[]` repetitions per unit of uv; one if
        absent.

    Returns:
      `Material`.

    Raises:
      ValueError: if the pictures are not square with a power of two of rows.
    """
    dtype = jnp.result_type(float)

    def spread(x, *shape, dtype=dtype):
        return None if x is None else jnp.broadcast_to(jnp.asarray(x, dtype), shape)

    if textures is not None:
        textures = jnp.asarray(textures, dtype)
        _check_textures(textures.shape)
    return Material(
        albedo=spread(albedo, num_nodes, 3),
        specular=spread(specular, num_nodes, 3),
        shininess=None if specular is None else spread(shininess, num_nodes),
        vertex_colours=None
        if vertex_colours is None
        else jnp.asarray(vertex_colours, dtype),
        textures=textures,
        texture_id=None
        if textures is None
        else spread(texture_id, num_nodes, dtype=jnp.int32),
        texture_scale=spread(texture_scale, num_nodes, 2),
    )


def _check_textures(shape: tuple[int, ...]) -> None:
    is_square = len(shape) == 4 and shape[1] == shape[2] and shape[3] == 3
    if not is_square or shape[1] < 1 or shape[1] & (shape[1] - 1):
        raise ValueError(
            f"textures must have shape [T, S, S, 3], S a power of two, got {shape}"
        )


def make_lights(
    ambient=(1.0, 1.0, 1.0),
    direction=(),
    directional=(),
    position=(),
    point=(),
    environment=None,
) -> Lights:
    """Lights from plain numbers; white ambient light without arguments.

    Args:
      ambient: `[3]` or `[]` strength.
      direction: `[D, 3]` towards the far lights.
      directional: `[D, 3]` strengths.
      position: `[P, 3]` metres.
      point: `[P, 3]` strengths at one metre.
      environment: `[9, 3]` spherical harmonics, if any.

    Returns:
      `Lights`.
    """
    dtype = jnp.result_type(float)

    def rows(x):
        return jnp.asarray(x, dtype).reshape(-1, 3)

    return Lights(
        ambient=jnp.broadcast_to(jnp.asarray(ambient, dtype), (3,)),
        direction=rows(direction),
        directional=rows(directional),
        position=rows(position),
        point=rows(point),
        environment=None if environment is None else jnp.asarray(environment, dtype),
    )


__all__ = ["Lights", "Material", "make_lights", "make_material"]
