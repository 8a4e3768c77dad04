"""Derivatives in the interior of faces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import make_camera
from ivg.render.pipeline import render
from ivg.scene import appearance, graph, library, mesh

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 24
STEP = 1e-6


def make_soup_scene(vertices, faces, parameters=None):
    """Triangles before a camera at the origin that looks along -z."""
    with jax.ensure_compile_time_eval():  # topology is found on the host
        shape = mesh.make_mesh(
            np.random.default_rng(0).normal(size=vertices.shape), faces
        )
    shape = shape.replace(vertices=vertices)
    shapes = library.single_shape(shape)
    p = {
        "position": jnp.zeros((1, 3)),
        "quaternion": jnp.array([[1.0, 0, 0, 0]]),
        "scale": jnp.ones((1, 3)),
        "eye": jnp.zeros(3),
        "albedo": jnp.array([[0.6, 0.5, 0.4]]),
        "light": jnp.array([[0.3, 0.5, 0.8]]),
        "point": jnp.array([[0.5, 1.0, 0.3]]),
    } | (parameters or {})
    nodes = graph.make_nodes([0], p["position"], p["quaternion"], p["scale"])
    lights = appearance.make_lights(
        0.3, p["light"], [[0.7, 0.6, 0.5]], p["point"], [[0.4, 0.4, 0.4]]
    )
    camera = make_camera(p["eye"], height=SIZE, width=SIZE)
    return graph.make_scene(shapes, nodes, camera, albedo=p["albedo"], lights=lights), p


VERTICES = np.array([[-3, -2.5, -2], [3, -2.0, -3], [0.2, 3, -2.5], [0, 0, -4.0]])
FACES = np.array([[0, 1, 2], [0, 3, 1]])


WEIGHTS = np.random.default_rng(0).normal(size=(SIZE, SIZE, 8))


@jax.jit
@jax.value_and_grad
def derive(p):
    rest = {k: v for k, v in p.items() if k != "vertices"}
    b = render(make_soup_scene(p["vertices"], FACES, rest)[0], mode="hard")
    seen = [b.rgb, b.depth[..., None], b.normal, b.alpha[..., None]]
    return jnp.sum(jnp.concatenate(seen, -1) * WEIGHTS)


@pytest.mark.parametrize(
    "name",
    ["vertices", "position", "quaternion", "scale", "eye", "albedo", "light", "point"],
)
def test_interior_equals_finite_differences(name):
    """One large face fills the picture: no edge, so all derivatives are interior."""
    with jax.enable_x64(True):
        _, p = make_soup_scene(jnp.asarray(VERTICES * [3, 3, 1]), FACES)
        p = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), p)
        p["vertices"] = jnp.asarray(VERTICES * [3, 3, 1])

        gradient = derive(p)[1][name]
        expected = np.zeros(p[name].shape)
        for index in np.ndindex(p[name].shape):
            step = jnp.zeros_like(p[name]).at[index].set(STEP)
            after, before = (derive({**p, name: p[name] + s})[0] for s in (step, -step))
            expected[index] = (after - before) / (2 * STEP)
    scale = np.abs(expected).max()
    assert scale > 1e-3
    np.testing.assert_allclose(gradient, expected, atol=1e-4 * scale)
