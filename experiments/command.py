"""What the commands of all experiments share: errors, exit status, the JSON line."""

import json
import sys
from collections.abc import Callable, Mapping

from absl import app, logging

from ivg.io.errors import InputError
from ivg.memory import keep_memory

BAD_INPUT = 2


def run_command(experiment: Callable[[], Mapping[str, float]]) -> None:
    """Runs an experiment as a program.

    Its metrics are printed as one JSON line, last on stdout. Input that cannot be
    used ends the program with one line on stderr and exit status 2. The process
    keeps its memory (`ivg.memory`).

    Args:
      experiment: reads the flags and returns metrics by name.
    """

    def main(argv):
        logging.set_verbosity(logging.WARNING)
        if len(argv) > 1:
            _fail(f"unknown argument {argv[1]!r}: flags begin with --")
        keep_memory()
        try:
            metrics = experiment()
        except InputError as error:
            _fail(str(error))
        print(json.dumps(dict(metrics)), flush=True)

    app.run(main, flags_parser=_parse_flags)


def _parse_flags(argv):
    try:
        return app.parse_flags_with_usage(argv)
    except app.flags.Error as error:
        _fail(str(error))


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(BAD_INPUT)


__all__ = ["BAD_INPUT", "run_command"]
