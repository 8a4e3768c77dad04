"""Registration: gradients, the order of steps, momentum, recovery from one's render."""

import jax
import jax.numpy as jnp
import numpy as np

from ivg.geometry import rotation
from ivg.geometry.camera import make_camera
from ivg.refine.refiner import refine
from ivg.refine.registration import (
    Deformable,
    Look,
    Registered,
    View,
    corrected_view,
    deformed_mesh,
    place_points,
    registered_scene,
    registration_refiner,
    undeformed,
)
from ivg.render.pipeline import render
from ivg.scene.appearance import make_lights
from ivg.scene.mesh import make_mesh
from ivg.shape_space.latent_space import ShapeDecoder

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 0.05
FACES = np.array([
    [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
    [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
])  # fmt: skip


def stretching():
    """A box that its latents make wider, higher and deeper."""
    mesh = make_mesh(CUBE, FACES)
    basis = jnp.stack([mesh.vertices * jnp.eye(3)[i] * 0.2 for i in range(3)])
    return Deformable(mesh, ShapeDecoder(mesh.vertices, basis.astype(float)))


def look(size=32):
    towards = jnp.array([[-0.48, 0.6, 0.64]])
    lights = make_lights(0.2, direction=towards, directional=jnp.full((1, 3), 0.8))
    camera = make_camera(height=size, width=size, fov_rad=0.5)
    return Look(camera, lights, jnp.array([0.8, 0.1, 0.1]))


def view():
    turned = rotation.quaternion_from_azimuth_elevation(0.6, 0.5)
    return View(rotation.inverse(turned), jnp.array([0.0, 0.0, -0.6]))


def picture_maker(size=32):
    """A function of estimates; the family is made outside of traced code."""
    family, where, how = stretching(), view(), look(size)
    return lambda found: render(registered_scene(family, found, where, how)).rgb


def test_correction_moves_along_the_camera_and_turns_about_its_axes():
    found = Registered(jnp.zeros(3), jnp.array([0.01, -0.02]), jnp.array([0, 0, 0.3]))
    points = np.asarray(place_points(jnp.asarray(CUBE), view()))
    moved = np.asarray(place_points(jnp.asarray(CUBE), corrected_view(found, view())))
    cos, sin = np.cos(0.3), np.sin(0.3)
    about = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    centre = np.asarray(view().position)
    expected = (points - centre) @ about.T + centre + [0.01, -0.02, 0]
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_latents_zero_give_the_mean_and_normals_follow_the_surface():
    family = stretching()
    mesh = deformed_mesh(family, jnp.zeros(3))
    np.testing.assert_allclose(mesh.vertices, CUBE, atol=1e-7)
    flat = deformed_mesh(family, jnp.array([0.0, -4.0, 0.0]))
    assert np.all(np.abs(flat.normals[:, 1]) > np.abs(mesh.normals[:, 1]))


def test_gradient_of_an_energy_equals_finite_differences():
    with jax.enable_x64(True):
        picture = jax.jit(picture_maker())
        true = [0.4, -0.3, 0.2], [0.004, 0.003], [0.05, -0.04, 0.06]
        target = picture(Registered(*map(jnp.array, true)))

        def energy(flat):
            found = Registered(flat[:3], 0.05 * flat[3:5], 0.3 * flat[5:])
            return jnp.mean((picture(found) - target) ** 2)

        at = jnp.array([0.1, 0.2, -0.1, 0.03, -0.02, 0.04, 0.03, -0.05])
        slope = np.asarray(jax.jit(jax.grad(energy))(at))
        step, measure = 1e-6, jax.jit(energy)
        changes = step * np.eye(8)
        numeric = [(measure(at + d) - measure(at - d)) / (2 * step) for d in changes]
        # Of an edge, the derivative is that of the contrast across it (docs/edges.md).
        wrong = np.linalg.norm(slope - np.stack(numeric))
        assert wrong < 0.05 * np.linalg.norm(slope)


def bowl(found, observation):
    return sum(jnp.sum(x**2) for x in jax.tree.leaves(found)) / 2 + 0 * observation


def test_momentum_and_decay_by_hand():
    rates = Registered(0.1, 0.0, 0.0)
    refiner = registration_refiner(bowl, rates, momentum=0.5, decay=0.8, interval=2)
    start = undeformed(1).replace(latents=jnp.ones(1))
    path = refine(refiner, start, 0.0, 4).trajectory.latents[:, 0]
    x, v, expected = 1.0, 0.0, [1.0]
    for step in range(4):
        v = 0.5 * v + x
        x -= 0.1 * 0.8 ** (step // 2) * v
        expected.append(x)
    np.testing.assert_allclose(path, expected, rtol=1e-6)


def test_the_pose_moves_in_each_third_step_and_the_shape_in_all():
    rates = Registered(0.1, 0.1, 0.1)
    refiner = registration_refiner(bowl, rates, num_rigid=2)
    start = Registered(jnp.ones(2), jnp.ones(2), jnp.ones(3))
    path = refine(refiner, start, 0.0, 9).trajectory
    moved = jax.tree.map(lambda x: np.any(np.diff(x, axis=0) != 0, 1), path)
    np.testing.assert_array_equal(moved.latents, [False] * 2 + [True] * 7)
    expected = [True, True, True, False, False, True, False, False, True]
    np.testing.assert_array_equal(moved.shift_m, expected)
    np.testing.assert_array_equal(moved.turn_rad, expected)


def test_a_rate_of_zero_keeps_the_pose():
    refiner = registration_refiner(bowl, Registered(0.1, 0.0, 0.0))
    start = Registered(jnp.ones(2), jnp.ones(2), jnp.ones(3))
    found = refine(refiner, start, 0.0, 6).params
    np.testing.assert_array_equal(found.shift_m, 1)
    np.testing.assert_array_equal(found.turn_rad, 1)


def test_latents_are_recovered_from_their_own_renders():
    picture, true = picture_maker(), 0.8 * jnp.eye(3)

    def energy(found, target):
        return jnp.mean((picture(found) - target) ** 2) / jnp.mean(target**2)

    def recover(latents):
        target = picture(undeformed(3).replace(latents=latents))
        return refine(refiner, undeformed(3), target, 60).params.latents

    refiner = registration_refiner(energy, Registered(1.0, 0.0, 0.0), interval=5)
    np.testing.assert_allclose(jax.jit(jax.vmap(recover))(true), true, atol=0.05)
