"""Materials and lights. All colours are linear RGB."""

import jax.numpy as jnp
from flax import struct

from ivg.typing import Array


@struct.dataclass
class Material:
    """Reflectance of every node of a scene.

    Attributes:
      albedo: `[N, 3]` diffuse reflectance in [0, 1].
    """

    albedo: Array


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
    """

    ambient: Array
    direction: Array
    directional: Array
    position: Array
    point: Array


def make_lights(
    ambient=(1.0, 1.0, 1.0), direction=(), directional=(), position=(), point=()
) -> Lights:
    """Lights from plain numbers; white ambient light without arguments.

    Args:
      ambient: `[3]` or `[]` strength.
      direction: `[D, 3]` towards the far lights.
      directional: `[D, 3]` strengths.
      position: `[P, 3]` metres.
      point: `[P, 3]` strengths at one metre.

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
    )


__all__ = ["Lights", "Material", "make_lights"]
