"""Coherent point drift in the latent space of a family: the rival that sees depth.

The centres of the mixture are the points of a shape; the maximization step finds its
latents in closed form, as the ridge regression that a normal law of the latents asks
for, and then, if the pose may move, the rotation and translation.

Source: Rodriguez, Cogswell, Koo and Behnke, Transferring Grasping Skills to Novel
Instances by Latent Space Non-Rigid Registration, 2018, on Myronenko and Song, Point
Set Registration: Coherent Point Drift, 2010, Figs. 2 and 4. Steps in closed form in
the place of their gradient descent, and the turn of points that face away.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from experiments.registration.config import Drift
from experiments.registration.shapes import Family, point_decoder
from ivg.geometry import rotation
from ivg.numerics import matmul
from ivg.refine.registration import View, deformed_mesh, place_points
from ivg.shape_space.cpd import match_points
from ivg.shape_space.latent_space import ShapeDecoder, decode_shape
from ivg.typing import Array

_FAR = 1e3  # radii: where points go that explain nothing
_LEAST_VARIANCE = 1e-6  # of squared radii


class Fit(NamedTuple):
    """What drifts.

    Attributes:
      latents: `[K]`.
      turn: `[3, 3]` rotation, `camera_from_object`.
      shift: `[3]` metres.
      variance: `[]` of the Gaussians, metres squared.
    """

    latents: Array
    turn: Array
    shift: Array
    variance: Array


def drift_points(
    family: Family,
    cloud: Array,
    view: View,
    settings: Drift,
    num_steps: int,
    *,
    has_pose: bool,
) -> Array:
    """Where the canonical points are, judged by what a depth camera sees.

    Args:
      family: shapes.
      cloud: `[N, 3]` metres, in the frame of the camera.
      view: assumed pose.
      settings: settings.
      num_steps: iterations.
      has_pose: whether the pose may move, along x, y and z too.

    Returns:
      `[M, 3]` metres, in the frame of the camera.
    """
    decoder = point_decoder(family)
    turn = rotation.matrix_from_quaternion(view.quaternion)
    latents = jnp.zeros(decoder.basis.shape[0])
    points = place_points(decoder.mean, view)
    radius2 = jnp.mean(jnp.sum((decoder.mean - jnp.mean(decoder.mean, 0)) ** 2, 1))
    apart = points[:, None] - cloud
    variance = jnp.mean(jnp.sum(apart**2, -1)) / 3
    start = Fit(latents, turn, view.position, variance)

    def step(fit, count):
        matches = _match(family, fit, cloud, settings, radius2)
        shape_may_move = (count >= settings.num_rigid) | (not has_pose)
        shape = _fit_latents(decoder, fit, matches, settings.prior)
        fit = fit._replace(latents=jnp.where(shape_may_move, shape, fit.latents))
        if has_pose:
            fit = _fit_pose(decode_shape(decoder, fit.latents), fit, matches)
        moved = _placed(decode_shape(decoder, fit.latents), fit)
        return fit._replace(variance=_variance(moved, matches, radius2)), None

    fit, _ = jax.lax.scan(step, start, jnp.arange(num_steps))
    return _placed(decode_shape(decoder, fit.latents), fit)


def _placed(points: Array, fit: Fit) -> Array:
    return matmul(points, fit.turn.T) + fit.shift


def _match(family: Family, fit: Fit, cloud: Array, settings: Drift, radius2: Array):
    """The expectation step; points that face away may not take part."""
    mesh = deformed_mesh(family.deformable, fit.latents)
    points = _placed(mesh.vertices[family.index], fit)
    normals = matmul(mesh.normals[family.index], fit.turn.T)
    is_seen = jnp.sum(normals * points, -1) < 0
    far = _FAR * jnp.sqrt(radius2)
    hidden = settings.faces_camera & ~is_seen
    points = jnp.where(hidden[:, None], far, points)
    return match_points(points, cloud, fit.variance, settings.outliers)


def _fit_latents(decoder: ShapeDecoder, fit: Fit, matches, prior: float) -> Array:
    """Ridge regression of matched points, in the frame of the object."""
    pull = matches.centre - matches.weight[:, None] * fit.shift
    pull = matmul(pull, fit.turn) - matches.weight[:, None] * decoder.mean
    basis = decoder.basis.reshape(len(decoder.basis), -1)
    weight = jnp.repeat(matches.weight, 3)
    ridge = prior * fit.variance * jnp.eye(len(basis))
    return jnp.linalg.solve(
        matmul(basis * weight, basis.T) + ridge, matmul(basis, pull.reshape(-1))
    )


def _fit_pose(shape: Array, fit: Fit, matches) -> Fit:
    """Rotation and translation without scale (Myronenko and Song, Fig. 2)."""
    to = jnp.sum(matches.centre, 0) / matches.total
    start = matmul(matches.weight, shape) / matches.total
    off = matches.centre - matches.weight[:, None] * to
    turn, _ = rotation.nearest_rotation(matmul(off.T, shape - start))
    return fit._replace(turn=turn, shift=to - matmul(turn, start))


def _variance(moved: Array, matches, radius2: Array) -> Array:
    """Mean squared distance of matched pairs, per axis."""
    own = matmul(matches.weight, jnp.sum(moved**2, 1))
    wrong = matches.square - 2 * jnp.sum(moved * matches.centre) + own
    return jnp.maximum(wrong / (3 * matches.total), _LEAST_VARIANCE * radius2)


__all__ = ["Fit", "drift_points"]
