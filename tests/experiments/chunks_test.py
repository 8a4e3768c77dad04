"""Parts of long arrays."""

import jax
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


def test_rows_may_be_random_keys():
    keys = jax.random.split(jax.random.key(0), 5)
    draw = jax.vmap(jax.random.uniform)
    np.testing.assert_array_equal(in_chunks(draw, keys, chunk=2), draw(keys))
