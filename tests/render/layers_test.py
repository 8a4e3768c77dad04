"""Depth peeling and aggregation: order, weights, limits and hidden gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.camera import make_camera
from ivg.render.layers import (
    aggregate,
    composite_over,
    layer_from_picture,
    layer_weights,
    merge_layers,
    render_layers,
)
from ivg.render.pipeline import render
from ivg.scene import appearance, graph, library, mesh
from tests.reference.emitters import AS_USERS
from tests.reference.soup import make_soup_scene

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 16
SQUARE = mesh.make_mesh(
    [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]]
)
SHAPES = library.make_library({"square": [SQUARE]})
COLOURS = np.array([[0.9, 0.1, 0.2], [0.1, 0.8, 0.3], [0.2, 0.3, 0.7]])
BACKGROUND = np.array([0.3, 0.6, 0.9])


def make_squares(depth, size=(0.3, 0.3, 0.3), lit=True):
    """Parallel squares around the optical axis, at given depths; at most three.

    The places of others are hidden, so that all scenes have the same shapes.
    """
    depth = jnp.asarray(depth)
    mask = jnp.arange(3) < len(depth)
    depth = jnp.ones(3).at[: len(depth)].set(depth)
    size = jnp.ones(3).at[: len(size)].set(jnp.asarray(size))
    zero = jnp.zeros_like(depth)
    nodes = graph.make_nodes(
        zero.astype(int),
        jnp.stack([zero, zero, -depth], -1),
        scale=size[:, None],
        mask=mask,
    )
    lights = appearance.make_lights(0.5, [[0, 0, 1]], [[0.5, 0.5, 0.5]])
    return graph.make_scene(
        SHAPES, nodes, make_camera(height=SIZE, width=SIZE),
        albedo=COLOURS, lights=lights if lit else None,
        background=BACKGROUND,
    )  # fmt: skip


@jax.jit
def peel(scene):
    return render_layers(scene, num_layers=8)


@functools.partial(jax.jit, static_argnames="mode")
def draw(scene, mode, tau):
    return render(scene, mode=mode, tau=tau)


def test_parallel_squares_peel_in_order():
    """Given from back to front, and also where pixels see the edge of two faces."""
    layers = jax.tree.map(np.asarray, peel(make_squares([1.5, 1.2, 1.0])))
    middle = slice(SIZE // 2 - 2, SIZE // 2 + 2)
    for row in range(middle.start, middle.stop):
        for column in range(middle.start, middle.stop):
            at = (slice(None), row, column)
            np.testing.assert_array_equal(layers.object_index[at][:4], [2, 1, 0, -1])
            np.testing.assert_allclose(
                layers.depth[at][:4], [1, 1.2, 1.5, 0], rtol=1e-6
            )
            np.testing.assert_array_equal(layers.alpha[at][:4], [1, 1, 1, 0])
            np.testing.assert_allclose(layers.rgb[at][:3], COLOURS[::-1], rtol=1e-6)


def test_layers_are_surface_or_nothing():
    """No layer has anything of the background, or of another layer, at its edges."""
    layers = peel(make_squares([1.5, 1.2, 1.0], size=[0.35, 0.2, 0.1]))
    own = np.where(
        layers.alpha[..., None] > 0, COLOURS[np.asarray(layers.object_index)], 0
    )
    np.testing.assert_allclose(layers.rgb, own, atol=1e-6)
    assert set(np.unique(layers.alpha)) == {0, 1}
    assert len(np.unique(layers.object_index[0])) == 4


@pytest.mark.slow
def test_layers_composite_to_the_hard_render():
    scene = make_squares([1.5, 1.2, 1.0], size=[0.35, 0.2, 0.1])
    picture = composite_over(peel(scene), scene.background)
    np.testing.assert_allclose(picture, draw(scene, "hard", 0.0).rgb, atol=1e-6)


def test_over():
    """One half of red over one half of green over blue."""
    one = jnp.full((1, 1), 0.5)
    red, green, blue = jnp.eye(3)
    layers = merge_layers(
        layer_from_picture(green[None, None], one, 2 * one),
        layer_from_picture(red[None, None], one, one),
    )
    np.testing.assert_allclose(composite_over(layers, blue)[0, 0], [0.5, 0.25, 0.25])


@pytest.mark.parametrize("depths, share", [((1, 1.1), 0.73), ((1, 1.02), 0.55)])
def test_weights_of_neighbours(depths, share):
    """Temperature 0.01 mixes surfaces centimetres apart nearly equally."""
    layers = peel(make_squares(depths))
    weights = layer_weights(layers, 1e-2, near=0.1, far=10.0)
    middle = weights[:, SIZE // 2, SIZE // 2]
    np.testing.assert_allclose(middle[:3], [share, 1 - share, 0], atol=0.005)


@jax.jit
def weight_slopes(layers, tau):
    return jax.jacfwd(lambda t: layer_weights(layers, t, near=0.1))(tau)


@pytest.mark.parametrize("tau", [0.0, 1e-30, 1e-12, 1e-6, 1e-2, 1.0, 1e6])
def test_weights_sum_to_one(tau):
    layers = peel(make_squares([1.0, 1.1, 9.99]))
    weights = layer_weights(layers, tau, near=0.1)
    np.testing.assert_allclose(jnp.sum(weights, 0), 1, atol=1e-6)
    assert weights.min() >= 0 and weights[-1, 0, 0] == 1
    slopes = weight_slopes(layers, tau)
    assert np.all(np.isfinite(slopes))


@jax.jit
def aggregated(scene, tau):
    return render(scene, mode="layers", num_layers=4, tau=tau)


as_users = functools.partial(jax.jit, compiler_options=AS_USERS)
cold = as_users(aggregated.__wrapped__)
hard = as_users(functools.partial(render, mode="hard"))


@pytest.mark.parametrize("tau", [0.0, 1e-20, 1e-7])
def test_cold_limit_is_the_hard_render_bit_for_bit(tau):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        vertices = rng.uniform(-1, 1, (24, 3)) - [0, 0, 2.5]
        scene = make_soup_scene(vertices.astype(np.float32), SIZE)
        jax.tree.map(
            np.testing.assert_array_equal,
            cold(scene, tau),
            hard(scene),
        )


def test_hidden_square_has_a_gradient_that_cools_away():
    """The second square lies behind the first one, and is smaller."""

    def error(depth, tau):
        scene = make_squares([1.0, depth], size=[0.4, 0.2])
        return jnp.sum((aggregated(scene, tau).rgb - COLOURS[1]) ** 2)

    slope = jax.jit(jax.grad(error))
    slopes = [float(slope(1.05, tau)) for tau in (1e-2, 1e-3, 1e-4, 0.0)]
    assert slopes[0] > 1  # nearer is better
    assert slopes[1] < slopes[0] and abs(slopes[2]) < 1e-12 and slopes[3] == 0


def test_hidden_square_comes_forward():
    """Descent on a picture in which it is in front, while the temperature falls."""
    target = aggregated(make_squares([1.0, 0.95], size=[0.4, 0.2]), 1e-3).rgb

    def error(depth, tau):
        scene = make_squares([1.0, depth], size=[0.4, 0.2])
        return jnp.mean((aggregated(scene, tau).rgb - target) ** 2)

    slope, depth = jax.jit(jax.grad(error)), 1.05
    for step in range(60):
        depth = depth - 0.005 * jnp.sign(slope(depth, 1e-2 * 0.97**step))
    assert 0.9 < depth < 0.98


def test_surfels_and_meshes_share_a_buffer():
    """A picture of something else at depth 1.1, between two squares, half opaque."""
    scene = make_squares([1.0, 1.2], size=[0.15, 0.4])
    alpha = jnp.zeros((SIZE, SIZE)).at[:, : SIZE // 2].set(0.5)
    rgb = jnp.broadcast_to(jnp.array([1.0, 1, 0]), (SIZE, SIZE, 3))
    between = layer_from_picture(rgb, alpha, jnp.full((SIZE, SIZE), 1.1), 7)
    merged = jax.jit(merge_layers)(peel(scene), between)
    left, right = (merged.object_index[:, SIZE // 2, SIZE // 2 + i] for i in (-1, 1))
    np.testing.assert_array_equal(left[:4], [0, 7, 1, -1])
    np.testing.assert_array_equal(right[:4], [0, 1, -1, -1])
    seen = np.asarray(merged.alpha) > 0
    assert np.all(seen[:-1] >= seen[1:])
    ordered = np.where(seen, merged.depth, np.inf)
    assert np.all(ordered[:-1] <= ordered[1:])

    def total(alpha, depth, tau):
        layers = merge_layers(peel(scene), layer_from_picture(rgb, alpha, depth, 7))
        return jnp.sum(aggregate(layers, BACKGROUND, tau, near=0.1)[0] ** 2)

    slopes = jax.jit(jax.grad(total, (0, 1)))(alpha, between.depth[0], 1e-2)
    assert all(np.all(np.isfinite(x)) and np.any(x != 0) for x in slopes)


@pytest.mark.slow
def test_vmap_equals_loop():
    depths = jnp.array([[1.0, 1.1], [1.2, 1.0], [0.9, 1.3]])

    def picture(depth, tau):
        return aggregated(make_squares(depth), tau).rgb

    taus = jnp.array([1e-2, 1e-1, 0.0])
    looped = jnp.stack([picture(d, t) for d, t in zip(depths, taus, strict=True)])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(picture))(depths, taus), looped, atol=1e-5
    )


def test_peeled_at_zero_temperature_is_the_sharp_picture():
    """Squares of one colour: the colour beside an edge is that at the edge."""
    scene = make_squares([1.5, 1.2, 1.0], size=[0.35, 0.2, 0.1])
    peeled = draw(scene, "peeled", 0.0)
    sharp = draw(scene, "antialias", 0.0)
    np.testing.assert_allclose(peeled.rgb, sharp.rgb, atol=1e-5)
    np.testing.assert_allclose(peeled.alpha, sharp.alpha, atol=1e-5)


def test_peeled_edges_move_the_mixed_picture():
    """Its mean follows the area of a square, as finite differences say."""
    scene = make_squares([1.2, 1.0], size=[0.3, 0.1])

    def mean(half, mode):
        scale = scene.nodes.scale.at[1].set(half)
        moved = scene.replace(nodes=scene.nodes.replace(scale=scale))
        return jnp.mean(draw(moved, mode, 1e-2).rgb[..., 0])

    half = 0.1037  # no edge at a pixel centre
    found = jax.jit(jax.grad(mean), static_argnums=1)(half, "peeled")
    assert abs(jax.jit(jax.grad(mean), static_argnums=1)(half, "layers")) < 1e-6
    step = 0.01
    difference = (mean(half + step, "peeled") - mean(half - step, "peeled")) / 2 / step
    assert float(found) == pytest.approx(float(difference), rel=0.1)
