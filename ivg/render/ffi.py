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

jit = numba.njit(error_model="numpy", cache=True)


@intrinsic
def _pointer(typing_context, address, like):
    """A pointer to numbers of the type of `like`, or of what it points to."""
    pointer = like if isinstance(like, types.CPointer) else types.CPointer(like)

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(pointer))

    return pointer(types.int64, like), codegen


@njit(inline="always")
def array(address, shape, like):
    """An array over memory of XLA's.

    Args:
      address: int64.
      shape: tuple of sizes.
      like: a number of the type of the entries, or a pointer to such numbers.

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
def num_bands(batch, rows, width):
    """In how many bands of rows pictures are cut.

    Args:
      batch: number of pictures; four are parts enough by themselves.
      rows: rows of a picture.
      width: columns.

    Returns:
      Up to four, of at least 2 ** 14 pixels: less is not worth a thread.
    """
    return 1 if batch >= 4 else max(min(4, rows, rows * width >> 14), 1)


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
_NEXT, _PARTS, _DONE, _USERS, _FRAME, _WORK = range(6)  # words of a job
_jobs = np.zeros((64, 8), np.int64)


@intrinsic
def _call(typing_context, function, arguments):
    """Calls a C function of integers and pointers at an address."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word] * len(arguments))
        address = builder.inttoptr(args[0], kind.as_pointer())
        words = [builder.extract_value(args[1], i) for i in range(len(arguments))]
        return builder.call(address, words)

    return types.int64(types.int64, arguments), codegen


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


@jit
def _find_job(jobs, num):
    """The address of a job that nobody uses, now used by the caller; or zero."""
    for i in range(num):
        job = jobs + 64 * i
        if _take(job + 8 * _USERS):
            return job
    return 0


@jit
def _num_threads(frame):
    api = array(frame[2], (19,), np.int64(0))
    if frame[2] == 0 or api[0] < _API_BYTES:
        return 1
    answer = np.ones(1, np.int64)
    question = np.array([32, 0, frame[3], answer.ctypes.data], np.int64)
    error = _call(api[_NUM_THREADS], (np.int64(question.ctypes.data),))
    return answer[0] if error == 0 else 1


@jit
def _ask_for_help(frame, job, task, num):
    """Schedules a task `num` times; each is a user of the job until it ends."""
    api = array(frame[2], (19,), np.int64(0))
    request = np.array([40, 0, frame[3], task, job], np.int64)
    for _ in range(num):
        _add(job + 8 * _USERS, 1)
        if _call(api[_SCHEDULE], (np.int64(request.ctypes.data),)) != 0:
            _add(job + 8 * _USERS, -1)


@jit
def _work_on(job):
    """Does parts of a job until there are no more."""
    words = array(job, (6,), np.int64(0))
    frame, work, parts = words[_FRAME], words[_WORK], words[_PARTS]
    part = _add(job + 8 * _NEXT, 1)
    while part < parts:
        _call(work, (frame, 0, part))
        _add(job + 8 * _DONE, 1)
        part = _add(job + 8 * _NEXT, 1)


def _task(job):
    """What a thread of XLA's does that comes to help."""
    _work_on(job)
    _add(job + 8 * _USERS, -1)


@jit
def _answer(address, prepare, work, task, jobs, num_jobs):
    """Answers one call of XLA's; all arguments are addresses but the last."""
    frame = array(address, (32,), np.int64(0))
    if answers_metadata(frame):
        return 0
    parts = _call(prepare, (address, 0))
    helpers = min(_num_threads(frame), parts) - 1 if parts > 1 else 0
    job = _find_job(jobs, num_jobs) if helpers > 0 else 0
    if job == 0:
        for part in range(parts):
            _call(work, (address, 0, part))
        return 0
    words = array(job, (6,), np.int64(0))
    words[_NEXT], words[_PARTS], words[_DONE] = 0, parts, 0
    words[_FRAME], words[_WORK] = address, work
    _ask_for_help(frame, job, task, helpers)
    _work_on(job)
    while _add(job + 8 * _DONE, 0) < parts:
        pass
    _add(job + 8 * _USERS, -1)
    return 0


_lock = threading.Lock()
_targets: dict[str, object] = {}


def target(prepare: Callable, work: Callable, dtype=np.int32) -> str:
    """The name under which XLA knows a kernel; compiled when first asked for.

    Args:
      prepare: Python function `(frame, like) -> parts` of the `[32]` int64 words of
        the call frame and a null pointer to the type below, in what Numba compiles;
        runs first and says how many parts there are.
      work: likewise `(frame, like, part)`; computes one part of the results in
        place. Parts run at the same time and in any order.
      dtype: type that the kernel is compiled for, if it knows several.

    Returns:
      Name for `jax.ffi.ffi_call`.

    Raises:
      Exception: whatever Numba or XLA raise where they cannot run.
    """
    name = f"ivg_{work.__name__.strip('_')}_{np.dtype(dtype).name}"
    with _lock:
        if name not in _targets:
            like = types.CPointer(numba.from_dtype(np.dtype(dtype)))
            frame = types.CPointer(types.int64)
            _targets[name] = _register(
                name,
                _c_function(types.int64(frame, like), prepare),
                _c_function(types.void(frame, like, types.int64), work),
                _c_function(types.void(types.int64), _task),
            )
    return name


def _c_function(signature, function: Callable):
    return cfunc(signature, nopython=True, cache=True, error_model="numpy")(function)


def _register(name: str, prepare, work, task) -> tuple:
    """Makes a kernel known to XLA; what it returns must be kept alive.

    Only the handler is compiled in every process, for it holds addresses.
    """
    addresses = prepare.address, work.address, task.address
    jobs, num_jobs = _jobs.ctypes.data, len(_jobs)

    @cfunc(types.int64(types.int64), nopython=True)
    def handler(frame):
        return _answer(frame, *addresses, jobs, num_jobs)

    make_capsule = ctypes.pythonapi.PyCapsule_New
    make_capsule.restype = ctypes.py_object
    make_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    jax.ffi.register_ffi_target(
        name, make_capsule(handler.address, None, None), platform="cpu"
    )
    return handler, prepare, work, task


__all__ = [
    "answers_metadata",
    "array",
    "buffer_at",
    "jit",
    "leading_size",
    "num_bands",
    "target",
]
