"""Elementary functions: values, and gradients that stay finite at the kinks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from ivg import numerics

pytestmark = pytest.mark.usefixtures("compile_quickly")

SCALES = (0.0, 1e-30, 1e-20, 1e-8, 1.0, 1e8, 1e20, 1e30)


def test_matmul_is_exact_in_float32():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(numerics.matmul(a, b), a @ b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numerics.matmul(a, b[0]), a @ b[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("numerator", "denominator", "fallback", "expected"),
    [(6.0, 3.0, 0.0, 2.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 7.0, 7.0), (3, 2, 0, 1.5)],
)
def test_safe_divide_presets(numerator, denominator, fallback, expected):
    assert numerics.safe_divide(numerator, denominator, fallback) == expected
    array = jnp.full((2, 3), denominator)
    actual = numerics.safe_divide(jnp.asarray(numerator), array, fallback)
    np.testing.assert_array_equal(actual, jnp.full((2, 3), expected))


def test_safe_divide_gradient_is_zero_at_zero():
    for argnum in (0, 1):
        assert jax.grad(numerics.safe_divide, argnum)(2.0, 0.0) == 0


@pytest.mark.parametrize("divisor", [1e-25, -1e-15, 1e-5, 1e15, 1e30])
def test_safe_divide_gradient_does_not_underflow(divisor):
    by_numerator, by_divisor = jax.grad(numerics.safe_divide, (0, 1))(divisor, divisor)
    np.testing.assert_allclose(by_numerator, 1 / divisor, rtol=1e-6)
    np.testing.assert_allclose(by_divisor, -1 / divisor, rtol=1e-6)


def test_safe_sqrt_presets():
    x = jnp.array([-1.0, 0.0, 4.0, 2.25])
    np.testing.assert_array_equal(numerics.safe_sqrt(x), [0, 0, 2, 1.5])
    gradient = jax.vmap(jax.grad(numerics.safe_sqrt))(x)
    np.testing.assert_allclose(gradient, [0, 0, 0.25, 1 / 3])


@pytest.mark.parametrize("scale", SCALES)
def test_norms_are_finite_at_every_scale(scale):
    x = scale * jnp.array([2.0, -1.0, 2.0])
    np.testing.assert_allclose(numerics.safe_norm(x), 3 * scale, rtol=1e-6)
    unit = numerics.safe_normalize(x)
    np.testing.assert_allclose(jnp.sum(unit**2), float(scale > 0), rtol=1e-6)
    gradient = jax.grad(numerics.safe_norm)(x)
    np.testing.assert_allclose(gradient, unit, rtol=1e-6)
    assert jnp.all(jnp.isfinite(jax.jacrev(numerics.safe_normalize)(x)))
    assert jnp.all(jnp.isfinite(jax.jacfwd(numerics.safe_normalize)(x)))


def test_norm_axes():
    x = np.random.default_rng(1).normal(size=(4, 3, 2))
    for axis in (0, 1, -1):
        expected = np.linalg.norm(x, axis=axis, keepdims=True)
        actual = numerics.safe_norm(jnp.asarray(x), axis=axis, keepdims=True)
        np.testing.assert_allclose(actual, expected, rtol=1e-5)
        unit = numerics.safe_normalize(jnp.asarray(x), axis=axis)
        np.testing.assert_allclose(unit, x / expected, rtol=1e-5)
    assert numerics.safe_norm(jnp.asarray(x), axis=1).shape == (4, 2)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1.0, 1e20, 1e30])
def test_safe_atan2_at_every_scale(scale):
    y, x = np.random.default_rng(2).normal(size=(2, 20))
    actual = numerics.safe_atan2(*(jnp.float32(scale) * v for v in (y, x)))
    np.testing.assert_allclose(actual, np.arctan2(y, x), rtol=1e-5)
    gradient = jax.vmap(jax.grad(numerics.safe_atan2, (0, 1)))
    for part in gradient(*(jnp.float32(scale) * v for v in (y, x))):
        assert jnp.all(jnp.isfinite(part))


def test_safe_atan2_presets():
    y, x = jnp.array([0.0, 1.0, 0.0, -1.0, 0.0]), jnp.array([0.0, 0.0, -1.0, 0.0, 2.0])
    expected = np.array([0, np.pi / 2, np.pi, -np.pi / 2, 0])
    np.testing.assert_allclose(numerics.safe_atan2(y, x), expected, rtol=1e-6)
    for part in jax.vmap(jax.grad(numerics.safe_atan2, (0, 1)))(y, x):
        assert jnp.all(jnp.isfinite(part)) and part[0] == 0


def test_spread():
    like = jnp.zeros((3, 4, 5))
    assert numerics.spread(jnp.arange(3.0), like).shape == (3, 1, 1)
    assert numerics.spread(jnp.arange(3.0), like[:, 0, 0]).shape == (3,)


def test_wrap_angle():
    turns = jnp.arange(-5, 6) * 2 * jnp.pi
    for angle in (-3.1, -1.0, 0.0, 2.0, 3.1):
        wrapped = numerics.wrap_angle(turns + angle)
        np.testing.assert_allclose(wrapped, jnp.full(11, angle), atol=1e-5)
    assert jax.grad(numerics.wrap_angle)(10.0) == 1
    assert numerics.wrap_angle(jnp.pi) == -jnp.pi


@pytest.mark.slow
def test_gradients():
    rng = np.random.default_rng(3)
    with jax.enable_x64(True):
        x, y = (jnp.asarray(rng.uniform(0.5, 2, (5, 3))) for _ in range(2))
        x = x * jnp.array([1, -1, 1])
        for function in (numerics.safe_norm, numerics.safe_normalize):
            check_grads(jax.jit(function), (x,), order=2, modes=("fwd", "rev"))
        for function in (numerics.safe_divide, numerics.safe_atan2, numerics.matmul):
            other = y.T if function is numerics.matmul else y
            check_grads(jax.jit(function), (x, other), order=2, modes=("fwd", "rev"))
        check_grads(jax.jit(numerics.safe_sqrt), (x**2,), order=2, modes=("fwd", "rev"))


@pytest.mark.parametrize("name", ["safe_norm", "safe_normalize", "safe_sqrt"])
def test_vmap_and_jit(name):
    function = getattr(numerics, name)
    x = jnp.asarray(np.random.default_rng(4).normal(size=(6, 3)), jnp.float32)
    looped = jnp.stack([function(row) for row in x])
    np.testing.assert_allclose(jax.vmap(function)(x), looped, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(function))(x), looped, rtol=1e-6)
