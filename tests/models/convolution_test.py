"""Convolutions equal their plain counterparts, also backwards and to higher orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.convolution import convolve, convolve_depthwise, convolve_transposed

pytestmark = pytest.mark.usefixtures("compile_quickly")


def random(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def plain(inputs, kernel, stride, padding, groups=1):
    return jax.lax.conv_general_dilated(
        inputs,
        kernel,
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    "batch, size, stride, rows, columns",
    [(2, 3, 1, 6, 5), (19, 3, 2, 7, 8), (2, 6, 6, 15, 12)],
)
def test_convolve(padding, batch, size, stride, rows, columns):
    inputs, kernel = random(batch, rows, columns, 3), random(size, size, 3, 4, seed=1)

    def value_and_slopes(function):
        def total(inputs, kernel):
            outputs = function(inputs, kernel, stride, padding)
            return jnp.sum(jnp.sin(outputs)), outputs

        return jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))(inputs, kernel)

    for a, b in zip(
        jax.tree.leaves(value_and_slopes(convolve)),
        jax.tree.leaves(value_and_slopes(plain)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_convolve_of_many_is_convolve_of_each():
    inputs, kernels = random(2, 1, 5, 5, 2), random(2, 3, 3, 2, 3, seed=1)
    together = jax.vmap(convolve)(inputs, kernels)
    for index in range(2):
        one = convolve(inputs[index], kernels[index])
        np.testing.assert_allclose(together[index], one, atol=1e-5)


@pytest.mark.parametrize("size, stride", [(3, 1), (5, 2), (3, 2)])
def test_depthwise(size, stride):
    inputs, kernel = random(2, 9, 8, 4), random(size, size, 1, 4, seed=1)
    expected = plain(inputs, kernel, stride, "SAME", groups=4)
    actual = jax.jit(convolve_depthwise, static_argnums=2)(inputs, kernel, stride)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("size, stride", [(7, 1), (8, 2), (7, 2), (4, 3)])
def test_gradient_of_depthwise(size, stride):
    x, kernel = random(2, size, size + 1, 3), random(3, 3, 1, 3, seed=1)
    y, back = jax.vjp(lambda x, k: convolve_depthwise(x, k, stride), x, kernel)
    expected, known = jax.vjp(lambda x, k: plain(x, k, stride, "SAME", 3), x, kernel)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    slope = random(*y.shape, seed=2)
    for found, right in zip(back(slope), known(slope), strict=True):
        np.testing.assert_allclose(found, right, atol=1e-4)


SHAPES = [
    ("SAME", 4, 2, 8, 6), ("SAME", 3, 2, 7, 6), ("VALID", 4, 2, 9, 8),
    ("VALID", 6, 3, 13, 11), ("SAME", 3, 1, 5, 4), ("SAME", 2, 3, 7, 6),
]  # fmt: skip


@pytest.mark.parametrize("padding, window, stride, rows, columns", SHAPES)
def test_transposed_is_the_transpose(padding, window, stride, rows, columns):
    """The gradient that JAX itself takes of a plain convolution."""
    inputs, kernel = random(3, rows, columns, 2), random(window, window, 2, 5, seed=1)
    outputs, back = jax.vjp(lambda x: plain(x, kernel, stride, padding), inputs)
    slope = random(*outputs.shape, seed=2)
    found = convolve_transposed(slope, kernel, stride, padding, (rows, columns))
    np.testing.assert_allclose(found, back(slope)[0], atol=1e-4)


@pytest.mark.parametrize("padding, window, stride", [("SAME", 4, 2), ("VALID", 5, 3)])
def test_size_of_the_transposed(padding, window, stride):
    inputs, kernel = random(2, 4, 3, 5), random(window, window, 2, 5, seed=1)
    made = convolve_transposed(inputs, kernel, stride, padding)
    assert convolve(made, kernel, stride, padding).shape == inputs.shape
    assert made.shape[1:3] == ((8, 6) if padding == "SAME" else (14, 11))
    with pytest.raises(ValueError, match="convolves to"):
        convolve_transposed(inputs, kernel, stride, padding, (20, 20))


@pytest.mark.parametrize("padding, window, stride, rows, columns", SHAPES[:4])
def test_gradients_of_gradients(padding, window, stride, rows, columns):
    """First, second and third order, through each of the three maps."""
    inputs, kernel = random(9, rows, columns, 2), random(window, window, 2, 3, seed=1)

    def steepness(function, argument):
        def total(*both):
            return jnp.sum(jnp.sin(function(*both, stride, padding)))

        def squared(*both):
            return jnp.sum(jax.grad(total, argument)(*both) ** 2)

        def twice(*both):
            return jnp.sum(jax.grad(squared, 1 - argument)(*both) ** 2)

        return jax.jit(jax.grad(twice, (0, 1)))(inputs, kernel)

    for argument in (0, 1):
        pairs = zip(
            steepness(convolve, argument), steepness(plain, argument), strict=True
        )
        for found, expected in pairs:
            scale = np.max(np.abs(expected))
            np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)
