"""The rich renderer is the plain one where nothing is added, and adds what it says."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from ivg.colour import srgb_from_linear
from ivg.data.rich_tabletop import (
    Look,
    Surroundings,
    area_light,
    render_rich,
    rich_scene,
    sample_look,
)
from ivg.data.tabletop import sample_globals
from ivg.energy.tabletop import display, render_tabletop
from ivg.render.pipeline import render
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import scene_from_tabletop, tabletop_lights

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 64
LIBRARY = tabletop_library()
AROUND = Surroundings(
    textures=jnp.ones((2, 8, 8, 3)) * jnp.array([1.0, 0.5])[:, None, None, None],
    backdrops=jnp.full((1, SIZE, SIZE, 3), 0.25, jnp.float16),
)


def table():
    latents = sample_globals(jax.random.key(0), 4)
    return latents.replace(
        camera_height_m=jnp.array(0.3),
        camera_elevation_rad=jnp.array(0.35),
        ambient=jnp.array(0.3),
        directional=jnp.array(0.5),
        light_azimuth_rad=jnp.array(1.5),
        light_elevation_rad=jnp.array(0.7),
        ground_colour=jnp.array([0.6, 0.6, 0.5]),
        class_id=jnp.array([0, 2, 0, 0]),
        position_m=jnp.array([[-0.1, -0.5], [0.1, -0.5], [0, 0], [0, 0]], float),
        size_m=jnp.array([0.09, 0.14, 0.1, 0.1]),
        colour=jnp.full((4, 3), 0.4),
        mask=jnp.array([True, True, False, False]),
    )


def plain_look():
    return Look(
        texture=jnp.full(5, -1),
        texture_scale=jnp.ones((5, 2)),
        specular=jnp.zeros(5),
        shininess=jnp.full(5, 20.0),
        light_radius=jnp.array(0.05),
        backdrop=jnp.array(0),
        gain=jnp.array(1.0),
        noise=jnp.array(0.0),
    )


@functools.cache
def pictures():
    make = jax.jit(
        lambda look: render_rich(
            jax.random.key(0), table(), look, LIBRARY, AROUND, height=SIZE, width=SIZE
        )
    )
    noisy = plain_look().replace(noise=jnp.array(0.02))
    halved = plain_look().replace(texture=jnp.full(5, 1))
    plain = jax.jit(lambda t: render_tabletop(t, LIBRARY, height=SIZE, width=SIZE))
    return tuple(map(np.asarray, (
        make(plain_look()), make(noisy), make(halved), display(plain(table())),
    )))  # fmt: skip


@functools.cache
def nodes():
    @jax.jit
    def look(latents):
        scene = scene_from_tabletop(latents, LIBRARY, height=SIZE, width=SIZE)
        return render(scene, mode="hard").object_index

    return np.asarray(look(table()))


@pytest.mark.slow
def test_where_no_shadow_falls_it_is_the_plain_picture():
    rich, _, _, plain = pictures()
    ground = ndimage.binary_erosion(nodes() == 0)  # at edges both show what is beyond
    difference = np.abs(rich - plain).max(-1)[ground]
    lit = difference < 0.02
    assert lit.mean() > 0.7
    darker = (plain - rich).min(-1)[ground][~lit]
    assert len(darker) > 20 and (darker > -0.02).all()


def test_the_backdrop_shows_where_there_is_nothing():
    rich, _, _, _ = pictures()
    beyond = nodes() < 0
    beyond[1:] &= beyond[:-1]
    beyond[:-1] &= beyond[1:]
    assert beyond.any()
    np.testing.assert_allclose(rich[beyond][: SIZE * 2], 0.25, atol=2e-3)


def test_textures_multiply_colours():
    rich, _, halved, _ = pictures()
    ground = nodes() == 0
    expected = srgb_from_linear(0.5 * ((rich + 0.055) / 1.055) ** 2.4)
    near = np.abs(halved - np.asarray(expected)).max(-1)[ground]
    assert np.median(near) < 5e-3


def test_noise_has_its_deviation():
    rich, noisy, _, _ = pictures()
    inner = (rich > 0.1) & (rich < 0.9)
    assert abs((noisy - rich)[inner].std() - 0.02) < 0.001


def test_a_light_with_an_area_is_as_strong_and_centred():
    light = tabletop_lights(table())
    spread = area_light(light, jnp.array(0.1))
    np.testing.assert_allclose(
        spread.directional.sum(0), light.directional[0], rtol=1e-6
    )
    middle = spread.direction.mean(0)
    np.testing.assert_allclose(
        middle / np.linalg.norm(middle), light.direction[0], atol=1e-5
    )
    cosine = spread.direction @ light.direction[0]
    np.testing.assert_allclose(cosine, 1 / np.sqrt(1.01), atol=1e-6)


def test_looks_are_varied_and_in_range():
    sample = jax.jit(jax.vmap(lambda k: sample_look(k, 5, AROUND)))
    looks = sample(jax.random.split(jax.random.key(0), 64))
    assert set(np.unique(looks.texture)) == {-1, 0, 1}
    assert 0.3 < (np.asarray(looks.specular) > 0).mean() < 0.7
    assert (np.asarray(looks.light_radius) > 0).all()
    scene = jax.eval_shape(
        lambda look: rich_scene(
            table(), look, LIBRARY, AROUND, height=SIZE, width=SIZE
        ),
        plain_look(),
    )
    assert scene.material.textures.shape == (5, 8, 8, 3)
