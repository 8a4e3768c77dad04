"""The renderer: visibility, interpolation, shading, composition."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct

from ivg.geometry.camera import crop_rows, homogeneous_px
from ivg.render.antialias import antialias
from ivg.render.fragments import interpolate, make_fragments
from ivg.render.shading import Shader, lambert
from ivg.render.surface import (
    MeshPlanes,
    mesh_planes,
    surface_at_vertices,
    surface_from_fragments,
)
from ivg.render.visibility import edge_visibility, visibility
from ivg.scene.graph import Scene, world_mesh
from ivg.scene.mesh import Mesh
from ivg.typing import Array, PyTree

MODES = ("antialias", "hard")
_BLOCK_PIXELS = 1 << 17  # some planes of this size fit into a cache


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
    planes = mesh_planes(camera, mesh, scene.material)

    def shade(first_row, index):
        shift = jnp.array([0.0, 1.0], vertices.dtype) * first_row
        return _shade(
            scene.replace(camera=crop_rows(camera, first_row, index.shape[1])),
            planes.replace(origin=planes.origin - shift),
            index,
            shader,
        )

    buffers = map_rows(shade, face_index)
    if mode == "hard":
        return buffers
    edge_code = edge_visibility(
        vertices, mesh.faces, _node_of_face(scene, mesh), mesh.edges, mesh.edge_sharp,
        mesh.edge_mask, face_index, near=camera.near, backend=backend,
    )  # fmt: skip
    colours = shader(surface_at_vertices(scene, mesh), scene.lights).T
    opaque = jnp.ones_like(colours[:, :1])
    edges = vertices, mesh.edges, edge_code
    return buffers.replace(
        rgb=antialias(buffers.rgb, *edges, colours),
        alpha=antialias(buffers.alpha[..., None], *edges, opaque)[..., 0],
    )


def _shade(scene: Scene, planes: MeshPlanes, index: Array, shader: Shader) -> Buffers:
    """Samples at the pixel centres."""
    fragments = make_fragments(planes.corners, planes.origin, index)
    surface = surface_from_fragments(scene, planes, fragments)
    seen = fragments.face_index[0] >= 0
    radiance = shader(surface, scene.lights)[:, 0]
    over = jnp.where(seen, radiance, scene.background[:, None, None])
    return Buffers(
        rgb=jnp.moveaxis(over, 0, -1),
        alpha=seen.astype(over.dtype),
        depth=fragments.depth[0],
        normal=jnp.moveaxis(surface.normal[:, 0], 0, -1),
        object_index=surface.node_index[0],
        face_index=fragments.face_index[0],
        barycentrics=jnp.moveaxis(interpolate(planes.corners, fragments)[:, 0], 0, -1),
    )


def map_rows(function: Callable[[Array, Array], PyTree], face_index: Array) -> PyTree:
    """Works on a picture in blocks of rows, so that what is in between stays small.

    Derivatives work block by block too, and compute what they need again.

    Args:
      function: `(first_row, face_index [K, R, W]) -> pytree` of arrays `[R, ...]`.
      face_index: `[K, H, W]` int32.

    Returns:
      The pytree of arrays `[H, ...]`.
    """
    num_layers, height, width = face_index.shape
    rows = max(_BLOCK_PIXELS // (num_layers * width), 1)
    if rows >= height:
        return function(jnp.zeros((), jnp.int32), face_index)
    blocks = -(-height // rows)
    padding = [(0, 0), (0, blocks * rows - height), (0, 0)]
    padded = jnp.pad(face_index, padding, constant_values=-1)
    split = jnp.moveaxis(padded.reshape(num_layers, blocks, rows, width), 1, 0)
    first_rows = rows * jnp.arange(blocks, dtype=jnp.int32)
    block = jax.checkpoint(lambda args: function(*args), prevent_cse=False)
    parts = jax.lax.map(block, (first_rows, split))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:height], parts)


def _node_of_face(scene: Scene, mesh: Mesh) -> Array:
    num_nodes = scene.nodes.mask.shape[0]
    nodes = jnp.arange(num_nodes, dtype=jnp.int32)
    return jnp.repeat(nodes, mesh.faces.shape[0] // num_nodes)


__all__ = ["MODES", "Buffers", "map_rows", "render"]
