"""Flags of `python -m experiments.benchmark`."""

from absl import flags

from experiments.command import run_command
from experiments.presets import make_config

_PRESET = flags.DEFINE_string("preset", "cpu", "smoke, cpu or paper.")
_SIZES = flags.DEFINE_multi_integer("sizes", None, "Side of the pictures; repeat it.")
_PEERS = flags.DEFINE_list("peers", None, "deodr, mitsuba, embree; empty for none.")
_ROUNDS = flags.DEFINE_integer("rounds", None, "Rounds in which each runs once.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")


def _benchmark():
    from experiments.benchmark.run import PRESETS, run

    config = make_config(
        PRESETS,
        _PRESET.value,
        sizes=None if _SIZES.value is None else tuple(_SIZES.value),
        peers=None if _PEERS.value is None else tuple(filter(None, _PEERS.value)),
        rounds=_ROUNDS.value,
    )
    return run(config, _OUTPUT.value)


if __name__ == "__main__":
    run_command(_benchmark)
