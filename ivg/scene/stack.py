"""Objects one behind another before a camera: scenes with much that is hidden.

The camera stands at the origin and looks along -z, so that the frame of the world is
that of the camera: x to the right, y up, and the depth of an object is its -z.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.geometry import rotation
from ivg.geometry.camera import Camera, look_at, make_camera
from ivg.scene.appearance import make_lights
from ivg.scene.graph import Scene, make_nodes, make_scene
from ivg.scene.library import MeshLibrary, make_library
from ivg.scene.mesh import Mesh
from ivg.scene.shapes import primitives
from ivg.scene.shapes.families import MUGS, unit_mug
from ivg.typing import Array

FOV_RAD = 0.45


@struct.dataclass
class Stack:
    """`N` objects before the camera.

    Attributes:
      position_m: `[N, 3]` metres, of the middle of each object.
      quaternion: `[N, 4]` wxyz, camera_from_object.
      size_m: `[N, 3]` metres, factors of the shape of unit size along its axes.
      shape: `[N]` int32, index into `stack_library`.
      colour: `[N, 3]` linear RGB in [0, 1].
      light_direction: `[3]` towards the light.
      ambient: `[]` strength of the light from everywhere.
      directional: `[]` strength of the light from one side.
      background: `[3]` linear RGB.
    """

    position_m: Array
    quaternion: Array
    size_m: Array
    shape: Array
    colour: Array
    light_direction: Array
    ambient: Array
    directional: Array
    background: Array


@struct.dataclass
class StackPose:
    """Where the objects of a stack are, and how far they have turned from it.

    Attributes:
      position_m: `[N, 3]` metres.
      turn_rad: `[N, 3]` rotation vectors in the frame of the camera, radians, from the
        orientations of the stack.
    """

    position_m: Array
    turn_rad: Array


def pose_of(stack: Stack) -> StackPose:
    """The pose that leaves a stack as it is.

    Args:
      stack: objects.

    Returns:
      `StackPose`.
    """
    return StackPose(stack.position_m, jnp.zeros_like(stack.position_m))


def depths_of(stack: Stack) -> Array:
    """How far the objects are along the optical axis.

    Args:
      stack: objects.

    Returns:
      `[N]` metres.
    """
    return -stack.position_m[:, 2]


def with_pose(stack: Stack, pose: StackPose) -> Stack:
    """The stack with its objects moved and turned.

    Args:
      stack: objects.
      pose: their places, and turns from their orientations in `stack`.

    Returns:
      `Stack`, differentiable in the pose.
    """
    turn = jax.vmap(rotation.quaternion_from_rotation_vector)(pose.turn_rad)
    turned = jax.vmap(rotation.multiply)(turn, stack.quaternion)
    return stack.replace(position_m=pose.position_m, quaternion=turned)


def with_depths(stack: Stack, depth_m: Array) -> Stack:
    """The stack with its objects moved along the optical axis.

    Args:
      stack: objects.
      depth_m: `[N]` metres.

    Returns:
      `Stack`, differentiable in the depths.
    """
    return stack.replace(position_m=stack.position_m.at[:, 2].set(-depth_m))


def stack_library() -> MeshLibrary:
    """The shapes of stacks, their middle at the origin.

    Returns:
      `MeshLibrary` of the classes `block` (a box of side one), `can` (a cylinder, one
      across and high) and `cup` (mugs of several shapes, one across).
    """
    return make_library(
        {
            "block": [_centred(primitives.box())],
            "can": [_centred(primitives.cylinder())],
            "cup": [_centred(unit_mug(shape)) for shape in MUGS],
        }
    )


def _centred(mesh: Mesh) -> Mesh:
    """The mesh with the middle of its bounding box at the origin."""
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    return mesh.replace(vertices=mesh.vertices - (low + high) / 2)


def scene_from_stack(
    stack: Stack, library: MeshLibrary, *, height: int = 128, width: int = 128
) -> Scene:
    """The scene that a stack describes.

    Args:
      stack: objects.
      library: shapes, from `stack_library`.
      height: image rows.
      width: image columns.

    Returns:
      `Scene` whose node `i` is object `i`; differentiable in every float of the stack.
    """
    nodes = make_nodes(stack.shape, stack.position_m, stack.quaternion, stack.size_m)
    lights = make_lights(
        jnp.broadcast_to(stack.ambient, (3,)),
        stack.light_direction[None],
        jnp.broadcast_to(stack.directional, (1, 3)),
    )
    return make_scene(
        library,
        nodes,
        make_camera(height=height, width=width, fov_rad=FOV_RAD, near=0.05),
        albedo=stack.colour,
        lights=lights,
        background=stack.background,
    )


def top_camera(*, height: int = 128, width: int = 128) -> Camera:
    """A camera above a stack, which shows what is in front of what.

    Args:
      height: image rows.
      width: image columns.

    Returns:
      `Camera` that looks down; the camera of the stack is below its picture.
    """
    eye, below = (0.0, 1.3, -0.75), (0.0, 0.0, -0.75)
    up = (0.0, 0.0, -1.0)
    return look_at(eye, below, up, height=height, width=width, fov_rad=FOV_RAD)


__all__ = [
    "FOV_RAD",
    "Stack",
    "StackPose",
    "depths_of",
    "pose_of",
    "scene_from_stack",
    "stack_library",
    "top_camera",
    "with_depths",
    "with_pose",
]
