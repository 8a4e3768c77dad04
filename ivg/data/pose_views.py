"""People in front of the four cameras of Human3.6M, and errors of 2D detectors.

The world of Human3.6M has z up; camera frames are OpenCV's.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.geometry.distortion import Lens, normalize_px, project_lens
from ivg.geometry.rotation import (
    matrix_from_quaternion,
    quaternion_from_azimuth,
    rotate,
)
from ivg.numerics import turn
from ivg.typing import Array

ARENA_M = 1.2
SOLE_M = 0.08


@struct.dataclass
class StudioCamera:
    """A camera of a studio.

    Attributes:
      quaternion: `[4]` wxyz, from the frame of the camera to the world.
      position: `[3]` metres, in the world, z up.
      lens: its lens.
    """

    quaternion: Array
    position: Array
    lens: Lens


@struct.dataclass
class PoseView:
    """A pose and where its joints appear.

    Attributes:
      pose: `[17, 3]` metres, in the frame of the camera.
      pixels: `[17, 2]` where the joints are seen.
      lens: lens of the camera.
    """

    pose: Array
    pixels: Array
    lens: Lens


def human36m_cameras() -> StudioCamera:
    """The cameras 54138969, 55011271, 58860488 and 60457274 of Human3.6M.

    Returns:
      `StudioCamera` with an axis `[4]` on every leaf, placed as for subject 1; they
      stand some centimetres elsewhere for others.

    Source: the calibration of Human3.6M (Ionescu et al., PAMI 2014), as it is given
    in the tools of its users, such as VideoPose3D.
    """
    world_from_camera = jnp.array(
        [
            [0.14070565, -0.15007018, -0.7552408, 0.62232804],
            [0.61571795, -0.76483631, -0.14833826, 0.11794741],
            [0.14651473, -0.14647852, 0.76530236, -0.60941756],
            [0.58340085, -0.78531623, 0.14548823, -0.14749594],
        ]
    )
    position_mm = jnp.array(
        [
            [1841.10706, 4955.28467, 1563.44543],
            [1761.27856, -5078.00684, 1606.26501],
            [-1846.77771, 5215.04639, 1491.97241],
            [-1794.78967, -3722.6987, 1574.8927],
        ]
    )
    radial = jnp.array(
        [
            [-0.20709892, 0.24777518, -0.00307515],
            [-0.19421363, 0.24040854, 0.00681998],
            [-0.20833819, 0.25548801, -0.0024605],
            [-0.19838409, 0.21832368, -0.00894781],
        ]
    )
    tangential = jnp.array(
        [
            [-0.0009757, -0.00142447],
            [-0.00161903, -0.00274089],
            [0.00148439, -0.00076],
            [-0.00058721, -0.00181336],
        ]
    )
    focal_px = jnp.array(
        [
            [1145.04944, 1143.78113],
            [1149.67566, 1147.59167],
            [1149.14075, 1148.7989],
            [1145.51134, 1144.77393],
        ]
    )
    centre_px = jnp.array(
        [
            [512.5415, 515.45148],
            [508.84863, 508.06491],
            [519.81586, 501.40265],
            [514.96823, 501.88202],
        ]
    )
    lenses = Lens(focal_px, centre_px, radial, tangential)
    return StudioCamera(world_from_camera, position_mm / 1000, lenses)


def place_in_studio(pose: Array, azimuth_rad: Array, spot_m: Array) -> Array:
    """Puts a person on the floor of the studio.

    Args:
      pose: `[17, 3]` metres, y up.
      azimuth_rad: `[]` how far the person turns about the vertical.
      spot_m: `[2]` where the pelvis is above.

    Returns:
      `[17, 3]` metres in the world of the studio, z up; the lowest joint is as high
      as an ankle.
    """
    about = quaternion_from_azimuth(azimuth_rad)
    turned = jax.vmap(rotate, (None, 0))(about, pose - pose[0])
    x, y, z = jnp.unstack(turned, axis=-1)
    # Right-handed from y up to z up: x stays, -z becomes y.
    height = y - jnp.min(y) + SOLE_M
    return jnp.stack([x + spot_m[0], -z + spot_m[1], height], -1)


def view_pose(camera: StudioCamera, pose: Array) -> PoseView:
    """What a camera sees of a pose in the studio.

    Args:
      camera: one camera.
      pose: `[17, 3]` metres in the world, z up.

    Returns:
      `PoseView`.
    """
    matrix = matrix_from_quaternion(camera.quaternion)
    seen = turn(pose - camera.position, matrix)
    return PoseView(seen, project_lens(camera.lens, seen), camera.lens)


def sample_view(key: Array, cameras: StudioCamera, pose: Array) -> PoseView:
    """A pose anywhere in the arena, before a random camera.

    Args:
      key: random key, consumed.
      cameras: `StudioCamera` with a leading axis.
      pose: `[17, 3]` metres, y up.

    Returns:
      `PoseView`. People stand at most `ARENA_M` from the middle of the cameras.
    """
    key_turn, key_spot, key_far, key_camera = jax.random.split(key, 4)
    azimuth = jax.random.uniform(key_turn, maxval=2 * jnp.pi)
    bearing = jax.random.uniform(key_spot, maxval=2 * jnp.pi)
    far = ARENA_M * jnp.sqrt(jax.random.uniform(key_far))
    middle = jnp.mean(cameras.position[:, :2], 0)
    spot = middle + far * jnp.stack([jnp.cos(bearing), jnp.sin(bearing)])
    index = jax.random.randint(key_camera, (), 0, len(cameras.position))
    camera = jax.tree.map(lambda x: x[index], cameras)
    return view_pose(camera, place_in_studio(pose, azimuth, spot))


def detect_joints(
    key: Array,
    pixels: Array,
    *,
    error_px: tuple[float, float] = (2.0, 8.0),
    outliers: float = 0.02,
    outlier_px: float = 30.0,
) -> Array:
    """Joints as a detector in pictures would find them.

    Args:
      key: random key, consumed.
      pixels: `[J, 2]` true places.
      error_px: least and greatest deviation; each person has one between them.
      outliers: share of joints that are found elsewhere.
      outlier_px: deviation of those.

    Returns:
      `[J, 2]` pixels.
    """
    key_size, key_noise, key_outlier = jax.random.split(key, 3)
    deviation = jax.random.uniform(key_size, minval=error_px[0], maxval=error_px[1])
    is_far = jax.random.bernoulli(key_outlier, outliers, pixels.shape[:1])
    deviations = jnp.where(is_far, outlier_px, deviation)[:, None]
    return pixels + deviations * jax.random.normal(key_noise, pixels.shape)


def normalized_view(view: PoseView) -> tuple[Array, Array]:
    """A view without units, as networks see it.

    Args:
      view: pose and pixels.

    Returns:
      `[17, 2]` normalised coordinates, still distorted, and the pose `[17, 3]`
      divided by the distance of its pelvis.

    Source: released code of IGE-Net.
    """
    distance = jnp.sqrt(jnp.sum(view.pose[0] ** 2))
    return normalize_px(view.lens, view.pixels), view.pose / distance


__all__ = [
    "ARENA_M",
    "SOLE_M",
    "PoseView",
    "StudioCamera",
    "detect_joints",
    "human36m_cameras",
    "normalized_view",
    "place_in_studio",
    "sample_view",
    "view_pose",
]
