"""Pinhole camera.

The camera frame has +x right, +y up and looks along -z. Pixel coordinates have
their origin at the top left corner of the image, x to the right and y down, and
the centre of the first pixel is at (0.5, 0.5). Depth is the distance along the
optical axis, positive in front, in metres.
"""

import math

import jax.numpy as jnp
from flax import struct

from ivg.geometry import rotation
from ivg.numerics import safe_divide, turn
from ivg.typing import Array

FOV_RAD = math.radians(50.0)


@struct.dataclass
class Camera:
    """A pinhole camera in the world and its image.

    Attributes:
      position: `[3]` metres, in the world.
      quaternion: `[4]` wxyz, `world_from_camera`.
      focal_px: `[2]` focal length along x and y, pixels.
      principal_point_px: `[2]` where the optical axis meets the image, pixels.
      near: `[]` least visible depth, metres, positive.
      height: image rows (static).
      width: image columns (static).
    """

    position: Array
    quaternion: Array
    focal_px: Array
    principal_point_px: Array
    near: Array
    height: int = struct.field(pytree_node=False)
    width: int = struct.field(pytree_node=False)


def focal_from_fov(fov_rad, size_px) -> Array:
    """Focal length of a field of view: `size / (2 tan(fov / 2))`.

    Args:
      fov_rad: `[]` full angle in radians, in (0, pi).
      size_px: `[]` extent of the image over which the angle is measured, pixels.

    Returns:
      `[]` focal length in pixels.
    """
    return size_px / (2 * jnp.tan(jnp.asarray(fov_rad) / 2))


def make_camera(
    position=(0.0, 0.0, 0.0),
    quaternion=rotation.IDENTITY,
    *,
    height: int,
    width: int,
    fov_rad=FOV_RAD,
    near=0.01,
) -> Camera:
    """A camera with square pixels, centred on its image.

    Args:
      position: `[3]` metres, in the world.
      quaternion: `[4]` wxyz, `world_from_camera`.
      height: image rows.
      width: image columns.
      fov_rad: `[]` vertical field of view, radians.
      near: `[]` least visible depth, metres.

    Returns:
      `Camera`.

    Raises:
      ValueError: if the image has no pixels.
    """
    if height < 1 or width < 1:
        raise ValueError(f"an image needs pixels: got height {height}, width {width}")
    dtype = jnp.result_type(float)
    focal = focal_from_fov(fov_rad, height)
    return Camera(
        position=jnp.asarray(position, dtype),
        quaternion=jnp.asarray(quaternion, dtype),
        focal_px=jnp.stack([focal, focal]).astype(dtype),
        principal_point_px=jnp.array([width / 2, height / 2], dtype),
        near=jnp.asarray(near, dtype),
        height=height,
        width=width,
    )


def look_at(eye, target, up=(0.0, 1.0, 0.0), **intrinsics) -> Camera:
    """A camera at `eye` that shows `target` in the middle of its image.

    Args:
      eye: `[3]` metres.
      target: `[3]` metres, apart from `eye`.
      up: `[3]` shown upwards; not along the line of sight.
      **intrinsics: passed on to `make_camera`.

    Returns:
      `Camera`.
    """
    dtype = jnp.result_type(float)
    eye, target, up = (jnp.asarray(x, dtype) for x in (eye, target, up))
    return make_camera(eye, rotation.look_rotation(target - eye, up), **intrinsics)


def resize(camera: Camera, height: int, width: int) -> Camera:
    """The same view in another resolution.

    Args:
      camera: camera.
      height: rows of the new image.
      width: columns of the new image.

    Returns:
      `Camera` with focal length and principal point scaled alike.
    """
    factor = jnp.array(
        [width / camera.width, height / camera.height], camera.focal_px.dtype
    )
    return camera.replace(
        focal_px=camera.focal_px * factor,
        principal_point_px=camera.principal_point_px * factor,
        height=height,
        width=width,
    )


def crop_rows(camera: Camera, first_row: Array, height: int) -> Camera:
    """The camera of some rows of the image.

    Args:
      camera: camera.
      first_row: `[]` row of the image that becomes the first one.
      height: number of rows.

    Returns:
      `Camera` that sees the same in those rows.
    """
    shift = jnp.array([0.0, 1.0], camera.principal_point_px.dtype) * first_row
    return camera.replace(
        principal_point_px=camera.principal_point_px - shift, height=height
    )


def camera_from_world(camera: Camera, points: Array) -> Array:
    """Points in the camera frame.

    Args:
      camera: camera.
      points: `[V, 3]` metres, in the world.

    Returns:
      `[V, 3]` metres, x right, y up, z backward.
    """
    world_from_camera = rotation.matrix_from_quaternion(camera.quaternion)
    return turn(points - camera.position, world_from_camera)


def homogeneous_px(camera: Camera, points: Array) -> Array:
    """Homogeneous pixel coordinates `(x w, y w, w)` with `w` the depth.

    Linear in the points, hence finite and differentiable also on and behind the
    plane of the camera, where no projection exists.

    Args:
      camera: camera.
      points: `[V, 3]` metres, in the world.

    Returns:
      `[V, 3]`: pixel coordinates times depth, and depth in metres.
    """
    x, y, z = jnp.moveaxis(camera_from_world(camera, points), -1, 0)
    depth = -z
    focal, centre = camera.focal_px, camera.principal_point_px
    return jnp.stack(
        [focal[0] * x + centre[0] * depth, -focal[1] * y + centre[1] * depth, depth], -1
    )


def project(camera: Camera, points: Array) -> tuple[Array, Array]:
    """Pixel coordinates and depth of points.

    Args:
      camera: camera.
      points: `[V, 3]` metres, in the world.

    Returns:
      `[V, 2]` pixels (x, y), zero at depth zero, and `[V]` depth in metres. Points
      with a depth that is not positive are behind the camera: their pixel
      coordinates mean nothing.
    """
    homogeneous = homogeneous_px(camera, points)
    depth = homogeneous[:, 2]
    return safe_divide(homogeneous[:, :2], depth[:, None]), depth


def unproject(camera: Camera, pixels: Array, depth: Array) -> Array:
    """Points of the world at given pixels and depths; inverse of `project`.

    Args:
      camera: camera.
      pixels: `[P, 2]` pixels (x, y).
      depth: `[P]` metres.

    Returns:
      `[P, 3]` metres, in the world.
    """
    return camera.position + ray_directions(camera, pixels) * depth[:, None]


def ray_directions(camera: Camera, pixels: Array) -> Array:
    """Directions of sight, scaled to advance one metre of depth.

    Args:
      camera: camera.
      pixels: `[P, 2]` pixels (x, y).

    Returns:
      `[P, 3]` in the world; not unit vectors.
    """
    offset = (pixels - camera.principal_point_px) / camera.focal_px
    ray = jnp.stack([offset[:, 0], -offset[:, 1], -jnp.ones_like(offset[:, 0])], -1)
    return turn(ray, rotation.matrix_from_quaternion(camera.quaternion).T)


def ray_planes(camera: Camera) -> Array:
    """Directions of sight of all pixel centres, as planes.

    Args:
      camera: camera.

    Returns:
      `[3, H, W]` in the world, scaled to advance one metre of depth.
    """
    dtype = camera.focal_px.dtype
    x = (jnp.arange(camera.width, dtype=dtype) + 0.5 - camera.principal_point_px[0]) / (
        camera.focal_px[0]
    )
    y = jnp.arange(camera.height, dtype=dtype) + 0.5 - camera.principal_point_px[1]
    y = -y / camera.focal_px[1]
    axes = rotation.matrix_from_quaternion(camera.quaternion).T
    right, up, back = axes[:, :, None, None]
    return right * x + up * y[:, None] - back


def pixel_centres(height: int, width: int) -> Array:
    """Coordinates of the centres of all pixels.

    Args:
      height: rows.
      width: columns.

    Returns:
      `[H, W, 2]` pixels (x, y); the first is (0.5, 0.5).
    """
    dtype = jnp.result_type(float)
    x, y = jnp.meshgrid(
        jnp.arange(width, dtype=dtype) + 0.5, jnp.arange(height, dtype=dtype) + 0.5
    )
    return jnp.stack([x, y], -1)


__all__ = [
    "FOV_RAD",
    "Camera",
    "camera_from_world",
    "crop_rows",
    "focal_from_fov",
    "homogeneous_px",
    "look_at",
    "make_camera",
    "pixel_centres",
    "project",
    "ray_directions",
    "ray_planes",
    "resize",
    "unproject",
]
