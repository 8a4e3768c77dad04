"""Gathering into planes and its transpose against plain indexing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from ivg.render import gather

ROWS = 50


@pytest.fixture
def example():
    rng = np.random.default_rng(0)
    index = jnp.asarray(rng.integers(-1, ROWS, (3, 40, 9)), jnp.int32)
    index = index.at[1].set(-1)
    return jnp.asarray(rng.normal(size=(ROWS, 7)), jnp.float32), index


def expected_planes(table, index):
    rows = np.asarray(table)[np.maximum(index, 0)]
    return np.moveaxis(np.where((np.asarray(index) >= 0)[..., None], rows, 0), -1, 0)


def test_gather_equals_indexing(example):
    table, index = example
    expected = expected_planes(table, index)
    np.testing.assert_array_equal(gather.gather_planes(table, index), expected)
    np.testing.assert_array_equal(jax.jit(gather.gather_planes)(table, index), expected)


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.bfloat16])
def test_gather_of_other_types(example, dtype):
    table, index = example[0].astype(dtype), example[1]
    planes = gather.gather_planes(table, index)
    assert planes.dtype == dtype
    np.testing.assert_array_equal(planes, expected_planes(table, index))


def scatter(planes, index):
    """Sums of what shares an index, as the transpose of the gather computes them."""
    empty = jnp.zeros((ROWS, planes.shape[0]), planes.dtype)
    return jax.vjp(lambda t: gather.gather_planes(t, index), empty)[1](planes)[0]


def test_scatter_equals_sum(example):
    table, index = example
    planes = gather.gather_planes(table, index)
    actual = scatter(planes, index)
    expected = np.zeros(table.shape)
    seen = np.asarray(index) >= 0
    np.add.at(expected, np.asarray(index)[seen], np.moveaxis(planes, 0, -1)[seen])
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_adding_equals_table_plus_scatter(example):
    table, index = example
    planes = jnp.sin(gather.gather_planes(table, index))
    add = jax.jit(gather.add_planes)
    expected = table + scatter(planes, index)
    np.testing.assert_allclose(add(table, planes, index), expected, atol=1e-4)
    stacked = jax.vmap(add, (0, None, None))(
        jnp.stack([table, 0 * table]), planes, index
    )
    np.testing.assert_allclose(stacked[0], expected, atol=1e-4)
    np.testing.assert_allclose(stacked[1], expected - table, atol=1e-4)


def test_adding_leaves_its_argument_alone(example):
    table, index = example
    before = np.array(table)
    both = jax.jit(lambda t, p: (t, gather.add_planes(t, p, index), t * 2))
    same, _, twice = both(table, gather.gather_planes(table, index))
    np.testing.assert_array_equal(same, before)
    np.testing.assert_array_equal(twice, 2 * before)
    np.testing.assert_array_equal(table, before)


def test_derivatives_of_adding(example):
    table, index = example
    with jax.enable_x64(True):
        table = table.astype(jnp.float64)
        planes = gather.gather_planes(table, index)

        def value(table, planes):
            return jnp.cos(gather.add_planes(jnp.sin(table), planes**2, index))

        check_grads(value, (table, planes), 2)
        check_grads(lambda t: value(t, planes), (table,), 1)


def test_derivatives_of_both(example):
    table, index = example
    with jax.enable_x64(True):
        table = table.astype(jnp.float64)

        def there_and_back(table):
            planes = jnp.sin(gather.gather_planes(table, index))
            return jnp.cos(scatter(planes, index))

        check_grads(there_and_back, (table,), 2)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_vmap_equals_loop(example, axes):
    table, index = example
    args = [
        jnp.stack([table, 2 * table, -table]) if axes[0] == 0 else table,
        index if axes[1] == 0 else index[0],
    ]
    actual = jax.vmap(gather.gather_planes, axes)(*args)
    for i in range(3):
        one = [x[i] if a == 0 else x for x, a in zip(args, axes, strict=True)]
        np.testing.assert_array_equal(actual[i], gather.gather_planes(*one))


def test_plain_jax_stands_in_where_kernels_cannot_load(example, monkeypatch):
    table, index = example

    def results():
        # A new function each time, for `jit` remembers what it compiled.
        planes = jax.jit(lambda t: gather.gather_planes(t, index))(table)
        back = jax.jit(lambda p: scatter(p, index))(planes)
        return planes, back, gather.list_places(index.reshape(-1) - 40, 50)

    expected = results()
    asked = []  # `append` returns None: no kernels
    monkeypatch.setattr(gather, "cpu_kernels", asked.append)
    actual = results()
    assert len(asked) >= 3
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_kernels_get_the_types_that_they_read(example):
    """Indices of 64 bits, and planes of another type than the table."""
    table, index = example
    planes = gather.gather_planes(table, index)
    added = gather.add_planes(table, planes, index)
    first = gather.list_places(index.reshape(-1), 9)
    with jax.enable_x64(True):
        wide = index.astype(jnp.int64)
        np.testing.assert_array_equal(gather.gather_planes(table, wide), planes)
        sums = gather.add_planes(table, planes.astype(jnp.float64), wide)
        assert sums.dtype == jnp.float32
        np.testing.assert_array_equal(sums, added)
        np.testing.assert_array_equal(gather.list_places(wide.reshape(-1), 9), first)


def test_places():
    index = jnp.array([-1, 3, -1, 0, 7], jnp.int32)
    assert gather.list_places(index, 2).tolist() == [1, 3]
    assert gather.list_places(index, 4).tolist() == [1, 3, 4, -1]
    both = jax.vmap(lambda i: gather.list_places(i, 3))(jnp.stack([index, -index]))
    assert both.tolist() == [[1, 3, 4], [0, 2, 3]]
