"""Sizes of the registration experiment."""

import dataclasses
from typing import NamedTuple

from experiments.paths import ASSETS

SHIPPED = ASSETS / "checkpoints" / "registration"


class Rates(NamedTuple):
    """Step sizes of gradient descent, for an energy that is one at an empty picture.

    Attributes:
      shape: of the latents, standard deviations of the family.
      shift: along x and y, in half widths of the noise.
      turn: of axis times angle, likewise.
    """

    shape: float
    shift: float
    turn: float


class Drift(NamedTuple):
    """Settings of coherent point drift in the latent space.

    Attributes:
      outliers: share of points that no point of the shape explains.
      prior: weight of the latents' normal law.
      num_rigid: first iterations that only move the pose, if it may move.
      faces_camera: whether points that face away explain nothing.
    """

    outliers: float
    prior: float
    num_rigid: int
    faces_camera: bool


@dataclasses.dataclass(frozen=True)
class Config:
    """Counts, settings and widths of networks.

    Attributes:
      seed: of instances, views, noise, networks and batches.
      families: names of families of `ivg.scene.shapes.instances`.
      num_train: training instances of each family.
      num_test: test instances of each.
      num_tune: training instances of each that settings are chosen with.
      cell_m: side of the cubes that instances are meshed with.
      num_points: sub-sampled points of the canonical mesh.
      num_samples: points on an instance that the canonical points are drawn to.
      num_dense: points on an instance among which the nearest is looked for.
      beta: width of the kernels of coherent point drift, in root mean square radii.
      stiffness: its `lambda`.
      rank: columns of the factor of its kernel matrix.
      num_latents: size of the latent space.
      size_px: side of the pictures.
      fov_deg: field of view.
      distance_m: from the camera to the middle of the canonical instance.
      elevation_deg: least and greatest angle at which the camera looks down.
      num_views: pictures of each test instance.
      shift_m: half width of the noise along x and y of the camera.
      turn_deg: half width of the noise of each component of axis times angle.
      num_parts: parts that the U-Net tells apart, besides the background.
      unet_widths: channels of the U-Net.
      unet_steps: its training steps.
      unet_batch: pictures in its training batch.
      highest_percent: percentile of its features that becomes one.
      regressor_widths: channels of the direct regressor.
      regressor_steps: its training steps.
      regressor_batch: pairs of pictures in its training batch.
      learning_rate: of Adam for both.
      warmup: steps in which it is reached.
      chunk: training steps between two looks at the loss.
      num_steps: steps of gradient descent.
      joint: step sizes with features and pixels together, which is ours.
      features: with the feature energy alone, the paper's.
      pixels: with the squared error of pictures alone.
      silhouettes: with the overlap of silhouettes alone.
      blurs_px: blurs of the maps and pictures that are compared, together.
      prior: weight of the latents' normal law in all three.
      momentum: of gradient descent.
      decay: factor of the step sizes.
      interval: steps after which they decay.
      num_rigid: first steps that only move the pose, if it may move.
      pose_every: shape steps for each step of the pose.
      newton_steps: Gauss-Newton steps.
      newton_blurs_px: blurs of the pictures that they compare.
      newton_prior: weight of the latents' normal law in them.
      drift_known: coherent point drift with known poses.
      drift_noisy: coherent point drift with noisy poses.
      drift_iterations: its iterations.
      num_cloud: points of the depth picture.
    """

    seed: int = 0
    families: tuple[str, ...] = ("camera", "bottle", "spray", "drill")
    num_train: int = 12
    num_test: int = 2
    num_tune: int = 2
    cell_m: float = 0.006
    num_points: int = 600
    num_samples: int = 2500
    num_dense: int = 50_000
    beta: float = 2.0
    stiffness: float = 10.0
    rank: int = 60
    num_latents: int = 5
    size_px: int = 96
    fov_deg: float = 32.0
    distance_m: float = 0.7
    elevation_deg: tuple[float, float] = (10.0, 45.0)
    num_views: int = 3
    shift_m: float = 0.05
    turn_deg: float = 15.0
    num_parts: int = 1
    unet_widths: tuple[int, ...] = (8, 16, 32, 32)
    unet_steps: int = 400
    unet_batch: int = 4
    highest_percent: float = 99.0
    regressor_widths: tuple[int, ...] = (16, 32, 32, 64)
    regressor_steps: int = 2000
    regressor_batch: int = 16
    learning_rate: float = 2e-3
    warmup: int = 50
    chunk: int = 50
    num_steps: int = 360
    joint: Rates = Rates(0.1, 0.03, 0.3)
    features: Rates = Rates(0.1, 0.003, 0.03)
    pixels: Rates = Rates(0.1, 0.05, 0.5)
    silhouettes: Rates = Rates(0.1, 0.05, 0.5)
    blurs_px: tuple[float, ...] = (1.0, 4.0)
    prior: float = 1e-3
    momentum: float = 0.9
    decay: float = 0.95
    interval: int = 50
    num_rigid: int = 80
    pose_every: int = 3
    newton_steps: int = 20
    newton_blurs_px: tuple[float, ...] = (1.0, 4.0, 8.0)
    newton_prior: float = 1e-3
    drift_known: Drift = Drift(0.0, 30.0, 0, True)
    drift_noisy: Drift = Drift(0.0, 30.0, 0, True)
    drift_iterations: int = 80
    num_cloud: int = 500


PRESETS = {
    "smoke": Config(
        families=("bottle",),
        num_train=3,
        num_test=1,
        num_tune=1,
        cell_m=0.012,
        num_points=40,
        num_samples=60,
        num_dense=200,
        rank=8,
        num_latents=2,
        size_px=32,
        num_views=2,
        num_parts=2,
        unet_widths=(4, 4),
        unet_steps=2,
        unet_batch=2,
        regressor_widths=(4, 4),
        regressor_steps=2,
        regressor_batch=2,
        warmup=1,
        chunk=2,
        num_steps=4,
        num_rigid=1,
        newton_steps=2,
        drift_iterations=4,
        num_cloud=30,
    ),
    "cpu": Config(),
    "paper": Config(
        cell_m=0.004,
        num_points=1000,
        num_samples=4000,
        size_px=256,
        num_views=20,
        unet_widths=(64, 128, 256, 512, 1024),
        unet_steps=10_000,
        unet_batch=8,
        regressor_widths=(32, 64, 128, 128, 256),
        regressor_steps=30_000,
        num_cloud=2000,
    ),
}

__all__ = ["PRESETS", "SHIPPED", "Config", "Drift", "Rates"]
