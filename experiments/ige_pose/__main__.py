"""Flags of `python -m experiments.ige_pose`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import make_config

_MODE = flags.DEFINE_enum("mode", "evaluate", ["train", "evaluate"], "What to do.")
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder with trained networks; those that ivg ships if absent."
)
_DATA = flags.DEFINE_string(
    "data", None,
    "Recorded poses: a folder of CMU's .asf and .amc files, or a .npz file. "
    "Procedural poses if absent.",
)  # fmt: skip
_SPLIT = flags.DEFINE_string(
    "split", None, "How recorded poses are held out: by sequence or by subject."
)
_SEED = flags.DEFINE_integer("seed", None, "Seed of poses, views, networks, batches.")


def _ige_pose():
    from experiments.ige_pose.config import PRESETS, SHIPPED
    from experiments.ige_pose.run import run_evaluation, run_training

    config = make_config(PRESETS, _PRESET.value, split=_SPLIT.value, seed=_SEED.value)
    if _MODE.value == "train":
        return run_training(config, _OUTPUT.value, _DATA.value)
    checkpoint = _CHECKPOINT.value or str(SHIPPED)
    return run_evaluation(config, _OUTPUT.value, checkpoint, _DATA.value)


if __name__ == "__main__":
    run_command(_ige_pose)
