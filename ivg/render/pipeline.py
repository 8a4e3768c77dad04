"""The renderer: visibility, interpolation, shading, composition."""

import jax.numpy as jnp
from flax import struct

from ivg.geometry.camera import homogeneous_px
from ivg.render.antialias import antialias
from ivg.render.fragments import interpolate, make_fragments
from ivg.render.layers import FAR_M, aggregate, render_layers
from ivg.render.rows import crop_scene, map_rows
from ivg.render.shading import Shader, lambert
from ivg.render.soft import render_soft
from ivg.render.surface import (
    MeshPlanes,
    mesh_planes,
    surface_at_vertices,
    surface_from_fragments,
)
from ivg.render.visibility import edge_visibility, mesh_visibility
from ivg.scene.graph import Scene, node_of_rows, world_mesh
from ivg.scene.mesh import Mesh
from ivg.typing import Array

MODES = ("antialias", "hard", "soft", "layers", "peeled")


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

    Except in mode "hard", `rgb` and `alpha` blend several surfaces; the other
    buffers are those of the nearest surface at the pixel centre.
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
    num_layers: int = 8,
    sigma: Array = 1e-4,
    gamma: Array = 1e-4,
    tau: Array = 1e-2,
    far: Array = FAR_M,
    shader: Shader = lambert,
    cull: str = "none",
    backend: str | None = None,
) -> Buffers:
    """Renders a scene.

    The modes differ in what moves when a surface moves:

    - "antialias": edges move continuously; the picture is a sharp one.
    - "hard": samples at the pixel centres, whose gradient misses the motion of
      edges.
    - "soft": faces spread beyond their outlines (`ivg.render.soft`).
    - "layers": surfaces behind others shine through (`ivg.render.layers`).
    - "peeled": the same, and the edges that one sees move continuously. At `tau` zero
      this is a sharp picture.

    Args:
      scene: scene with `N` nodes; its camera fixes the size of the image.
      mode: "antialias", "hard", "soft", "layers" or "peeled".
      num_layers: surfaces that blend at a pixel, for all but the first two (static).
      sigma: `[]` blur of outlines for "soft", in halves of the picture's height
        squared.
      gamma: `[]` temperature of depth for "soft".
      tau: `[]` temperature of depth for "layers" and "peeled"; zero shows the nearest
        surface alone.
      far: `[]` depth at which surfaces fade into the background, metres; not for the
        first two.
      shader: from visible surfaces and lights to radiance.
      cull: "none", or "back" or "front" to leave out the faces turned that way.
      backend: "cpu", "reference", or None for the platform's best.

    Returns:
      `Buffers`. `rgb`, `alpha`, `depth`, `normal` and `barycentrics` are
      differentiable (vjp, jvp, second order) in every float of the scene, `rgb` and
      `alpha` in `sigma`, `gamma`, `tau` and `far` too.

    Raises:
      ValueError: for an unknown mode, culling or backend, or no layers.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
    if num_layers < 1:
        raise ValueError(f"num_layers must be positive, got {num_layers}")
    common = {"shader": shader, "cull": cull, "backend": backend}
    mesh = world_mesh(scene)
    buffers = _render_hard(scene, mesh, **common)
    if mode == "hard":
        return buffers
    if mode == "antialias":
        rgb, alpha = _antialias(scene, mesh, buffers, shader, backend)
    elif mode == "soft":
        rgb, alpha = render_soft(
            scene, num_layers=num_layers, sigma=sigma, gamma=gamma, far=far, **common
        )
    else:
        layers = render_layers(scene, num_layers=num_layers, **common)
        near = scene.camera.near
        rgb, alpha = aggregate(layers, scene.background, tau, near=near, far=far)
    if mode == "peeled":
        mixed = jnp.concatenate([rgb, alpha[..., None]], -1)
        edges = _visible_edges(scene, mesh, buffers, backend)
        mixed = antialias(mixed, *edges, None)
        rgb, alpha = mixed[..., :3], mixed[..., 3]
    return buffers.replace(rgb=rgb, alpha=alpha)


def _render_hard(
    scene: Scene, mesh: Mesh, shader: Shader, cull: str, backend: str | None
) -> Buffers:
    camera = scene.camera
    face_index = mesh_visibility(camera, mesh, cull=cull, backend=backend)
    planes = mesh_planes(camera, mesh, scene.material)

    def shade(first_row, index):
        parts = crop_scene(scene, planes, first_row, index.shape[1])
        return _shade(*parts, index, shader)

    buffers = map_rows(shade, face_index)
    return buffers.replace(face_index=face_index[0])


def _antialias(
    scene: Scene, mesh: Mesh, buffers: Buffers, shader: Shader, backend: str | None
) -> tuple[Array, Array]:
    """Colour and coverage, continuous in the geometry."""
    edges = _visible_edges(scene, mesh, buffers, backend)
    colours = shader(surface_at_vertices(scene, mesh), scene.lights).T
    opaque = jnp.ones_like(colours[:, :1])
    return (
        antialias(buffers.rgb, *edges, colours),
        antialias(buffers.alpha[..., None], *edges, opaque)[..., 0],
    )


def _visible_edges(scene: Scene, mesh: Mesh, buffers: Buffers, backend: str | None):
    """The edges that one sees, as `antialias` takes them."""
    vertices = homogeneous_px(scene.camera, mesh.vertices)
    nodes = node_of_rows(mesh.faces.shape[0], scene.nodes.mask.shape[0])
    edge_code = edge_visibility(
        vertices, mesh.faces, nodes, mesh.edges, mesh.edge_sharp, mesh.edge_mask,
        buffers.face_index[None], near=scene.camera.near, backend=backend,
    )  # fmt: skip
    return vertices, mesh.edges, edge_code


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


__all__ = ["MODES", "Buffers", "render"]
