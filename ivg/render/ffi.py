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
from collections.abc import Callable

import jax
import numba
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

FLOAT64 = 12  # XLA_FFI_DataType_F64


def _pointer_to(kind):
    @intrinsic
    def cast(typing_context, address):
        signature = types.CPointer(kind)(types.int64)

        def codegen(context, builder, sig, args):
            pointer_type = context.get_value_type(types.CPointer(kind))
            return builder.inttoptr(args[0], pointer_type)

        return signature, codegen

    return cast


as_int64 = _pointer_to(types.int64)
as_int32 = _pointer_to(types.int32)
as_uint8 = _pointer_to(types.uint8)
as_float32 = _pointer_to(types.float32)
as_float64 = _pointer_to(types.float64)


@njit(inline="always")
def buffer_at(frame, index, is_result):
    """One argument or result of a call.

    Args:
      frame: `[32]` int64 words of the call frame.
      index: which argument or result.
      is_result: 0 for an argument, 1 for a result.

    Returns:
      `(data, dims, rank, dtype)`: two addresses and two numbers.
    """
    buffers = carray(as_int64(frame[9 + 5 * is_result]), (64,))
    buffer = carray(as_int64(buffers[index]), (6,))
    return (
        buffer[3],
        carray(as_int64(buffer[5]), (8,)),
        buffer[4],
        buffer[2] & 0xFFFFFFFF,
    )


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
    extension = carray(as_int64(frame[1]), (4,))
    if (extension[1] & 0xFFFFFFFF) != 1:
        return False
    version = carray(as_int32(extension[3] + 24), (2,))
    version[0], version[1] = 0, 3
    return True


def register(name: str, kernel: Callable) -> None:
    """Makes a kernel known to XLA for the CPU.

    Args:
      name: target name for `jax.ffi.ffi_call`.
      kernel: Numba function of the `[32]` int64 call frame words; it runs once
        per call and writes the results in place.
    """

    @cfunc(types.int64(types.CPointer(types.int64)), nopython=True)
    def handler(pointer):
        frame = carray(pointer, (32,))
        if not answers_metadata(frame):
            kernel(frame)
        return 0

    make_capsule = ctypes.pythonapi.PyCapsule_New
    make_capsule.restype = ctypes.py_object
    make_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    _handlers[name] = handler  # XLA keeps the address only
    jax.ffi.register_ffi_target(
        name, make_capsule(handler.address, None, None), platform="cpu"
    )


_handlers: dict[str, object] = {}
jit = numba.njit(error_model="numpy", cache=True)

__all__ = [
    "FLOAT64",
    "answers_metadata",
    "as_float32",
    "as_float64",
    "as_int32",
    "as_int64",
    "as_uint8",
    "buffer_at",
    "jit",
    "leading_size",
    "register",
]
