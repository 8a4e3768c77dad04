"""Sizes of an evaluation of many scenes."""

import dataclasses

from ivg.io.errors import InputError
from ivg.scale import Process

MOST_AT_ONCE = {"cpu": 16, "gpu": 256, "tpu": 256}  # scenes on a device


@dataclasses.dataclass(frozen=True)
class Config:
    """What is evaluated, and how much of it at once.

    Attributes:
      system: name in `experiments.evaluate.systems.SYSTEMS`.
      preset: of that system: "smoke" (random networks, few steps) or "cpu" (the
        networks that ivg ships).
      num_scenes: scenes. The first ones are the same whatever their number.
      batch_size: scenes at once on each device; what memory allows if None.
      seed: of the scenes.
    """

    system: str = "lido"
    preset: str = "cpu"
    num_scenes: int = 64
    batch_size: int | None = None
    seed: int = 0


PRESETS = {"smoke": Config(preset="smoke", num_scenes=6), "cpu": Config()}


def process_of(
    coordinator: str | None, num_processes: int | None, process_id: int | None
) -> Process | None:
    """Which of several processes this is.

    Args:
      coordinator: "host:port" of the first one.
      num_processes: how many there are.
      process_id: number of this one, from zero.

    Returns:
      `Process`; None for a single one.

    Raises:
      InputError: if only some are given, or they cannot be.
    """
    given = coordinator, num_processes, process_id
    if given == (None, None, None):
        return None
    if None in given:
        raise InputError(
            "--coordinator, --num_processes and --process_id: give all three, or none"
        )
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--coordinator={coordinator}: give HOST:PORT")
    if not 0 <= process_id < num_processes:
        raise InputError(
            f"--process_id={process_id}: give 0 to {num_processes - 1}, for there are "
            f"--num_processes={num_processes}"
        )
    return Process(*given)


__all__ = ["MOST_AT_ONCE", "PRESETS", "Config", "process_of"]
