"""Parts of long arrays."""

import numpy as np
import pytest

from experiments.chunks import in_chunks


@pytest.mark.parametrize("chunk", [1, 3, 7, 50])
def test_chunks_join_to_the_whole(chunk):
    values, lengths = np.arange(7.0), set()

    def double(x):
        lengths.add(len(x))
        return {"double": 2 * x}

    found = in_chunks(double, values, chunk=chunk)
    np.testing.assert_array_equal(found["double"], 2 * values)
    assert lengths == {min(chunk, 7)}  # one program
