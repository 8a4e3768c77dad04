"""Spherical harmonics against their closed forms."""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.geometry.rotation import direction_from_azimuth_elevation
from ivg.render import harmonics, shading
from ivg.render.surface import Surface
from ivg.scene.appearance import make_lights


def directions(num=100, seed=0):
    x = np.random.default_rng(seed).normal(size=(3, num))
    return jnp.asarray(x / np.linalg.norm(x, axis=0), jnp.float32)


def test_basis_is_orthonormal():
    """Over a product rule that is exact for polynomials of this degree."""
    cosine, weight = np.polynomial.legendre.leggauss(8)
    azimuth = np.arange(16) * np.pi / 8
    sine = np.sqrt(1 - cosine**2)
    points = np.stack(
        [
            np.outer(sine, np.cos(azimuth)),
            np.outer(sine, np.sin(azimuth)),
            np.outer(cosine, np.ones(16)),
        ]
    )
    basis = np.asarray(harmonics.harmonics(jnp.asarray(points)))
    gram = np.einsum("aij,bij,i->ab", basis, basis, weight * np.pi / 8)
    np.testing.assert_allclose(gram, np.eye(9), atol=1e-5)


def test_constant_environment_gives_constant_light():
    normal = directions()
    environment = harmonics.environment_from_panorama(jnp.full((64, 128, 3), 0.7))
    np.testing.assert_allclose(environment[0], 0.7 * np.sqrt(4 * np.pi), rtol=1e-3)
    light = harmonics.environment_irradiance(environment, normal)
    np.testing.assert_allclose(light, np.full((3, 100), 0.7), rtol=2e-3)


def test_single_light_gives_the_cosine_lobe():
    normal, light = directions(), directions(1, seed=1).T
    strength = jnp.array([[1.0, 2.0, 0.5]])
    environment = harmonics.environment_from_lights(light, strength)
    cosine = np.asarray(light @ normal)
    lobe = 1 / 4 + cosine / 2 + 5 / 32 * (3 * cosine**2 - 1)
    actual = harmonics.environment_irradiance(environment, normal)
    np.testing.assert_allclose(actual, np.maximum(lobe, 0) * strength.T, atol=1e-5)
    np.testing.assert_allclose(lobe, np.maximum(cosine, 0), atol=0.1)


def test_panorama_has_the_azimuth_of_the_library():
    """One bright texel is a light at its azimuth and elevation."""
    panorama = np.zeros((32, 64, 3), np.float32)
    panorama[8, 16] = 1.0
    solid_angle = np.sin((8.5) * np.pi / 32) * 2 * np.pi**2 / (32 * 64)
    direction = direction_from_azimuth_elevation(
        jnp.array(16.5 * 2 * np.pi / 64), jnp.array(np.pi / 2 - 8.5 * np.pi / 32)
    )
    expected = harmonics.environment_from_lights(
        direction[None], jnp.full((1, 3), solid_angle / np.pi)
    )
    actual = harmonics.environment_from_panorama(jnp.asarray(panorama))
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_environment_is_one_of_the_lights():
    normal = directions()
    environment = harmonics.environment_from_lights(jnp.eye(3), jnp.ones((3, 3)))
    surface = Surface(
        position=normal, normal=normal, albedo=jnp.full((3, 100), 0.5),
        uv=normal[:2], view=normal, node_index=jnp.zeros(100, jnp.int32),
    )  # fmt: skip
    lights = make_lights(0.1, [0, 1, 0], np.ones(3))
    added = shading.lambert(
        surface, lights.replace(environment=environment)
    ) - shading.lambert(surface, lights)
    expected = 0.5 * harmonics.environment_irradiance(environment, normal)
    np.testing.assert_allclose(added, expected, atol=1e-6)


def test_gradients_are_finite_on_a_normal_of_zero():
    def total(environment, normal):
        return jnp.sum(harmonics.environment_irradiance(environment, normal))

    args = jnp.ones((9, 3)), jnp.zeros((3, 2))
    assert all(jnp.isfinite(g).all() for g in jax.grad(total, (0, 1))(*args))
