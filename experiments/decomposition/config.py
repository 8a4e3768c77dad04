"""Sizes of the experiment on scene decomposition."""

import dataclasses

from experiments.paths import ASSETS
from ivg.models.resnet import RESNET18_WIDTHS

SHIPPED = ASSETS / "checkpoints" / "decomposition"
VARIANTS = {"rgb": 3, "rgbd": 4}  # and how many maps of depths each of them sees


@dataclasses.dataclass(frozen=True)
class Config:
    """Counts of scenes and steps, and widths of the model.

    Attributes:
      seed: of scenes, networks and batches.
      size_px: side of the pictures, a multiple of eight.
      noise_m: greatest error of a depth, metres.
      num_woods: grains of wood that scenes choose from.
      num_train: scenes that are rendered before the training, which draws from them
        and mirrors them; None renders every batch anew.
      num_scenes: test scenes.
      scenes_at_once: scenes rendered or looked at together.
      stage_widths: of stem and stages of the ResNet.
      width: of the blocks after it.
      num_blocks: number of these blocks.
      joined: how observed maps enter, see `ivg.models.decomposition.join_maps`.
      batch_size: scenes in a training batch.
      steps: training steps.
      learning_rate: of Adam, the highest.
      warmup: steps in which it is reached.
      chunk: training steps between two looks at the loss.
      num_shown: scenes on the pictures.
      view_px: side of the views from above.
    """

    seed: int = 0
    size_px: int = 128
    noise_m: float = 0.005
    num_woods: int = 8
    num_train: int | None = 6000
    num_scenes: int = 1000
    scenes_at_once: int = 50
    stage_widths: tuple[int, int, int] = (16, 16, 32)
    width: int = 48
    num_blocks: int = 3
    joined: str = "differences"
    batch_size: int = 16
    steps: int = 1500
    learning_rate: float = 1e-3
    warmup: int = 100
    chunk: int = 50
    num_shown: int = 6
    view_px: int = 256


PRESETS = {
    "smoke": Config(
        size_px=32,
        num_woods=2,
        num_train=4,
        num_scenes=6,
        scenes_at_once=4,
        stage_widths=(4, 4, 4),
        width=4,
        num_blocks=1,
        batch_size=2,
        steps=4,
        warmup=1,
        chunk=2,
        num_shown=2,
        view_px=32,
    ),
    "cpu": Config(),
    "paper": Config(
        size_px=256,
        num_train=None,
        stage_widths=RESNET18_WIDTHS,
        width=128,
        num_blocks=4,
        batch_size=32,
        steps=5000,
    ),
}

__all__ = ["PRESETS", "SHIPPED", "VARIANTS", "Config"]
