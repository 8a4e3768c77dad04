"""Staplers: a base, and an arm of magazine and cap that opens about a hinge."""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.scene.mesh import Mesh
from ivg.scene.shapes.curve import corner_columns, piece_rows, vector
from ivg.scene.shapes.stapler_parts import (
    StaplerShape,
    cap_profile,
    hinge,
    opened,
    stapler_boxes,
)
from ivg.scene.shapes.surface import (
    Patch,
    compiled,
    join,
    join_faces,
    loft,
    mesh_from_patches,
    patch,
    settle,
)
from ivg.typing import Array

BOX_ROWS = piece_rows([1, 2, 1, 2, 1])
BOX_COLUMNS = corner_columns(2)
CAP_ROWS = piece_rows([1, 3, 2, 2, 2, 2, 2, 3, 1])
CAP_COLUMNS = corner_columns(4)


def stapler_patches(shape: StaplerShape) -> list[Patch]:
    """The parts of a stapler, each of them closed.

    Args:
      shape: parameters.

    Returns:
      Base, anvil, hinge block, magazine and cap.
    """
    profiles, angles = stapler_boxes(shape)
    pivot = hinge(shape)

    def box(profile, angle):
        point = opened(loft(profile), pivot, angle)
        return patch(point, BOX_ROWS, BOX_COLUMNS, poles=(True, True))

    boxes = jax.vmap(box)(profiles, angles)
    cap = opened(loft(cap_profile(shape)), pivot, shape.opening)
    patches = [jax.tree.map(lambda x, k=k: x[k], boxes) for k in range(len(angles))]
    patches.append(patch(cap, CAP_ROWS, CAP_COLUMNS, poles=(True, True)))
    patches = [
        p.replace(uv=p.uv.at[..., 1].set(0.2 * (p.uv[..., 1] + k)))
        for k, p in enumerate(patches)
    ]
    lengths = jnp.concatenate([p.points[..., 2].reshape(-1) for p in patches])
    middle = (lengths.min() + lengths.max()) / 2
    return settle(patches, vector(0.0, 0.0, -middle))


def stapler_surface(shape: StaplerShape) -> tuple[Array, Array, Array]:
    """The vertices of a stapler, in metres, on y = 0 along z, mouth towards +z.

    Args:
      shape: parameters.

    Returns:
      `[V, 3]` vertices, `[V, 3]` unit normals and `[V, 2]` uv, for
      `stapler_faces`. The middle of its extent in z is at the origin.
      Differentiable in every parameter.
    """
    return join(stapler_patches(shape))


def stapler_faces() -> np.ndarray:
    """The faces that all staplers share.

    Returns:
      `[F, 3]` int32.
    """
    return join_faces(jax.eval_shape(stapler_patches, StaplerShape()))


def make_stapler(shape: StaplerShape) -> Mesh:
    """The mesh of a stapler.

    Args:
      shape: parameters, concrete.

    Returns:
      `Mesh` in metres: a union of closed parts.
    """
    return mesh_from_patches(_patches(shape))


_patches = compiled(stapler_patches)

STAPLERS = (
    StaplerShape(),
    StaplerShape(opening=0.28, corner=0.7, cap_front=0.012),
    StaplerShape(
        length=0.125, width=0.034, cap_rear=0.016, cap_middle=0.030, corner=0.8
    ),
    StaplerShape(length=0.160, width=0.034, cap_middle=0.020, corner=0.3, nose=0.004),
    StaplerShape(
        base_height=0.012, cap_rear=0.030, cap_middle=0.028, cap_front=0.018, rear=0.016
    ),
    StaplerShape(
        length=0.120,
        width=0.040,
        arm_length=0.90,
        arm_width=0.8,
        cap_rear=0.024,
        cap_middle=0.022,
        nose=0.018,
        opening=0.18,
    ),
    StaplerShape(arm_length=1.04, cap_front=0.020, nose=0.016, corner=0.6, gap=0.010),
    StaplerShape(
        length=0.150,
        width=0.030,
        arm_width=0.98,
        magazine_height=0.014,
        cap_rear=0.014,
        cap_middle=0.018,
        cap_front=0.012,
        corner=0.25,
        opening=0.05,
    ),
)
STAPLERS_HELD_OUT = (
    StaplerShape(length=0.132, width=0.038, cap_middle=0.027, corner=0.4, opening=0.22),
    StaplerShape(arm_length=0.93, cap_rear=0.026, cap_front=0.017, nose=0.007),
)

__all__ = [
    "STAPLERS",
    "STAPLERS_HELD_OUT",
    "StaplerShape",
    "make_stapler",
    "stapler_faces",
    "stapler_patches",
    "stapler_surface",
]
