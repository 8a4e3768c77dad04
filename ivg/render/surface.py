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
from ivg.render.texture import make_mipmaps, sample_mipmapped
from ivg.scene.appearance import Material
from ivg.scene.graph import Scene, node_of_rows
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
      albedo: `[3, ...]` linear RGB, with vertex colours and textures.
      uv: `[2, ...]` texture coordinates.
      view: `[3, ...]` unit vector from the surface to the camera.
      node_index: `[...]` int32, -1 for background.
      specular: `[3, ...]` strength of the highlight; None if nothing shines.
      shininess: `[...]` exponent of the highlight; None likewise.
      light_visibility: `[D + P, ...]` share of each far and each point light that
        arrives, in [0, 1]; None if nothing casts a shadow.
    """

    position: Array
    normal: Array
    albedo: Array
    uv: Array
    view: Array
    node_index: Array
    specular: Array | None = None
    shininess: Array | None = None
    light_visibility: Array | None = None


@struct.dataclass
class MeshPlanes:
    """What the pixels of a mesh are made from: affine functions of the image.

    Attributes:
      origin: `[F, 2]` pixels that the others refer to. No gradient.
      corners: `[F, 3, 3]` barycentric coordinates over depth.
      normals: `[F, 3, 3]` normals over depth.
      uv: `[F, 2, 3]` texture coordinates over depth.
      colours: `[F, 3, 3]` vertex colours over depth, if any.
      mipmaps: `[T, M, 3]` textures in all resolutions, if any.
    """

    origin: Array
    corners: Array
    normals: Array
    uv: Array
    colours: Array | None = None
    mipmaps: Array | None = None


def mesh_planes(camera: Camera, mesh: Mesh, material: Material) -> MeshPlanes:
    """The planes of a mesh seen by a camera.

    Args:
      camera: camera.
      mesh: mesh in the world.
      material: material, with the vertex colours and textures if there are any.

    Returns:
      `MeshPlanes`, differentiable in camera, mesh and material.
    """
    vertices = homogeneous_px(camera, mesh.vertices)
    corners, origin = face_planes(vertices, mesh.faces, camera.height, camera.width)
    colours, textures = material.vertex_colours, material.textures
    if colours is not None:
        colours = attribute_planes(colours.reshape(-1, 3), mesh.faces, corners)
    return MeshPlanes(
        origin=origin,
        corners=corners,
        normals=attribute_planes(mesh.normals, mesh.faces, corners),
        uv=attribute_planes(mesh.uv, mesh.faces, corners),
        colours=colours,
        mipmaps=None if textures is None else jax.vmap(make_mipmaps)(textures),
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
    uv = interpolate(planes.uv, fragments)
    colours = None
    if planes.colours is not None:
        colours = interpolate(planes.colours, fragments)
    return Surface(
        position=camera.position[:, None, None, None] + rays * fragments.depth,
        normal=safe_normalize(normal, 0),
        albedo=surface_albedo(scene, planes, fragments, node_index, uv, colours),
        uv=uv,
        view=jnp.broadcast_to(safe_normalize(-rays, 0), normal.shape),
        node_index=node_index,
        **_shine(scene.material, node_index),
    )


def surface_albedo(
    scene: Scene,
    planes: MeshPlanes,
    fragments: Fragments,
    node_index: Array,
    uv: Array,
    colours: Array | None,
) -> Array:
    """Reflectance of nodes, times vertex colours, times textures.

    Args:
      scene: scene.
      planes: `mesh_planes` of its mesh.
      fragments: fragments of that mesh.
      node_index: `[K, H, W]` int32 node of each fragment, -1 for background.
      uv: `[2, K, H, W]` texture coordinates.
      colours: `[3, K, H, W]` vertex colours, None for white.

    Returns:
      `[3, K, H, W]` linear RGB.
    """
    albedo = gather_planes(scene.material.albedo, node_index)
    if colours is not None:
        albedo = albedo * colours
    if planes.mipmaps is None:
        return albedo
    slopes = uv_slopes(planes, fragments, uv)
    return albedo * _textured(scene.material, planes.mipmaps, uv, slopes, node_index)


def uv_slopes(planes: MeshPlanes, fragments: Fragments, uv: Array) -> Array:
    """Change of the texture coordinates from pixel to pixel.

    `uv / w` and `1 / w` are affine on the image, so the quotient rule gives the
    change without a look at the neighbours, which may show other faces.

    Args:
      planes: planes of the mesh.
      fragments: fragments of that mesh.
      uv: `[2, K, H, W]` texture coordinates of the fragments.

    Returns:
      `[2, 2, K, H, W]` slopes of u and v (first axis) per pixel in x and y (second
      axis), zero for background.
    """
    inverse_depth = jnp.sum(planes.corners, 1, keepdims=True)
    slopes = jnp.concatenate([planes.uv, inverse_depth], 1)[..., :2]
    change = gather_planes(slopes.reshape(-1, 6), fragments.face_index).reshape(
        3, 2, *uv.shape[1:]
    )
    return (change[:2] - uv[:, None] * change[2]) * fragments.depth


def _textured(
    material: Material, mipmaps: Array, uv: Array, slopes: Array, node_index: Array
) -> Array:
    """`[3, ...]` colours of the textures, white where there is none."""
    assert material.texture_id is not None
    columns = material.texture_id[:, None] + 1
    texture_id = gather_planes(columns, node_index)[0] - 1
    if material.texture_scale is not None:
        scale = gather_planes(material.texture_scale, node_index)
        uv, slopes = uv * scale, slopes * scale[:, None]
    colour = sample_mipmapped(mipmaps, uv, slopes, texture_id)
    return jnp.where(texture_id < 0, 1, colour)


def _shine(material: Material, node_index: Array) -> dict[str, Array]:
    if material.specular is None or material.shininess is None:
        return {}
    return {
        "specular": gather_planes(material.specular, node_index),
        "shininess": gather_planes(material.shininess[:, None], node_index)[0],
    }


def surface_at_vertices(scene: Scene, mesh: Mesh) -> Surface:
    """The vertices of a scene as points to be shaded.

    A vertex stands for the edges that meet in it, so textures have their mean
    colour here.

    Args:
      scene: scene.
      mesh: `world_mesh(scene)`.

    Returns:
      `Surface` of `[V]` points.
    """
    node_index = node_of_rows(mesh.vertices.shape[0], scene.nodes.mask.shape[0])
    position, material = mesh.vertices.T, scene.material
    albedo = gather_planes(material.albedo, node_index)
    if material.vertex_colours is not None:
        albedo = albedo * material.vertex_colours.reshape(-1, 3).T
    if material.textures is not None and material.texture_id is not None:
        mean = jnp.mean(material.textures, (1, 2))
        texture_id = material.texture_id[node_index]
        albedo = albedo * jnp.where(texture_id < 0, 1, gather_planes(mean, texture_id))
    return Surface(
        position=position,
        normal=mesh.normals.T,
        albedo=albedo,
        uv=mesh.uv.T,
        view=safe_normalize(scene.camera.position[:, None] - position, 0),
        node_index=node_index,
        **_shine(material, node_index),
    )


__all__ = [
    "MeshPlanes",
    "Surface",
    "mesh_planes",
    "surface_albedo",
    "surface_at_vertices",
    "surface_from_fragments",
    "uv_slopes",
]
