"""Flags of `python -m experiments.decomposition`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import make_config

_MODE = flags.DEFINE_enum("mode", "evaluate", ["train", "evaluate"], "What to do.")
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder with trained models; those that ivg ships if absent."
)
_SEED = flags.DEFINE_integer("seed", None, "Seed of scenes, models and batches.")
_NUM_SCENES = flags.DEFINE_integer("num_scenes", None, "Test scenes.")
_JOINED = flags.DEFINE_enum(
    "joined", None, ["differences", "as_is"], "How the observed maps enter the model."
)
_STEPS = flags.DEFINE_integer("steps", None, "Training steps.")


def _decomposition():
    from experiments.decomposition.run import (
        PRESETS,
        SHIPPED,
        run_evaluation,
        run_training,
    )

    config = make_config(
        PRESETS,
        _PRESET.value,
        num_scenes=_NUM_SCENES.value,
        joined=_JOINED.value,
        steps=_STEPS.value,
        seed=_SEED.value,
    )
    if _MODE.value == "train":
        return run_training(config, _OUTPUT.value)
    return run_evaluation(config, _OUTPUT.value, _CHECKPOINT.value or str(SHIPPED))


if __name__ == "__main__":
    run_command(_decomposition)
