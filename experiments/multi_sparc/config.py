"""Sizes of the experiment of Multi-SPARC."""

import dataclasses

from experiments.paths import ASSETS
from ivg.data.sparse_tokens import TokenCounts
from ivg.models.multi_sparc import CPU_SIZES, PAPER_SIZES, MultiSparcSizes
from ivg.models.perceiver import PerceiverSizes

SHIPPED = ASSETS / "checkpoints" / "multi_sparc"
# Changes of the sizes, and whether the network is trained on random objects first.
VARIANTS: dict[str, tuple[dict[str, str], bool]] = {
    "joint": ({}, True),
    "single": ({"relations": "single"}, True),
    "no_pretraining": ({}, False),
    "joint_decoding": ({"decoding": "joint"}, False),
    "joint_encoding": ({"encoding": "joint"}, False),
}
BASELINES = ("regression", "correspondence")  # those that are trained
NAMES = (*VARIANTS, *BASELINES)
ROWS = (*VARIANTS, "confidence_2d", *BASELINES, "gradient")


@dataclasses.dataclass(frozen=True)
class Config:
    """Counts of models, pictures and steps, and widths of networks.

    Attributes:
      seed: of models, rooms, networks and batches.
      networks: which are trained and compared, of `NAMES`; "joint" first.
      sizes: of the networks.
      counts: tokens of an object.
      factor: how sizes and distances change, see `ivg.refine.multi_sparc`.
      frame: of tokens, "camera" or "box", see `ivg.data.box_frames`.
      height: rows of pictures.
      width: columns of pictures.
      pretrain_models: procedural models of each category to pre-train with.
      train_models: those of rooms to train with.
      test_models: those of rooms to test with; no two sets share one.
      num_pretrain: pictures of random objects.
      num_train: pictures of rooms to train with.
      num_scenes: rooms to test with.
      num_views: pictures of each of them.
      batch_size: pictures in a training batch.
      pretrain_steps: training steps on random objects.
      train_steps: those on rooms.
      score_steps: those after that, in which the score counts more.
      baseline_steps: those of the baselines, which see a picture once in a step
        instead of four times.
      learning_rate: of Lamb, after the first steps.
      warm_up: share of the steps in which the rate rises.
      loss_points: points of the loss.
      drop: greatest share of tokens dropped in training.
      refined_share: share of scored poses that are drawn about what the updates made,
        instead of about the truth.
      score_weight: of the cross-entropy beside the distance in metres.
      chunk: training steps between two looks at the loss.
      render_at_once: pictures made in one go.
      gradient_steps: of gradient render-and-compare.
      gradient_rows: rows of its pictures.
      gradient_scenes: rooms that it is tested on, the first ones.
      bootstrap: draws of rooms for intervals.
      num_shown: pictures in the overlays.
      shown_px: least side of an overlay.
    """

    seed: int = 0
    networks: tuple[str, ...] = NAMES
    sizes: MultiSparcSizes = CPU_SIZES
    counts: TokenCounts = TokenCounts(200, 100)
    factor: str = "sigmoid"
    frame: str = "box"
    height: int = 90
    width: int = 120
    pretrain_models: int = 40
    train_models: int = 40
    test_models: int = 12
    num_pretrain: int = 4_000
    num_train: int = 4_000
    num_scenes: int = 200
    num_views: int = 3
    batch_size: int = 8
    pretrain_steps: int = 1_000
    train_steps: int = 7_000
    score_steps: int = 1_500
    baseline_steps: int = 4_500
    learning_rate: float = 1e-2
    warm_up: float = 0.05
    loss_points: int = 200
    drop: float = 0.3
    refined_share: float = 0.5
    score_weight: float = 0.25
    chunk: int = 50
    render_at_once: int = 50
    gradient_steps: int = 30
    gradient_rows: int = 45
    gradient_scenes: int = 60
    bootstrap: int = 1_000
    num_shown: int = 12
    shown_px: int = 360


_SMOKE_SIZES = MultiSparcSizes(
    PerceiverSizes(latents=4, width=8, cross_width=4, heads=2, head_width=4, depth=2)
)
PRESETS = {
    "smoke": Config(
        networks=("joint", "joint_decoding", *BASELINES),
        sizes=_SMOKE_SIZES,
        counts=TokenCounts(12, 6),
        height=30,
        width=40,
        pretrain_models=1,
        train_models=1,
        test_models=1,
        num_pretrain=4,
        num_train=4,
        num_scenes=2,
        num_views=2,
        batch_size=2,
        pretrain_steps=2,
        train_steps=2,
        score_steps=2,
        baseline_steps=2,
        loss_points=10,
        chunk=1,
        render_at_once=2,
        gradient_steps=2,
        gradient_rows=12,
        gradient_scenes=1,
        bootstrap=20,
        num_shown=2,
        shown_px=60,
    ),
    "cpu": Config(),
    "paper": Config(
        sizes=PAPER_SIZES,
        counts=TokenCounts(2000, 500),
        frame="camera",
        height=360,
        width=480,
        pretrain_models=200,
        train_models=200,
        test_models=60,
        num_pretrain=20_000,
        num_train=20_000,
        num_scenes=300,
        num_views=16,
        batch_size=20,
        pretrain_steps=500_000,
        train_steps=500_000,
        score_steps=0,
        baseline_steps=500_000,
        learning_rate=1e-3,
        loss_points=1000,
        score_weight=1.0,
        gradient_rows=120,
    ),
}

__all__ = ["BASELINES", "NAMES", "PRESETS", "ROWS", "SHIPPED", "VARIANTS", "Config"]
