"""Trained parameters on disk, through Orbax; nothing is ever unpickled."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from orbax.checkpoint import v1 as ocp

from ivg.io.errors import InputError
from ivg.typing import PyTree

_MARKER = "commit_success.txt"  # of Orbax; it writes the path into it


def save_params(
    folder: str | pathlib.Path, params: PyTree, dtype: jnp.dtype | None = None
) -> None:
    """Writes parameters; what was there is replaced.

    Nothing in the folder tells where it was made.

    Args:
      folder: folder to make.
      params: pytree of arrays.
      dtype: what to store them as, such as `jnp.float16` for half the space; as they
        are if None.
    """
    if dtype is not None:
        params = jax.tree.map(lambda x: x.astype(dtype), params)
    path = pathlib.Path(folder).absolute()
    ocp.save(path, params, overwrite=True)
    marker = path / _MARKER
    if marker.exists():
        marker.write_bytes(b"")


def load_params(folder: str | pathlib.Path, like: PyTree) -> PyTree:
    """Reads parameters.

    Args:
      folder: folder from `save_params`.
      like: pytree of arrays or of their shapes, as from
        `jax.eval_shape(network.init, jax.random.key(0))`.

    Returns:
      Pytree of the same structure, shapes and types, whatever type is stored. Like
      what `network.init` returns, it is not committed to a device: it works beside
      arrays on any, and a compiled function that took the one takes the other.

    Raises:
      InputError: if there is nothing, or something else.
    """
    path = pathlib.Path(folder).absolute()
    if not ocp.is_orbax_checkpoint(path):
        raise InputError(f"{folder}: there is no checkpoint; train one (--mode=train)")
    stored, shapes = _shapes(ocp.metadata(path).metadata), _shapes(like)
    if stored != shapes:
        name = sorted(dict(stored.items() ^ shapes.items()))[0]
        raise InputError(
            f"{folder}: this checkpoint does not fit the network: {name} is "
            f"{stored.get(name)}, not {shapes.get(name)}; was it trained with another "
            "preset?"
        )
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    wanted = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), like
    )
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), ocp.load(path, wanted))


def _shapes(tree: PyTree) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): tuple(leaf.shape) for path, leaf in leaves}


__all__ = ["load_params", "save_params"]
