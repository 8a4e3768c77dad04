"""Shadows of a square over a plane, against the square that geometry projects."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import look_at, pixel_centres, unproject
from ivg.render.pipeline import render
from ivg.render.shading import lambert
from ivg.render.shadow import (
    bounding_sphere,
    light_frame,
    light_views,
    light_visibility,
    make_shadow_maps,
    shadowed,
)
from ivg.scene import appearance, graph
from ivg.scene.library import make_library
from ivg.scene.mesh import make_mesh
from ivg.scene.shapes.families import primitive_library

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 48
HALF, HEIGHT = 0.25, 0.5
SUN = np.array([0.48, 0.8, 0.36])
LAMP = np.array([0.6, 1.7, 0.4])
ALL, OFF_GROUND = jnp.array([[True, True], [False, True]])


@pytest.fixture(scope="module")
def shapes():
    """A quad of side 2 that faces up, as ground and, scaled, as what casts."""
    corners = [[-1.0, 0, 1], [1, 0, 1], [1, 0, -1], [-1, 0, -1]]
    return make_library({"quad": [make_mesh(corners, [[0, 1, 2], [0, 2, 3]])]})


jit_maps = jax.jit(make_shadow_maps, static_argnames=("size", "softness"))
jit_visibility = jax.jit(light_visibility)
jit_mesh = jax.jit(graph.world_mesh)


def make_scene(shapes, lights, place=(0.0, HEIGHT, 0.0)):
    """Seen from straight above, the square itself out of the picture."""
    place = jnp.asarray(place, jnp.result_type(float))
    nodes = graph.make_nodes(
        [0, 0],
        jnp.stack([jnp.zeros(3), place]),
        scale=[[4.0] * 3, [HALF, 1.0, HALF]],
    )
    camera = look_at((-0.3, 3.0, -0.2), (-0.3, 0, -0.2), (0, 0, -1), fov_rad=0.5,
                     height=SIZE, width=SIZE)  # fmt: skip
    return graph.make_scene(shapes, nodes, camera, albedo=1.0, lights=lights)


def sun(direction=SUN):
    return appearance.make_lights(0.2, direction, [[1.0, 1, 1]])


def lamp(place=LAMP):
    return appearance.make_lights(0.2, position=place, point=[[2.0, 2, 2]])


def ground_points(num=96, reach=1.2):
    """`[3, num, num]` points on the ground."""
    x, z = np.meshgrid(*2 * [np.linspace(-reach, reach, num)])
    return jnp.asarray(np.stack([x, 0 * x, z]), jnp.float32)


def in_shadow(points, lights):
    """Whether the straight line to the light meets the square."""
    points = np.asarray(points, float)
    if lights.direction.shape[0]:
        hit = points + HEIGHT / SUN[1] * SUN[:, None, None]
    else:
        hit = points + HEIGHT / LAMP[1] * (LAMP[:, None, None] - points)
    return (np.abs(hit[0]) < HALF) & (np.abs(hit[2]) < HALF)


@pytest.mark.slow
@pytest.mark.parametrize("lights", [sun(), lamp()], ids=["far", "point"])
@pytest.mark.parametrize("casters", [ALL, OFF_GROUND], ids=["all", "square"])
def test_shadow_is_the_projected_square(shapes, lights, casters):
    scene = make_scene(shapes, lights)
    # Large enough for a map over all of the ground.
    maps = jit_maps(scene, casters=casters, size=512, softness=0.5)
    points = ground_points()
    dark = np.asarray(jit_visibility(maps, points)[0]) < 0.5
    expected = in_shadow(points, lights)
    assert (dark & expected).sum() / (dark | expected).sum() > 0.95
    assert expected.sum() > 200


def test_height_is_that_above_the_ground(shapes):
    """Only what lies below the square is dark, not the square or what is above."""
    maps = jit_maps(
        make_scene(shapes, sun()), casters=OFF_GROUND, size=64, softness=1.0
    )
    places = jnp.array([[0.0, HEIGHT + h, 0.0] for h in (-0.3, -0.1, 0.0, 0.1)]).T
    lit = jit_visibility(maps, places)[0]
    np.testing.assert_allclose(lit, [0, 0, 1, 1], atol=0.03)


@pytest.mark.parametrize("softness", [0.0, 1.0, 3.0])
def test_edges_are_as_soft_as_asked_for(shapes, softness):
    """Across the edge the shadow is the integral of a Gaussian."""
    scene = make_scene(shapes, sun((0.0, 1.0, 0.0)))
    maps = jit_maps(scene, casters=OFF_GROUND, size=64, softness=softness)
    points = jnp.zeros((3, 201)).at[0].set(jnp.linspace(0, 2 * HALF, 201))
    lit = np.asarray(jit_visibility(maps, points)[0])
    slope = np.diff(lit) / lit[-1]
    x = np.asarray(points[0, :-1]) + 0.5 * np.diff(points[0])
    texel = 2 * np.sqrt(2) * HALF / (64 - 2 * (np.ceil(3 * softness) + 1))
    mean = np.sum(slope * x)
    spread = np.sqrt(np.sum(slope * (x - mean) ** 2)) / texel
    assert lit[0] < 1e-3 and lit[-1] == 1
    assert abs(mean - HALF) < 0.1 * texel
    assert abs(spread - np.hypot(softness, 0.45)) < 0.15


def shadow_on_ground(shapes, kind):
    """Light on the ground as a function of six numbers: offsets of square, light."""

    def lit(offset, casters=OFF_GROUND):
        place = jnp.array([0.0, HEIGHT, 0.0]) + offset[:3]
        direction = (SUN + offset[3:]) / jnp.linalg.norm(SUN + offset[3:])
        lights = sun(direction) if kind == "far" else lamp(LAMP + offset[3:])
        scene = make_scene(shapes, lights, place)
        maps = make_shadow_maps(scene, casters=casters, size=64, softness=1.0)
        return light_visibility(maps, ground_points(64))[0]

    return lit


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["far", "point"])
def test_gradient_is_that_of_the_moving_edge(shapes, kind):
    """Against differences of the same light, per point, and in its direction."""
    step, zero = 0.02, jnp.zeros(6)
    lit = shadow_on_ground(shapes, kind)
    derive = jax.jit(lambda p, v: jax.jvp(lit, (p,), (v,)))
    for axis, direction in enumerate(jnp.eye(6)):
        slope = np.ravel(derive(zero, direction)[1])
        low, high = (derive(sign * step * direction, zero)[0] for sign in (-1, 1))
        numeric = np.ravel(high - low) / (2 * step)
        assert np.linalg.norm(numeric) > 0.5
        cosine = slope @ numeric / np.linalg.norm(slope) / np.linalg.norm(numeric)
        assert cosine > 0.9, (axis, cosine)
        if axis == 0:  # to +x: light goes there and comes back at -x
            first, last = np.flatnonzero(np.abs(slope.reshape(64, 64)).sum(0) > 1)[
                [0, -1]
            ]
            columns = slope.reshape(64, 64).sum(0)
            assert columns[first : first + 4].sum() > 5
            assert columns[last - 3 : last + 1].sum() < -5


@pytest.fixture(scope="module")
def derive(shapes):
    """Weighted sum of the light on the ground, and its gradient, compiled."""
    lit = shadow_on_ground(shapes, "far")
    return jax.jit(
        jax.value_and_grad(
            lambda offset, casters, weight: jnp.sum(lit(offset, casters) * weight)
        )
    )


@pytest.mark.slow
def test_vmap_equals_loop(derive):
    offsets = jnp.array([[0.0] * 6, [0.1, 0.1, -0.1, 0.2, 0.0, -0.1]])
    weight = jnp.asarray(np.random.default_rng(0).normal(size=(64, 64)), jnp.float32)
    alone = [derive(o, OFF_GROUND, weight) for o in offsets]
    looped = jax.tree.map(lambda *x: jnp.stack(x), *alone)
    many = jax.jit(jax.vmap(derive, (0, None, None)))
    values, slopes = many(offsets, OFF_GROUND, weight)
    np.testing.assert_allclose(values, looped[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(slopes, looped[1], rtol=1e-3, atol=2e-2)
    assert np.abs(slopes).max() > 10


@pytest.mark.slow
def test_picture_shows_the_shadow(shapes):
    """Where nothing else is seen, light times what the map lets through."""

    @jax.jit
    def picture(scene):
        maps = make_shadow_maps(scene, casters=OFF_GROUND, size=64)
        buffers = render(scene, mode="hard", shader=shadowed(lambert, maps))
        return buffers, maps

    scene = make_scene(shapes, sun())
    buffers, maps = picture(scene)
    ground = np.asarray(buffers.object_index) == 0
    points = unproject(
        scene.camera,
        pixel_centres(SIZE, SIZE).reshape(-1, 2),
        buffers.depth.reshape(-1),
    ).T.reshape(3, SIZE, SIZE)
    expected = 0.2 + SUN[1] * np.asarray(jit_visibility(maps, points)[0])
    np.testing.assert_allclose(buffers.rgb[ground, 0], expected[ground], atol=1e-3)
    assert 0.02 < np.mean(expected[ground] < 0.3) < 0.5


@pytest.mark.slow
def test_convex_body_does_not_darken_itself():
    """The side of a ball that the sun shines on stays bright."""
    library = primitive_library()
    nodes = graph.make_nodes([library.class_names.index("sphere")])
    camera = look_at((0.5, 1.5, 2.5), (0, 0.5, 0), height=SIZE, width=SIZE)
    scene = graph.make_scene(library, nodes, camera, lights=sun())
    maps = jit_maps(scene, size=128)
    mesh = jit_mesh(scene)
    lit = np.asarray(jit_visibility(maps, mesh.vertices.T)[0])
    cosine = np.asarray(mesh.normals @ jnp.asarray(SUN, jnp.float32))
    loss = ((1 - lit) * np.maximum(cosine, 0))[np.asarray(mesh.vertex_mask)]
    assert loss.max() < 0.08 and loss.mean() < 0.01
    assert lit[cosine < -0.5].max() < 0.02


def test_each_light_has_its_own_shadow(shapes):
    lights = appearance.make_lights(0, [SUN, -SUN], np.ones((2, 3)), LAMP, np.ones(3))
    scene = make_scene(shapes, lights)
    maps = jit_maps(scene, casters=OFF_GROUND, size=64)
    below = np.array([-HEIGHT * SUN / SUN[1] + [0, HEIGHT, 0], [5.0, 0, 5.0]]).T
    lit = jit_visibility(maps, jnp.asarray(below, jnp.float32))
    assert lit.shape == (3, 2)
    np.testing.assert_allclose(lit[:2], [[0, 1], [1, 1]], atol=0.01)


def test_views_map_the_sphere_into_the_map():
    centre, radius = jnp.array([0.1, 0.2, -0.3]), jnp.array(0.7)
    views = light_views(
        appearance.make_lights(0, SUN, np.ones(3), 4 * LAMP, np.ones(3)),
        centre, radius, 64, 28,
    )  # fmt: skip
    points = np.random.default_rng(0).normal(size=(500, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    for view in np.asarray(views):
        x, y, w, n = view[:, :3] @ (centre + radius * points).T + view[:, 3:]
        reach = np.hypot(x / w - 32, y / w - 32)
        assert 27.5 < reach.max() < 28.01 and (n > 0).all() and (w > 0).all()
        middle = view[:, :3] @ np.asarray(centre) + view[:, 3]
        np.testing.assert_allclose(
            middle / middle[2], [32, 32, 1, 2], rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("axis", np.concatenate([np.eye(3), -np.eye(3), [SUN]]))
def test_light_frame_is_orthonormal(axis):
    frame = np.stack(light_frame(jnp.asarray(axis, jnp.float32)))
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(np.cross(frame[0], frame[1]), frame[2], atol=1e-6)


@pytest.mark.slow
def test_nothing_casts_a_shadow(shapes, derive):
    """All hidden, or no light: finite, lit, and with finite gradients."""
    nobody = jnp.zeros(2, bool)
    value, slope = derive(jnp.zeros(6), nobody, jnp.ones((64, 64)))
    assert value == 64**2
    np.testing.assert_array_equal(slope, jnp.zeros(6))
    points = ground_points(4)
    without = jit_maps(make_scene(shapes, appearance.make_lights()), size=32)
    assert light_visibility(without, points).shape == (0, 4, 4)
    assert bounding_sphere(jit_mesh(make_scene(shapes, sun())))[1] > 4


@pytest.mark.parametrize(
    ("options", "message"),
    [({"softness": -1.0}, "must not be negative"), ({"size": 8}, "needs maps of")],
)
def test_bad_arguments(shapes, options, message):
    with pytest.raises(ValueError, match=message):
        make_shadow_maps(make_scene(shapes, sun()), **options)
