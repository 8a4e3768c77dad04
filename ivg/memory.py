"""Memory of the process: kept between calls instead of given back to the system."""

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # parameters of mallopt(3)


def keep_memory() -> bool:
    """Lets big pictures and big batches reuse their memory; call it before all else.

    XLA allocates the temporary memory of a program anew at every call. The GNU C
    library takes blocks of more than 32 MiB from the system and gives them back at
    once, so that every page of them is cleared again: at 1024 x 1024 pixels this
    takes longer than to render. After this call the process keeps what it had.

    It is a setting of the whole process and acts on threads that do not yet exist:
    call it before the first computation of JAX. Memory use stays at its peak.

    Returns:
      Whether the C library knows the settings; elsewhere nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not the GNU C library
        return False
    largest = 2**31 - 1
    return all(
        [
            mallopt(_TRIM_THRESHOLD, largest),
            mallopt(_MMAP_MAX, 0),
            mallopt(_ARENA_MAX, 1),
        ]
    )


__all__ = ["keep_memory"]
