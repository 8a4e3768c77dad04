"""The surfel layer through the model: depths of which normals and shading are known."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import look_at, ray_planes
from ivg.models.network import Network
from ivg.models.pix2scene import Pix2SceneSizes, depth_from_raw
from ivg.scene.appearance import make_lights
from ivg.train.depth_losses import edge_loss, normal_loss, range_loss
from ivg.train.scene_cycle import (
    decode,
    draw_picture,
    encode,
    init_pix2scene,
    make_pix2scene,
    picture_of_depth,
    run_cycle,
)

pytestmark = pytest.mark.usefixtures("compile_quickly")
SIZES = Pix2SceneSizes(
    pixels=16, latent=4, encoder=4, decoder=4, critic=4, joint=8, embedding=4
)
NEAR, FAR, ALBEDO = 1.0, 5.0, 0.7
EYE = (0.5, 1.0, 3.0)
LIGHTS = np.array([[2.0, 3.0, 3.0], [-2.0, 1.0, 2.0]])


class Batch(NamedTuple):
    image: jax.Array
    view: jax.Array
    label: jax.Array
    light: jax.Array


def render(depth, batch):
    def one(depth, light):
        camera = look_at(EYE, (0.0, 0.2, 0.0), height=16, width=16)
        lights = make_lights(0.1, position=light[None], point=[[5.0, 4.0, 3.0]])
        return picture_of_depth(depth, camera, lights, jnp.full(3, ALBEDO))

    return jax.vmap(one)(depth, batch.light)


def batch_of(count=2):
    keys = jax.random.split(jax.random.key(0), 2)
    return Batch(
        jax.random.uniform(keys[0], (count, 16, 16, 3)),
        jax.random.normal(keys[1], (count, 3)),
        jnp.zeros(count, jnp.int32),
        jnp.asarray(LIGHTS[np.arange(count) % 2], jnp.result_type(float)),
    )


MODEL = make_pix2scene(SIZES, render, NEAR, FAR)


def rays_of():
    return np.asarray(ray_planes(look_at(EYE, (0.0, 0.2, 0.0), height=16, width=16)))


def plane():
    """`[H, W]` depth and `[3]` normal of a plane that fills the picture."""
    normal = np.array([0.3, 0.8, 0.5]) / np.sqrt(0.98)
    rays = rays_of()
    towards = -np.einsum("chw,c->hw", rays, normal)
    offset = -0.5
    depth = (np.asarray(EYE) @ normal - offset) / towards
    assert np.all(depth > 0)
    return depth, np.broadcast_to(normal[:, None, None], rays.shape)


def sphere():
    """A sphere about the camera's target, so large that it fills the picture."""
    centre, radius = np.array([0.0, 0.2, -2.2]), 3.6
    rays, offset = rays_of(), np.asarray(EYE) - centre
    b, a = np.einsum("chw,c->hw", rays, offset), np.sum(rays**2, 0)
    inside = b * b - a * (offset @ offset - radius**2)
    assert np.all(inside > 0)
    depth = (-b - np.sqrt(inside)) / a
    normal = (offset[:, None, None] + rays * depth) / radius
    return depth, normal


@pytest.mark.parametrize("surface", [plane, sphere])
def test_a_network_that_says_the_depth_of_a_known_surface(surface):
    """A decoder that has learned one scene: its picture is the closed form."""
    with jax.enable_x64(True):
        depth, normal = surface()
        half = 0.5 * (FAR - NEAR)
        raw = np.log(np.expm1((depth - NEAR) / half)) - np.log(np.e - 1)
        knowing = Network(
            lambda key: {},
            lambda params, z, view, label: jnp.stack([jnp.asarray(raw)] * len(z)),
        )
        batch, params = batch_of(), {"encoder": {}, "decoder": {}}
        found, image = draw_picture(
            MODEL._replace(decoder=knowing), params, jnp.zeros((2, 4)), batch
        )
        np.testing.assert_allclose(found[0], depth, rtol=1e-9)
        place = np.asarray(EYE)[:, None, None] + rays_of() * depth
        for light, picture in zip(LIGHTS, image, strict=True):
            way = light[:, None, None] - place
            square = np.sum(way**2, 0)
            cosine = np.maximum(np.sum(normal * way, 0), 0) / np.sqrt(square)
            arriving = np.array([5.0, 4.0, 3.0]) * (cosine / square)[..., None]
            expected = ALBEDO * (0.1 + arriving)
            np.testing.assert_allclose(
                picture[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-6
            )


def test_cycle_uses_the_light_of_each_picture():
    params = init_pix2scene(jax.random.key(0), MODEL)["generator"]
    batch, key = batch_of(), jax.random.key(1)
    run = jax.jit(lambda batch: run_cycle(MODEL, params, batch, key))
    cycle = run(batch)
    other = run(batch._replace(light=batch.light.at[1].set(LIGHTS[0])))
    for name in ("again_image", "image"):
        first, second = getattr(cycle, name), getattr(other, name)
        np.testing.assert_array_equal(first[0], second[0])
        assert float(jnp.max(jnp.abs(first[1] - second[1]))) > 1e-3
    np.testing.assert_array_equal(cycle.depth, other.depth)


def test_cycle_is_made_of_its_parts():
    params = init_pix2scene(jax.random.key(0), MODEL)["generator"]
    batch = batch_of(60)
    cycle = jax.jit(lambda key: run_cycle(MODEL, params, batch, key))(jax.random.key(1))
    np.testing.assert_allclose(
        encode(MODEL, params, batch), cycle.mean, rtol=1e-4, atol=1e-5
    )
    noise = (cycle.encoded - cycle.mean) * jnp.exp(-0.5 * cycle.log_var)
    for drawn in (noise, cycle.latent):
        assert float(drawn.mean()) == pytest.approx(0, abs=0.2)
        assert float(drawn.std()) == pytest.approx(1, abs=0.2)
    for z, depth, image in (
        (cycle.encoded, cycle.again_depth, cycle.again_image),
        (cycle.latent, cycle.depth, cycle.image),
    ):
        found = decode(MODEL, params, z, batch.view, batch.label)
        np.testing.assert_allclose(found, depth, rtol=1e-4)
        np.testing.assert_allclose(render(found, batch), image, atol=1e-3)
    made = batch._replace(image=cycle.image)
    np.testing.assert_allclose(
        encode(MODEL, params, made), cycle.again_latent, rtol=1e-3, atol=1e-4
    )


def test_range():
    depth = jnp.array([[0.5, 2.0], [4.0, 7.0]])
    assert float(range_loss(depth, 1.0, 5.0)) == pytest.approx((0.25 + 4.0) / 4)
    assert float(range_loss(depth, 0.1, 9.0)) == 0


def test_normals_explain_a_plane():
    depth = jnp.asarray(plane()[0], float)
    assert float(normal_loss(depth)) < 1e-6
    assert float(edge_loss(depth, jnp.zeros((16, 16, 3)))) < 1e-6
    assert float(normal_loss(depth + 0.1 * jax.random.normal(
        jax.random.key(0), depth.shape
    ))) > 0.01  # fmt: skip
    small = jnp.array([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0], [2.0, 2.0, 2.0]])
    # The middle row has 2 / 1 + 2 / 4 - 2, the left column 1 / 2 + 1 / 2 - 2 and the
    # right one 4 / 2 + 4 / 2 - 2; the other rows and columns and both diagonals none.
    assert float(normal_loss(small)) == pytest.approx((0.5 / 3 + 3 / 3) / 4)


def test_edges_of_depth_belong_where_those_of_the_picture_are():
    depth = jnp.broadcast_to(jnp.where(jnp.arange(8) < 4, 1.0, 2.0), (8, 8))
    there = jnp.broadcast_to((jnp.arange(8) < 4)[:, None] * 1.0, (8, 8, 3))
    elsewhere = jnp.broadcast_to((jnp.arange(8) < 2)[:, None] * 1.0, (8, 8, 3))
    assert float(edge_loss(depth, there)) < 0.01 * float(edge_loss(depth, elsewhere))
    slope = jax.grad(lambda image: edge_loss(depth, image))(elsewhere)
    assert not np.any(slope)
    assert depth_from_raw(0.0, NEAR, FAR) == pytest.approx(3.0)
