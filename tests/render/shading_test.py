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
        shading.irradiance(surface, lights), expected, rtol=1e-5, atol=1e-6
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


def shiny(surface, specular=0.5, shininess=20.0):
    return surface.replace(
        specular=jnp.full_like(surface.normal, specular),
        shininess=jnp.full(surface.normal.shape[1:], shininess),
    )


def test_highlight_is_where_a_mirror_shows_the_light():
    """One plane, one light, seen from all around."""
    views = shiny(sphere(5000))
    up = jnp.array([[0.0], [1.0], [0.0]])
    views = views.replace(normal=jnp.broadcast_to(up, views.normal.shape))
    light = np.array([0.6, 0.8, 0.0])
    radiance = shading.phong(views, make_lights(0.0, light, [[1.0, 1, 1]]))[0]
    mirrored = light * [-1, 1, -1]
    brightest = views.view[:, jnp.argmax(radiance)]
    assert brightest @ mirrored > 0.998
    cosine = np.maximum(mirrored @ np.asarray(views.view), 0)
    np.testing.assert_allclose(
        radiance, 0.8 * (0.2 + 0.5 * cosine**20), rtol=1e-3, atol=1e-4
    )


def test_phong_without_highlight_is_lambert():
    surface = sphere()
    lights = make_lights(0.2, [0, 0.6, 0.8], np.ones(3), [0, 5, 0], np.ones(3))
    expected = shading.lambert(surface, lights)
    for matte in (surface, shiny(surface, specular=0.0)):
        np.testing.assert_allclose(shading.phong(matte, lights), expected, rtol=1e-5)


@pytest.mark.parametrize("shininess", [0.5, 1.0, 1000.0])
def test_phong_gradients_are_finite(shininess):
    """Also at right angles, on a normal of zero and for a light on the surface."""
    surface = shiny(sphere(4), shininess=shininess)
    normal = jnp.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0]]).T
    surface = surface.replace(normal=normal)

    def total(normal, view, position, shininess):
        lights = make_lights(
            0.1, [0, 1, 0], np.ones(3), surface.position[:, 0], np.ones(3)
        )
        changed = surface.replace(
            normal=normal, view=view, position=position, shininess=shininess
        )
        return jnp.sum(shading.phong(changed, lights))

    lights_at = surface.normal, surface.view, surface.position, surface.shininess
    for gradient in jax.grad(total, (0, 1, 2, 3))(*lights_at):
        assert jnp.all(jnp.isfinite(gradient))


def test_light_visibility_scales_each_light():
    surface = sphere()
    lights = make_lights(0.0, [0, 0, 1], np.ones(3), [0, 5, 0], np.ones(3))
    parts = [
        shading.lambert(
            surface.replace(light_visibility=jnp.ones((2, 200)) * jnp.array(share)),
            lights,
        )
        for share in ([[1.0], [0.0]], [[0.0], [1.0]], [[0.25], [0.5]])
    ]
    whole = shading.lambert(surface, lights)
    np.testing.assert_allclose(sum(parts[:2]), whole, atol=1e-6)
    np.testing.assert_allclose(0.25 * parts[0] + 0.5 * parts[1], parts[2], rtol=1e-5)


def test_users_own_shader():
    """A closure with a traced parameter, as in the documentation."""

    def toon(num_steps):
        def shader(surface, lights):
            light = shading.irradiance(surface, lights)
            return surface.albedo * jnp.ceil(light * num_steps) / num_steps

        return shader

    surface, lights = sphere(), make_lights(0.0, [0, 0, 1], np.ones(3))
    light = toon(4.0)(surface, lights) / surface.albedo
    np.testing.assert_allclose(jnp.unique(jnp.round(light, 5)), np.arange(5) / 4)
    colours = shading.normal_colours(surface, lights)
    np.testing.assert_allclose(2 * colours - 1, surface.normal, atol=1e-6)
