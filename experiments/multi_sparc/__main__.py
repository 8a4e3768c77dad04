"""Flags of `python -m experiments.multi_sparc`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import check_choices, make_config

_MODE = flags.DEFINE_enum("mode", "evaluate", ["train", "evaluate"], "What to do.")
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Folder with trained networks; those that ivg ships if absent."
)
_LIBRARY = flags.DEFINE_string(
    "library", None,
    "Furniture of Sweet Home 3D, beside the procedural one: a .sh3f file or a folder "
    "of such. A file with BlendSwap in its name is kept apart, for a test.",
)  # fmt: skip
_NETWORKS = flags.DEFINE_list(
    "networks", None, "Of joint, single, no_pretraining, joint_decoding, "
    "joint_encoding, regression and correspondence; all of the preset if absent.",
)  # fmt: skip
_SCENES = flags.DEFINE_integer("num_scenes", None, "Rooms to test with.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of models, rooms, networks, batches.")


def _multi_sparc():
    from experiments.multi_sparc.config import NAMES, PRESETS, SHIPPED
    from experiments.multi_sparc.run import run_evaluation, run_training

    check_choices("networks", _NETWORKS.value or (), NAMES)
    config = make_config(
        PRESETS, _PRESET.value, num_scenes=_SCENES.value, seed=_SEED.value,
        networks=tuple(_NETWORKS.value) if _NETWORKS.value else None,
    )  # fmt: skip
    if _MODE.value == "train":
        return run_training(config, _OUTPUT.value, _LIBRARY.value)
    checkpoint = _CHECKPOINT.value or str(SHIPPED)
    return run_evaluation(config, _OUTPUT.value, checkpoint, _LIBRARY.value)


if __name__ == "__main__":
    run_command(_multi_sparc)
