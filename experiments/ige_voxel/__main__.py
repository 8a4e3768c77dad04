"""Flags of `python -m experiments.ige_voxel`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import make_config

_MODE = flags.DEFINE_enum("mode", "evaluate", ["train", "evaluate"], "What to do.")
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu, paper or paper_inception.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder with trained networks; those that ivg ships if absent."
)
_DATA = flags.DEFINE_string(
    "data", None,
    "Models of ShapeNet: a folder per category, named as the category or its synset, "
    "in it a mesh or a .binvox for each. Procedural things if absent.",
)  # fmt: skip
_TRAIN = flags.DEFINE_integer("num_train", None, "Things of a category to train with.")
_TEST = flags.DEFINE_integer("num_test", None, "Things of a category to test with.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of things, views, networks, batches.")


def _ige_voxel():
    from experiments.ige_voxel.config import PRESETS, SHIPPED
    from experiments.ige_voxel.run import run_evaluation, run_training

    config = make_config(
        PRESETS, _PRESET.value, num_train=_TRAIN.value, num_test=_TEST.value,
        seed=_SEED.value,
    )  # fmt: skip
    if _MODE.value == "train":
        return run_training(config, _OUTPUT.value, _DATA.value)
    checkpoint = _CHECKPOINT.value or str(SHIPPED)
    return run_evaluation(config, _OUTPUT.value, checkpoint, _DATA.value)


if __name__ == "__main__":
    run_command(_ige_voxel)
