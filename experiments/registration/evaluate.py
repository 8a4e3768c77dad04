"""All methods on all pictures, and how far their points are from the true ones."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.registration.cls import drift_points
from experiments.registration.config import Config
from experiments.registration.methods import (
    ENERGIES,
    descend,
    descent_rates,
    estimated_points,
    newton,
    newton_estimates,
    regress,
)
from experiments.registration.networks import Trained
from experiments.registration.scenes import Observation
from experiments.registration.shapes import Family, Instance, canonical_points
from ivg.geometry import rotation
from ivg.numerics import matmul, safe_atan2, turn
from ivg.refine.registration import Registered, View, place_points
from ivg.typing import Array

METHODS = "canonical", "cpd", "regressor", "newton", *ENERGIES
MODES = "known", "noisy"
ROUND = ("bottle",)  # families that look the same from all sides

Distances = dict[str, dict[str, np.ndarray]]


def point_distances(
    points: Array, reference: Array, view: View, is_round: bool
) -> Array:
    """How far points are from where they should be.

    Args:
      points: `[M, 3]` metres, in the frame of the camera.
      reference: `[M, 3]` metres, in the frame of the object.
      view: its true pose.
      is_round: whether the object has no front: then the reference is first turned
        about the upright axis, to where the sum of squared distances is least.

    Returns:
      `[M]` metres.
    """
    if is_round:
        own = matmul(points - view.position, rotation.matrix_from_quaternion(
            view.quaternion))  # fmt: skip
        (x, _, z), (u, _, w) = own.T, reference.T
        angle = safe_atan2(jnp.sum(x * w - z * u), jnp.sum(x * u + z * w))
        about = rotation.matrix_from_quaternion(rotation.quaternion_from_azimuth(angle))
        reference = turn(reference, about.T)
    return jnp.linalg.norm(points - place_points(reference, view), axis=-1)


@functools.partial(jax.jit, static_argnames="is_round")
def _all_distances(points, references, views, is_round):
    measure = functools.partial(point_distances, is_round=is_round)
    return jax.vmap(jax.vmap(measure, (0, None, 0)))(points, references, views)


def methods_of(config: Config) -> dict[str, Callable]:
    """The methods by name.

    Args:
      config: settings.

    Returns:
      Functions `(trained, observations, views, has_pose) -> points [P, M, 3]` in the
      frame of the camera, of `P` pictures and their assumed poses.
    """
    return {
        "canonical": _canonical,
        "cpd": functools.partial(cpd_points, config),
        "regressor": functools.partial(_regressed, config),
        "newton": functools.partial(_newton, config),
        **{kind: functools.partial(_descended, kind, config) for kind in ENERGIES},
    }


@jax.jit
def _canonical(trained: Trained, observations, views, has_pose):
    del observations, has_pose
    points = canonical_points(trained.family)
    return jax.vmap(place_points, (None, 0))(points, views)


def cpd_points(
    config: Config, trained: Trained, observations: Observation, views: View, has_pose
) -> Array:
    """Coherent point drift on the visible points.

    Args:
      config: its settings.
      trained: shapes.
      observations: leading axis over pictures.
      views: assumed poses, likewise.
      has_pose: whether they may be wrong.

    Returns:
      `[P, M, 3]` metres.
    """
    settings = config.drift_noisy if has_pose else config.drift_known

    def one(cloud, view):
        return drift_points(
            trained.family, cloud, view, settings, config.drift_iterations,
            has_pose=has_pose,
        )  # fmt: skip

    return jax.jit(jax.vmap(one))(observations.cloud, views)


def _regressed(config, trained, observations, views, has_pose):
    found = regress(config, trained, observations, views, has_pose)
    return points_of(trained.family, found, views)


def _newton(config, trained, observations, views, has_pose):
    result = newton(config, trained.family, observations, views, has_pose)
    found = newton_estimates(config, result, has_pose)
    return points_of(trained.family, found, views)


def _descended(kind, config, trained, observations, views, has_pose):
    rates = descent_rates(config, getattr(config, kind), has_pose=has_pose)
    result = descend(
        kind, config, trained.family, trained.features, observations, views, rates,
        config.num_rigid * has_pose,
    )  # fmt: skip
    return points_of(trained.family, result.params, views)


@jax.jit
def points_of(family: Family, found: Registered, views: View) -> Array:
    """Points of many estimates.

    Args:
      family: shapes.
      found: estimates, leading axis over pictures.
      views: assumed poses, likewise.

    Returns:
      `[P, M, 3]` metres, in the frame of the camera.
    """
    return jax.vmap(estimated_points, (None, 0, 0))(family, found, views)


def evaluate_method(
    method: Callable,
    name: str,
    trained: Trained,
    instances: Instance,
    observations: Observation,
    has_pose: bool,
) -> np.ndarray:
    """One method on all pictures of a family.

    Args:
      method: of `methods_of`.
      name: of the family.
      trained: shapes and networks.
      instances: leading axis over instances.
      observations: leading axes over instances and views.
      has_pose: whether assumed poses are the noisy ones.

    Returns:
      `[I, V, M]` metres.
    """
    count = observations.alpha.shape[:2]
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), observations)
    views = flat.noisy if has_pose else flat.true
    points = method(trained, flat, views, has_pose)
    points = points.reshape(*count, *points.shape[1:])
    return np.asarray(
        _all_distances(points, instances.reference, observations.true, name in ROUND)
    )


__all__ = [
    "METHODS",
    "MODES",
    "ROUND",
    "cpd_points",
    "evaluate_method",
    "methods_of",
    "point_distances",
    "points_of",
]
