"""Lookups in pictures, against SciPy and against means."""

import functools

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest
from scipy import ndimage

from ivg.geometry.camera import look_at
from ivg.render.fragments import interpolate, make_fragments
from ivg.render.pipeline import render
from ivg.render.surface import mesh_planes, uv_slopes
from ivg.render.texture import (
    make_mipmaps,
    mip_level,
    sample_bilinear,
    sample_mipmapped,
)
from ivg.render.visibility import mesh_visibility
from ivg.scene import appearance, graph
from ivg.scene.library import make_library
from ivg.scene.mesh import make_mesh
from tests.reference.emitters import AS_USERS

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 48


@functools.partial(
    jax.jit, static_argnames=("mode", "num_layers"), compiler_options=AS_USERS
)
def draw(scene, **options):
    return render(scene, **options)


def random(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(size=shape), jnp.float32)


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 7, 1), (1, 1, 2)])
def test_bilinear_equals_scipy(shape):
    texture, uv = random(*shape), 6 * random(2, 20, 10, seed=1) - 3
    u, v = np.asarray(uv, float)
    place = (1 - v) * shape[0] - 0.5, u * shape[1] - 0.5
    actual = jax.jit(sample_bilinear)(texture, uv)
    assert actual.shape == (shape[2], 20, 10)
    for channel, values in enumerate(actual):
        expected = ndimage.map_coordinates(
            np.asarray(texture[..., channel], float), place, order=1, mode="grid-wrap"
        )
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_bilinear_gradients():
    with jax.enable_x64(True):
        texture, uv = random(4, 4, 2).astype(float), random(2, 30, seed=1).astype(float)
        jax.test_util.check_grads(sample_bilinear, (texture, uv), 1, eps=1e-6)


def test_mipmaps_are_means():
    texture = random(8, 8, 3)
    levels = np.split(np.asarray(make_mipmaps(texture)), [64, 80, 84])
    np.testing.assert_array_equal(levels[0].reshape(8, 8, 3), texture)
    quarter = np.asarray(texture)[:2, 2:4].mean((0, 1))
    np.testing.assert_allclose(levels[1][1], quarter, rtol=1e-6)
    np.testing.assert_allclose(levels[3][0], texture.mean((0, 1)), rtol=1e-6)


@pytest.mark.parametrize("shape", [(4, 8, 3), (6, 6, 3), (4, 4)])
def test_mipmaps_of_wrong_shape(shape):
    with pytest.raises(ValueError, match="power of two"):
        make_mipmaps(jnp.zeros(shape))


@pytest.mark.parametrize("texels", [0.0, 0.3, 1.0, 2.0, 8.0, 100.0])
def test_level_is_the_logarithm_of_texels_per_pixel(texels):
    slopes = jnp.array([[texels, 0.0], [0.0, 0.1]]) / 16
    expected = np.clip(np.log2(max(texels, 1e-9)), 0, 4)
    np.testing.assert_allclose(mip_level(slopes, 16), expected, atol=1e-5)


def test_levels_of_mipmaps():
    """Each level is the bilinear picture of that size; between them, a blend."""
    texture, uv = random(8, 8, 3), random(2, 50, seed=1)
    mipmaps = make_mipmaps(texture)[None]
    half = make_mipmaps(texture)[64:80].reshape(4, 4, 3)
    looks = [sample_bilinear(t, uv) for t in (texture, half)]

    @jax.jit
    def sample(level):
        slopes = jnp.zeros((2, 2, 50)).at[0, 0].set(2.0**level / 8)
        return sample_mipmapped(mipmaps, uv, slopes)

    np.testing.assert_allclose(sample(0.0), looks[0], atol=1e-5)
    np.testing.assert_allclose(sample(1.0), looks[1], atol=1e-5)
    np.testing.assert_allclose(sample(0.5), sum(looks) / 2, atol=1e-5)
    mean = np.broadcast_to(texture.mean((0, 1))[:, None], (3, 50))
    np.testing.assert_allclose(sample(9.0), mean, atol=1e-5)


def test_pictures_of_a_stack():
    stack = jnp.stack([jnp.full((4, 4, 3), c) for c in (0.2, 0.7)])
    texture_id, uv = jnp.array([1, -1, 0]), random(2, 3)
    colour = sample_mipmapped(
        jax.vmap(make_mipmaps)(stack), uv, jnp.full((2, 2, 3), 0.3), texture_id
    )
    np.testing.assert_allclose(colour[0], [0.7, 0, 0.2], atol=1e-6)


@pytest.mark.parametrize("slope", [0.0, 1e-30, 0.2, 1e15])
def test_mipmapped_gradients_are_finite(slope):
    def total(mipmaps, uv, slopes):
        return jnp.sum(sample_mipmapped(mipmaps, uv, slopes))

    args = random(1, 21, 3), random(2, 5), jnp.full((2, 2, 5), slope)
    gradients = jax.jit(jax.grad(total, (0, 1, 2)))(*args)
    assert all(np.isfinite(g).all() for g in gradients)
    np.testing.assert_allclose(gradients[0].sum(), 15, rtol=1e-5)


def checkerboard(size=16):
    board = np.indices((size, size)).sum(0) % 2
    return np.repeat(board[..., None], 3, -1).astype(np.float32)


def plane_scene(textures, *, eye=(0.0, 0.2, 1.0), scale=8.0, **material):
    """A textured square of 20 metres, seen towards the horizon."""
    corners = 10 * np.array([[-1.0, 0, 1], [1, 0, 1], [1, 0, -1], [-1, 0, -1]])
    uv = [[0.0, 0], [1, 0], [1, 1], [0, 1]]
    library = make_library(
        {"plane": [make_mesh(corners, [[0, 1, 2], [0, 2, 3]], uv=uv)]}
    )
    camera = look_at(eye, (0, 0, -1), height=SIZE, width=SIZE)
    nodes = graph.make_nodes([0])
    scene = graph.make_scene(library, nodes, camera)
    return scene.replace(
        material=appearance.make_material(
            1, 1.0, textures=textures, texture_scale=scale, **material
        )
    )


def test_uv_slopes_are_differences_of_neighbours():
    scene = plane_scene(None)

    @jax.jit
    def look(scene):
        camera, mesh = scene.camera, graph.world_mesh(scene)
        planes = mesh_planes(camera, mesh, scene.material)
        index = mesh_visibility(camera, mesh)
        fragments = make_fragments(planes.corners, planes.origin, index)
        uv = interpolate(planes.uv, fragments)
        return uv[:, 0], uv_slopes(planes, fragments, uv)[:, :, 0]

    uv, slopes = map(np.asarray, look(scene))
    rows = slice(SIZE // 2, SIZE)  # well below the horizon
    across = (uv[:, rows, 2:] - uv[:, rows, :-2]) / 2
    np.testing.assert_allclose(slopes[:, 0, rows, 1:-1], across, atol=1e-5)
    down = (uv[:, SIZE // 2 + 1 :] - uv[:, SIZE // 2 - 1 : -2]) / 2
    np.testing.assert_allclose(slopes[:, 1, SIZE // 2 : -1], down, rtol=0.05, atol=1e-4)


def test_far_checkerboard_tends_to_its_mean():
    scene = plane_scene(checkerboard()[None])
    buffers = draw(scene, mode="hard")
    depth, grey = np.asarray(buffers.depth), np.asarray(buffers.rgb[..., 0])
    far, near = grey[depth > 5], grey[(depth > 0) & (depth < 1)]
    assert len(far) >= 48 and len(near) > 200
    np.testing.assert_allclose(far, 0.5, atol=0.02)
    assert near.std() > 0.1


def test_texture_upright_and_in_colour():
    """Red at the far left corner (u = 0, v = 1), which the first texel covers."""
    texture = np.zeros((1, 2, 2, 3), np.float32)
    texture[0, 0, 0] = 1, 0, 0
    texture[0, 1, 1] = 0, 0, 1
    scene = plane_scene(texture, eye=(0, 30, 0.01), scale=1.0)
    rgb = draw(scene, mode="hard").rgb
    quarter = SIZE // 4
    np.testing.assert_allclose(rgb[quarter + 5, quarter + 5], [1, 0, 0], atol=0.35)
    assert rgb[quarter + 5, quarter + 5, 0] > 0.6
    assert rgb[-quarter - 5, -quarter - 5, 2] > 0.6
    assert rgb[-quarter - 5, quarter + 5].max() < 0.3


def test_vertex_colours_are_interpolated():
    colours = np.array([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]])
    scene = plane_scene(None, eye=(0, 30, 0.01), vertex_colours=colours)
    rgb = draw(scene, mode="antialias").rgb
    middle = rgb[SIZE // 2 - 1 : SIZE // 2 + 1, SIZE // 2 - 1 : SIZE // 2 + 1]
    np.testing.assert_allclose(middle.mean((0, 1)), [0.5, 0, 0.5], atol=0.08)


def test_gradient_by_texels_finds_the_texture():
    """Descent on the picture brings back the texels that it shows."""
    target = random(1, 4, 4, 3)
    scene = plane_scene(target, eye=(0, 30, 0.01), scale=1.0)

    def picture(texels):
        return render(
            scene.replace(material=scene.material.replace(textures=texels))
        ).rgb

    goal = jax.jit(picture)(target)
    loss = jax.jit(jax.value_and_grad(lambda t: jnp.mean((picture(t) - goal) ** 2)))
    texels = jnp.full_like(target, 0.5)
    first, _ = loss(texels)
    for _ in range(60):
        value, slope = loss(texels)
        texels = texels - 10.0 * slope
    assert value < 1e-3 * first
    np.testing.assert_allclose(texels, target, atol=0.05)


@pytest.mark.slow
def test_all_modes_show_textures_and_vertex_colours():
    shades = jnp.linspace(0.2, 1, 12).reshape(1, 4, 3)
    scene = plane_scene(checkerboard()[None], vertex_colours=shades)
    hard = draw(scene, mode="hard")
    assert np.std(hard.rgb) > 0.1
    layers = draw(scene, mode="layers", num_layers=2, tau=0.0)
    np.testing.assert_array_equal(layers.rgb, hard.rgb)
    sharp = {"sigma": 1e-9, "gamma": 1e-6, "far": 100.0}
    soft = draw(scene, mode="soft", num_layers=2, **sharp)
    near = slice(3 * SIZE // 4, SIZE)  # far texels change within rounding
    np.testing.assert_allclose(soft.rgb[near], hard.rgb[near], atol=1e-3)
