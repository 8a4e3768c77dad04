"""Sizes of the experiment of pix2scene."""

import dataclasses

from experiments.paths import ASSETS
from ivg.data.surfel_rooms import CLASSES
from ivg.models.pix2scene import CPU_SIZES, PAPER_SIZES, Pix2SceneSizes

SHIPPED = ASSETS / "checkpoints" / "pix2scene"
KINDS = ("box", "shape", "multiple")
# Other models, and the kind of their rooms.
VARIANTS = {"conditional": "shape", "random_lights": "box"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Counts of scenes and steps, and widths of networks.

    Attributes:
      seed: of scenes, networks and batches.
      kinds: of scenes that a model is trained for, of `KINDS`.
      variants: other models that are trained, of `VARIANTS`.
      sizes: of the networks; `pixels` is the side of pictures.
      num_train: pictures to train with, of each kind.
      num_test: pictures to test with.
      random_lights: whether generated pictures have lights of their own.
      batch_size: pictures in a batch.
      steps: of the generator and encoder.
      variant_steps: the same for each of `variants`.
      critic_steps: of the critic for each of them.
      learning_rate: of Adam, at first.
      last_rate: share of it that is left at the end.
      momentum: of Adam, decay of the mean of gradients.
      smoothing: of Adam, decay of the mean of their squares.
      clip: greatest norm of a gradient of encoder and decoder.
      penalty: weight of the gradient penalty.
      image_weight: of the reconstruction of pictures.
      latent_weight: of the reconstruction of latents.
      range_weight: of depths out of range.
      normal_weight: of the consistency of normals with points.
      edge_weight: of the agreement of the slopes of depth and picture.
      adversarial_weight: of what deceives the critic.
      refine_steps: of the refinement of z.
      refine_rate: of its optimizer.
      refine_prior: weight of the distance of z from its encoding.
      num_hausdorff: pictures whose Hausdorff distances are measured.
      num_sweep: rooms that are seen from turned cameras.
      angles_deg: by which the camera is turned for extrapolated views.
      chunk: training steps between two looks at the loss.
      timed_batch: pictures in the batch that is timed.
      timed_pixels: side of these pictures.
      num_shown: rows of contact sheets.
      shown_px: least side of a cell.
    """

    seed: int = 0
    kinds: tuple[str, ...] = KINDS
    variants: tuple[str, ...] = tuple(VARIANTS)
    sizes: Pix2SceneSizes = CPU_SIZES
    num_train: int = 20_000
    num_test: int = 300
    random_lights: bool = False
    batch_size: int = 32
    steps: int = 24_000
    variant_steps: int = 12_000
    critic_steps: int = 1
    learning_rate: float = 4e-3
    last_rate: float = 0.1
    momentum: float = 0.5
    smoothing: float = 0.99
    clip: float = 100.0
    penalty: float = 10.0
    image_weight: float = 8.0
    latent_weight: float = 0.3
    range_weight: float = 10.0
    normal_weight: float = 1.0
    edge_weight: float = 0.03
    adversarial_weight: float = 0.1
    refine_steps: int = 120
    refine_rate: float = 3e-2
    refine_prior: float = 1e-2
    num_hausdorff: int = 200
    num_sweep: int = 200
    angles_deg: tuple[float, ...] = (5.0, 35.0, 55.0, 80.0)
    chunk: int = 50
    timed_batch: int = 6
    timed_pixels: int = 128
    num_shown: int = 8
    shown_px: int = 96


def variant_config(config: Config, name: str) -> Config:
    """The sizes of a model.

    Args:
      config: sizes.
      name: a kind, or one of `VARIANTS`: "conditional" knows the class of the object,
        "random_lights" does not know the lights of the pictures that it learns from.

    Returns:
      `Config`.
    """
    if name not in VARIANTS:
        return config
    config = dataclasses.replace(config, steps=config.variant_steps)
    if name == "conditional":
        num_classes = len(CLASSES[VARIANTS[name]])
        sizes = config.sizes._replace(num_classes=num_classes)
        return dataclasses.replace(config, sizes=sizes)
    return dataclasses.replace(config, random_lights=True)


PRESETS = {
    "smoke": Config(
        kinds=("box",),
        sizes=CPU_SIZES._replace(pixels=16, latent=8, encoder=4, decoder=4, critic=4),
        num_train=8,
        num_test=4,
        batch_size=2,
        steps=2,
        variant_steps=2,
        critic_steps=1,
        refine_steps=2,
        angles_deg=(5.0, 80.0),
        chunk=1,
        num_hausdorff=3,
        num_sweep=3,
        timed_batch=2,
        timed_pixels=16,
        num_shown=2,
        shown_px=32,
    ),
    "cpu": Config(),
    "paper": Config(
        sizes=PAPER_SIZES,
        num_train=100_000,
        num_test=2_000,
        batch_size=6,
        steps=60_000,
        variant_steps=60_000,
        critic_steps=5,
        learning_rate=2e-4,
        adversarial_weight=1.0,
        image_weight=1.0,
        latent_weight=1.0,
        chunk=100,
        shown_px=128,
    ),
}

__all__ = ["KINDS", "PRESETS", "SHIPPED", "VARIANTS", "Config", "variant_config"]
