"""Derivatives in the interior of faces, and finite ones everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivg.geometry.camera import make_camera
from ivg.render.pipeline import render
from ivg.scene import appearance, graph, library, mesh

MODES = ("antialias", "hard")  # soft_test.py and layers_test.py see to the others
SIZE = 24
STEP = 1e-6


def make_soup_scene(vertices, faces, parameters=None):
    """Triangles before a camera at the origin that looks along -z."""
    with jax.ensure_compile_time_eval():  # topology is found on the host
        shape = mesh.make_mesh(
            np.random.default_rng(0).normal(size=vertices.shape), faces
        )
    shape = shape.replace(vertices=vertices)
    shapes = library.MeshLibrary(
        jax.tree.map(lambda x: x[None], shape), ("soup",), (1,)
    )
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


@pytest.mark.parametrize(
    "name",
    ["vertices", "position", "quaternion", "scale", "eye", "albedo", "light", "point"],
)
def test_interior_equals_finite_differences(name):
    """One large face fills the picture: no edge, so all derivatives are interior."""
    weights = np.random.default_rng(0).normal(size=(SIZE, SIZE, 8))
    with jax.enable_x64(True):
        _, p = make_soup_scene(jnp.asarray(VERTICES * [3, 3, 1]), FACES)
        p = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), p)
        p["vertices"] = jnp.asarray(VERTICES * [3, 3, 1])

        @jax.jit
        def functional(p):
            rest = {k: v for k, v in p.items() if k != "vertices"}
            b = render(make_soup_scene(p["vertices"], FACES, rest)[0], mode="hard")
            seen = [b.rgb, b.depth[..., None], b.normal, b.alpha[..., None]]
            return jnp.sum(jnp.concatenate(seen, -1) * weights)

        gradient = jax.grad(functional)(p)[name]
        expected = np.zeros(p[name].shape)
        for index in np.ndindex(p[name].shape):
            step = jnp.zeros_like(p[name]).at[index].set(STEP)
            after, before = (
                functional({**p, name: p[name] + s}) for s in (step, -step)
            )
            expected[index] = (after - before) / (2 * STEP)
    scale = np.abs(expected).max()
    assert scale > 1e-3
    np.testing.assert_allclose(gradient, expected, atol=1e-4 * scale)


NUMBER = st.one_of(
    st.floats(-3, 3, width=32),
    st.sampled_from([0.0, 1.0, -1.0, -2.0, 1e-6, -0.01, 1e4, -1e4]),
)


@jax.jit
def _derivatives(vertices, tangent):
    """All values and derivatives of a soup of four triangles in both modes."""

    def pictures(vertices):
        scene, _ = make_soup_scene(vertices, np.arange(12).reshape(4, 3))
        return [render(scene, mode=mode) for mode in MODES]

    def total(vertices):
        return sum(
            jnp.sum(jnp.tanh(x))
            for b in pictures(vertices)
            for x in (b.rgb, b.alpha, b.depth, b.normal, b.barycentrics)
        )

    gradient = jax.grad(total)
    second = jax.jvp(gradient, (vertices,), (tangent,))
    return pictures(vertices), second, jax.jvp(total, (vertices,), (tangent,))


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBER, min_size=36, max_size=36), st.booleans())
def test_derivatives_are_finite(numbers, degenerate):
    vertices = np.array(numbers, np.float32).reshape(12, 3)
    if degenerate:
        vertices[1] = vertices[0]
        vertices[3:6, 2] = -2  # coplanar with the next face, facing the camera
        vertices[6:9, 2] = -2
    tangent = jnp.asarray(np.roll(vertices, 1).clip(-1, 1))
    for leaf in jax.tree.leaves(_derivatives(jnp.asarray(vertices), tangent)):
        assert np.all(np.isfinite(np.asarray(leaf)))


def test_jvp_is_the_transpose_of_vjp():
    rng = np.random.default_rng(2)
    vertices = jnp.asarray(rng.uniform(-2, 2, (12, 3)) - [0, 0, 4], jnp.float32)
    faces = np.arange(12).reshape(4, 3)
    tangent = jnp.asarray(rng.normal(size=(12, 3)), jnp.float32)
    cotangent = jnp.asarray(rng.normal(size=(SIZE, SIZE, 3)), jnp.float32)

    def picture(vertices):
        return render(make_soup_scene(vertices, faces)[0]).rgb

    forward = jax.jvp(picture, (vertices,), (tangent,))[1]
    backward = jax.vjp(picture, vertices)[1](cotangent)[0]
    assert jnp.sum(forward * cotangent) == pytest.approx(
        float(jnp.sum(backward * tangent)), rel=1e-3
    )
