"""Energies of pictures against scalar float64 formulas."""

import math

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from ivg.energy import pixel


def pictures(seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(2, 5, 7, 3))


def test_robust_likelihood_equals_the_formula_pixel_by_pixel():
    rendered, observed = pictures()
    total = 0.0
    for r, o in zip(rendered.ravel(), observed.ravel(), strict=True):
        total -= math.log(0.8 * norm.pdf(o, r, 0.1) + 0.2)
    with jax.enable_x64(True):
        actual = pixel.robust_negative_log_likelihood(
            jnp.asarray(rendered), jnp.asarray(observed)
        )
    assert actual == pytest.approx(total / rendered.size, abs=1e-12)


def test_robust_likelihood_of_equal_pictures():
    same = jnp.full((2, 2, 3), 0.3)
    expected = -math.log(0.8 / (0.1 * math.sqrt(2 * math.pi)) + 0.2)
    actual = pixel.robust_negative_log_likelihood(same, same)
    assert actual == pytest.approx(expected, rel=1e-6)


def test_outliers_do_not_pull():
    gradient = jax.grad(pixel.robust_negative_log_likelihood)
    near = gradient(jnp.array([[[0.1]]]), jnp.array([[[0.2]]]))
    far = gradient(jnp.array([[[0.0]]]), jnp.array([[[1.0]]]))
    assert abs(near.item()) > 1
    assert abs(far.item()) < 1e-15


@pytest.mark.parametrize(
    "energy", [pixel.robust_negative_log_likelihood, pixel.squared_error]
)
def test_gradient(energy):
    rendered, observed = pictures()
    with jax.enable_x64(True):
        jax.test_util.check_grads(
            energy, (jnp.asarray(rendered), jnp.asarray(observed)), order=2
        )


def test_silhouette_energy():
    a = jnp.zeros((4, 4)).at[:2].set(1.0)
    b = jnp.zeros((4, 4)).at[1:3].set(1.0)
    assert pixel.silhouette_energy(a, b) == pytest.approx(1 - 4 / 12)
    assert pixel.silhouette_energy(a, a) == 0
    empty = jnp.zeros((4, 4))
    assert pixel.silhouette_energy(empty, empty) == 0
    assert jnp.all(jnp.isfinite(jax.grad(pixel.silhouette_energy)(empty, empty)))


def test_blur_equals_scipy():
    picture = jax.random.uniform(jax.random.key(0), (12, 15, 3))
    expected = gaussian_filter(
        np.asarray(picture), (1.5, 1.5, 0), mode="nearest", truncate=4.0
    )
    np.testing.assert_allclose(pixel.blur(picture, 1.5), expected, atol=1e-5)
    np.testing.assert_allclose(pixel.blur(jnp.ones((5, 4, 3)), 2.0), 1.0, atol=1e-6)
