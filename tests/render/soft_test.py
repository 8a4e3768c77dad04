"""Soft rasterization: against its equations in NumPy, and derivatives everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import homogeneous_px
from ivg.render.pipeline import render
from ivg.render.soft import reach_px, soft_picture
from ivg.scene.graph import world_mesh
from tests.reference import softras
from tests.reference.soup import make_soup_scene

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 16


def every_face_everywhere(scene):
    """`[K, H, W]` all faces at all pixels: nothing is left to visibility."""
    num_faces, camera = world_mesh(scene).faces.shape[0], scene.camera
    index = jnp.arange(num_faces, dtype=jnp.int32)[:, None, None]
    return jnp.broadcast_to(index, (num_faces, camera.height, camera.width))


def show_uv(surface, lights):
    u, v = surface.uv
    return jnp.stack([u, v, 1 - u])


hard_render = jax.jit(lambda scene: render(scene, mode="hard", shader=show_uv))


@jax.jit
def draw(scene, sigma, gamma, far):
    return soft_picture(
        scene, every_face_everywhere(scene), sigma=sigma, gamma=gamma, far=far,
        shader=show_uv,
    )  # fmt: skip


@jax.jit
def project_mesh(scene):
    mesh = world_mesh(scene)
    return mesh, homogeneous_px(scene.camera, mesh.vertices)


def by_equations(scene, **options):
    mesh, corners = jax.tree.map(np.asarray, project_mesh(scene))
    x, y, depth = corners.T
    u, v = mesh.uv[mesh.faces].transpose(2, 0, 1)
    return softras.render(
        np.stack([x / depth, y / depth, depth], -1),
        mesh.faces, np.stack([u, v, 1 - u], -1), np.asarray(scene.background),
        SIZE, SIZE, near=float(scene.camera.near), **options,
    )  # fmt: skip


def make_random_scene(seed, num_faces=5):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(-1.2, 1.2, (3 * num_faces, 3)) - [0, 0, 3]
    uv = rng.uniform(size=(3 * num_faces, 2))
    return make_soup_scene(vertices, SIZE, uv)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sigma, gamma", [(1e-2, 1e-2), (1e-3, 1e-4), (3e-2, 1.0)])
def test_equals_the_equations(seed, sigma, gamma):
    """Small, large, back and front faces, obtuse ones, and pixels beside them."""
    with jax.enable_x64(True):
        scene = make_random_scene(seed)
        options = {"sigma": sigma, "gamma": gamma, "far": 10.0}
        rgb, alpha = draw(scene, **options)
        expected_rgb, expected_alpha = by_equations(scene, **options)
    np.testing.assert_allclose(alpha, expected_alpha, atol=1e-8)
    np.testing.assert_allclose(rgb, expected_rgb, atol=1e-8)
    assert np.ptp(expected_alpha) > 0.9
    assert np.mean((expected_alpha > 1e-3) & (expected_alpha < 0.999)) > 0.05


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_equations_in_single_precision(seed):
    scene = make_random_scene(seed)
    options = {"sigma": 1e-2, "gamma": 1e-1, "far": 10.0}
    rgb, alpha = draw(scene, **options)
    expected_rgb, expected_alpha = by_equations(scene, **options)
    np.testing.assert_allclose(alpha, expected_alpha, atol=1e-5)
    np.testing.assert_allclose(rgb, expected_rgb, atol=1e-5)


@pytest.mark.slow
def test_mode_equals_the_equations():
    """The faces that visibility finds within reach are all that count."""
    with jax.enable_x64(True):
        scene = make_random_scene(5)
        options = {"sigma": 1e-3, "gamma": 1e-2, "far": 10.0}
        picture = jax.jit(
            lambda s: render(s, mode="soft", num_layers=5, shader=show_uv, **options)
        )(scene)
        rgb, alpha = by_equations(scene, **options)
        hard = hard_render(scene)
    np.testing.assert_allclose(picture.alpha, alpha, atol=1e-5)
    np.testing.assert_allclose(picture.rgb, rgb, atol=1e-5)
    np.testing.assert_array_equal(picture.face_index, hard.face_index)


def test_sharp_limit_is_the_hard_render():
    """But for pixel centres on an outline; colours as with a visible background."""
    scene = make_random_scene(3)
    hard = hard_render(scene)
    for sigma, gamma in ((1e-9, 1e-6), (0.0, 1e-6)):
        rgb, alpha = draw(scene, sigma, gamma, 10.0)
        np.testing.assert_allclose(alpha, hard.alpha, atol=1e-4)
        np.testing.assert_allclose(rgb, hard.rgb, atol=1e-3)


def test_width_of_the_outline():
    """Ten pixels high stand for any resolution: reach scales with the picture."""
    assert reach_px(1e-4, 256) == pytest.approx(128 * 0.01 * np.sqrt(9.21), rel=1e-3)
    assert reach_px(0.0, 256) == 0


@pytest.mark.slow
def test_gradient_equals_finite_differences():
    with jax.enable_x64(True):
        scene = make_random_scene(7)
        weights = np.random.default_rng(0).normal(size=(SIZE, SIZE, 4))

        @jax.jit
        @jax.value_and_grad
        def derive(p):
            mesh = scene.library.mesh.replace(vertices=p["vertices"])
            moved = scene.replace(library=scene.library.replace(mesh=mesh))
            rgb, alpha = draw(moved, p["sigma"], p["gamma"], p["far"])
            return jnp.sum(jnp.dstack([rgb, alpha]) * weights)

        p = {"vertices": scene.library.mesh.vertices, "sigma": 0.5, "gamma": 0.05}
        p = jax.tree.map(jnp.asarray, p | {"far": 10.0})
        gradient = derive(p)[1]
        rng = np.random.default_rng(1)
        for name, value in p.items():
            tangent = rng.normal(size=value.shape)
            after, before = (
                derive(p | {name: value + s * 1e-8 * tangent})[0] for s in (1, -1)
            )
            slope = np.sum(gradient[name] * tangent)
            assert float(slope) == pytest.approx(
                float(after - before) / 2e-8, rel=1e-4
            ), name
