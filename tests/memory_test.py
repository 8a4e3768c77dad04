"""Memory that is kept costs no page faults when it is used again."""

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, threading
import numpy as np
from ivg.memory import keep_memory
if {keep}:
    assert keep_memory()
def fill():
    for _ in range(4):
        np.empty(100 << 20, np.uint8).fill(1)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def count(keep):
    command = [sys.executable, "-c", COUNT.format(keep=keep)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not the GNU C library")
def test_pages_are_used_again():
    """Of 4 x 100 MiB, in a thread that had no memory before."""
    assert 10 * count(keep=True) < count(keep=False)
