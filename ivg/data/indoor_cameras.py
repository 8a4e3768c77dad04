"""Cameras in random rooms, and objects that float before a camera."""

import jax
import jax.numpy as jnp

from ivg.data.indoor_layout import MOST_OBJECTS, Room, sample_objects
from ivg.data.indoor_models import IndoorModels
from ivg.geometry import rotation
from ivg.geometry.camera import Camera, camera_from_world, look_at, make_camera, project
from ivg.scene.indoor import INDOOR_NAMES, Placement
from ivg.typing import Array

_VIEWS = 16
_CANDIDATES = 24
_LEAST_FOV_RAD, _FOV_RAD = 0.75, 1.0


def sample_camera(key: Array, room: Room, *, height: int, width: int) -> Camera:
    """A camera held at the height of eyes, that looks at some of the objects.

    Args:
      key: random key, consumed.
      room: room with an object at least.
      height: image rows.
      width: image columns.

    Returns:
      `Camera` in the world, the one of some candidates that has most objects in
      view and does not stick in one.
    """

    def candidate(key):
        key_camera, key_taste = jax.random.split(key)
        camera = _random_camera(key_camera, room, height, width)
        return camera, _num_in_view(room, camera) + jax.random.uniform(key_taste)

    cameras, scores = jax.vmap(candidate)(jax.random.split(key, _VIEWS))
    return jax.tree.map(lambda x: x[jnp.argmax(scores)], cameras)


def _random_camera(key, room, height, width) -> Camera:
    keys = jax.random.split(key, 6)
    share = jax.random.uniform(keys[0], (2,), minval=-1.0, maxval=1.0)
    flat = jnp.sign(share) * jnp.abs(share) ** 0.5 * (room.half_m - 0.2)
    level = jax.random.uniform(keys[1], minval=1.0, maxval=1.75)
    eye = jnp.stack([flat[0], level, flat[1]])
    chosen = jax.random.categorical(keys[2], jnp.where(room.mask, 0.0, -1e9))
    noise = jnp.array([0.4, 0.15, 0.4]) * jax.random.normal(keys[3], (3,))
    camera = look_at(
        eye, room.placement.position[chosen] + noise, height=height, width=width,
        fov_rad=jax.random.uniform(keys[4], minval=_LEAST_FOV_RAD, maxval=_FOV_RAD),
        near=0.05,
    )  # fmt: skip
    roll = jnp.array([0.0, 0.0, 0.05]) * jax.random.normal(keys[5])
    about = rotation.quaternion_from_rotation_vector(roll)
    return camera.replace(quaternion=rotation.multiply(camera.quaternion, about))


def _num_in_view(room: Room, camera: Camera) -> Array:
    """Objects whose middle is in view, or very few if one is in the way."""
    pixels, depth = project(camera, room.placement.position)
    limit = jnp.array([camera.width, camera.height])
    seen = jnp.all((pixels > 0.08 * limit) & (pixels < 0.92 * limit), -1)
    seen &= room.mask & (depth > 0.8) & (depth < 6.0)
    offset = jax.vmap(rotation.rotate)(
        jax.vmap(rotation.inverse)(room.placement.quaternion),
        camera.position - room.placement.position,
    )
    room_around = jnp.abs(offset) - room.placement.size / 2
    is_near = jnp.all(room_around < jnp.array([0.3, 0.15, 0.3]), -1) & room.mask
    return jnp.sum(seen) - 20.0 * jnp.any(is_near)


def sample_floating(
    key: Array, models: IndoorModels, *, height: int, width: int
) -> tuple[Room, Camera]:
    """One to four objects in random poses before a camera, in no room.

    Args:
      key: random key, consumed.
      models: what to choose from.
      height: image rows.
      width: image columns.

    Returns:
      `Room` of `MOST_OBJECTS` places around nothing, and the `Camera` at the origin,
      so that the world is its frame. Objects keep apart as far as there is space.

    Source: Multi-SPARC, section 3.4: "random objects in random poses". The paper
    leaves their law to its supplement; here azimuths are uniform, objects are seen
    from 5 degrees below to 45 above and roll by 10 degrees either way.
    """
    keys = jax.random.split(key, 6)
    num = MOST_OBJECTS
    model, size = sample_objects(keys[0], models, jnp.ones(len(INDOOR_NAMES)), num)
    fov = jax.random.uniform(keys[1], minval=_LEAST_FOV_RAD, maxval=_FOV_RAD)
    camera = make_camera(height=height, width=width, fov_rad=fov, near=0.05)
    turns = jax.vmap(_random_turn)(jax.random.split(keys[2], num))
    radius = 0.4 * jnp.linalg.norm(size, axis=-1)

    def place(positions, row):
        index, key = row
        options = jax.vmap(lambda k: _before_camera(k, camera, radius[index]))(
            jax.random.split(key, _CANDIDATES)
        )
        apart = jnp.linalg.norm(options[:, None] - positions, axis=-1)
        free = jnp.where(jnp.arange(num) < index, apart - radius - radius[index], 9.0)
        best = jnp.argmax(jnp.minimum(jnp.min(free, 1), 0.0))
        return positions.at[index].set(options[best]), None

    rows = jnp.arange(num), jax.random.split(keys[3], num)
    positions, _ = jax.lax.scan(place, jnp.zeros((num, 3)), rows)
    mask = jnp.arange(num) < jax.random.randint(keys[4], (), 1, 5)
    placement = Placement(positions, turns, size)
    return Room(jnp.full(2, 9.0), jnp.array(9.0), model, placement, mask), camera


def _random_turn(key) -> Array:
    """`[4]` from the model to the camera: azimuth, then tilt, then roll."""
    keys = jax.random.split(key, 3)
    azimuth = jax.random.uniform(keys[0], maxval=2 * jnp.pi)
    tilt = jax.random.uniform(keys[1], minval=-0.09, maxval=0.79)
    roll = jax.random.uniform(keys[2], minval=-0.17, maxval=0.17)
    about = [
        rotation.quaternion_from_rotation_vector(roll * jnp.array([0.0, 0.0, 1.0])),
        rotation.quaternion_from_rotation_vector(tilt * jnp.array([1.0, 0.0, 0.0])),
        rotation.quaternion_from_azimuth(azimuth),
    ]
    return rotation.multiply(about[0], rotation.multiply(about[1], about[2]))


def _before_camera(key, camera, radius) -> Array:
    """A point in the inner part of the picture, farther away for large objects."""
    key_pixel, key_depth = jax.random.split(key)
    share = jax.random.uniform(key_pixel, (2,), minval=-0.4, maxval=0.4)
    slope = share * jnp.array([camera.width, camera.height]) / camera.focal_px
    far = jax.random.uniform(key_depth, minval=0.0, maxval=2.5)
    depth = 0.8 + 1.5 * radius + far
    return depth * jnp.append(slope, -1.0)


def in_camera(camera: Camera, placement: Placement) -> Placement:
    """Placements in the frame of a camera.

    Args:
      camera: camera in the world.
      placement: `Placement` of `[K]` objects in the world.

    Returns:
      `Placement` of `[K]`.
    """
    turn = rotation.inverse(camera.quaternion)
    return placement._replace(
        position=camera_from_world(camera, placement.position),
        quaternion=jax.vmap(lambda q: rotation.multiply(turn, q))(placement.quaternion),
    )


def in_world(camera: Camera, placement: Placement) -> Placement:
    """Placements in the world; the inverse of `in_camera`.

    Args:
      camera: camera in the world.
      placement: `Placement` of `[K]` objects in the frame of the camera.

    Returns:
      `Placement` of `[K]`.
    """
    turn = camera.quaternion
    moved = jax.vmap(lambda p: rotation.rotate(turn, p))(placement.position)
    return placement._replace(
        position=camera.position + moved,
        quaternion=jax.vmap(lambda q: rotation.multiply(turn, q))(placement.quaternion),
    )


__all__ = ["in_camera", "in_world", "sample_camera", "sample_floating"]
