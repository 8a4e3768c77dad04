"""Interpolation: exact where the attribute is linear in the world."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import homogeneous_px, look_at, pixel_centres, unproject
from ivg.render.fragments import (
    attribute_planes,
    face_planes,
    interpolate,
    make_fragments,
)
from ivg.render.visibility import visibility
from tests.reference.rasterizer import peel

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 32


def scene(seed):
    """A camera and triangles around it, some of them crossing its plane."""
    rng = np.random.default_rng(seed)
    camera = look_at(rng.normal(size=3), rng.normal(size=3), height=SIZE, width=SIZE)
    points = jnp.asarray(rng.normal(size=(24, 3)) * 2)
    return camera, points, jnp.arange(24, dtype=jnp.int32).reshape(-1, 3)


@functools.partial(jax.jit, static_argnames="num_layers")
def look(camera, points, faces, attributes, num_layers):
    """What is seen at every pixel, and attributes of the vertices there."""
    vertices = homogeneous_px(camera, points)
    index = visibility(
        vertices, faces, jnp.ones(8, bool), near=0.01, height=SIZE, width=SIZE,
        num_layers=num_layers,
    )  # fmt: skip
    planes, origin = face_planes(vertices, faces, SIZE, SIZE)
    fragments = make_fragments(planes, origin, index)
    found = interpolate(attribute_planes(attributes, faces, planes), fragments)
    barycentrics = interpolate(planes, fragments)
    return vertices, fragments, *(jnp.moveaxis(x, 0, -1) for x in (found, barycentrics))


@pytest.mark.parametrize("seed", range(4))
def test_interpolation_of_linear_functions_is_exact(seed):
    with jax.enable_x64(True):
        camera, points, faces = scene(seed)
        matrix = np.random.default_rng(9).normal(size=(3, 5))
        offset = np.arange(5.0)
        vertices, fragments, actual, _ = look(
            camera, points, faces, points @ matrix + offset, 3
        )
        pixels = pixel_centres(SIZE, SIZE).reshape(-1, 2)
        seen = np.asarray(fragments.face_index) >= 0
        assert seen.mean() > 0.05
        for k in range(3):
            world = jax.jit(unproject)(camera, pixels, fragments.depth[k].reshape(-1))
            expected = (world @ matrix + offset).reshape(SIZE, SIZE, 5)
            np.testing.assert_allclose(
                np.asarray(actual[k])[seen[k]], np.asarray(expected)[seen[k]], rtol=1e-6
            )
        _, depth = peel(vertices, faces, np.ones(8, bool), 0.01, SIZE, SIZE, 3)
        np.testing.assert_allclose(fragments.depth, depth, rtol=1e-8)


def test_barycentrics_sum_to_one_and_lie_inside():
    camera, points, faces = scene(1)
    _, fragments, _, barycentrics = look(camera, points, faces, points, 1)
    barycentrics, index = np.asarray(barycentrics), np.asarray(fragments.face_index)
    inside = barycentrics[index >= 0]
    np.testing.assert_allclose(inside.sum(-1), 1, atol=1e-5)
    assert inside.min() > -1e-3 and inside.max() < 1 + 1e-3
    background = index < 0
    assert not barycentrics[background].any()
    assert not np.asarray(fragments.depth)[background].any()


@pytest.mark.slow
def test_faces_seen_edge_on_have_zero_gradient():
    edge_on = jnp.array([[4.0, 4, 1], [28, 6, 1], [32, 10, 2]])
    index = jnp.zeros((1, 8, 8), jnp.int32)

    def total(vertices):
        planes, origin = face_planes(vertices, jnp.arange(3).reshape(1, 3), 8, 8)
        fragments = make_fragments(planes, origin, index)
        return jnp.sum(fragments.depth) + jnp.sum(interpolate(planes, fragments) ** 2)

    assert not jax.jit(jax.grad(total))(edge_on).any()


def test_background_gets_no_gradient():
    index = jnp.full((1, 4, 4), -1)
    vertices = jnp.array([[0.0, 0, 1], [4, 0, 1], [0, 4, 1]])

    def total(vertices):
        planes, origin = face_planes(vertices, jnp.arange(3).reshape(1, 3), 4, 4)
        return jnp.sum(interpolate(planes, make_fragments(planes, origin, index)))

    assert not jax.jit(jax.grad(total))(vertices).any()


def test_small_faces_far_from_the_corner_are_precise():
    """A fiftieth of a pixel, at column 4000: the depth would drown in rounding."""
    corners = np.array([[0.0, 0], [1, 0], [0, 1]]) / 64 + 3999.5
    vertices = jnp.asarray(np.column_stack([corners * 2, np.full(3, 2.0)]))
    planes, origin = face_planes(vertices, jnp.arange(3).reshape(1, 3), 4000, 4000)
    np.testing.assert_allclose(jnp.sum(planes, 1)[0], [0, 0, 0.5], atol=1e-2)
    np.testing.assert_allclose(planes[0, 0], [-32, -32, 0.5], rtol=1e-5)
    np.testing.assert_allclose(origin[0], corners[0])
