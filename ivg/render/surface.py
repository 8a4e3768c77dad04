"""What is seen: points of surfaces with all that a shader may want to know."""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.geometry.camera import Camera, homogeneous_px, ray_planes
from ivg.numerics import safe_normalize
from ivg.render.fragments import (
    Fragments,
    attribute_planes,
    face_planes,
    interpolate,
    interpolate_over_depth,
)
from ivg.render.gather import gather_planes
from ivg.scene.graph import Scene
from ivg.scene.mesh import Mesh
from ivg.typing import Array


@struct.dataclass
class Surface:
    """Points of surfaces: `[K, H, W]` visible ones, or the `[V]` vertices.

    Components come first, so that arithmetic runs over contiguous memory. What a
    shader does not use costs nothing under `jit`.

    Attributes:
      position: `[3, ...]` metres, in the world.
      normal: `[3, ...]` unit, in the world; zero for background.
      albedo: `[3, ...]` linear RGB.
      uv: `[2, ...]` texture coordinates.
      view: `[3, ...]` unit vector from the surface to the camera.
      node_index: `[...]` int32, -1 for background.
    """

    position: Array
    normal: Array
    albedo: Array
    uv: Array
    view: Array
    node_index: Array


@struct.dataclass
class MeshPlanes:
    """All that is interpolated over a mesh, as affine functions of the image.

    Attributes:
      origin: `[F, 2]` pixels that the others refer to. No gradient.
      corners: `[F, 3, 3]` barycentric coordinates over depth.
      normals: `[F, 3, 3]` normals over depth.
      uv: `[F, 2, 3]` texture coordinates over depth.
    """

    origin: Array
    corners: Array
    normals: Array
    uv: Array


def mesh_planes(camera: Camera, mesh: Mesh) -> MeshPlanes:
    """The planes of a mesh seen by a camera.

    Args:
      camera: camera.
      mesh: mesh in the world.

    Returns:
      `MeshPlanes`, differentiable in camera and mesh.
    """
    vertices = homogeneous_px(camera, mesh.vertices)
    corners, origin = face_planes(vertices, mesh.faces, camera.height, camera.width)
    return MeshPlanes(
        origin=origin,
        corners=corners,
        normals=attribute_planes(mesh.normals, mesh.faces, corners),
        uv=attribute_planes(mesh.uv, mesh.faces, corners),
    )


def surface_from_fragments(
    scene: Scene, planes: MeshPlanes, fragments: Fragments
) -> Surface:
    """All that a shader may want to know of the visible surfaces.

    Args:
      scene: scene.
      planes: `mesh_planes` of its mesh.
      fragments: fragments of that mesh.

    Returns:
      `Surface`, differentiable in scene, planes and fragments.
    """
    camera, index = scene.camera, fragments.face_index
    faces_per_node = planes.origin.shape[0] // scene.nodes.mask.shape[0]
    node_index = jnp.where(index < 0, -1, jax.lax.div(index, jnp.int32(faces_per_node)))
    normal = interpolate_over_depth(planes.normals, fragments)
    rays = ray_planes(camera)[:, None]
    return Surface(
        position=camera.position[:, None, None, None] + rays * fragments.depth,
        normal=safe_normalize(normal, 0),
        albedo=gather_planes(scene.material.albedo, node_index),
        uv=interpolate(planes.uv, fragments),
        view=jnp.broadcast_to(safe_normalize(-rays, 0), normal.shape),
        node_index=node_index,
    )


def surface_at_vertices(scene: Scene, mesh: Mesh) -> Surface:
    """The vertices of a scene as points to be shaded.

    Args:
      scene: scene.
      mesh: `world_mesh(scene)`.

    Returns:
      `Surface` of `[V]` points.
    """
    num_nodes = scene.nodes.mask.shape[0]
    per_node = mesh.vertices.shape[0] // num_nodes
    node_index = jnp.repeat(jnp.arange(num_nodes, dtype=jnp.int32), per_node)
    position = mesh.vertices.T
    return Surface(
        position=position,
        normal=mesh.normals.T,
        albedo=gather_planes(scene.material.albedo, node_index),
        uv=mesh.uv.T,
        view=safe_normalize(scene.camera.position[:, None] - position, 0),
        node_index=node_index,
    )


__all__ = [
    "MeshPlanes",
    "Surface",
    "mesh_planes",
    "surface_at_vertices",
    "surface_from_fragments",
]
