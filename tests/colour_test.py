"""sRGB and linear RGB against each other, known values and wild ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from ivg.colour import linear_from_srgb, srgb_from_linear

KNOWN = [(0.0, 0.0), (0.5, 0.21404114), (1.0, 1.0), (0.04045, 0.0031308)]


@pytest.mark.parametrize("srgb, linear", KNOWN)
def test_known_values(srgb, linear):
    np.testing.assert_allclose(linear_from_srgb(srgb), linear, atol=1e-6)
    np.testing.assert_allclose(srgb_from_linear(linear), srgb, atol=1e-6)


def test_inverse_to_each_other_also_out_of_range():
    x = jnp.linspace(-2, 3, 501)
    np.testing.assert_allclose(linear_from_srgb(srgb_from_linear(x)), x, atol=2e-6)
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(x)), x, atol=2e-6)


@pytest.mark.parametrize("function", [linear_from_srgb, srgb_from_linear])
def test_gradients_are_finite_and_positive(function):
    x = jnp.array([-1e9, -1.0, -0.0, 0.0, 1e-30, 0.0031308, 0.04045, 0.5, 1.0, 1e9])
    gradient = jax.vmap(jax.grad(function))(x)
    assert np.isfinite(gradient).all() and (np.asarray(gradient) > 0).all()


@pytest.mark.parametrize("function", [linear_from_srgb, srgb_from_linear])
def test_gradients_are_right(function):
    with jax.enable_x64(True):
        check_grads(function, (jnp.array([-0.3, 0.002, 0.2, 0.9]),), order=2)


@pytest.mark.parametrize("function", [linear_from_srgb, srgb_from_linear])
def test_jit_and_vmap_agree(function):
    x = jnp.linspace(0, 1, 7)
    np.testing.assert_allclose(jax.jit(function)(x), function(x), rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(function)(x), function(x), rtol=1e-6)
