"""Flags of `python -m experiments.benchmark`."""

from absl import flags

from experiments.command import run_command

_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")


def _benchmark():
    from experiments.benchmark.run import make_config, run

    return run(make_config(_PRESET.value), _OUTPUT.value)


if __name__ == "__main__":
    run_command(_benchmark)
