"""Sizes of the experiment of the 3D IQ test."""

import dataclasses

from experiments.paths import ASSETS
from ivg.models.iqtt import CPU_SIZES as CPU_TRUNK
from ivg.models.iqtt import PAPER_SIZES as PAPER_TRUNK
from ivg.models.iqtt import TrunkSizes
from ivg.models.pix2scene import CPU_SIZES, PAPER_SIZES, Pix2SceneSizes
from ivg.train.pix2scene import LossWeights

SHIPPED = ASSETS / "checkpoints" / "iqtt"
BASELINES = ("cnn", "siamese")
LABELS = (200, 1_000, 10_000)


@dataclasses.dataclass(frozen=True)
class Config:
    """Counts of questions and steps, and widths of networks.

    Attributes:
      seed: of shapes, views, networks and batches.
      sizes: of pix2scene's networks; `view` is 0, for nobody knows the camera.
      trunk: of the baselines' network.
      view_latent: numbers at the end of a latent that are for the view; those before
        are for the shape.
      statistics: widths of the network that estimates mutual information.
      num_train: questions to train with; all their pictures are used without labels.
      num_valid: questions to watch over a training.
      num_test: questions to test with; no two sets share a shape.
      labels: how many of the training questions have an answer, one model for each.
      distractors: "others" or "mirror", see `make_questions`.
      batch_size: pictures in a batch.
      steps: of the generator and encoder without labels.
      labelled_steps: the same with labels; they go on from the model without.
      critic_steps: of the critic for each of them.
      learning_rate: of Adam at the first step.
      last_rate: share of it that is left at the last step.
      momentum: of Adam, decay of the mean of gradients.
      smoothing: of Adam, decay of the mean of their squares.
      weights: of the losses; that of pictures is of their squared distance.
      information_weight: of the mutual information of shape and view.
      interval: steps from one that looks at labelled questions to the next, in the
        mean.
      question_batch: questions in such a step; also of those without an answer.
      shift: pixels by which pictures of questions are moved at most, in all models.
      label_weight: of the loss of labelled questions.
      bag_weight: of that of questions without an answer, zero to leave these out.
      softness: squared distance that counts as one in both.
      baseline_steps: of each baseline.
      baseline_batch: questions in a batch of theirs.
      baseline_rate: of Adam for them.
      contrast: margin of the contrastive loss.
      observed: batches whose statistics replace those of a batch after training.
      chunk: training steps between two looks at the loss.
      render_at_once: pictures rendered in one go.
      num_shown: questions in the contact sheets.
      shown_px: side of a cell.
    """

    seed: int = 0
    sizes: Pix2SceneSizes = CPU_SIZES._replace(view=0)
    trunk: TrunkSizes = CPU_TRUNK
    view_latent: int = 8
    statistics: tuple[int, ...] = (128, 128)
    num_train: int = 12_000
    num_valid: int = 1_000
    num_test: int = 2_000
    labels: tuple[int, ...] = LABELS
    distractors: str = "others"
    batch_size: int = 32
    steps: int = 4_000
    labelled_steps: int = 1_500
    critic_steps: int = 1
    learning_rate: float = 2e-3
    last_rate: float = 0.1
    momentum: float = 0.5
    smoothing: float = 0.99
    weights: LossWeights = LossWeights(
        adversarial=0.1, image=1.3, latent=0.3, normal=0.1, edge=0.03
    )
    information_weight: float = 0.1
    interval: int = 1
    question_batch: int = 32
    shift: int = 3
    label_weight: float = 5.0
    bag_weight: float = 10.0
    softness: float = 10.0
    baseline_steps: int = 1_000
    baseline_batch: int = 16
    baseline_rate: float = 1e-3
    contrast: float = 2.0
    observed: int = 20
    chunk: int = 50
    render_at_once: int = 2_000
    num_shown: int = 8
    shown_px: int = 96


PRESETS = {
    "smoke": Config(
        sizes=CPU_SIZES._replace(
            pixels=16, latent=8, view=0, encoder=4, decoder=4, critic=4, joint=4
        ),
        trunk=TrunkSizes(width=2, blocks=(1, 1), stem=3, pools=False, hidden=(8, 4)),
        view_latent=2,
        statistics=(4, 4),
        num_train=8,
        num_valid=3,
        num_test=6,
        labels=(2, 4, 8),
        batch_size=2,
        steps=2,
        labelled_steps=2,
        critic_steps=1,
        question_batch=2,
        baseline_steps=2,
        baseline_batch=2,
        observed=1,
        chunk=1,
        render_at_once=16,
        num_shown=2,
        shown_px=32,
    ),
    "cpu": Config(),
    "paper": Config(
        sizes=PAPER_SIZES._replace(view=0),
        trunk=PAPER_TRUNK,
        view_latent=10,
        statistics=(256, 512),
        num_train=200_000,
        num_valid=100_000,
        num_test=100_000,
        batch_size=6,
        steps=60_000,
        labelled_steps=60_000,
        critic_steps=5,
        learning_rate=2e-4,
        weights=LossWeights(
            adversarial=0.1, image=0.08, latent=0.3, normal=0.1, edge=0.03
        ),
        interval=10,
        shift=0,
        bag_weight=0.0,
        question_batch=100,
        baseline_steps=12_500,
        baseline_batch=32,
        baseline_rate=1e-4,
        observed=200,
        chunk=100,
        render_at_once=200,
        shown_px=128,
    ),
}

__all__ = ["BASELINES", "LABELS", "PRESETS", "SHIPPED", "Config"]
