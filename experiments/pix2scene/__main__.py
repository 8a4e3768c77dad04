"""Flags of `python -m experiments.pix2scene`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import check_choices, make_config

_MODE = flags.DEFINE_enum("mode", "evaluate", ["train", "evaluate"], "What to do.")
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder with trained models, to measure (those that ivg ships "
    "if absent) or to train on (random ones if absent).",
)  # fmt: skip
_MODELS = flags.DEFINE_list(
    "models", None, "Of box, shape, multiple, conditional and random_lights; all of "
    "the preset if absent.",
)  # fmt: skip
_STEPS = flags.DEFINE_integer("steps", None, "Training steps of each model.")
_RATE = flags.DEFINE_float("learning_rate", None, "Of the optimizer, at first.")
_TEST = flags.DEFINE_integer("num_test", None, "Pictures to test with.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of rooms, networks and batches.")


def _pix2scene():
    from experiments.pix2scene.config import PRESETS, SHIPPED
    from experiments.pix2scene.run import run_evaluation, run_training

    config = make_config(
        PRESETS, _PRESET.value, steps=_STEPS.value, variant_steps=_STEPS.value,
        learning_rate=_RATE.value, num_test=_TEST.value, seed=_SEED.value,
        **_chosen(_MODELS.value),
    )  # fmt: skip
    if _MODE.value == "train":
        return run_training(config, _OUTPUT.value, _CHECKPOINT.value)
    return run_evaluation(config, _OUTPUT.value, _CHECKPOINT.value or str(SHIPPED))


def _chosen(names):
    """Kinds and variants among the names of models."""
    from experiments.pix2scene.config import KINDS, VARIANTS

    if names is None:
        return {}
    check_choices("models", names, (*KINDS, *VARIANTS))
    return {
        "kinds": tuple(name for name in KINDS if name in names),
        "variants": tuple(name for name in VARIANTS if name in names),
    }


if __name__ == "__main__":
    run_command(_pix2scene)
