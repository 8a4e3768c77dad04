"""Sizes of the voxel experiment of IGE-Net."""

import dataclasses

from experiments.paths import ASSETS
from ivg.models.voxel_networks import INCEPTION_SIZES, MOBILENET_SIZES, VoxelSizes

SHIPPED = ASSETS / "checkpoints" / "ige_voxel"
LOSSES = ("iou", "ce", "balanced", "focal")
ROWS = ("ige", "base_frustum", "base_world")  # columns of Table 3
FINE_CATEGORIES = ("car", "plane", "table")  # of Table 5
SMALL_SIZES = VoxelSizes(
    factor=0.35,
    head=256,
    image=(96, 64, 32, 24),
    volume=(32, 16, 8, 4),
    base=(64, 32, 16, 8),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Counts of things, views and steps, and widths of networks.

    Attributes:
      seed: of things, views, networks and batches.
      sizes: widths of the networks.
      num_train: things of each category to train with.
      num_test: things of each category to test with; none is among the others.
      views: views of each thing to train with.
      test_views: views of each thing to test with.
      fine_views: views of each thing to train with at resolutions above 32.
      fine_test_views: the same to test with.
      losses: those that descents are trained with, of `LOSSES`; "iou" first.
      resolutions: voxels along each side that descents are trained at, 32 first.
      more_resolutions: those that descents are only tested at, beside.
      fine_side: voxels along each side in Table 5.
      fine_things: things of each of its categories.
      num_steps: steps of a descent.
      rate: of a descent, at first.
      clip: of the slope at a voxel, at first.
      last_scale: factor of the first kernels of the energies' second layers.
      decay: weight in the loss of an estimate relative to the next.
      batch_size: views in a training batch.
      fine_batch: the same at resolutions above 32.
      base_steps: training steps of a base network.
      ige_steps: those of a descent.
      fine_steps: those of a descent at a resolution above 32; it goes on from the
        one at the resolution before.
      learning_rate: of Adam, at first.
      last_rate: share of the rate that is left at the end.
      statistics: batches whose statistics replace those of a batch after training.
      chunk: training steps between two looks at the loss.
      num_shown: things in the contact sheet.
      view_px: side of its pictures.
    """

    seed: int = 0
    sizes: VoxelSizes = SMALL_SIZES
    num_train: int = 40
    num_test: int = 6
    views: int = 24
    test_views: int = 4
    fine_views: int = 4
    fine_test_views: int = 1
    losses: tuple[str, ...] = LOSSES
    resolutions: tuple[int, ...] = (32, 64)
    more_resolutions: tuple[int, ...] = (128,)
    fine_side: int = 256
    fine_things: int = 2
    num_steps: int = 4
    rate: float = 2.0
    clip: float = 1.0
    last_scale: float = 0.1
    decay: float = 0.9
    batch_size: int = 8
    fine_batch: int = 4
    base_steps: int = 2_000
    ige_steps: int = 1_200
    fine_steps: int = 200
    learning_rate: float = 1e-3
    last_rate: float = 0.02
    statistics: int = 20
    chunk: int = 50
    num_shown: int = 6
    view_px: int = 192


_SMOKE_SIZES = VoxelSizes(
    factor=0.05, head=8, image=(8, 8, 4, 4), volume=(4, 4, 4, 4), base=(8, 4, 4, 4)
)
PRESETS = {
    "smoke": Config(
        sizes=_SMOKE_SIZES,
        num_train=1,
        num_test=1,
        views=2,
        test_views=1,
        fine_views=1,
        losses=("iou", "focal"),
        resolutions=(32,),
        more_resolutions=(),
        fine_side=64,
        fine_things=1,
        num_steps=2,
        batch_size=2,
        fine_batch=2,
        base_steps=2,
        ige_steps=2,
        fine_steps=2,
        statistics=1,
        chunk=1,
        num_shown=2,
        view_px=32,
    ),
    "cpu": Config(),
    "paper": Config(
        sizes=MOBILENET_SIZES,
        num_train=2_500,
        num_test=600,
        views=24,
        test_views=24,
        fine_views=24,
        fine_test_views=24,
        resolutions=(32, 64, 128, 256),
        more_resolutions=(),
        fine_things=600,
        batch_size=32,
        base_steps=500_000,
        ige_steps=500_000,
        fine_steps=200_000,
        statistics=200,
        chunk=100,
    ),
}
PRESETS["paper_inception"] = dataclasses.replace(
    PRESETS["paper"], sizes=INCEPTION_SIZES
)

__all__ = [
    "FINE_CATEGORIES",
    "LOSSES",
    "PRESETS",
    "ROWS",
    "SHIPPED",
    "SMALL_SIZES",
    "Config",
]
