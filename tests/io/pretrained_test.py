"""Weights from files: sound ones are read, hostile ones do nothing."""

import collections
import io
import os
import pickle
import struct
import sys
import types
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.io.errors import InputError
from ivg.io.pretrained import (
    efficientnet_lite0_params,
    find_efficientnet_lite0,
    read_pth,
    read_weights,
    vgg16_params,
)
from ivg.models.backbones import efficientnet_lite0_classifier
from ivg.models.patches import normalize_pixels

STORAGES = {"f4": "FloatStorage", "i8": "LongStorage", "f2": "HalfStorage"}
ARRAYS = {
    "plain": np.arange(6, dtype="f4").reshape(2, 3),
    "strided": np.arange(24, dtype="f4").reshape(4, 3, 2).transpose(2, 0, 1),
    "count": np.array(7, "i8"),
    "half": np.linspace(0, 1, 4, dtype="f2"),
    "empty": np.zeros((0, 3), "f4"),
}


class Storage:
    """Numbers in the order in which they lie in memory."""

    def __init__(self, key, array, size=None):
        self.key, self.kind = key, STORAGES[array.dtype.str[1:]]
        self.data = array.ravel(order="K").tobytes()
        self.size = array.size if size is None else size


class Tensor:
    """Pickles as PyTorch's tensors do."""

    def __init__(self, storage, shape, strides, offset=0):
        self.storage = storage
        self.look = offset, tuple(shape), tuple(strides), False

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, *self.look, collections.OrderedDict())


class Pickler(pickle.Pickler):
    legacy = False

    def persistent_id(self, value):
        if isinstance(value, Storage):
            kind = getattr(sys.modules["torch"], value.kind)
            pid = "storage", kind, value.key, "cpu", value.size
            return (*pid, None) if self.legacy else pid


def tensors_of(arrays):
    """A state dict, with the attribute that PyTorch's have."""
    state = collections.OrderedDict()
    for index, (name, array) in enumerate(arrays.items()):
        strides = [stride // array.itemsize for stride in array.strides]
        state[name] = Tensor(Storage(str(index), array), array.shape, strides)
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    return state


@pytest.fixture
def torch(monkeypatch):
    """Stands for PyTorch while a test writes a file."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2():
        raise AssertionError("the reader must not call this")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def dumped(value, protocol=2, legacy=False):
    file = io.BytesIO()
    pickler = Pickler(file, protocol)
    pickler.legacy = legacy
    pickler.dump(value)
    return file.getvalue()


def write_zip(path, content, storages=(), **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("weights/data.pkl", content)
        archive.writestr("weights/version", "3\n")
        for storage in storages:
            archive.writestr(f"weights/data/{storage.key}", storage.data)


def storages_of(state):
    return [tensor.storage for tensor in state.values()]


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].flags.c_contiguous
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("protocol", [2, 4])
def test_archive(torch, tmp_path, protocol):
    state, path = tensors_of(ARRAYS), tmp_path / "a.pth"
    write_zip(path, dumped(state, protocol), storages_of(state))
    assert_same(read_pth(path), ARRAYS)
    assert_same(read_weights(path), ARRAYS)


def write_legacy(path, state):
    numbers = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    content = b"".join(pickle.dumps(number, 2) for number in numbers)
    content += dumped(state, legacy=True)
    storages = storages_of(state)
    content += pickle.dumps([storage.key for storage in storages], 2)
    for storage in storages:
        content += struct.pack("<q", storage.size) + storage.data
    path.write_bytes(content)


def test_older_layout(torch, tmp_path):
    write_legacy(tmp_path / "a.pth", tensors_of(ARRAYS))
    assert_same(read_pth(tmp_path / "a.pth"), ARRAYS)


def test_two_tensors_of_one_storage(torch, tmp_path):
    numbers, path = np.arange(10, dtype="f4"), tmp_path / "a.pth"
    storage = Storage("x", numbers)
    state = {"a": Tensor(storage, (2, 3), (1, 2), 1), "b": Tensor(storage, (4,), (2,))}
    write_zip(path, dumped(state), [storage])
    found = read_pth(path)
    np.testing.assert_array_equal(found["a"], [[1, 3, 5], [2, 4, 6]])
    np.testing.assert_array_equal(found["b"], [0, 2, 4, 6])


@pytest.mark.parametrize(
    "shape, strides, offset",
    [
        ((11,), (1,), 0),
        ((5,), (1,), 6),
        ((5,), (3,), 0),
        ((3,), (-1,), 5),
        ((3,), (1,), -1),
        ((-1, -3), (1, 1), 0),
        ((10**9, 10**9), (0, 0), 0),
        ((2, 2), (1,), 0),
    ],
)
def test_tensors_stay_in_their_storage(torch, tmp_path, shape, strides, offset):
    storage, path = Storage("x", np.arange(10, dtype="f4")), tmp_path / "a.pth"
    state = {"a": Tensor(storage, shape, strides, offset)}
    write_zip(path, dumped(state), [storage])
    with pytest.raises(InputError, match="a.pth"):
        read_pth(path)


@pytest.mark.parametrize("size", [9, 11, 10**15, -1, "10"])
def test_wrong_size_of_storage(torch, tmp_path, size):
    storage = Storage("x", np.arange(10, dtype="f4"), size)
    state = {"a": Tensor(storage, (2,), (1,))}
    write_zip(tmp_path / "a.pth", dumped(state), [storage])
    write_legacy(tmp_path / "b.pth", state) if isinstance(size, int) else None
    for path in tmp_path.iterdir():
        with pytest.raises(InputError, match=path.name):
            read_pth(path)


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


HOSTILE = {
    "name": b"\x80\x02cbuiltins\neval\n.",
    "attribute": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2.__globals__\n.",
    "instance": b"\x80\x02(ios\nsystem\n.",
    "new object": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
    "memo": b"\x80\x02}r\xff\xff\xff\x7f.",
    "no dictionary": pickle.dumps([1, 2], 2),
    "no tensors": pickle.dumps({"a": 1.5}, 2),
    "nothing": pickle.dumps({}, 2),
    "cut": pickle.dumps({"a": 1.5}, 2)[:-3],
    "storage": b"\x80\x02}X\x01\x00\x00\x00a(X\x01\x00\x00\x00btQs.",
    "call of text": b"\x80\x02ctorch\nFloatStorage\n)R.",
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive(tmp_path, name):
    write_zip(tmp_path / "a.pth", HOSTILE[name])
    with pytest.raises(InputError, match=r"a\.pth.*state_dict"):
        read_pth(tmp_path / "a.pth")


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_does_not_run(tmp_path, protocol):
    path, made = tmp_path / "a.pth", tmp_path / "made"
    content = pickle.dumps(collections.OrderedDict(a=Evil(made)), protocol)
    write_zip(path, content)
    with pytest.raises(InputError, match="mkdir"):
        read_pth(path)
    start = b"".join(pickle.dumps(n, 2) for n in (0x1950A86A20F9469CFC6C, 1001))
    path.write_bytes(start + content)
    with pytest.raises(InputError, match="mkdir"):
        read_pth(path)
    assert not made.exists()


def test_other_files(torch, tmp_path):
    state = tensors_of({"a": ARRAYS["plain"]})
    compressed = tmp_path / "compressed.pth"
    write_zip(
        compressed, dumped(state), storages_of(state), compression=zipfile.ZIP_DEFLATED
    )
    (tmp_path / "text.pth").write_text("hello")
    write_zip(tmp_path / "missing.pth", dumped(state))
    write_legacy(tmp_path / "cut.pth", state)
    content = (tmp_path / "cut.pth").read_bytes()
    for path in sorted(tmp_path.iterdir()):
        path.write_bytes(content[:-1]) if path.stem == "cut" else None
        with pytest.raises(InputError, match=path.name):
            read_pth(path)
    for name in ("none.pth", "none.npz"):
        with pytest.raises(InputError, match="no .* at"):
            read_weights(tmp_path / name)


def test_npz(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, **ARRAYS)
    assert {k: v.shape for k, v in read_weights(path).items()} == {
        k: v.shape for k, v in ARRAYS.items()
    }
    np.savez(path, a=np.array([{}], object))
    with pytest.raises(InputError, match=r"a\.npz"):
        read_weights(path)


def vgg16_weights():
    """Arrays of the right shapes; each tells its place."""
    widths = [64, 64, 128, 128, *3 * [256], *6 * [512]]
    places = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    before = [3, *widths]
    weights = {}
    for place, width, old in zip(places, widths, before, strict=False):
        weights[f"features.{place}.weight"] = np.full((width, old, 3, 3), place, "f4")
        weights[f"features.{place}.bias"] = np.full(width, place, "f4")
    return weights


def test_vgg16():
    weights = vgg16_weights()
    weights["features.2.weight"][3, 5, 0, 2] = 100
    params = vgg16_params(weights)
    assert [params[f"Conv_{i}"]["bias"][0] for i in (0, 1, 2, 12)] == [0, 2, 5, 28]
    assert params["Conv_1"]["kernel"][0, 2, 5, 3] == 100
    weights["features.5.bias"] = np.zeros(64)
    with pytest.raises(InputError, match=r"Conv_2.bias needs \(128,\)"):
        vgg16_params(weights)
    del weights["features.5.bias"]
    with pytest.raises(InputError, match=r"features\.5\.bias"):
        vgg16_params(weights)


def test_efficientnet_needs_its_weights():
    with pytest.raises(InputError, match="running_mean"):
        efficientnet_lite0_params({"_fc.weight": np.zeros((1000, 1280))})


def test_efficientnet_knows_an_espresso():
    """Runs where the optional packages with weights and picture are."""
    data = pytest.importorskip("skimage.data")
    image = pytest.importorskip("PIL.Image")
    try:
        path = find_efficientnet_lite0()
    except InputError as error:
        pytest.skip(str(error))
    params = efficientnet_lite0_params(read_pth(path))
    photo = image.fromarray(data.coffee()).crop((100, 0, 500, 400))
    srgb = np.asarray(photo.resize((224, 224), image.Resampling.BICUBIC)) / 255
    pixels = normalize_pixels(jnp.asarray(srgb[None], jnp.float32))
    logits = jax.jit(efficientnet_lite0_classifier().apply)(params, pixels)
    share = jax.nn.softmax(logits[0])
    assert share.argmax() == 967  # espresso
    np.testing.assert_allclose(share[967], 0.94, atol=0.005)
