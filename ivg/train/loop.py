"""The training loop: steps of an optimizer, checkpoints, a progress bar.

What a step does depends on its number alone (draw batches and keys by `fold_in`), so
a run that was killed and started again ends with the same numbers as one that was
not.
"""

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from orbax.checkpoint import v1 as ocp
from tqdm import tqdm

from ivg.scale import SCENE, replicate
from ivg.typing import Array, PyTree

LossFn = Callable[[PyTree, PyTree, Array], Array]


@struct.dataclass
class TrainState:
    """What training goes on from.

    Attributes:
      params: parameters of the network.
      optimizer: state of the optimizer.
      step: `[]` int32, steps done.
    """

    params: PyTree
    optimizer: PyTree
    step: Array


def make_trainer(
    loss: LossFn,
    batch: Callable[[Array, PyTree], PyTree],
    optimizer: optax.GradientTransformation,
    *,
    seed: int = 0,
    mesh: Mesh | None = None,
) -> tuple[Callable, Callable]:
    """Makes the two functions of a training run.

    Args:
      loss: `(params, batch, key) -> []`; the key is for dropout.
      batch: `(key, data) -> batch`, a random one.
      optimizer: optax transformation.
      seed: of batches and dropout.
      mesh: from `scene_mesh`: its devices share the examples of every batch, whose
        arrays then have a leading axis that is a multiple of their number; all of
        them keep the parameters. `data` comes from `replicate`.

    Returns:
      `start(params) -> TrainState`, and `advance(state, data, num) -> (state, losses)`
      which makes `num` (static) steps in one compiled loop.
    """

    def place(tree, axes):
        if mesh is None:
            return tree
        return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, axes))

    def start(params):
        first = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
        return first if mesh is None else replicate(mesh, first)

    def one(state, data):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), state.step))
        chosen = place(batch(keys[0], data), P(SCENE))
        value, slope = jax.value_and_grad(loss)(state.params, chosen, keys[1])
        change, inner = optimizer.update(slope, state.optimizer, state.params)
        params = optax.apply_updates(state.params, change)
        return place((TrainState(params, inner, state.step + 1), value), P())

    @jax.jit(static_argnums=2)
    def advance(state, data, num):
        return jax.lax.scan(lambda s, _: one(s, data), state, length=num)

    return start, advance


def train(
    start: Callable,
    advance: Callable,
    params: PyTree,
    make_data: Callable[[], PyTree],
    num_steps: int,
    *,
    folder: str | pathlib.Path,
    chunk: int = 50,
    save_every: int = 500,
    label: str = "train",
) -> tuple[PyTree, np.ndarray]:
    """Trains, or goes on with what was interrupted.

    Several processes, whose devices are the mesh of `make_trainer`, call this alike;
    they all write the checkpoints, in a folder that they share.

    Args:
      start: from `make_trainer`.
      advance: from `make_trainer`.
      params: first parameters, used unless there is a checkpoint.
      make_data: makes what batches are drawn from; called if a step is left to do.
      num_steps: steps in all, a multiple of `chunk`.
      folder: of the checkpoints of this run; the losses are beside it, with the
        ending `.npy`.
      chunk: steps between two looks at the loss.
      save_every: steps between checkpoints, a multiple of `chunk`.
      label: name on the progress bar.

    Returns:
      The last parameters, and `[num_steps / chunk]` mean losses.

    Raises:
      ValueError: if `num_steps` is no multiple of `chunk`, or more have been done.
    """
    if num_steps % chunk:
        raise ValueError(f"steps must be a multiple of {chunk}, got {num_steps}")
    state = start(params)
    keep = ocp.training.preservation_policies.LatestN(1)
    path = pathlib.Path(folder).absolute()
    kept = path.with_suffix(".npy")
    with ocp.training.Checkpointer(path, preservation_policy=keep) as checkpoints:
        if checkpoints.latest is not None:
            state = checkpoints.load(checkpoints.latest, state)
        done, losses = int(state.step), np.full(num_steps // chunk, np.nan)
        if done > num_steps:
            raise ValueError(f"{path} has {done} steps, more than {num_steps}")
        if done:
            losses[: done // chunk] = np.load(kept)[: done // chunk]
        data = make_data() if done < num_steps else None
        bar = tqdm(total=num_steps, initial=done, desc=label, unit="step",
                   disable=jax.process_index() > 0)  # fmt: skip
        while done < num_steps:
            state, values = advance(state, data, chunk)
            losses[done // chunk] = np.mean(values)
            done += chunk
            bar.update(chunk)
            bar.set_postfix(loss=f"{losses[done // chunk - 1]:.4f}")
            if done % save_every == 0 or done == num_steps:
                path.parent.mkdir(parents=True, exist_ok=True)
                if jax.process_index() == 0:
                    np.save(kept, losses)
                checkpoints.save(done, state)
        bar.close()
    return state.params, losses


__all__ = ["LossFn", "TrainState", "make_trainer", "train"]
