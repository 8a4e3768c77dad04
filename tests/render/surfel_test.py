"""Depth maps of planes and spheres, whose normals and shading are known."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ivg.geometry.camera import look_at, make_camera, ray_planes
from ivg.render.shading import lambert
from ivg.render.surfel import (
    FITS,
    NEIGHBOURS,
    attenuated_lambert,
    render_surfels,
    surfel_normals,
    surfel_points,
    surfels_from_depth,
)
from ivg.scene.appearance import make_lights

CENTRE, RADIUS = np.array([0.2, 0.1, -0.1]), 0.9
NORMAL = np.array([0.3, 0.8, 0.5]) / np.sqrt(0.98)
ALBEDO = jnp.array([0.8, 0.5, 0.2])
normals_of = jax.jit(surfel_normals, static_argnames="fit")
picture_of = jax.jit(render_surfels, static_argnames="fit")


@functools.partial(jax.jit, static_argnums=0)
def view(size=48):
    return look_at((1.0, 2.0, 3.0), (0.0, 0.2, 0.0), height=size, width=size + 7)


@jax.jit
def sphere_depth(camera):
    """Zero beside the sphere."""
    rays = ray_planes(camera)
    offset = camera.position - CENTRE
    b, a = jnp.einsum("chw,c->hw", rays, offset), jnp.sum(rays**2, 0)
    inside = b * b - a * (offset @ offset - RADIUS**2)
    return jnp.where(inside > 0, (-b - jnp.sqrt(jnp.maximum(inside, 0))) / a, 0)


@jax.jit
def plane_depth(camera):
    """The plane `NORMAL . P = 0`; zero beyond its horizon."""
    towards = -jnp.einsum("chw,c->hw", ray_planes(camera), NORMAL)
    return jnp.where(towards > 0, camera.position @ NORMAL / towards, 0)


def interior(depth):
    seen = depth > 0
    for i, j in NEIGHBOURS:
        seen &= np.roll(depth, (i, j), (0, 1)) > 0
    seen[[0, -1]] = seen[:, [0, -1]] = False
    return seen


def lights():
    return make_lights(
        0.1, direction=[[0.0, 0.6, 0.8]], directional=[[0.3, 0.2, 0.1]],
        position=[[2.0, 3.0, 3.0], [-2.0, 1.0, 2.0]],
        point=[[5.0, 4.0, 3.0], [1.0, 2.0, 3.0]],
    )  # fmt: skip


def test_sphere_normals_are_exact():
    with jax.enable_x64(True):
        camera = view()
        depth = sphere_depth(camera)
        outward = surfel_points(depth, camera) - CENTRE[:, None, None]
        error = jnp.abs(normals_of(depth, camera) - outward / RADIUS)
        assert np.sum(interior(np.array(depth))) > 300
        assert float(jnp.max(error[:, interior(np.array(depth))])) < 1e-10


@pytest.mark.parametrize("fit", FITS)
def test_plane_normals_are_exact_up_to_the_border(fit):
    with jax.enable_x64(True):
        camera = view()
        depth = plane_depth(camera)
        assert bool(jnp.all(depth > 0))
        normals = normals_of(depth, camera, fit=fit)
        assert float(jnp.max(jnp.abs(normals - NORMAL[:, None, None]))) < 1e-10


def test_errors_on_a_sphere_fall_with_the_square_of_the_pixel_or_faster():
    def median_error(size, fit):
        camera = view(size)
        depth = sphere_depth(camera)
        outward = (surfel_points(depth, camera) - CENTRE[:, None, None]) / RADIUS
        error = normals_of(depth, camera, fit=fit) - outward
        return np.median(np.abs(error)[:, interior(np.array(depth))])

    with jax.enable_x64(True):
        fall = {f: median_error(48, f) / median_error(144, f) for f in FITS[1:]}
    assert fall["plane"] == pytest.approx(9, rel=0.3) and fall["sides"] > 9


def test_a_step_slants_the_normals_of_the_plane_fit_only():
    camera = make_camera(height=48, width=55)
    depth = jnp.where(jnp.arange(55) < 20, 5.0, 1.0) * jnp.ones((48, 1))
    facing = jnp.array([0.0, 0.0, 1.0])[:, None, None]
    errors = (jnp.abs(normals_of(depth, camera, fit=f) - facing) for f in FITS)
    sphere, plane, sides = errors
    assert jnp.max(plane) > 0.5
    assert jnp.mean(sphere) < 0.2 * jnp.mean(plane)
    assert jnp.max(sides) < 1e-3


def test_normals_of_the_sides_are_exact_along_creases_and_outlines():
    """Of a wall, a floor, and a board that stands before both."""
    with jax.enable_x64(True):
        camera = make_camera(height=48, width=55)
        rays = ray_planes(camera)
        planes = jnp.array([[0.0, 0.1, 1.0], [0.0, 1.0, 0.2], [0.3, 0.0, 1.0]])
        away = jnp.array([-5.0, -1.0, -3.0])[:, None, None]
        depths = away / jnp.einsum("nk,khw->nhw", planes, rays)
        depths = jnp.where(depths > 0, depths, jnp.inf)
        across = jnp.arange(55)
        is_board = (across > 9) & (across < 30) & (depths[2] < depths[1])
        depths = depths.at[2].set(jnp.where(is_board, depths[2], jnp.inf))
        face = jnp.argmin(depths, 0)
        assert np.all(np.bincount(face.reshape(-1)) > 300)
        unit = planes / jnp.linalg.norm(planes, axis=1, keepdims=True)
        found = {f: normals_of(jnp.min(depths, 0), camera, fit=f) for f in FITS}
        error = {
            f: np.abs(n - jnp.moveaxis(unit[face], -1, 0)).max(0)
            for f, n in found.items()
        }
    wrong = {f: np.mean(e > 2e-2) for f, e in error.items()}
    assert wrong["plane"] > 0.05 and wrong["sphere"] > 0.05
    assert wrong["sides"] < 0.005  # parts of a face with less than three pixels


def test_shading_of_a_sphere_in_closed_form():
    place, strength, factors = np.array([2.0, 3.0, 3.0]), 5.0, (0.2, 0.3, 0.5)
    with jax.enable_x64(True):
        camera = view()
        depth = sphere_depth(camera)
        lamp = make_lights(0.1, position=place, point=strength * jnp.ones(3))
        rgb, surface = picture_of(depth, ALBEDO, camera, lamp, attenuation=factors)
    seen = interior(np.array(depth))
    point = np.asarray(surface.position)[:, seen]
    offset = place[:, None] - point
    distance = np.linalg.norm(offset, axis=0)
    cosine = np.sum((point - CENTRE[:, None]) / RADIUS * offset / distance, 0)
    fading = factors[0] + factors[1] * distance + factors[2] * distance**2
    light = 0.1 + strength * np.maximum(cosine, 0) / fading
    np.testing.assert_allclose(rgb[seen], np.outer(light, ALBEDO), rtol=1e-6)
    assert np.all(np.asarray(rgb)[np.asarray(depth) == 0] == 0)


def test_inverse_squares_are_the_lights_of_the_renderer():
    camera = view()
    picture, surface = picture_of(plane_depth(camera), ALBEDO, camera, lights())
    expected = jax.jit(lambert)(surface, lights())
    np.testing.assert_allclose(jnp.moveaxis(picture, -1, 0), expected, rtol=1e-5)


def test_shadows_fall_on_surfels():
    camera = view(8)
    surface = surfels_from_depth(plane_depth(camera), ALBEDO, camera)
    share = jax.random.uniform(jax.random.key(2), (3, 8, 15))
    surface = surface.replace(light_visibility=share)
    found = attenuated_lambert()(surface, lights())
    np.testing.assert_allclose(found, lambert(surface, lights()), rtol=1e-5)


def test_albedo_may_vary():
    camera = view()
    depth = plane_depth(camera)
    uniform, _ = picture_of(depth, jnp.ones(3), camera, lights())
    albedo = jax.random.uniform(jax.random.key(0), uniform.shape)
    varied, _ = picture_of(depth, albedo, camera, lights())
    np.testing.assert_allclose(varied, albedo * uniform, rtol=1e-6)


def derivatives(total, arguments, directions):
    """Value, gradient, and the derivatives of both along a direction."""
    places = tuple(range(len(arguments)))
    return jax.jvp(jax.value_and_grad(total, places), arguments, directions)


@pytest.mark.parametrize("fit", ["sphere", "sides"])
def test_derivatives_equal_finite_differences(fit):
    with jax.enable_x64(True):
        camera = view(8)
        depth = plane_depth(camera).at[3, 4].set(0).at[5, 5:].add(2.0)
        arguments = depth, ALBEDO.astype(depth.dtype), camera, lights()
        flat, unravel = ravel_pytree(arguments)
        turn = jax.random.normal(jax.random.key(0), flat.shape)

        def total(*arguments):
            return jnp.sum(render_surfels(*arguments, fit=fit)[0] ** 2)

        @jax.jit
        def at(flat):
            values, slopes = derivatives(total, unravel(flat), unravel(turn))
            return ravel_pytree(values)[0], ravel_pytree(slopes)[0]

        values, slopes = at(flat)
        ends = [at(flat + step * turn)[0] for step in (1e-6, -1e-6)]
        np.testing.assert_allclose(
            slopes, (ends[0] - ends[1]) / 2e-6, rtol=1e-4, atol=1e-3
        )
        assert slopes[0] == pytest.approx(float(values[1:] @ turn), rel=1e-9)


def test_vmap_equals_the_loop():
    camera = view()
    noise = jax.random.normal(jax.random.key(1), (3, 48, 55))
    depths = plane_depth(camera) * (1 + 0.02 * noise)
    one = lambda d: picture_of(d, ALBEDO, camera, lights())[0]  # noqa: E731
    chex.assert_trees_all_close(
        jax.vmap(one)(depths), jnp.stack([one(d) for d in depths]), atol=1e-5
    )


def hostile_depths():
    size = 9, 16
    rng = np.random.default_rng(0)
    noise = np.where(rng.random(size) < 0.5, 0.0, rng.exponential(size=size))
    steps = np.where(rng.random(size) < 0.5, 0.02, 1e9)
    lone = np.zeros(size)
    lone[4, 4] = 1.0
    line = np.zeros(size)
    line[4] = 1.0
    broken = np.ones(size)
    broken[2, 2:6] = np.nan, np.inf, -np.inf, -1.0
    depths = dict(
        zero=np.zeros(size), constant=np.ones(size), noise=noise, steps=steps,
        lone=lone, line=line, broken=broken, far=np.full(size, 1e12),
        tiny=np.full(size, 1e-30),
    )  # fmt: skip
    return {name: jnp.asarray(x, jnp.float32) for name, x in depths.items()}


@pytest.mark.parametrize("fit", FITS)
def test_hostile_depths_stay_finite(fit):
    camera = view(9)
    on_surface = camera.position + ray_planes(camera)[:, 4, 4]
    lamps = make_lights(
        0.1, position=[on_surface, camera.position], point=jnp.ones((2, 3))
    )

    def total(depth):
        return jnp.sum(render_surfels(depth, ALBEDO, camera, lamps, fit=fit)[0])

    @jax.jit
    def everything(depth):
        return derivatives(total, (depth,), (jnp.ones_like(depth),))

    for name, depth in hostile_depths().items():
        for leaf in jax.tree.leaves(everything(depth)):
            assert jnp.all(jnp.isfinite(leaf)), name
        length = jnp.linalg.norm(normals_of(depth, camera, fit=fit), axis=0)
        usable = (depth > 0.01) & jnp.isfinite(depth)
        np.testing.assert_allclose(length, usable, atol=1e-5)


def test_a_lone_pixel_looks_along_the_axis():
    camera = make_camera(height=9, width=16)
    normal = normals_of(hostile_depths()["lone"], camera)[:, 4, 4]
    np.testing.assert_allclose(normal, [0, 0, 1], atol=1e-6)


def test_bad_arguments():
    camera = view(8)
    with pytest.raises(ValueError, match="shape"):
        surfel_points(jnp.ones((8, 8)), camera)
    with pytest.raises(ValueError, match="fit"):
        normals_of(jnp.ones((8, 15)), camera, fit="quadric")
