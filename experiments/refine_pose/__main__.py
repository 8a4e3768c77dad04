"""Flags of `python -m experiments.refine_pose`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import make_config

_MODE = flags.DEFINE_enum("mode", "evaluate", ["evaluate"], "Nothing is trained.")
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke or cpu.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of scenes and perturbations.")
_NUM_SCENES = flags.DEFINE_integer("num_scenes", None, "Scenes.")
_RENDERS = flags.DEFINE_integer("renders", None, "Renders that a method may make.")


def _refine_pose():
    from experiments.refine_pose.run import PRESETS, run

    config = make_config(
        PRESETS,
        _PRESET.value,
        num_scenes=_NUM_SCENES.value,
        renders=_RENDERS.value,
        seed=_SEED.value,
    )
    return run(config, _OUTPUT.value)


if __name__ == "__main__":
    run_command(_refine_pose)
