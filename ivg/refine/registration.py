"""Registration of a deformable shape with a picture: shape and pose together.

The shape is a canonical mesh bent by a few latents, the pose a correction of an
assumed one. The world is the frame of the camera: x to the right, y up, z towards the
viewer, and the camera stands at its origin.

Source: StillebenDR (Periyasamy and Behnke, Towards 3D Scene Understanding using
Differentiable Rendering), section on deformable registration.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.geometry import rotation
from ivg.geometry.camera import Camera
from ivg.numerics import turn
from ivg.refine.gradient import EnergyFn
from ivg.refine.refiner import Refiner
from ivg.scene.appearance import Lights
from ivg.scene.graph import Scene, make_nodes, make_scene
from ivg.scene.library import single_shape
from ivg.scene.mesh import Mesh, vertex_normals
from ivg.shape_space.latent_space import ShapeDecoder, decode_shape
from ivg.typing import Array


@struct.dataclass
class Registered:
    """What is known of an object: its shape, and how its assumed pose is corrected.

    Attributes:
      latents: `[K]` standard deviations of the family.
      shift_m: `[2]` along x and y of the camera; depth stays as assumed.
      turn_rad: `[3]` axis times angle about the origin of the shape, in the camera's
        axes.
    """

    latents: Array
    shift_m: Array
    turn_rad: Array


@struct.dataclass
class View:
    """The assumed pose of an object in the frame of the camera.

    Attributes:
      quaternion: `[4]` wxyz, `camera_from_object`.
      position: `[3]` metres; the last one is negative in front of the camera.
    """

    quaternion: Array
    position: Array


@struct.dataclass
class Deformable:
    """A family of shapes on one mesh.

    Attributes:
      mesh: canonical mesh.
      decoder: its vertices as a function of latents.
    """

    mesh: Mesh
    decoder: ShapeDecoder


@struct.dataclass
class Look:
    """What does not depend on the object.

    Attributes:
      camera: camera at the origin, looking along -z.
      lights: lights, in its frame.
      albedo: `[3]` linear RGB, the same everywhere on the object.
    """

    camera: Camera
    lights: Lights
    albedo: Array


def undeformed(num_latents: int) -> Registered:
    """The mean shape of a family in its assumed pose.

    Args:
      num_latents: `K`.

    Returns:
      `Registered` of zeros.
    """
    return Registered(jnp.zeros(num_latents), jnp.zeros(2), jnp.zeros(3))


def corrected_view(found: Registered, view: View) -> View:
    """The pose that an object turns out to have.

    Args:
      found: correction.
      view: assumed pose.

    Returns:
      `View`.
    """
    turned = rotation.quaternion_from_rotation_vector(found.turn_rad)
    depth = jnp.zeros_like(found.shift_m[:1])
    return View(
        rotation.multiply(turned, view.quaternion),
        view.position + jnp.concatenate([found.shift_m, depth]),
    )


def place_points(points: Array, view: View) -> Array:
    """Points of an object in the frame of the camera.

    Args:
      points: `[P, 3]` metres, in the frame of the object.
      view: its pose.

    Returns:
      `[P, 3]` metres.
    """
    matrix = rotation.matrix_from_quaternion(view.quaternion)
    return turn(points, matrix.T) + view.position


def deformed_mesh(deformable: Deformable, latents: Array) -> Mesh:
    """The mesh of a shape; its normals follow the bent surface.

    Args:
      deformable: family.
      latents: `[K]`.

    Returns:
      `Mesh`, differentiable in the latents.
    """
    vertices = decode_shape(deformable.decoder, latents)
    normals = vertex_normals(vertices, deformable.mesh.faces)
    return deformable.mesh.replace(vertices=vertices, normals=normals)


def object_scene(mesh: Mesh, view: View, look: Look) -> Scene:
    """An object before a black background.

    Args:
      mesh: in the frame of the object.
      view: its pose.
      look: camera, lights and colour.

    Returns:
      `Scene` of one node in the frame of the camera.
    """
    library = single_shape(mesh)
    nodes = make_nodes([0], view.position[None], view.quaternion[None])
    return make_scene(
        library, nodes, look.camera, albedo=look.albedo, lights=look.lights
    )


def registered_scene(
    deformable: Deformable, found: Registered, view: View, look: Look
) -> Scene:
    """What an estimate looks like.

    Args:
      deformable: family.
      found: estimate.
      view: assumed pose.
      look: camera, lights and colour.

    Returns:
      `Scene`, differentiable in the estimate.
    """
    mesh = deformed_mesh(deformable, found.latents)
    return object_scene(mesh, corrected_view(found, view), look)


def registration_refiner(
    energy: EnergyFn,
    rates: Registered,
    *,
    momentum: float = 0.9,
    decay: float = 0.95,
    interval: int = 1,
    pose_every: int = 3,
    num_rigid: int = 0,
) -> Refiner:
    """Gradient descent with momentum; the pose moves less often than the shape.

    `v <- momentum v + slope; x <- x - rate decay^(step / interval) v`, with the
    quotient rounded down. What does not move in a step keeps its `v`.

    Args:
      energy: `(Registered, observation) -> []`.
      rates: step size of each number, or of each leaf; zero leaves it as it is.
      momentum: share of the velocity that is kept.
      decay: factor of the rates.
      interval: steps after which the rates decay.
      pose_every: shape steps for each step of the pose.
      num_rigid: first steps, in which only the pose moves, every time.

    Returns:
      `Refiner` of `Registered` that reports `energy` `[]` before the step. The first
      step after the rigid ones moves shape and pose.

    Source: sections on known poses and on joint optimization. The paper has no
    learning rate and no interval; "weight decay of 0.95" is read as that of the rate.
    """

    def init(found, observation):
        del observation
        return jax.tree.map(jnp.zeros_like, found)

    def update(step, velocity, found, observation):
        value, slope = jax.value_and_grad(energy)(found, observation)
        rate = decay ** (step // interval)
        faster = jax.tree.map(lambda v, s: momentum * v + s, velocity, slope)
        moved = jax.tree.map(lambda x, r, v: x - rate * r * v, found, rates, faster)
        is_joint = step >= num_rigid
        has_turn = (step < num_rigid) | ((step - num_rigid) % pose_every == 0)
        moves = Registered(is_joint, has_turn, has_turn)
        velocity = jax.tree.map(jnp.where, moves, faster, velocity)
        found = jax.tree.map(jnp.where, moves, moved, found)
        return velocity, found, {"energy": value}

    return Refiner(init, update)


__all__ = [
    "Deformable",
    "Look",
    "Registered",
    "View",
    "corrected_view",
    "deformed_mesh",
    "object_scene",
    "place_points",
    "registered_scene",
    "registration_refiner",
    "undeformed",
]
