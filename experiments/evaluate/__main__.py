"""Flags of `python -m experiments.evaluate`."""

from absl import flags

from experiments.command import run_command
from experiments.evaluate.config import PRESETS, process_of
from experiments.presets import make_config
from ivg.io.errors import InputError, one_line
from ivg.scale import start_devices

_SYSTEM = flags.DEFINE_string(
    "system", None, "lido, gradient, refine_tabletop or ige_pose."
)
_PRESET = flags.DEFINE_string("preset", "cpu", "smoke or cpu.")
_OUTPUT = flags.DEFINE_string("output", "output", "Folder for the results.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of the scenes.")
_NUM_SCENES = flags.DEFINE_integer("num_scenes", None, "Scenes.")
_BATCH = flags.DEFINE_integer("batch_size", None, "Scenes at once on each device.")
_DEVICES = flags.DEFINE_integer("num_devices", None, "Devices to cut the CPU into.")
_PROCESSES = flags.DEFINE_integer("num_processes", None, "Processes, if several.")
_PROCESS = flags.DEFINE_integer("process_id", None, "Number of this one, from zero.")
_COORDINATOR = flags.DEFINE_string("coordinator", None, "HOST:PORT of the first one.")


def _start() -> int:
    """Starts JAX; the number of devices that are to work."""
    num_devices = _DEVICES.value
    process = process_of(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
    if num_devices is not None and num_devices < 1:
        raise InputError(f"--num_devices={num_devices}: give a positive number")
    try:
        found = start_devices(num_devices, process)
    except RuntimeError as error:
        raise InputError(f"the processes did not meet: {one_line(error)}") from None
    if num_devices not in (None, found):
        raise InputError(
            f"--num_devices={num_devices}: this process has {found} accelerators; "
            "leave the flag out, or set JAX_PLATFORMS=cpu"
        )
    return found


def _evaluate():
    num_devices = _start()
    from experiments.evaluate.run import run

    config = make_config(
        PRESETS,
        _PRESET.value,
        system=_SYSTEM.value,
        num_scenes=_NUM_SCENES.value,
        batch_size=_BATCH.value,
        seed=_SEED.value,
    )
    return run(config, _OUTPUT.value, num_devices)


if __name__ == "__main__":
    run_command(_evaluate)
