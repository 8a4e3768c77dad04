"""The renderer as a whole: batches, compilation, buffers and arguments."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry import rotation
from ivg.geometry.camera import look_at
from ivg.render.pipeline import MODES, render
from ivg.scene import appearance, graph
from ivg.scene.shapes.families import primitive_library

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 32
# Colder depths are beyond float32; with a wider reach rounding chooses the faces.
OPTIONS = {"sigma": 1e-6, "gamma": 1e-1, "tau": 1e-1}


@pytest.fixture(scope="module")
def shapes():
    return primitive_library()


def make_scene(shapes, seed=0, num_nodes=4):
    """Primitives of random kinds, places and colours, some of them hidden."""
    rng = np.random.default_rng(seed)
    nodes = graph.make_nodes(
        rng.integers(0, 6, num_nodes),
        rng.uniform(-0.8, 0.8, (num_nodes, 3)),
        rng.normal(size=(num_nodes, 4)),
        rng.uniform(0.4, 0.9, (num_nodes, 3)),
        mask=np.arange(num_nodes) != seed % 5,
    )
    lights = appearance.make_lights(
        0.2, [[0.0, 0.6, 0.8]], [[0.6, 0.6, 0.6]], [[1, 2, 1]], [[1, 1, 1]]
    )
    eye = rng.normal(size=3)
    eye *= 2.5 / np.linalg.norm(eye)
    return graph.make_scene(
        shapes,
        nodes,
        look_at(eye, (0, 0, 0), height=SIZE, width=SIZE),
        albedo=rng.uniform(size=(num_nodes, 3)),
        lights=lights,
        background=rng.uniform(size=3),
    )


def stack(scenes):
    return jax.tree.map(lambda *x: jnp.stack(x), *scenes)


@pytest.fixture(scope="module", params=MODES)
def mode(request):
    """Of the module, so that tests of one mode follow each other and share programs."""
    return request.param


def total(nodes, scene, mode, backend):
    scene = scene.replace(nodes=nodes)
    buffers = render(scene, mode=mode, backend=backend, **OPTIONS)
    return jnp.sum(buffers.rgb**2), buffers


derive = jax.value_and_grad(total, has_aux=True, allow_int=True)
derive_one = jax.jit(derive, static_argnums=(2, 3))


@pytest.mark.slow
def test_vmap_over_different_scenes_equals_loop(shapes, mode):
    """Values and gradients; the scenes differ in shapes and numbers of edges."""
    scenes = [make_scene(shapes, seed) for seed in range(4)]
    (_, expected), by_loop = stack(
        [derive_one(s.nodes, s, mode, "cpu") for s in scenes]
    )
    batch = stack(scenes)
    many = jax.jit(jax.vmap(lambda s: derive(s.nodes, s, mode, "cpu")))
    (_, buffers), by_batch = many(batch)
    np.testing.assert_array_equal(buffers.face_index, expected.face_index)
    # Squared distances over sigma have 1 / sigma times the rounding.
    tolerance = 1e-4 if mode == "soft" else 1e-5
    np.testing.assert_allclose(buffers.rgb, expected.rgb, atol=tolerance)
    np.testing.assert_allclose(buffers.alpha, expected.alpha, atol=tolerance)
    looped, gradient = by_loop.position, by_batch.position
    scale = np.abs(looped).max()
    np.testing.assert_allclose(gradient, looped, rtol=1e-3, atol=1e-3 * scale)
    assert np.abs(gradient).max() > 1


@pytest.mark.slow
def test_backends_give_the_same_picture_and_gradient(shapes, mode):
    scene = make_scene(shapes, 1)
    ((one, _), by_cpu), ((two, _), by_reference) = (
        derive_one(scene.nodes, scene, mode, b) for b in ("cpu", "reference")
    )
    np.testing.assert_allclose(one, two, rtol=1e-4)
    for a, b in zip(
        jax.tree.leaves(by_cpu), jax.tree.leaves(by_reference), strict=True
    ):
        if a.dtype == jnp.float32:
            np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-2 * np.abs(a).max())


@functools.partial(jax.jit, static_argnames=("mode", "cull"))
def draw(scene, mode="hard", cull="none"):
    return render(scene, mode=mode, cull=cull)


def test_compiles_once(shapes):
    traces = []

    @jax.jit
    def picture(scene):
        traces.append(None)
        return render(scene, mode="hard").rgb

    for seed in range(3):
        picture(make_scene(shapes, seed)).block_until_ready()
    assert len(traces) == 1


@pytest.mark.slow
def test_jit_equals_eager_and_runs_are_equal(shapes):
    scene = make_scene(shapes, 2)
    first, second = draw(scene), draw(scene)
    jax.tree.map(np.testing.assert_array_equal, first, second)
    eager = render(scene, mode="hard")
    np.testing.assert_array_equal(first.face_index, eager.face_index)
    np.testing.assert_allclose(first.rgb, eager.rgb, atol=1e-5)


def test_buffers_agree_with_each_other(shapes):
    scene = make_scene(shapes, 3)
    hard = draw(scene)
    seen = np.asarray(hard.face_index) >= 0
    num_faces = shapes.mesh.faces.shape[1]
    np.testing.assert_array_equal(hard.alpha, seen)
    np.testing.assert_array_equal(np.asarray(hard.object_index) >= 0, seen)
    np.testing.assert_array_equal(
        np.asarray(hard.object_index)[seen],
        np.asarray(hard.face_index)[seen] // num_faces,
    )
    assert 3 not in np.unique(hard.object_index)  # hidden
    lengths = np.linalg.norm(hard.normal, axis=-1)
    np.testing.assert_allclose(lengths, seen, atol=1e-5)
    background = np.broadcast_to(scene.background, (SIZE, SIZE, 3))
    np.testing.assert_allclose(np.asarray(hard.rgb)[~seen], background[~seen])
    assert np.asarray(hard.depth)[seen].min() > 0 and not hard.depth[~seen].any()
    smooth = draw(scene, "antialias")
    for name in ("depth", "normal", "object_index", "face_index", "barycentrics"):
        np.testing.assert_allclose(
            getattr(smooth, name), getattr(hard, name), atol=1e-5, err_msg=name
        )
    assert np.mean(np.abs(np.asarray(smooth.rgb - hard.rgb)) > 1e-3) < 0.5


def test_nodes_stand_where_they_should(shapes):
    """Three boxes in a row, seen from the front: indices from left to right."""
    position = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 0, 0]])
    nodes = graph.make_nodes([0, 0, 0], position, scale=0.6)
    camera = look_at((0, 0.3, 3.0), (0, 0.3, 0), height=SIZE, width=SIZE)
    index = draw(graph.make_scene(shapes, nodes, camera)).object_index
    row = np.asarray(index[SIZE // 2])
    order = row[np.concatenate([[True], np.diff(row) != 0])]
    assert [n for n in order if n >= 0] == [1, 2, 0]


def test_mirrored_node_is_lit_from_the_same_side(shapes):
    lights = appearance.make_lights(0.0, [[0.3, 0.5, 0.8]], [[1, 1, 1]])
    camera = look_at((0, 0.5, 3.0), (0, 0.5, 0), height=SIZE, width=SIZE)

    def picture(scale, cull):
        nodes = graph.make_nodes([1], scale=[scale])
        scene = graph.make_scene(shapes, nodes, camera, lights=lights)
        return draw(scene, cull=cull).rgb

    expected = picture((1, 1, 1), "none")
    for cull in ("none", "back"):
        mirrored = picture((-1, 1, 1), cull)
        assert np.mean(np.abs(np.asarray(mirrored - expected)) > 0.02) < 0.01


def test_depth_in_float64_has_float64_derivatives(shapes):
    with jax.enable_x64(True):
        camera = look_at((0, 0.5, 3.0), (0, 0.5, 0), height=SIZE, width=SIZE)
        turn = rotation.quaternion_from_azimuth(jnp.array(0.3))
        library = jax.tree.map(
            lambda x: x.astype(float) if x.dtype == jnp.float32 else x, shapes
        )

        @jax.jit
        def depth(x):
            nodes = graph.make_nodes(
                [0], jnp.stack([x, 0 * x, 0 * x])[None], turn[None]
            )
            return render(graph.make_scene(library, nodes, camera), mode="hard").depth

        value = depth(jnp.array(0.1))
        step = 1e-6
        numeric = (
            (depth(jnp.array(0.1 + step)) - depth(jnp.array(0.1 - step))) / 2 / step
        )
        slope = jax.jit(jax.jacfwd(depth))(jnp.array(0.1))
        assert value.dtype == slope.dtype == jnp.float64
        both = np.asarray(np.abs(numeric) < 100)
        np.testing.assert_allclose(slope[both], numeric[both], atol=1e-6)


def test_shader_is_an_argument(shapes):
    scene = make_scene(shapes, 0)
    picture = jax.jit(
        lambda s: render(
            s, mode="hard", shader=lambda surface, lights: surface.normal * 0.5 + 0.5
        )
    )(scene)
    seen = np.asarray(picture.face_index) >= 0
    np.testing.assert_allclose(
        picture.rgb[seen], 0.5 * picture.normal[seen] + 0.5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "fuzzy"}, "mode must be one of"),
        ({"mode": "layers", "num_layers": 0}, "num_layers must be positive"),
        ({"cull": "all"}, "cull must be one of"),
        ({"backend": "tpu"}, "backend must be one of"),
    ],
)
def test_bad_arguments(shapes, options, message):
    with pytest.raises(ValueError, match=message):
        render(make_scene(shapes), **options)
