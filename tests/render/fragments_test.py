"""Interpolation: exact where the attribute is linear in the world."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import homogeneous_px, look_at, pixel_centres, unproject
from ivg.render.fragments import Fragments, interpolate, make_fragments
from ivg.render.visibility import visibility
from tests.reference.rasterizer import peel

SIZE = 32


def scene(seed):
    """A camera and triangles around it, some of them crossing its plane."""
    rng = np.random.default_rng(seed)
    camera = look_at(rng.normal(size=3), rng.normal(size=3), height=SIZE, width=SIZE)
    points = jnp.asarray(rng.normal(size=(24, 3)) * 2)
    return camera, points, jnp.arange(24, dtype=jnp.int32).reshape(-1, 3)


@pytest.mark.parametrize("seed", range(4))
def test_interpolation_of_linear_functions_is_exact(seed):
    with jax.enable_x64(True):
        camera, points, faces = scene(seed)
        vertices = homogeneous_px(camera, points)
        index = visibility(
            vertices, faces, jnp.ones(8, bool), near=0.01, height=SIZE, width=SIZE,
            num_layers=3,
        )  # fmt: skip
        fragments = make_fragments(vertices, faces, index)
        matrix = np.random.default_rng(9).normal(size=(3, 5))
        offset = np.arange(5.0)
        actual = interpolate(points @ matrix + offset, faces, fragments)
        pixels = pixel_centres(SIZE, SIZE).reshape(-1, 2)
        seen = np.asarray(index) >= 0
        assert seen.mean() > 0.05
        for k in range(3):
            world = unproject(camera, pixels, fragments.depth[k].reshape(-1))
            expected = (world @ matrix + offset).reshape(SIZE, SIZE, 5)
            np.testing.assert_allclose(
                np.asarray(actual[k])[seen[k]], np.asarray(expected)[seen[k]], rtol=1e-6
            )
        _, depth = peel(vertices, faces, np.ones(8, bool), 0.01, SIZE, SIZE, 3)
        np.testing.assert_allclose(fragments.depth, depth, rtol=1e-8)


def test_barycentrics_sum_to_one_and_lie_inside():
    camera, points, faces = scene(1)
    vertices = homogeneous_px(camera, points)
    index = visibility(
        vertices, faces, jnp.ones(8, bool), near=0.01, height=SIZE, width=SIZE
    )
    fragments = make_fragments(vertices, faces, index)
    inside = np.asarray(fragments.barycentrics)[np.asarray(index) >= 0]
    np.testing.assert_allclose(inside.sum(-1), 1, atol=1e-5)
    assert inside.min() > -1e-3 and inside.max() < 1 + 1e-3
    background = np.asarray(index) < 0
    assert not np.asarray(fragments.barycentrics)[background].any()
    assert not np.asarray(fragments.depth)[background].any()
    assert not np.asarray(interpolate(points + 1, faces, fragments))[background].any()


def test_faces_seen_edge_on_have_zero_gradient():
    edge_on = jnp.array([[4.0, 4, 1], [28, 6, 1], [32, 10, 2]])
    index = jnp.zeros((1, 8, 8), jnp.int32)

    def total(vertices):
        f = make_fragments(vertices, jnp.arange(3).reshape(1, 3), index)
        return jnp.sum(f.depth) + jnp.sum(f.barycentrics**2)

    assert jnp.all(jnp.isfinite(jax.grad(total)(edge_on)))


def test_background_gets_no_gradient():
    empty = Fragments(
        jnp.full((1, 4, 4), -1), jnp.zeros((1, 4, 4, 3)), jnp.zeros((1, 4, 4))
    )
    faces = jnp.arange(3).reshape(1, 3)
    total = lambda a: jnp.sum(interpolate(a, faces, empty))  # noqa: E731
    assert not jax.grad(total)(jnp.ones((3, 2))).any()
