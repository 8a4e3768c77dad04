"""The scene: a tree of nodes, a camera and lights.

Node `n` stands in the frame of its parent; parents come before their children.
Only the tree is static: every number can have a gradient.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.geometry import rotation
from ivg.geometry.camera import Camera
from ivg.geometry.transform import affine_from_trs, apply_affine
from ivg.numerics import matmul, safe_normalize, turn
from ivg.scene.appearance import Lights, Material, make_lights
from ivg.scene.library import MeshLibrary, get_shape
from ivg.scene.mesh import Mesh
from ivg.typing import Array


@struct.dataclass
class Nodes:
    """`N` nodes, each a shape of the library in the frame of its parent.

    Attributes:
      position: `[N, 3]` metres, in the parent's frame.
      quaternion: `[N, 4]` wxyz, `parent_from_node`.
      scale: `[N, 3]` factors along the node's own axes, inherited by children.
      shape_id: `[N]` int32 index into the library.
      mask: `[N]` bool; False hides the node's own mesh, not its children.
      parents: index of each node's parent, -1 for the world (static).
    """

    position: Array
    quaternion: Array
    scale: Array
    shape_id: Array
    mask: Array
    parents: tuple[int, ...] = struct.field(pytree_node=False)


@struct.dataclass
class Scene:
    """Everything a picture is made from.

    Attributes:
      library: shapes.
      nodes: the `N` nodes of the tree.
      material: appearance of the nodes.
      camera: camera.
      lights: lights.
      background: `[3]` linear RGB behind everything; black leaves the rendered
        colour premultiplied by alpha.
    """

    library: MeshLibrary
    nodes: Nodes
    material: Material
    camera: Camera
    lights: Lights
    background: Array


def make_nodes(
    shape_id, position=None, quaternion=None, scale=None, mask=None, parents=None
) -> Nodes:
    """Nodes from plain numbers.

    Args:
      shape_id: `[N]` index into the library.
      position: `[N, 3]` metres; the origin if absent.
      quaternion: `[N, 4]` wxyz; the identity if absent.
      scale: `[N, 3]`, `[N, 1]` or `[]`; one if absent.
      mask: `[N]` bool; all visible if absent.
      parents: `N` integers, each less than its place, -1 for the world; a flat
        scene if absent.

    Returns:
      `Nodes`.

    Raises:
      ValueError: if a parent does not come before its child.
    """
    dtype = jnp.result_type(float)
    shape_id = jnp.asarray(shape_id, jnp.int32)
    n = shape_id.shape[0]
    parents = (-1,) * n if parents is None else tuple(int(p) for p in parents)
    if len(parents) != n or any(not -1 <= p < i for i, p in enumerate(parents)):
        raise ValueError(
            f"each of the {n} parents must come before its node: {parents}"
        )

    def rows(x, default, width):
        value = jnp.asarray(default if x is None else x, dtype)
        return jnp.broadcast_to(value, (n, width))

    return Nodes(
        position=rows(position, (0.0, 0.0, 0.0), 3),
        quaternion=rows(quaternion, rotation.IDENTITY, 4),
        scale=rows(scale, 1.0, 3),
        shape_id=shape_id,
        mask=jnp.ones(n, bool) if mask is None else jnp.asarray(mask, bool),
        parents=parents,
    )


def make_scene(
    library: MeshLibrary,
    nodes: Nodes,
    camera: Camera,
    *,
    albedo=0.8,
    lights: Lights | None = None,
    background=(0.0, 0.0, 0.0),
) -> Scene:
    """A scene from its parts.

    Args:
      library: shapes.
      nodes: nodes.
      camera: camera.
      albedo: `[N, 3]`, `[3]` or `[]` linear RGB.
      lights: lights; ambient white if absent.
      background: `[3]` linear RGB.

    Returns:
      `Scene`.
    """
    dtype = jnp.result_type(float)
    albedo = jnp.broadcast_to(jnp.asarray(albedo, dtype), nodes.position.shape)
    return Scene(
        library=library,
        nodes=nodes,
        material=Material(albedo=albedo),
        camera=camera,
        lights=make_lights() if lights is None else lights,
        background=jnp.asarray(background, dtype),
    )


def world_from_nodes(nodes: Nodes) -> Array:
    """Matrices that take each node's frame to the world.

    Args:
      nodes: nodes.

    Returns:
      `[N, 4, 4]`, products of the local matrices along the path from the root.
    """
    local = jax.vmap(affine_from_trs)(nodes.position, nodes.quaternion, nodes.scale)
    if all(parent < 0 for parent in nodes.parents):
        return local
    world: list[Array] = []
    for i, parent in enumerate(nodes.parents):
        world.append(local[i] if parent < 0 else matmul(world[parent], local[i]))
    return jnp.stack(world)


def transform_normals(matrix: Array, normals: Array) -> Array:
    """Unit normals under an affine map.

    Args:
      matrix: `[4, 4]`.
      normals: `[V, 3]` unit normals.

    Returns:
      `[V, 3]` unit normals. The matrix of cofactors, turned around by mirrors,
      stands in for the inverse transpose: it has the same direction and no
      division, so it is finite for singular maps too.
    """
    a, b, c = matrix[:3, :3].T
    cofactor = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], axis=1)
    sign = jnp.where(is_mirror(matrix), -1, 1)
    return safe_normalize(turn(normals, cofactor.T) * sign)


def is_mirror(matrix: Array) -> Array:
    """Whether an affine map turns left hands into right hands.

    Args:
      matrix: `[4, 4]`.

    Returns:
      `[]` bool: whether the determinant is negative.
    """
    a, b, c = matrix[:3, :3]
    return jnp.sum(a * jnp.cross(b, c)) < 0


def world_mesh(scene: Scene) -> Mesh:
    """All nodes as one mesh in the world, ready to be rendered.

    Args:
      scene: scene; with `V`, `F` and `E` the padded sizes of its library.

    Returns:
      `Mesh` of `N V` vertices, `N F` faces and `N E` edges. Face `f` belongs to
      node `f // F`. Hidden nodes are masked out. Faces of mirrored nodes (scales
      with a negative product) are turned, so that all stay counter-clockwise.
    """
    nodes = scene.nodes
    matrices = world_from_nodes(nodes)
    shapes = jax.vmap(lambda i: get_shape(scene.library, i))(nodes.shape_id)
    num_nodes, num_vertices = shapes.vertices.shape[:2]
    node = jnp.arange(num_nodes, dtype=jnp.int32)[:, None, None]
    mirrored = jax.vmap(is_mirror)(matrices)[:, None, None]
    outward = jnp.where(mirrored, shapes.faces[..., ::-1], shapes.faces)
    faces = outward + node * num_vertices
    edge_faces = shapes.edges[..., 2:]
    offset_faces = jnp.where(edge_faces < 0, -1, edge_faces + node * faces.shape[1])
    edges = jnp.concatenate(
        [shapes.edges[..., :2] + node * num_vertices, offset_faces], -1
    )
    visible = nodes.mask[:, None]
    stacked = Mesh(
        vertices=jax.vmap(apply_affine)(matrices, shapes.vertices),
        normals=jax.vmap(transform_normals)(matrices, shapes.normals),
        uv=shapes.uv,
        faces=faces,
        edges=edges,
        edge_sharp=shapes.edge_sharp,
        vertex_mask=shapes.vertex_mask & visible,
        face_mask=shapes.face_mask & visible,
        edge_mask=shapes.edge_mask & visible,
    )
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), stacked)


def node_of_rows(num_rows: int, num_nodes: int) -> Array:
    """To which node the vertices, faces or edges of `world_mesh` belong.

    Args:
      num_rows: vertices, faces or edges of the mesh, padding included.
      num_nodes: number `N` of nodes.

    Returns:
      `[num_rows]` int32.
    """
    return jnp.repeat(jnp.arange(num_nodes, dtype=jnp.int32), num_rows // num_nodes)


__all__ = [
    "Nodes",
    "Scene",
    "is_mirror",
    "make_nodes",
    "make_scene",
    "node_of_rows",
    "transform_normals",
    "world_from_nodes",
    "world_mesh",
]
