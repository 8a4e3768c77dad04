"""The renderer: visibility, interpolation, shading, composition."""

import jax.numpy as jnp
from flax import struct

from ivg.geometry.camera import homogeneous_px, pixel_centres, ray_directions
from ivg.numerics import safe_normalize
from ivg.render.antialias import antialias
from ivg.render.fragments import Fragments, interpolate, make_fragments
from ivg.render.gather import gather_planes
from ivg.render.shading import Shader, Surface, lambert
from ivg.render.visibility import edge_visibility, visibility
from ivg.scene.graph import Scene, world_mesh
from ivg.scene.mesh import Mesh
from ivg.typing import Array

MODES = ("antialias", "hard")


@struct.dataclass
class Buffers:
    """A rendered picture and what is seen in it.

    Attributes:
      rgb: `[H, W, 3]` linear RGB over the background of the scene; with a black
        background, colour premultiplied by alpha.
      alpha: `[H, W]` coverage in [0, 1].
      depth: `[H, W]` metres along the optical axis, zero for background.
      normal: `[H, W, 3]` unit, in the world; zero for background.
      object_index: `[H, W]` int32 node of the scene, -1 for background.
      face_index: `[H, W]` int32 face of `world_mesh(scene)`, -1 for background.
      barycentrics: `[H, W, 3]`, zero for background.

    With antialiasing, `rgb` and `alpha` are continuous in the geometry; the other
    buffers are those of the surface at the pixel centre.
    """

    rgb: Array
    alpha: Array
    depth: Array
    normal: Array
    object_index: Array
    face_index: Array
    barycentrics: Array


def surface_from_fragments(scene: Scene, mesh: Mesh, fragments: Fragments) -> Surface:
    """All that a shader may want to know of the visible surfaces.

    Args:
      scene: scene.
      mesh: `world_mesh(scene)`.
      fragments: fragments of that mesh.

    Returns:
      `Surface`, differentiable in scene, mesh and fragments.
    """
    camera, index = scene.camera, fragments.face_index
    faces_per_node = mesh.faces.shape[0] // scene.nodes.mask.shape[0]
    node_index = jnp.where(index < 0, -1, index // faces_per_node)
    centres = pixel_centres(camera.height, camera.width).reshape(-1, 2)
    rays = ray_directions(camera, centres).reshape(camera.height, camera.width, 3)
    albedo = gather_planes(scene.material.albedo, node_index)
    return Surface(
        position=camera.position + rays * fragments.depth[..., None],
        normal=safe_normalize(interpolate(mesh.normals, mesh.faces, fragments)),
        albedo=jnp.moveaxis(albedo, 0, -1),
        uv=interpolate(mesh.uv, mesh.faces, fragments),
        view=jnp.broadcast_to(safe_normalize(-rays), (*index.shape, 3)),
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
    return Surface(
        position=mesh.vertices,
        normal=mesh.normals,
        albedo=jnp.repeat(scene.material.albedo, per_node, 0),
        uv=mesh.uv,
        view=safe_normalize(scene.camera.position - mesh.vertices),
        node_index=jnp.repeat(jnp.arange(num_nodes, dtype=jnp.int32), per_node),
    )


def render(
    scene: Scene,
    *,
    mode: str = "antialias",
    shader: Shader = lambert,
    cull: str = "none",
    backend: str | None = None,
) -> Buffers:
    """Renders a scene.

    Args:
      scene: scene with `N` nodes; its camera fixes the size of the image.
      mode: "antialias", or "hard" for samples at the pixel centres, whose
        gradient misses the motion of edges.
      shader: from visible surfaces and lights to radiance.
      cull: "none", or "back" or "front" to leave out the faces turned that way.
      backend: "cpu", "reference", or None for the platform's best.

    Returns:
      `Buffers`. `rgb`, `alpha`, `depth`, `normal` and `barycentrics` are
      differentiable (vjp, jvp, second order) in every float of the scene.

    Raises:
      ValueError: for an unknown mode, culling or backend.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
    camera, mesh = scene.camera, world_mesh(scene)
    vertices = homogeneous_px(camera, mesh.vertices)
    face_index = visibility(
        vertices, mesh.faces, mesh.face_mask, near=camera.near, height=camera.height,
        width=camera.width, cull=cull, backend=backend,
    )  # fmt: skip
    fragments = make_fragments(vertices, mesh.faces, face_index)
    surface = surface_from_fragments(scene, mesh, fragments)
    alpha = (face_index[0] >= 0).astype(vertices.dtype)[..., None]
    radiance = shader(surface, scene.lights)[0]
    rgb = radiance * alpha + (1 - alpha) * scene.background
    if mode == "antialias":
        edge_code = edge_visibility(
            vertices, mesh.faces, _node_of_face(scene, mesh), mesh.edges,
            mesh.edge_sharp,
            mesh.edge_mask, face_index, near=camera.near, backend=backend,
        )  # fmt: skip
        colours = shader(surface_at_vertices(scene, mesh), scene.lights)
        rgb = antialias(rgb, vertices, mesh.edges, edge_code, colours)
        opaque = jnp.ones_like(colours[:, :1])
        alpha = antialias(alpha, vertices, mesh.edges, edge_code, opaque)
    return Buffers(
        rgb=rgb,
        alpha=alpha[..., 0],
        depth=fragments.depth[0],
        normal=surface.normal[0],
        object_index=surface.node_index[0],
        face_index=face_index[0],
        barycentrics=fragments.barycentrics[0],
    )


def _node_of_face(scene: Scene, mesh: Mesh) -> Array:
    num_nodes = scene.nodes.mask.shape[0]
    nodes = jnp.arange(num_nodes, dtype=jnp.int32)
    return jnp.repeat(nodes, mesh.faces.shape[0] // num_nodes)


__all__ = [
    "MODES",
    "Buffers",
    "render",
    "surface_at_vertices",
    "surface_from_fragments",
]
