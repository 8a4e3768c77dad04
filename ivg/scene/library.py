"""The padded library of shapes: meshes of different sizes as one stack of arrays."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.scene.mesh import Mesh
from ivg.typing import Array


@struct.dataclass
class MeshLibrary:
    """Shapes that scenes refer to by `shape_id`.

    Attributes:
      mesh: `Mesh` whose arrays have a leading axis `[S]` over shapes, padded to
        the largest; the masks tell what is real.
      class_names: names of the classes, in order (static).
      class_sizes: number of shapes of each class (static). The shapes of a class
        are consecutive.
    """

    mesh: Mesh
    class_names: tuple[str, ...] = struct.field(pytree_node=False)
    class_sizes: tuple[int, ...] = struct.field(pytree_node=False)


def make_library(shapes: Mapping[str, Sequence[Mesh]]) -> MeshLibrary:
    """Stacks meshes, class by class.

    Args:
      shapes: class name to its meshes.

    Returns:
      `MeshLibrary` padded to the largest number of vertices, faces and edges.

    Raises:
      ValueError: if there is no mesh.
    """
    meshes = [mesh for group in shapes.values() for mesh in group]
    if not meshes:
        raise ValueError("a mesh library needs at least one mesh")
    return MeshLibrary(
        mesh=jax.tree.map(_stack_padded, *meshes),
        class_names=tuple(shapes),
        class_sizes=tuple(len(group) for group in shapes.values()),
    )


def single_shape(mesh: Mesh) -> MeshLibrary:
    """A library of one mesh, which may be traced.

    Args:
      mesh: mesh.

    Returns:
      `MeshLibrary` of one class, `object`; differentiable in the mesh.
    """
    return MeshLibrary(jax.tree.map(lambda x: x[None], mesh), ("object",), (1,))


def _stack_padded(*leaves: Array) -> Array:
    """Arrays of any lengths as one, zero where some are shorter; on the host."""
    length = max(leaf.shape[0] for leaf in leaves)
    stacked = np.zeros((len(leaves), length, *leaves[0].shape[1:]), leaves[0].dtype)
    for row, leaf in zip(stacked, leaves, strict=True):
        row[: leaf.shape[0]] = leaf
    return jnp.asarray(stacked)


def get_shape(library: MeshLibrary, shape_id: Array) -> Mesh:
    """One padded mesh.

    Args:
      library: library.
      shape_id: `[]` int32.

    Returns:
      `Mesh` with padding.
    """
    return jax.tree.map(lambda leaf: leaf[shape_id], library.mesh)


def first_shape(library: MeshLibrary, class_id: Array) -> Array:
    """`shape_id` of the first shape of a class.

    Args:
      library: library.
      class_id: `[...]` int32.

    Returns:
      `[...]` int32.
    """
    starts = [sum(library.class_sizes[:i]) for i in range(len(library.class_sizes))]
    return jnp.array(starts, jnp.int32)[class_id]


__all__ = [
    "MeshLibrary",
    "first_shape",
    "get_shape",
    "make_library",
    "single_shape",
]
