"""Numba kernels that XLA calls by itself on the CPU, through its typed FFI.

XLA hands a kernel a pointer to an `XLA_FFI_CallFrame`, a C struct whose layout
`xla/ffi/api/c_api.h` fixes; seen as 64-bit words:

  call frame: 1 extension, 2 API table, 3 context, 4 stage (low half),
              5..9 arguments, 10..14 results,
              each block `struct_size, extension, size, types, buffers`;
  buffer:     2 dtype (low half), 3 data, 4 rank, 5 dims;
  API table:  0 its size in bytes, 17 ThreadPool_Schedule, 18 ThreadPool_NumThreads.

No compiler is needed where this runs, and neither Python nor the GIL is involved
in a call. A kernel is cut into parts, which XLA's own threads work off together
with the thread that called: nobody waits for a thread that may never come.
"""

import ctypes
import threading
from collections.abc import Callable

import jax
import numba
import numpy as np
from llvmlite import ir
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


_SCHEDULE, _NUM_THREADS, _API_BYTES = 17, 18, 19 * 8
_NEXT, _PARTS, _DONE, _USERS, _FRAME = range(5)  # words of a job
_jobs = np.zeros((64, 8), np.int64)


@intrinsic
def _call(typing_context, function, argument):
    """Calls a C function of one pointer at an address."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), [args[1]])

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _add(typing_context, address, value):
    """Adds to a word that threads share, and gives what it was before."""

    def codegen(context, builder, signature, args):
        place = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", place, args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _take(typing_context, address):
    """Whether this thread turned a shared word from zero into one."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        place = builder.inttoptr(args[0], word.as_pointer())
        pair = builder.cmpxchg(place, word(0), word(1), "seq_cst", "seq_cst")
        return builder.zext(builder.extract_value(pair, 1), ir.IntType(8))

    return types.uint8(types.int64), codegen


@njit
def _find_job(jobs, num):
    """The address of a job that nobody uses, now used by the caller; or zero."""
    for i in range(num):
        job = jobs + 64 * i
        if _take(job + 8 * _USERS):
            return job
    return 0


@njit
def _num_threads(frame):
    api = array(frame[2], (19,), np.int64(0))
    if frame[2] == 0 or api[0] < _API_BYTES:
        return 1
    answer = np.ones(1, np.int64)
    question = np.array([32, 0, frame[3], answer.ctypes.data], np.int64)
    error = _call(api[_NUM_THREADS], np.int64(question.ctypes.data))
    return answer[0] if error == 0 else 1


@njit
def _ask_for_help(frame, job, task, num):
    """Schedules a task `num` times; each is a user of the job until it ends."""
    api = array(frame[2], (19,), np.int64(0))
    request = np.array([40, 0, frame[3], task, job], np.int64)
    for _ in range(num):
        _add(job + 8 * _USERS, 1)
        if _call(api[_SCHEDULE], np.int64(request.ctypes.data)) != 0:
            _add(job + 8 * _USERS, -1)


_lock = threading.Lock()
_targets: dict[str, object] = {}


def target(prepare: Callable, work: Callable, dtype=np.int32) -> str:
    """The name under which XLA knows a kernel; compiled when first asked for.

    Args:
      prepare: Numba function `(frame, zero) -> parts` of the `[32]` int64 call frame
        words and a zero of the type below; runs first and says how many parts there
        are.
      work: Numba function `(frame, zero, part)` that computes one part of the
        results in place. Parts run at the same time and in any order.
      dtype: type that the kernel is compiled for, if it knows several.

    Returns:
      Name for `jax.ffi.ffi_call`.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    name = f"ivg_{work.__name__.strip('_')}_{np.dtype(dtype).name}"
    with _lock:
        if name not in _targets:
            zero = np.dtype(dtype).type(0)
            _targets[name] = _register(name, prepare, work, zero)
    return name


def _register(name: str, prepare: Callable, work: Callable, zero) -> tuple:
    """Makes a kernel known to XLA; what it returns must be kept alive."""

    @njit
    def work_on(job):
        words = array(job, (5,), np.int64(0))
        frame, parts = array(words[_FRAME], (32,), np.int64(0)), words[_PARTS]
        part = _add(job + 8 * _NEXT, 1)
        while part < parts:
            work(frame, zero, part)
            _add(job + 8 * _DONE, 1)
            part = _add(job + 8 * _NEXT, 1)

    @cfunc(types.void(types.int64), nopython=True)
    def task(job):
        work_on(job)
        _add(job + 8 * _USERS, -1)

    task_address, jobs, num_jobs = task.address, _jobs.ctypes.data, len(_jobs)

    @cfunc(types.int64(types.int64), nopython=True)
    def handler(address):
        frame = array(address, (32,), np.int64(0))
        if answers_metadata(frame):
            return 0
        parts = prepare(frame, zero)
        helpers = min(_num_threads(frame), parts) - 1 if parts > 1 else 0
        job = _find_job(jobs, num_jobs) if helpers > 0 else 0
        if job == 0:
            for part in range(parts):
                work(frame, zero, part)
            return 0
        words = array(job, (5,), np.int64(0))
        words[_NEXT], words[_PARTS], words[_DONE] = 0, parts, 0
        words[_FRAME] = address
        _ask_for_help(frame, job, task_address, helpers)
        work_on(job)
        while _add(job + 8 * _DONE, 0) < parts:
            pass
        _add(job + 8 * _USERS, -1)
        return 0

    make_capsule = ctypes.pythonapi.PyCapsule_New
    make_capsule.restype = ctypes.py_object
    make_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    jax.ffi.register_ffi_target(
        name, make_capsule(handler.address, None, None), platform="cpu"
    )
    return handler, task


jit = numba.njit(error_model="numpy", cache=True)

__all__ = [
    "answers_metadata",
    "array",
    "buffer_at",
    "jit",
    "leading_size",
    "target",
]
