"""Views, noise of poses, pictures and clouds of points.

The world is the frame of the camera: x to the right and y up in the plane of the
picture, z towards the viewer. All noise of poses is in these axes.
"""

import math

import jax
import jax.numpy as jnp
from flax import struct

from experiments.registration.config import Config
from experiments.registration.shapes import Instance
from ivg.geometry import rotation
from ivg.geometry.camera import make_camera, pixel_centres, unproject
from ivg.refine.registration import (
    Look,
    Registered,
    View,
    corrected_view,
    object_scene,
)
from ivg.render.pipeline import Buffers, render
from ivg.scene.appearance import make_lights
from ivg.scene.mesh import Mesh
from ivg.typing import Array

RED = (0.8, 0.1, 0.1)
_AMBIENT, _STRENGTH = 0.2, 0.8
_TOWARDS_LIGHT = (-0.5, 0.6, 0.62)


@struct.dataclass
class Observation:
    """One picture of an instance.

    Attributes:
      picture: `[H, W, 3]` linear RGB before black.
      alpha: `[H, W]` its silhouette.
      cloud: `[N, 3]` metres, random points that the camera sees, in its frame.
      true: the pose.
      noisy: a pose nearby.
    """

    picture: Array
    alpha: Array
    cloud: Array
    true: View
    noisy: View


def make_look(config: Config) -> Look:
    """Camera, one far light and uniform red.

    Args:
      config: size of the pictures and field of view.

    Returns:
      `Look`.
    """
    towards = jnp.array(_TOWARDS_LIGHT)
    fov_rad = math.radians(config.fov_deg)
    return Look(
        make_camera(height=config.size_px, width=config.size_px, fov_rad=fov_rad),
        make_lights(
            _AMBIENT,
            direction=(towards / jnp.linalg.norm(towards))[None],
            directional=jnp.full((1, 3), _STRENGTH),
        ),
        jnp.array(RED),
    )


def sample_view(key: Array, config: Config) -> View:
    """A camera anywhere around an upright object, looking at its middle.

    Args:
      key: random key, consumed.
      config: distance and elevation.

    Returns:
      `View`.
    """
    key_azimuth, key_elevation = jax.random.split(key)
    azimuth = jax.random.uniform(key_azimuth, maxval=2 * jnp.pi)
    low, high = (math.radians(x) for x in config.elevation_deg)
    elevation = jax.random.uniform(key_elevation, minval=low, maxval=high)
    turned = rotation.quaternion_from_azimuth_elevation(azimuth, elevation)
    position = jnp.array([0.0, 0.0, -config.distance_m])
    return View(rotation.inverse(turned), position)


def pose_units(config: Config) -> Registered:
    """Half widths of the noise; one for latents.

    Args:
      config: noise.

    Returns:
      `Registered` of numbers.
    """
    return Registered(1.0, config.shift_m, math.radians(config.turn_deg))


def sample_noise(key: Array, config: Config) -> Registered:
    """How far an assumed pose is off.

    Args:
      key: random key, consumed.
      config: noise.

    Returns:
      `Registered` with latents zero; every number of the pose is uniform.
    """
    unit = pose_units(config)
    key_shift, key_turn = jax.random.split(key)
    return Registered(
        jnp.zeros(config.num_latents),
        unit.shift_m * jax.random.uniform(key_shift, (2,), minval=-1),
        unit.turn_rad * jax.random.uniform(key_turn, (3,), minval=-1),
    )


def render_object(mesh: Mesh, view: View, look: Look) -> Buffers:
    """A picture of an object.

    Args:
      mesh: in its own frame.
      view: its pose.
      look: camera, lights and colour.

    Returns:
      `Buffers`.
    """
    return render(object_scene(mesh, view, look))


def visible_points(key: Array, buffers: Buffers, look: Look, count: int) -> Array:
    """What a depth camera would measure, thinned out.

    Args:
      key: random key, consumed.
      buffers: of a picture.
      look: its camera.
      count: how many points.

    Returns:
      `[count, 3]` metres; some come twice if fewer pixels show the object.
    """
    seen = (buffers.depth > 0).reshape(-1)
    pixels = pixel_centres(*buffers.depth.shape).reshape(-1, 2)
    every = unproject(look.camera, pixels, buffers.depth.reshape(-1))
    noise = jax.random.gumbel(key, seen.shape)
    order = jnp.argsort(jnp.where(seen, -noise, jnp.inf))
    total = jnp.maximum(jnp.sum(seen), 1)
    return every[order[jnp.arange(count) % total]]


def observe(key: Array, mesh: Mesh, look: Look, config: Config) -> Observation:
    """A random picture of an instance.

    Args:
      key: random key, consumed.
      mesh: instance.
      look: camera, lights and colour.
      config: views and noise.

    Returns:
      `Observation`.
    """
    key_view, key_noise, key_cloud = jax.random.split(key, 3)
    true = sample_view(key_view, config)
    buffers = render_object(mesh, true, look)
    return Observation(
        buffers.rgb,
        buffers.alpha,
        visible_points(key_cloud, buffers, look, config.num_cloud),
        true,
        corrected_view(sample_noise(key_noise, config), true),
    )


def observe_instances(
    config: Config, instances: dict[str, Instance], seed: int
) -> dict[str, Observation]:
    """Pictures of all instances.

    Args:
      config: views and noise.
      instances: from `make_instances`.
      seed: of views and noise.

    Returns:
      `Observation` by family, with leading axes over instances and views.
    """
    look = make_look(config)

    @jax.jit
    def of_family(keys, meshes):
        def of_one(key, mesh):
            return observe(key, mesh, look, config)

        return jax.vmap(jax.vmap(of_one, (0, None)))(keys, meshes)

    found = {}
    for i, (name, group) in enumerate(instances.items()):
        key = jax.random.fold_in(jax.random.key(seed), i)
        shape = (group.fit.shape[0], config.num_views)
        found[name] = of_family(jax.random.split(key, shape), group.mesh)
    return found


__all__ = [
    "RED",
    "Observation",
    "make_look",
    "observe",
    "observe_instances",
    "pose_units",
    "render_object",
    "sample_noise",
    "sample_view",
    "visible_points",
]
