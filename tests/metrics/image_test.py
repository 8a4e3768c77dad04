"""Scores of pictures."""

import jax.numpy as jnp
import pytest

from ivg.metrics.image import intersection_over_union, masked_mean_squared_error


def test_intersection_over_union():
    a = jnp.array([[True, True, False]])
    b = jnp.array([[False, True, True]])
    assert intersection_over_union(a, b) == pytest.approx(1 / 3)
    assert intersection_over_union(~(a | ~a), ~(a | ~a)) == 1


def test_masked_mean_squared_error():
    picture = jnp.zeros((1, 3, 3)).at[0, 0].set(2.0).at[0, 2].set(9.0)
    mask = jnp.array([[True, True, False]])
    error = masked_mean_squared_error(picture, jnp.zeros_like(picture), mask)
    assert error == pytest.approx(2.0)
    assert masked_mean_squared_error(picture, picture + 1, mask & False) == 0
