"""Numba kernels that XLA calls by itself on the CPU, through its typed FFI.

XLA hands a kernel a pointer to an `XLA_FFI_CallFrame`, a C struct whose layout
`xla/ffi/api/c_api.h` fixes; seen as 64-bit words:

  call frame: 1 extension, 3 stage (low half), 4..9 arguments, 10..15 results,
              each block `struct_size, extension, size, types, buffers`;
  buffer:     2 dtype (low half), 3 data, 4 rank, 5 dims.

No compiler is needed where this runs, and neither Python nor the GIL is involved
in a call.
"""

import ctypes
import threading
from collections.abc import Callable

import jax
import numba
import numpy as np
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic


@intrinsic
def _pointer(typing_context, address, like):
    """A pointer to numbers of the type of `like`."""
    signature = types.CPointer(like)(types.int64, like)

    def codegen(context, builder, sig, args):
        pointer_type = context.get_value_type(types.CPointer(like))
        return builder.inttoptr(args[0], pointer_type)

    return signature, codegen


@njit(inline="always")
def array(address, shape, like):
    """An array over memory of XLA's.

    Args:
      address: int64.
      shape: tuple of sizes.
      like: a number of the type of the entries.

    Returns:
      C-contiguous array.
    """
    return carray(_pointer(address, like), shape)


@njit(inline="always")
def buffer_at(frame, index, is_result):
    """One argument or result of a call.

    Args:
      frame: `[32]` int64 words of the call frame.
      index: which argument or result.
      is_result: 0 for an argument, 1 for a result.

    Returns:
      `(data, dims, rank)`: the address, the sizes `[rank]`, and their number.
    """
    buffers = array(frame[9 + 5 * is_result], (64,), np.int64(0))
    buffer = array(buffers[index], (6,), np.int64(0))
    return buffer[3], array(buffer[5], (8,), np.int64(0)), buffer[4]


@njit(inline="always")
def leading_size(dims, rank, trailing):
    """Product of all dimensions but the last ones: the size of the batch.

    Args:
      dims: `[rank]` int64 sizes.
      rank: number of dimensions.
      trailing: number of dimensions that belong to one call.

    Returns:
      int64 product, one without a batch.
    """
    size = 1
    for i in range(rank - trailing):
        size *= dims[i]
    return size


@njit(inline="always")
def answers_metadata(frame):
    """Answers XLA's question for the API version, asked once at registration.

    Args:
      frame: `[32]` int64 words of the call frame.

    Returns:
      Whether this call was that question, so that there is nothing to compute.
    """
    if frame[1] == 0:
        return False
    extension = array(frame[1], (4,), np.int64(0))
    if (extension[1] & 0xFFFFFFFF) != 1:
        return False
    version = array(extension[3] + 24, (2,), np.int32(0))
    version[0], version[1] = 0, 3
    return True


_handlers: dict[str, object] = {}
_lock = threading.Lock()


def target(kernel: Callable, dtype=np.int32) -> str:
    """The name under which XLA knows a kernel; compiled when first asked for.

    Args:
      kernel: Numba function `(frame, zero)` of the `[32]` int64 call frame words
        and a zero of the type below; it runs once per call and writes the results
        in place.
      dtype: type that the kernel is compiled for, if it knows several.

    Returns:
      Name for `jax.ffi.ffi_call`.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    name = f"ivg_{kernel.__name__.strip('_')}_{np.dtype(dtype).name}"
    with _lock:
        if name not in _handlers:
            _handlers[name] = _register(name, kernel, np.dtype(dtype).type(0))
    return name


def _register(name: str, kernel: Callable, zero) -> object:
    @cfunc(types.int64(types.CPointer(types.int64)), nopython=True)
    def handler(pointer):
        frame = carray(pointer, (32,))
        if not answers_metadata(frame):
            kernel(frame, zero)
        return 0

    make_capsule = ctypes.pythonapi.PyCapsule_New
    make_capsule.restype = ctypes.py_object
    make_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    jax.ffi.register_ffi_target(
        name, make_capsule(handler.address, None, None), platform="cpu"
    )
    return handler  # to be kept: XLA has its address only


jit = numba.njit(error_model="numpy", cache=True)

__all__ = ["answers_metadata", "array", "buffer_at", "jit", "leading_size", "target"]
