"""Which faces, and which silhouette edges, are seen at each pixel.

Visibility is integer and has no derivative. All that is differentiable is computed
from these indices by plain JAX (`fragments`, `antialias`). Two backends answer the
same contract: `cpu` (Numba kernels called by XLA) and `reference` (pure XLA, any
platform).
"""

import functools

import jax
import jax.numpy as jnp

from ivg.geometry.camera import Camera, homogeneous_px
from ivg.render import visibility_reference
from ivg.render.linear import choose, cpu_kernels
from ivg.scene.mesh import Mesh
from ivg.typing import Array

BACKENDS = ("cpu", "reference")
CULLING = ("none", "back", "front")
_KERNELS = {"visible_faces": "visibility_cpu", "visible_edges": "edges_cpu"}


def _dispatch(name: str, backend: str | None, *args, **static):
    """Calls one backend, by default the best one for the platform of the program."""
    if backend not in (None, *BACKENDS):
        raise ValueError(f"backend must be one of {BACKENDS} or None, got {backend!r}")
    reference = functools.partial(getattr(visibility_reference, name), **static)
    kernels = None if backend == "reference" else cpu_kernels(_KERNELS[name])
    if kernels is None:
        return reference(*args)
    kernel = functools.partial(getattr(kernels, name), **static)
    return kernel(*args) if backend == "cpu" else choose(reference, kernel, *args)


def _check_shape(name: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")


def _check_triangles(vertices: Array, faces: Array) -> None:
    """Kernels read raw memory, so nothing of another layout may reach them."""
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise ValueError(f"vertices must have shape [V, 3], got {vertices.shape}")
    if vertices.dtype not in (jnp.float32, jnp.float64):
        raise ValueError(f"vertices must be float32 or float64, got {vertices.dtype}")
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must have shape [F, 3], got {faces.shape}")


def _check_edges(
    edges: Array, edge_sharp: Array, edge_mask: Array, face_index: Array
) -> None:
    if edges.ndim != 2 or edges.shape[1] != 4:
        raise ValueError(f"edges must have shape [E, 4], got {edges.shape}")
    if face_index.ndim != 3:
        raise ValueError(
            f"face_index must have shape [K, H, W], got {face_index.shape}"
        )
    _check_shape("edge_sharp", edge_sharp, edges.shape[:1])
    _check_shape("edge_mask", edge_mask, edges.shape[:1])


def orientation(vertices: Array, faces: Array) -> Array:
    """On which side each face is seen.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      faces: `[F, 3]` int32.

    Returns:
      `[F]` determinant of the three vertices: positive where the face is seen
      from its front (its vertices run counter-clockwise), zero edge-on. True for
      faces that cross the plane of the camera, too.
    """
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return -jnp.sum(jnp.cross(b - a, c - a) * a, -1)


def visibility(
    vertices: Array,
    faces: Array,
    face_mask: Array,
    *,
    near: Array,
    height: int,
    width: int,
    num_layers: int = 1,
    radius_px: Array | float = 0.0,
    cull: str = "none",
    backend: str | None = None,
) -> Array:
    """The faces that cover each pixel centre, from front to back.

    A face covers a pixel centre that lies in it or on its border. Faces that cross
    the near plane are cut there; nothing is dropped for lack of room. At equal
    depth the face with the lower index comes first.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates `(x w, y w, w)` with `w` the
        depth in metres, of any sign.
      faces: `[F, 3]` int32 vertex indices.
      face_mask: `[F]` bool; False leaves a face out.
      near: `[]` least visible depth, metres, positive.
      height: image rows.
      width: image columns.
      num_layers: number `K` of layers.
      radius_px: `[]` pixels, not negative, by which the sides of every face are
        moved outward; then its inverse depth is kept within that of its vertices.
      cull: "none", or "back" or "front" to leave out the faces turned that way.
      backend: "cpu", "reference", or None for the platform's best.

    Returns:
      `[K, H, W]` int32 face index, -1 for background. No gradient.

    Raises:
      ValueError: for an unknown `cull` or `backend`, or wrong shapes or types.

    Source: Olano and Greer, Triangle scan conversion using 2D homogeneous
    coordinates, 1997: no face is clipped; the near plane is a fourth half plane.
    """
    _check_triangles(vertices, faces)
    _check_shape("face_mask", face_mask, faces.shape[:1])
    if cull not in CULLING:
        raise ValueError(f"cull must be one of {CULLING}, got {cull!r}")
    faces, face_mask = faces.astype(jnp.int32), face_mask.astype(bool)
    vertices = jax.lax.stop_gradient(vertices)
    near, radius = (
        jax.lax.stop_gradient(jnp.asarray(x, vertices.dtype)) for x in (near, radius_px)
    )
    if cull != "none":
        front = orientation(vertices, faces) > 0
        face_mask = face_mask & (front if cull == "back" else ~front)
    return _dispatch(
        "visible_faces", backend, vertices, faces, face_mask, near, radius,
        shape=(num_layers, height, width),
    )  # fmt: skip


def mesh_visibility(camera: Camera, mesh: Mesh, **options) -> Array:
    """The faces of a mesh that a camera sees at each pixel centre.

    Args:
      camera: camera; it fixes the size of the picture.
      mesh: mesh in the world.
      **options: `num_layers`, `radius_px`, `cull` and `backend` of `visibility`.

    Returns:
      `[K, H, W]` int32 face index, -1 for background. No gradient.
    """
    return visibility(
        homogeneous_px(camera, mesh.vertices), mesh.faces, mesh.face_mask,
        near=camera.near, height=camera.height, width=camera.width, **options,
    )  # fmt: skip


def edge_visibility(
    vertices: Array,
    faces: Array,
    face_group: Array,
    edges: Array,
    edge_sharp: Array,
    edge_mask: Array,
    face_index: Array,
    *,
    near: Array,
    backend: str | None = None,
) -> Array:
    """The edge of discontinuity that passes between neighbouring pixel centres.

    An edge is an outline if it has one face only, or if one of its faces is turned
    towards the camera and the other away. It is seen between two pixels if the one
    on the side of its face shows the same node, and the other shows nothing nearer
    than the edge. A sharp edge with both faces turned the same way is a crease; it
    is seen if both pixels show the same node, and nothing nearer than the edge. Of
    several edges the nearest is kept.

    Steep edges (at least 45 degrees) are looked for between pixels side by side,
    flat ones between pixels one above the other, so that a straight edge is found
    exactly once per row, or once per column.

    Args:
      vertices: `[V, 3]` homogeneous pixel coordinates.
      faces: `[F, 3]` int32.
      face_group: `[F]` int32 node of each face.
      edges: `[E, 4]` int32, as in `Mesh.edges`.
      edge_sharp: `[E]` bool, as in `Mesh.edge_sharp`.
      edge_mask: `[E]` bool.
      face_index: `[K, H, W]` from `visibility`; the first layer is used.
      near: `[]` least visible depth, metres.
      backend: "cpu", "reference", or None for the platform's best.

    Returns:
      `[2, H, W]` int32, -1 for none, else twice the edge index, plus one if the
      face beside the edge lies on the side of the second pixel. At `[0, y, x]`
      stands the edge between the pixels `(x, y)` and `(x + 1, y)`, at `[1, y, x]`
      that between `(x, y)` and `(x, y + 1)`. No gradient.

    Raises:
      ValueError: for an unknown `backend`, or wrong shapes or types.
    """
    _check_triangles(vertices, faces)
    _check_shape("face_group", face_group, faces.shape[:1])
    _check_edges(edges, edge_sharp, edge_mask, face_index)
    faces, face_group, edges, face_index = (
        x.astype(jnp.int32) for x in (faces, face_group, edges, face_index)
    )
    edge_sharp, edge_mask = edge_sharp.astype(bool), edge_mask.astype(bool)
    vertices = jax.lax.stop_gradient(vertices)
    near = jax.lax.stop_gradient(jnp.asarray(near, vertices.dtype))
    return _dispatch(
        "visible_edges", backend, vertices, faces, face_group, edges, edge_sharp,
        edge_mask, near, face_index,
    )  # fmt: skip


__all__ = [
    "BACKENDS",
    "CULLING",
    "edge_visibility",
    "mesh_visibility",
    "orientation",
    "visibility",
]
