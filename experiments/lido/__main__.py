"""Flags of `python -m experiments.lido`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import make_config

_MODE = flags.DEFINE_enum(
    "mode", "evaluate", ["train", "tune", "evaluate"], "What to do."
)
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder with trained networks; those that ivg ships if absent."
)
_SEED = flags.DEFINE_integer("seed", None, "Seed of scenes, networks and batches.")
_WEIGHTS = flags.DEFINE_string(
    "backbone_weights", None, "Weights under the first guesses (.pth), for training."
)
_NUM_SCENES = flags.DEFINE_integer("num_scenes", None, "Test scenes.")


def _lido():
    from experiments.lido.config import PRESETS, SHIPPED
    from experiments.lido.run import run_evaluation, run_training
    from experiments.lido.tune import run_tuning

    config = make_config(
        PRESETS, _PRESET.value, num_scenes=_NUM_SCENES.value, seed=_SEED.value,
        backbone_weights=_WEIGHTS.value,
    )  # fmt: skip
    if _MODE.value == "train":
        return run_training(config, _OUTPUT.value)
    checkpoint = _CHECKPOINT.value or str(SHIPPED)
    if _MODE.value == "tune":
        return run_tuning(config, _OUTPUT.value, checkpoint)
    return run_evaluation(config, _OUTPUT.value, checkpoint)


if __name__ == "__main__":
    run_command(_lido)
