"""Coverage of antialiased shapes, which must follow them between the pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import make_camera
from ivg.render.pipeline import render
from ivg.scene import graph, library, mesh

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 48


def polygon(num):
    """A disc of radius one, or for four corners a square, that faces +z."""
    angle = np.linspace(0, 2 * np.pi, num, endpoint=False)
    rim = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    faces = [[0, 1 + i, 1 + (i + 1) % num] for i in range(num)]
    made = mesh.make_mesh(np.concatenate([np.zeros((1, 3)), rim]), faces)
    return library.make_library({"polygon": [made]}), num / 2 * np.sin(2 * np.pi / num)


def area(shapes, place, turn=0.0, radius=11.3, backend=None):
    """Sum of alpha of a polygon at a place in pixels, and its extreme values."""
    camera = make_camera(height=SIZE, width=SIZE, fov_rad=np.pi / 2)
    scale = 2 / SIZE
    position = jnp.stack([place[0] * scale, -place[1] * scale, jnp.array(-1.0)])
    half = jnp.asarray(turn) / 2
    quaternion = jnp.stack([jnp.cos(half), 0 * half, 0 * half, jnp.sin(half)])
    nodes = graph.make_nodes(
        [0], position[None], quaternion[None], jnp.full((1, 3), radius * scale)
    )
    alpha = render(graph.make_scene(shapes, nodes, camera), backend=backend).alpha
    return jnp.sum(alpha), jnp.min(alpha), jnp.max(alpha)


@pytest.mark.parametrize("num", [4, 64])
@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_area_follows_the_shape(num, backend):
    """To one in a hundred, wherever between the pixels the shape stands."""
    shapes, unit = polygon(num)
    rng = np.random.default_rng(0)
    places = jnp.asarray(rng.uniform(-1, 1, (40, 2)))
    turns = jnp.asarray(rng.uniform(0, 1, 40))
    call = jax.jit(jax.vmap(lambda p, t: area(shapes, p, t, backend=backend)))
    areas, least, most = call(places, turns)
    error = np.abs(np.asarray(areas) / (unit * 11.3**2) - 1)
    print(f"{num} corners: largest error {error.max():.4f}")
    assert error.max() < 1e-2
    assert least.min() > -0.05 and most.max() < 1.05


@pytest.mark.parametrize("direction", [(1.0, 0.0), (0.6, 0.8)])
def test_picture_is_continuous(direction):
    """Steps of a hundredth of a pixel change no pixel by much."""
    shapes, _ = polygon(7)
    camera = make_camera(height=SIZE, width=SIZE, fov_rad=np.pi / 2)

    def picture(step):
        place = jnp.array([*direction, 0]) * step / 100 * 2 / SIZE
        nodes = graph.make_nodes(
            [0], (place + jnp.array([0.013, 0.027, -1]))[None], scale=0.5
        )
        return render(graph.make_scene(shapes, nodes, camera)).alpha

    alphas = jax.jit(jax.vmap(picture))(jnp.arange(120.0))
    jump = np.abs(np.diff(alphas, axis=0))
    sums = jump.sum((1, 2))
    print(f"largest change of a pixel {jump.max():.3f}, of the sum {sums.max():.3f}")
    assert np.quantile(jump.max((1, 2)), 0.9) < 0.05
    assert sums.max() < 1.5


def test_derivative_of_the_area():
    """Growing a shape by a radius of one pixel adds its circumference."""
    shapes, unit = polygon(64)
    places = jnp.asarray(np.random.default_rng(1).uniform(-1, 1, (20, 2)))
    slope = jax.jit(
        jax.vmap(jax.grad(lambda r, p: area(shapes, p, 0.1, r)[0]), (None, 0))
    )(11.3, places)
    np.testing.assert_allclose(slope.mean(), 2 * unit * 11.3, rtol=0.02)
