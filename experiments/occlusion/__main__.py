"""Flags of `python -m experiments.occlusion`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import make_config

_MODE = flags.DEFINE_enum("mode", "evaluate", ["evaluate"], "Nothing is trained.")
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of scenes and estimates.")
_NUM_SCENES = flags.DEFINE_integer("num_scenes", None, "Scenes.")
_STEPS = flags.DEFINE_integer("steps", None, "Gradient steps.")


def _occlusion():
    from experiments.occlusion.run import PRESETS, run

    config = make_config(
        PRESETS,
        _PRESET.value,
        num_scenes=_NUM_SCENES.value,
        steps=_STEPS.value,
        seed=_SEED.value,
    )
    return run(config, _OUTPUT.value)


if __name__ == "__main__":
    run_command(_occlusion)
