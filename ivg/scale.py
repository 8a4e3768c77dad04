"""Thousands of scenes on many devices: one mesh, of one axis, "scene".

A function of one scene becomes a program that every device runs on its own batch
(`on_each_device`). The devices may be forced out of one CPU, be those of a machine,
or those of several processes that were joined by `start_devices`; the program on a
device is the same in all of these layouts, and so are its results, to the bit.

`shard_map` does that and not the automatic partitioning of `jit`: XLA cannot see into
the kernels of the renderer (`ivg.render.ffi`), so it would gather their inputs from
all devices and let each compute the whole batch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from ivg.typing import PyTree

SCENE = "scene"
_UNKNOWN = 4 * 2**30  # bytes, where the system does not say


class Process(NamedTuple):
    """One of several processes that compute together.

    Attributes:
      coordinator: "host:port" of the first process, which the others can reach.
      count: number of processes.
      index: of this process, from zero.
    """

    coordinator: str
    count: int
    index: int


def start_devices(
    num_devices: int | None = None, process: Process | None = None
) -> int:
    """Prepares the devices; call it before the first computation of JAX.

    A CPU always has two devices at least, of which one may be idle: XLA compiles a
    program for a single device with other passes than one for several, and the last
    bits of its results differ.

    Args:
      num_devices: devices that the CPU is cut into; one if absent. Accelerators are
        all there are.
      process: joins other processes, which all call this at the same time; on CPUs
        they then talk through gloo.

    Returns:
      Number of devices of this process that are to work.

    Raises:
      RuntimeError: if JAX has computed before, or the processes do not meet.
    """
    wanted = num_devices or 1
    jax.config.update("jax_num_cpu_devices", max(2, wanted))
    if process is not None:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.config.update("jax_enable_preemption_service", False)  # SIGTERM ends it
        jax.distributed.initialize(*process)
    return wanted if jax.default_backend() == "cpu" else jax.local_device_count()


def scene_mesh() -> Mesh:
    """All devices of all processes in a row.

    Returns:
      `Mesh` with the axis "scene"; the devices of a process are neighbours.
    """
    return Mesh(np.array(jax.devices()), (SCENE,))


def on_each_device(
    function: Callable[[PyTree, PyTree], PyTree], mesh: Mesh
) -> Callable[[PyTree, jax.Array, PyTree], PyTree]:
    """Compiles a function of one scene for a batch of scenes on every device.

    Args:
      function: `(params, scene) -> result`, pytrees of arrays.
      mesh: from `scene_mesh`.

    Returns:
      Compiled function `(params, is_on, scenes)`: `params` from `replicate`; the
      others from `from_local`: `is_on` `[D]` bool for `D` devices, and scenes with a
      leading axis `[D * B]`, of which every device takes `B` neighbours. Its result
      is placed likewise; it is zero from devices that are not on.
    """
    batch = jax.vmap(function, (None, 0))

    def on_one(params, is_on, scenes):
        like = jax.eval_shape(batch, params, scenes)

        def rest(params, scenes):
            del params, scenes
            return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), like)

        return jax.lax.cond(is_on[0], batch, rest, params, scenes)

    return jax.jit(
        jax.shard_map(
            on_one,
            mesh=mesh,
            in_specs=(P(), P(SCENE), P(SCENE)),
            out_specs=P(SCENE),
            check_vma=False,  # the kernels of the renderer know nothing of meshes
        )
    )


def replicate(mesh: Mesh, tree: PyTree) -> PyTree:
    """Puts the same arrays on every device.

    Args:
      mesh: from `scene_mesh`.
      tree: pytree of arrays, the same ones in every process.

    Returns:
      Pytree of arrays on all devices.
    """
    return _place(NamedSharding(mesh, P()), tree)


def from_local(mesh: Mesh, tree: PyTree) -> PyTree:
    """Puts the rows that each process has on its own devices.

    Args:
      mesh: from `scene_mesh`.
      tree: pytree of arrays with a leading axis `[L * B]` for the `L` devices of this
        process.

    Returns:
      Pytree of arrays with a leading axis `[D * B]` for the `D` devices of all.
    """
    return _place(NamedSharding(mesh, P(SCENE)), tree)


def _place(sharding: NamedSharding, tree: PyTree) -> PyTree:
    def one(leaf):
        return jax.make_array_from_process_local_data(sharding, np.asarray(leaf))

    return jax.tree.map(one, tree)


def local_parts(tree: PyTree) -> list[PyTree]:
    """What the devices of this process hold, one after the other.

    Args:
      tree: pytree of arrays with a leading axis, from `on_each_device`.

    Returns:
      For each device a pytree of NumPy arrays `[B]`.
    """

    def parts(leaf):
        shards = sorted(leaf.addressable_shards, key=lambda s: s.index[0].start or 0)
        return [np.asarray(shard.data) for shard in shards]

    leaves, structure = jax.tree.flatten(tree)
    columns = zip(*map(parts, leaves), strict=True)
    return [structure.unflatten(column) for column in columns]


def agreed(value: Any) -> np.ndarray:
    """What the first process says, in all processes; they wait for each other.

    Args:
      value: number or array; of the same shape and type in every process.

    Returns:
      That of the first process.
    """
    return np.asarray(multihost_utils.broadcast_one_to_all(np.asarray(value)))


def batch_that_fits(
    compiled: Callable[[int], jax.stages.Compiled], most: int, budget: float
) -> tuple[int, jax.stages.Compiled]:
    """The largest batch whose program needs no more than some memory.

    XLA knows what a program will need before it runs. A program that needs too much
    is compiled again for a batch that is smaller in proportion.

    Args:
      compiled: from the size of a batch to its compiled program.
      most: largest batch.
      budget: bytes for a device.

    Returns:
      The size, one at least, and its program.
    """
    size = most
    while True:
        program = compiled(size)
        need = program_bytes(program)
        if need <= budget or size == 1:
            return size, program
        size = max(1, min(size - 1, int(size * budget / need)))


def program_bytes(program: jax.stages.Compiled) -> int:
    """What a program needs on a device beside its arguments.

    Args:
      program: compiled.

    Returns:
      Bytes of its temporary memory and its results; zero where XLA does not say.
    """
    sizes = program.memory_analysis()
    if sizes is None:
        return 0
    return sizes.temp_size_in_bytes + sizes.output_size_in_bytes


def free_bytes() -> int:
    """The memory that is free for a device.

    Returns:
      Bytes of an accelerator; on a CPU an equal share of the free memory of this
      machine for each device of all processes, as if they were all here.
    """
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    return _free_host_bytes() // jax.device_count()


def _free_host_bytes() -> int:
    """As Linux counts it, within the limit of a container; 4 GiB elsewhere."""
    try:
        with open("/proc/meminfo") as file:
            sizes = dict(line.split()[:2] for line in file)
        free = 1024 * int(sizes["MemAvailable:"])
    except (OSError, KeyError):
        return _UNKNOWN
    try:
        group = "/sys/fs/cgroup/memory."
        with open(group + "max") as most, open(group + "current") as used:
            return max(0, min(free, int(most.read()) - int(used.read())))
    except (OSError, ValueError):
        return free


__all__ = [
    "SCENE",
    "Process",
    "agreed",
    "batch_that_fits",
    "free_bytes",
    "from_local",
    "local_parts",
    "on_each_device",
    "program_bytes",
    "replicate",
    "scene_mesh",
    "start_devices",
]
