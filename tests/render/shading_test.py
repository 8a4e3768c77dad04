"""Lambert's law in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.render import shading
from ivg.render.surface import Surface
from ivg.scene.appearance import make_lights


def sphere(num=200, radius=2.0):
    normal = np.random.default_rng(0).normal(size=(num, 3))
    normal = jnp.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))
    return Surface(
        position=radius * normal.T,
        normal=normal.T,
        albedo=jnp.tile(jnp.array([[0.2], [0.5], [0.9]]), (1, num)),
        uv=jnp.zeros((2, num)),
        view=normal.T,
        node_index=jnp.zeros(num, jnp.int32),
    )


def test_far_light():
    surface = sphere()
    light = np.array([0.0, 0.6, 0.8])
    actual = shading.lambert(surface, make_lights(0.25, light, [[0.5, 1.0, 2.0]]))
    cosine = np.maximum(light @ np.asarray(surface.normal), 0)
    expected = np.asarray(surface.albedo) * (0.25 + np.outer([0.5, 1.0, 2.0], cosine))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_point_light():
    surface = sphere()
    place = np.array([0.0, 5.0, 0.0])
    lights = make_lights(0.0, position=place, point=[[3.0, 2.0, 1.0]])
    offset = place[:, None] - np.asarray(surface.position)
    distance = np.linalg.norm(offset, axis=0)
    cosine = np.sum(np.asarray(surface.normal) * offset / distance, 0)
    expected = np.outer([3.0, 2.0, 1.0], np.maximum(cosine, 0) / distance**2)
    np.testing.assert_allclose(
        shading.irradiance(surface, lights), expected, rtol=1e-4, atol=1e-6
    )


def test_light_adds_up():
    surface = sphere()
    rng = np.random.default_rng(1)
    one, two = rng.normal(size=(2, 3))
    both = make_lights(0.3, [one, two], np.ones((2, 3)), [5 * one], [[1, 1, 1]])
    parts = (
        make_lights(0.3),
        make_lights(0.0, one, np.ones(3)),
        make_lights(0.0, two, np.ones(3)),
        make_lights(0.0, position=5 * one, point=np.ones(3)),
    )
    expected = sum(shading.irradiance(surface, part) for part in parts)
    np.testing.assert_allclose(shading.irradiance(surface, both), expected, rtol=1e-5)


@pytest.mark.parametrize("normal", [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
def test_light_at_the_surface_is_finite(normal):
    surface = jax.tree.map(lambda x: x[..., :1], sphere())
    surface = surface.replace(normal=jnp.array([normal]).T)

    def total(place, surface):
        lights = make_lights(0.1, position=place.T, point=[[1.0, 1.0, 1.0]])
        return jnp.sum(shading.lambert(surface, lights))

    value, gradient = jax.value_and_grad(total)(surface.position, surface)
    assert jnp.isfinite(value) and jnp.all(jnp.isfinite(gradient))
