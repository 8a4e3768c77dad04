"""Affine functions at pixels, and their transpose, against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from ivg.render import planes

FACES, ATTRIBUTES, SHAPE = 12, 4, (2, 9, 11)


def example(seed=0):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(FACES, ATTRIBUTES, 3))
    origin = rng.uniform(0, 10, (FACES, 2))
    index = np.repeat(rng.integers(-1, FACES, (*SHAPE[:2], 4)), 3, -1)[..., :11]
    return (
        jnp.asarray(table, jnp.float32),
        jnp.asarray(origin, jnp.float32),
        jnp.asarray(index, jnp.int32),
    )


def each_pixel(origin, index):
    """Place, face and `(x, y, 1)` of every covered pixel, one after the other."""
    for k, y, x in np.argwhere(np.asarray(index) >= 0):
        face = int(index[k, y, x])
        offset = np.array([x + 0.5, y + 0.5]) - np.asarray(origin)[face]
        yield (k, y, x), face, np.append(offset, 1)


def test_values():
    table, origin, index = example()
    expected = np.zeros((ATTRIBUTES, *SHAPE))
    for place, face, weights in each_pixel(origin, index):
        expected[:, *place] = np.asarray(table)[face] @ weights
    actual = jax.jit(planes.evaluate_planes)(table, origin, index)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_sums():
    _, origin, index = example()
    values = np.random.default_rng(1).normal(size=(ATTRIBUTES, *SHAPE))
    expected = np.zeros((FACES, ATTRIBUTES, 3))
    for place, face, weights in each_pixel(origin, index):
        expected[face] += np.outer(values[:, *place], weights)
    actual = planes.sum_planes(jnp.asarray(values, jnp.float32), origin, index)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("axes", [(0, 0, 0), (0, None, None), (None, 0, 0)])
def test_vmap_equals_loop(axes):
    many = [example(seed) for seed in range(3)]
    pick = [
        (lambda i, a=a, j=j: many[i if a == 0 else 0][j]) for j, a in enumerate(axes)
    ]
    args = [
        jnp.stack([p(i) for i in range(3)]) if a == 0 else p(0)
        for p, a in zip(pick, axes, strict=True)
    ]
    actual = jax.vmap(planes.evaluate_planes, axes)(*args)
    for i in range(3):
        one = planes.evaluate_planes(*(p(i) for p in pick))
        np.testing.assert_array_equal(actual[i], one)


def test_derivatives():
    table, origin, index = example()
    with jax.enable_x64(True):
        table, origin = table.astype(float), origin.astype(float)

        def there_and_back(table):
            values = jnp.sin(planes.evaluate_planes(table, origin, index))
            return jnp.cos(planes.sum_planes(values, origin, index) / 100)

        check_grads(there_and_back, (table,), 2)


def test_kernels_get_the_types_that_they_read():
    """Indices and origins of 64 bits beside planes of 32."""
    table, origin, index = example()
    values = planes.evaluate_planes(table, origin, index)
    sums = planes.sum_planes(values, origin, index)
    with jax.enable_x64(True):
        place = origin.astype(jnp.float64), index.astype(jnp.int64)
        np.testing.assert_array_equal(planes.evaluate_planes(table, *place), values)
        np.testing.assert_array_equal(planes.sum_planes(values, *place), sums)


def test_plain_jax_stands_in_where_kernels_cannot_load(monkeypatch):
    table, origin, index = example()

    def results():
        # A new function each time, for `jit` remembers what it compiled.
        values = jax.jit(lambda t: planes.evaluate_planes(t, origin, index))(table)
        return values, jax.jit(lambda v: planes.sum_planes(v, origin, index))(values)

    expected = results()
    asked = []  # `append` returns None: no kernels
    monkeypatch.setattr(planes, "cpu_kernels", asked.append)
    actual = results()
    assert len(asked) >= 2
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
