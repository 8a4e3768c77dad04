"""Sizes of the pose experiment of IGE-Net."""

import dataclasses

from experiments.paths import ASSETS

SHIPPED = ASSETS / "checkpoints" / "ige_pose"
SOURCES = ("gt", "noisy")
BASES = tuple((width, n) for n in (1, 2) for width in (128, 256, 512, 1024))


@dataclasses.dataclass(frozen=True)
class Config:
    """Counts of poses and steps, and widths of networks.

    Attributes:
      seed: of poses, views, networks and batches.
      split: of the poses of a file: by "sequence" or by "subject".
      held_out: share of sequences or subjects that are for the test, where names do
        not say it; the same share of the others is for validation.
      num_procedural: procedural poses to train with.
      procedural_share: how many of a batch are procedural if there is a file.
      num_test: views of test and validation poses.
      unrolls: numbers of steps of the descents that are trained and kept, rising.
      more_unrolls: further ones, trained for Fig. 4 alone, from the kept one that is
        next; zero is the base network of width 128 with one block.
      hidden: units of the first layers of the energies.
      reprojection_scale: factor of their squared distances in the picture.
      feasibility_scale: factor of their squared distances in space.
      bases: widths and blocks of the base networks of Fig. 4; the last is kept.
      batch_size: poses in a training batch of a base network.
      start_steps: training steps of the network of the first estimate.
      base_steps: those of the base network that is kept.
      more_steps: those of base networks that are for Fig. 4 alone.
      unroll_steps: those of a descent.
      more_unroll_steps: those of descents that are for Fig. 4 alone.
      noisy_share: networks for noisy joints go on from those for true joints, for
        this share of their steps.
      unroll_batch: poses in a batch of a descent.
      base_rate: of Adam for base networks, at first.
      unroll_rate: of Adam for the first descent, at first.
      later_rate: of Adam for the others, which start from the one before.
      noisy_rate: of Adam for all descents with noisy joints.
      last_rate: share of the rate that is left at the end.
      has_dropout: whether the first estimate is trained with dropout beside the
        energies too.
      statistics: samples that scales and offsets of frozen layers are computed from.
      chunk: training steps between two looks at the loss.
      num_timed: poses whose lifting is timed.
    """

    seed: int = 0
    split: str = "sequence"
    held_out: float = 0.2
    num_procedural: int = 50_000
    procedural_share: float = 0.3
    num_test: int = 8_000
    unrolls: tuple[int, ...] = (4, 8)
    more_unrolls: tuple[int, ...] = (0, 1, 2, 6, 12, 16)
    hidden: int = 64
    reprojection_scale: float = 10.0
    feasibility_scale: float = 1.0
    bases: tuple[tuple[int, int], ...] = BASES
    batch_size: int = 256
    start_steps: int = 4_000
    base_steps: int = 3_500
    more_steps: int = 1_000
    unroll_steps: int = 1_500
    more_unroll_steps: int = 200
    noisy_share: float = 0.4
    unroll_batch: int = 256
    base_rate: float = 1e-3
    unroll_rate: float = 3e-3
    later_rate: float = 1e-3
    noisy_rate: float = 3e-4
    last_rate: float = 0.02
    has_dropout: bool = False
    statistics: int = 20_000
    chunk: int = 100
    num_timed: int = 10_000


PRESETS = {
    "smoke": Config(
        num_procedural=64,
        num_test=16,
        unrolls=(1, 2),
        more_unrolls=(0,),
        hidden=8,
        bases=((8, 1), (16, 1)),
        batch_size=8,
        start_steps=4,
        base_steps=4,
        more_steps=2,
        unroll_steps=4,
        more_unroll_steps=2,
        unroll_batch=4,
        statistics=16,
        chunk=2,
        num_timed=8,
    ),
    "cpu": Config(),
    "paper": Config(
        reprojection_scale=1.0,
        procedural_share=0.0,
        num_procedural=1_500_000,
        batch_size=64,
        start_steps=4_900_000,
        base_steps=4_900_000,
        more_steps=4_900_000,
        unroll_steps=4_900_000,
        more_unroll_steps=4_900_000,
        noisy_share=1.0,
        unroll_batch=64,
        unroll_rate=1e-4,
        later_rate=1e-4,
        noisy_rate=1e-4,
        has_dropout=True,
        statistics=100_000,
    ),
}

__all__ = ["BASES", "PRESETS", "SHIPPED", "SOURCES", "Config"]
