"""Rooms of pix2scene: rays against the empty room, surfels against true depth."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from ivg.data import room_views
from ivg.data import surfel_rooms as rooms
from ivg.geometry.camera import project, ray_planes
from ivg.render.surfel import render_surfels
from ivg.scene.graph import make_scene, world_mesh

PIXELS = 48
pytestmark = pytest.mark.usefixtures("compile_quickly")


@functools.cache
def library(kind):
    return rooms.room_library(kind)


@functools.cache
def views(kind, num=24, fit="sides"):
    """Pictures, and the same from surfels at the true depth."""
    shapes = library(kind)

    def one(key):
        seen = room_views.sample_view(key, shapes, kind, PIXELS)
        again, _ = render_surfels(
            seen.depth, jnp.full(3, room_views.ALBEDO),
            room_views.room_camera(seen.eye, PIXELS),
            room_views.room_lights(seen.light, seen.light_rgb), fit=fit,
        )  # fmt: skip
        return seen, again

    keys = jax.random.split(jax.random.key(4), num)
    seen, again = jax.jit(lambda keys: jax.lax.map(one, keys))(keys)
    return jax.tree.map(np.asarray, (seen, again))


def is_smooth(depth):
    """Pixels around which `1 / depth` is affine, as it is on a plane."""
    bend = np.zeros(depth.shape)
    for axis in (1, 2):
        around = [np.roll(1 / depth, step, axis) for step in (-1, 0, 1)]
        bend = np.maximum(bend, np.abs(around[0] + around[2] - 2 * around[1]))
    bend[:, [0, -1]] = bend[:, :, [0, -1]] = 1
    return ndimage.maximum_filter(bend, (1, 3, 3)) < 1e-5


@pytest.mark.parametrize("kind", rooms.CLASSES)
def test_surfels_of_the_true_depth_give_the_picture(kind):
    seen, again = views(kind)
    error = np.abs(again - seen.image).max(-1)
    flat = is_smooth(seen.depth)
    assert flat.mean() > 0.4
    assert error[flat].max() < 2e-3
    assert np.median(error) < 1e-4
    assert np.mean(error > 0.02) < (0.05 if kind == "box" else 0.1)


def test_surfels_of_a_sphere_fit_are_wrong_along_creases():
    """Why rooms take the slopes of the sides."""
    wrong = {
        fit: np.mean(np.abs(again - seen.image).max(-1) > 0.02)
        for fit in ("sphere", "sides")
        for seen, again in [views("box", fit=fit)]
    }
    assert wrong["sides"] < 0.3 * wrong["sphere"]


@pytest.mark.parametrize("kind", rooms.CLASSES)
def test_pictures_are_full_and_exposed(kind):
    seen, _ = views(kind)
    assert seen.depth.min() > room_views.NEAR and seen.depth.max() < room_views.FAR
    np.testing.assert_allclose(np.linalg.norm(seen.normal, axis=-1), 1, atol=1e-5)
    assert seen.image.min() >= room_views.ALBEDO * room_views.AMBIENT - 1e-6
    assert 0.5 < seen.image.max() < 1
    assert 0.1 < seen.image.mean() < 0.5


def test_the_empty_room_in_closed_form():
    kind, eye = "box", room_views.octant_point(0.7, 0.4, room_views.DISTANCE_M)
    light, rgb = np.array([[1.2, 1.5, 1.9]]), np.array([[2.0, 1.0, 0.5]])
    scene = rooms.sample_room_scene(jax.random.key(0), library(kind), kind)
    empty = scene._replace(nodes=scene.nodes.replace(mask=jnp.array([True, False])))
    see = jax.jit(room_views.see_room, static_argnums=5)
    seen = see(empty, library(kind), eye, jnp.array(light), jnp.array(rgb), PIXELS)
    rays = np.asarray(ray_planes(room_views.room_camera(eye, PIXELS)), np.float64)
    with np.errstate(divide="ignore"):
        hits = np.where(rays < 0, -np.asarray(eye)[:, None, None] / rays, np.inf)
    depth, axis = hits.min(0), hits.argmin(0)
    assert set(np.unique(axis)) == {0, 1, 2}
    np.testing.assert_allclose(seen.depth, depth, rtol=1e-5)
    edge = np.sort(hits, 0)[1] - depth < 1e-4
    normal = np.eye(3)[axis]
    np.testing.assert_allclose(np.asarray(seen.normal)[~edge], normal[~edge], atol=1e-5)
    offset = light[0] - (np.asarray(eye) + np.moveaxis(rays * depth, 0, -1))
    distance = np.linalg.norm(offset, axis=-1)
    cosine = np.maximum(np.sum(offset * normal, -1), 0) / distance
    expected = room_views.ALBEDO * (
        room_views.AMBIENT + (cosine / distance**2)[..., None] * rgb[0]
    )
    np.testing.assert_allclose(
        np.asarray(seen.image)[~edge], expected[~edge], rtol=1e-4, atol=1e-5
    )


def test_cameras_are_uniform_by_area_and_look_at_one_point():
    num = 4000
    draw = functools.partial(room_views.octant_points, distance=room_views.DISTANCE_M)
    eyes = np.asarray(draw(jax.random.key(1), num))
    towards = (eyes - np.array(room_views.TARGET)) / room_views.DISTANCE_M
    np.testing.assert_allclose(np.linalg.norm(towards, axis=1), 1, atol=1e-5)
    assert towards.min() > 0 and eyes.min() > 0
    low, high = np.sin(room_views.ELEVATION_RAD)
    assert stats.kstest(towards[:, 1], stats.uniform(low, high - low).cdf).pvalue > 1e-3
    azimuth = np.arctan2(towards[:, 0], towards[:, 2])
    low, high = room_views.AZIMUTH_RAD
    assert stats.kstest(azimuth, stats.uniform(low, high - low).cdf).pvalue > 1e-3
    for eye in eyes[:5]:
        camera = room_views.room_camera(jnp.asarray(eye), PIXELS)
        pixel, depth = project(camera, jnp.array([room_views.TARGET]))
        np.testing.assert_allclose(pixel[0], PIXELS / 2, atol=1e-3)
        assert float(depth[0]) == pytest.approx(room_views.DISTANCE_M, abs=1e-5)


def test_turned_cameras_keep_height_and_distance():
    eye = room_views.octant_point(0.1, 0.6, room_views.DISTANCE_M)
    other = room_views.turned_eye(eye, jnp.asarray(1.2))
    np.testing.assert_allclose(
        other, room_views.octant_point(1.3, 0.6, room_views.DISTANCE_M), atol=1e-6
    )


def test_lights():
    draw = jax.jit(jax.vmap(room_views.octant_lights))
    place, rgb = map(np.asarray, draw(jax.random.split(jax.random.key(0), 100)))
    assert place.shape == rgb.shape == (100, 3, 3)
    distance = np.linalg.norm(place[:, 0] - np.array(room_views.TARGET), axis=1)
    np.testing.assert_allclose(distance, room_views.LIGHT_DISTANCE_M, rtol=1e-5)
    assert np.ptp(place[:, 0], 0).min() > 0.5 and np.ptp(place[:, 1:], 0).max() == 0
    assert np.ptp(rgb, 0).max() == 0 and rgb.min() > 0


def test_colours_tell_the_walls_apart():
    """Red light falls on the wall x = 0, green light on the wall z = 0."""
    seen, _ = views("box")
    red, green = seen.image[..., 0], seen.image[..., 1]
    wall = lambda axis: (seen.normal[..., axis] > 0.999) & (seen.depth > 1.2)  # noqa: E731
    assert np.median((red / green)[wall(0)]) > 1.2 * np.median((red / green)[wall(2)])


@pytest.mark.parametrize("kind", rooms.CLASSES)
def test_objects_stand_in_the_room(kind):
    shapes = library(kind)

    def one(key):
        scene = rooms.sample_room_scene(key, shapes, kind)
        camera = room_views.room_camera(jnp.ones(3), 4)
        mesh = world_mesh(make_scene(shapes, scene.nodes, camera))
        return scene, mesh.vertices, mesh.vertex_mask

    keys = jax.random.split(jax.random.key(2), 64)
    scene, points, mask = jax.jit(lambda keys: jax.lax.map(one, keys))(keys)
    num_nodes = scene.nodes.mask.shape[1]
    points = np.asarray(points).reshape(64, num_nodes, -1, 3)[:, 1:]
    mask = np.asarray(mask).reshape(64, num_nodes, -1)[:, 1:]
    assert points[mask].min() > -1e-5 and points[mask].max() < 1
    lowest = np.where(mask, points[..., 1], np.inf).min(-1)[mask.any(-1)]
    np.testing.assert_allclose(lowest, 0, atol=1e-5)
    label, present = np.asarray(scene.label), np.asarray(scene.nodes.mask)
    if kind == "multiple":
        np.testing.assert_array_equal(present.sum(1), label + 2)
        assert set(label) == {1, 2, 3}
        assert len(np.unique(scene.nodes.shape_id[:, 1:])) > len(rooms.OBJECTS)
    else:
        assert present.all()
        assert set(label) == set(range(len(rooms.CLASSES[kind])))
    turned = np.ptp(np.asarray(scene.nodes.quaternion)[:, 1:], axis=0).max()
    assert (turned == 0) == (kind == "box_translated")


def test_a_batch_is_its_pictures():
    keys = jax.random.split(jax.random.key(3), 3)
    draw = functools.partial(
        room_views.sample_view, library=library("box"), kind="box", pixels=12
    )
    together = jax.jit(jax.vmap(draw))(keys)
    for i, key in enumerate(keys):
        alone = jax.jit(draw)(key)
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a, b[i], atol=1e-5),
            alone, together,
        )  # fmt: skip


def test_unknown_kinds():
    with pytest.raises(ValueError, match="kind"):
        rooms.room_library("castle")
