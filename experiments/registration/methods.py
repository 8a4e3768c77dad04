"""The methods that see one picture: descent, Gauss-Newton, the direct regressor."""

import functools

import jax
import jax.numpy as jnp

from experiments.registration.config import Config, Rates
from experiments.registration.networks import (
    Features,
    Trained,
    picture_map,
    regressor,
)
from experiments.registration.scenes import (
    Observation,
    make_look,
    pose_units,
    render_object,
)
from experiments.registration.shapes import Family, shape_points
from ivg.energy.pixel import blur, silhouette_energy, squared_error
from ivg.numerics import safe_divide
from ivg.refine.gauss_newton import gauss_newton_refiner
from ivg.refine.refiner import Refinement, refine
from ivg.refine.registration import (
    Registered,
    View,
    corrected_view,
    place_points,
    registered_scene,
    registration_refiner,
    undeformed,
)
from ivg.render.pipeline import render
from ivg.typing import Array

ENERGIES = "joint", "features", "pixels", "silhouettes"


def image_energy(
    kind: str,
    config: Config,
    family: Family,
    features: Features,
    observation: Observation,
    view: View,
):
    """Makes one of the energies of a picture; an empty picture has about one.

    Args:
      kind: "features" for the mean squared difference of feature maps, "pixels" for
        that of pictures, "joint" for the mean of both, "silhouettes" for one minus
        the overlap.
      config: widths.
      family: shapes.
      features: U-Net.
      observation: what is seen.
      view: assumed pose.

    Returns:
      `(Registered) -> []`, differentiable.
    """
    look = make_look(config)

    def shown(found):
        return render(registered_scene(family.deformable, found, view, look))

    if kind == "silhouettes":
        return lambda found: silhouette_energy(shown(found).alpha, observation.alpha)

    def seen(picture):
        parts = [] if kind == "features" else [picture]
        if kind != "pixels":
            parts.append(picture_map(config, features, picture)[..., None])
        return [blur(part, width) for part in parts for width in config.blurs_px]

    target = seen(observation.picture)
    empty = seen(jnp.zeros_like(observation.picture))
    scales = [squared_error(a, b) for a, b in zip(empty, target, strict=True)]

    def energy(found):
        rows = zip(seen(shown(found).rgb), target, scales, strict=True)
        parts = [safe_divide(squared_error(a, b), s, 1.0) for a, b, s in rows]
        return sum(parts) / len(parts)

    return energy


def descent_rates(config: Config, rates: Rates, *, has_pose: bool) -> Registered:
    """Step sizes of the numbers of an estimate.

    A pose is measured in half widths of its noise, so its step sizes have their
    squares as a factor.

    Args:
      config: noise.
      rates: step sizes.
      has_pose: whether the pose may move.

    Returns:
      `Registered` of numbers.
    """
    unit = pose_units(config)
    return Registered(
        rates.shape,
        has_pose * rates.shift * unit.shift_m**2,
        has_pose * rates.turn * unit.turn_rad**2,
    )


@functools.partial(jax.jit, static_argnames=("kind", "config"))
def descend(
    kind: str,
    config: Config,
    family: Family,
    features: Features,
    observations: Observation,
    views: View,
    rates: Registered,
    num_rigid: int,
) -> Refinement:
    """Ours: gradient descent on one of the energies, for many pictures.

    Args:
      kind: energy, as in `image_energy`.
      config: steps.
      family: shapes.
      features: U-Net.
      observations: leading axis over pictures.
      views: assumed poses, likewise.
      rates: from `descent_rates`.
      num_rigid: first steps that only move the pose.

    Returns:
      `Refinement` with a leading axis.
    """

    def one(observation, view):
        energy = image_energy(kind, config, family, features, observation, view)

        def penalised(found, _):
            return energy(found) + config.prior * jnp.sum(found.latents**2) / 2

        refiner = registration_refiner(
            penalised, rates, momentum=config.momentum,
            decay=config.decay, interval=config.interval,
            pose_every=config.pose_every, num_rigid=num_rigid,
        )  # fmt: skip
        return refine(refiner, undeformed(config.num_latents), (), config.num_steps)

    return jax.vmap(one)(observations, views)


@functools.partial(jax.jit, static_argnames=("config", "has_pose"))
def newton(
    config: Config,
    family: Family,
    observations: Observation,
    views: View,
    has_pose: bool,
) -> Refinement:
    """Gauss-Newton on differences of blurred pictures, for many pictures.

    Features do not serve here: the convolutions of a U-Net have no derivative in
    forward direction.

    Args:
      config: steps, blurs, prior.
      family: shapes.
      observations: leading axis over pictures.
      views: assumed poses, likewise.
      has_pose: whether the pose may move.

    Returns:
      `Refinement` of a pair, latents and pose, with a leading axis. The pose is in
      half widths of the noise.
    """
    look = make_look(config)

    def one(observation, view):
        def residuals(units, _):
            found = _from_units(config, units, has_pose)
            shown = render(registered_scene(family.deformable, found, view, look)).rgb
            off = shown - observation.picture
            scale = jnp.sqrt(jnp.sum(observation.picture**2))
            parts = [blur(off, width) / scale for width in config.newton_blurs_px]
            return [*parts, jnp.sqrt(config.newton_prior) * found.latents]

        start = jnp.zeros(config.num_latents + 5 * has_pose)
        refiner = gauss_newton_refiner(residuals)
        return refine(refiner, start, (), config.newton_steps)

    return jax.vmap(one)(observations, views)


def _from_units(config: Config, units: Array, has_pose: bool) -> Registered:
    """Latents and, if it may move, the pose in half widths of its noise."""
    found, k = undeformed(config.num_latents), config.num_latents
    if not has_pose:
        return found.replace(latents=units)
    unit = pose_units(config)
    return Registered(
        units[:k], unit.shift_m * units[k : k + 2], unit.turn_rad * units[k + 2 :]
    )


def newton_estimates(config: Config, result: Refinement, has_pose: bool) -> Registered:
    """Where Gauss-Newton ends.

    Args:
      config: sizes.
      result: from `newton`.
      has_pose: whether the pose could move.

    Returns:
      `Registered` with a leading axis.
    """
    return jax.vmap(lambda units: _from_units(config, units, has_pose))(result.params)


@functools.partial(jax.jit, static_argnames=("config", "has_pose"))
def regress(
    config: Config,
    trained: Trained,
    observations: Observation,
    views: View,
    has_pose: bool,
) -> Registered:
    """The direct regressor, for many pictures.

    Args:
      config: widths.
      trained: shapes and networks.
      observations: leading axis over pictures.
      views: assumed poses, likewise.
      has_pose: whether what it says of the pose counts.

    Returns:
      `Registered` with a leading axis.
    """
    look, unit = make_look(config), pose_units(config)
    mesh = trained.family.deformable.mesh
    shown = jax.vmap(lambda view: render_object(mesh, view, look).rgb)(views)
    pair = jnp.concatenate([observations.picture, shown], -1)
    guess = regressor(config).apply(trained.regressor, pair)
    return Registered(
        guess.latents,
        has_pose * unit.shift_m * guess.shift,
        has_pose * unit.turn_rad * guess.turn,
    )


def estimated_points(family: Family, found: Registered, view: View) -> Array:
    """Where the canonical points are by an estimate.

    Args:
      family: shapes.
      found: estimate.
      view: assumed pose.

    Returns:
      `[M, 3]` metres, in the frame of the camera.
    """
    points = shape_points(family, found.latents)
    return place_points(points, corrected_view(found, view))


__all__ = [
    "ENERGIES",
    "descend",
    "descent_rates",
    "estimated_points",
    "image_energy",
    "newton",
    "newton_estimates",
    "regress",
]
