"""One contract, two backends: which faces are seen.

`embree_test.py` compares the same functions with a ray caster on real shapes.
"""

import concurrent.futures

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from ivg.geometry.camera import (
    homogeneous_px,
    look_at,
    make_camera,
    pixel_centres,
    ray_directions,
)
from ivg.render import linear
from ivg.render.fragments import face_planes, make_fragments
from ivg.render.visibility import BACKENDS, orientation, visibility
from tests.reference.rasterizer import peel
from tests.reference.seen import NEAR, SIZE, TRIANGLE, contract, see


def soup(seed, num=12, behind=0.3):
    """Triangles, some of whose corners are behind the camera."""
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.3, 4, (3 * num, 1))
    w = np.where(rng.uniform(size=w.shape) < behind, -0.7 * w, w)
    xy = rng.uniform(-0.5 * SIZE, 1.5 * SIZE, (3 * num, 2))
    return np.concatenate([xy * w, w], 1)


WHOLE = np.array([[-100, -100, 1], [300, -100, 1], [-100, 300, 1.0]])


@contract
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(4))
def test_layers_equal_slow_peeling(backend, seed, dtype):
    vertices = soup(seed).astype(dtype)
    faces = np.arange(36).reshape(-1, 3)
    expected, depth = peel(vertices, faces, np.ones(12, bool), NEAR, SIZE, SIZE, 3)
    with jax.enable_x64(dtype == np.float64):
        actual = see(backend, vertices, num_layers=3)
    differs = actual != expected
    print(f"{differs.sum()} of {differs.size}")
    assert differs.mean() <= (0.001 if dtype == np.float32 else 0)
    assert len(np.unique(expected)) > 6
    assert np.all(
        np.diff(np.where(depth > 0, depth, np.inf)[:, depth[2] > 0], axis=0) >= 0
    )


@contract
def test_more_layers_than_faces(backend):
    layers = see(backend, TRIANGLE, num_layers=3, is_padded=False)
    assert (layers[0] == 0).any() and not (layers[1:] >= 0).any()


@contract
@pytest.mark.parametrize("radius", [0.5, 3.0])
def test_radius_moves_the_sides_outward(backend, radius):
    """One triangle against its three signed distances, in the box around it."""
    w = np.array([[1.0], [2.0], [1.5]])
    corners = np.array([[9, 8], [22, 10], [12, 21.0]])
    index = see(backend, np.hstack([corners * w, w]), radius_px=radius)
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    inside = np.ones((SIZE, SIZE), bool)
    for i in range(3):
        side = corners[(i + 1) % 3] - corners[i]
        normal = np.array([-side[1], side[0]]) / np.linalg.norm(side)
        inside &= (np.stack([x, y], -1) - corners[i]) @ normal >= -radius
    for axis, values in enumerate((x, y)):
        inside &= values >= corners[:, axis].min() - radius
        inside &= values <= corners[:, axis].max() + radius
    np.testing.assert_array_equal(index[0] == 0, inside)


@pytest.mark.parametrize("seed", range(3))
def test_backends_agree_on_widened_layers(seed):
    vertices = soup(seed)
    cpu, reference = (see(b, vertices, num_layers=4, radius_px=2.5) for b in BACKENDS)
    print(f"{(cpu != reference).sum()} of {cpu.size}")
    assert np.mean(cpu != reference) < 0.002
    assert np.mean(cpu >= 0) > 1.1 * np.mean(see("cpu", vertices, num_layers=4) >= 0)


@contract
def test_widened_depth_stays_within_that_of_the_vertices(backend):
    """Beyond its sides a steep face would come before one that is nearer."""
    steep = np.array([[10, 5, 1], [10, 25, 1], [14, 15, 8.0]])
    flat = np.array([[-90, -90, 0.9], [200, -90, 0.9], [-90, 200, 0.9]])
    corners = np.concatenate([steep, flat])
    vertices = np.column_stack([corners[:, :2] * corners[:, 2:], corners[:, 2]])
    index = see(backend, vertices, radius_px=8.0)
    np.testing.assert_array_equal(index[0], 1)


@contract
def test_ground_that_crosses_the_near_plane(backend):
    """One huge quad below the camera, that reaches far behind it."""
    camera = look_at((0.3, 0.8, 1.0), (0.0, 0.0, -2.0), height=SIZE, width=SIZE)
    ground = jnp.array([[-50, 0, -50], [50, 0, -50], [50, 0, 50], [-50, 0, 50.0]])
    faces = jnp.array([[0, 2, 1], [0, 3, 2]])
    vertices = homogeneous_px(camera, ground)
    assert vertices[:, 2].min() < 0 < vertices[:, 2].max()
    index = see(backend, vertices, faces)
    rays = jax.jit(ray_directions)(camera, pixel_centres(SIZE, SIZE).reshape(-1, 2))
    with np.errstate(divide="ignore"):
        expected = -0.8 / np.asarray(rays[:, 1]).reshape(SIZE, SIZE)
    points = 1.0 - expected * 0.95  # roughly z, to keep clear of the far border
    seen = (expected > 0) & (points > -45)
    np.testing.assert_array_equal((index[0] >= 0)[seen], True)
    assert not (index[0] >= 0)[expected < 0].any()
    depth = jax.jit(
        lambda v, i: make_fragments(*face_planes(v, faces, SIZE, SIZE), i).depth[0]
    )(vertices, jnp.asarray(index))
    np.testing.assert_allclose(np.asarray(depth)[seen], expected[seen], rtol=2e-4)


@contract
@pytest.mark.parametrize("near", [0.01, 0.9])
def test_inside_a_box(backend, near):
    """Every pixel shows a wall, unless the near plane cuts it away."""
    box = trimesh.creation.box((2, 2, 2))
    camera = look_at((0.1, 0.2, 0.3), (1.0, 0.3, -0.5), height=SIZE, width=SIZE)
    vertices = homogeneous_px(camera, jnp.asarray(box.vertices, jnp.float32))
    index = see(backend, vertices, box.faces, near=near)
    expected = peel(vertices, box.faces, np.ones(12, bool), near, SIZE, SIZE)[0]
    assert (index == expected).mean() > 0.995
    if near == 0.01:
        assert (index >= 0).all()
    else:
        assert 0 < (index >= 0).mean() < 1


NOTHING = {
    "behind": TRIANGLE * [-1, -1, -1],
    "before the near plane": TRIANGLE * 0.5 * NEAR,
    "left": TRIANGLE - [100, 0, 0],
    "below": TRIANGLE + [0, 100, 0],
    "one point": np.tile(TRIANGLE[:1], (3, 1)),
    "a line": TRIANGLE[[0, 1, 1]],
    "edge-on": np.array([[4, 4, 1], [28, 6, 1], [32, 10, 2.0]]),
    "zero": np.zeros((3, 3)),
    "smaller than a pixel": np.array([[8.1, 8.1, 1], [8.4, 8.1, 1], [8.1, 8.4, 1.0]]),
    "far to the right on every row": np.array(
        [[0, 0, 1], [1e21, 100, 1], [1e20, 100, 1.0]]
    ),
    **{
        f"{bad} at {i}": np.where(np.arange(9).reshape(3, 3) == i, bad, TRIANGLE)
        for bad in (np.nan, np.inf, -np.inf)
        for i in (0, 4, 8)
    },
}


@contract
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_to_see_beside_a_good_face(backend, dtype):
    """Broken faces neither show nor hurt the face behind them."""
    broken = np.concatenate(list(NOTHING.values()))
    vertices = np.concatenate([broken, WHOLE * 50]).astype(dtype)
    with jax.enable_x64(dtype == np.float64):
        index = see(backend, vertices)
    wrong = [list(NOTHING)[i] for i in np.unique(index) if i != len(NOTHING)]
    assert not wrong


@contract
@pytest.mark.parametrize("scale", [2.0**-20, 2.0**-10, 2.0**20, 2.0**36])
def test_depth_may_be_tiny_or_huge(backend, scale):
    index = see(backend, np.float32(TRIANGLE * scale), near=1e-2 * scale)
    np.testing.assert_array_equal(index, see(backend, TRIANGLE))


@contract
@pytest.mark.parametrize("extent", [1e4, 1e6, 1e8])
def test_extent_may_be_huge(backend, extent):
    wide = np.array([[-extent, -extent, 1], [extent, -extent, 1], [0, extent, 1]])
    assert (see(backend, np.float32(wide)) == 0).all()


@contract
@pytest.mark.parametrize("magnitude", [1e30, 1e38, 1e300])
def test_absurd_magnitudes_do_not_crash(backend, magnitude):
    rng = np.random.default_rng(0)
    dtype = np.float64 if magnitude > 1e38 else np.float32
    powers = rng.choice([1.0, magnitude, 1 / magnitude, -magnitude], (300, 3))
    with np.errstate(over="ignore"):
        vertices = (soup(0, 100) * powers).astype(dtype)
    with jax.enable_x64(dtype == np.float64):
        index = see(backend, vertices, num_layers=2)
    assert index.min() >= -1 and index.max() < 100


@contract
def test_ties_go_to_the_lower_index(backend):
    vertices = np.concatenate([TRIANGLE * 2, TRIANGLE, TRIANGLE, TRIANGLE])
    index = see(backend, vertices, num_layers=4)
    covered = index[0] >= 0
    for layer, face in enumerate((1, 2, 3, 0)):
        assert (index[layer][covered] == face).all()
        assert (index[layer][~covered] == -1).all()


@contract
def test_pixel_centres_on_a_border_belong_to_the_face(backend):
    square = np.array([[2.5, 2.5, 1], [6.5, 2.5, 1], [6.5, 6.5, 1], [2.5, 6.5, 1]])
    index = see(backend, np.float32(square), [[0, 1, 2], [0, 2, 3]])[0]
    assert (index[2:7, 2:7] >= 0).all() and (index >= 0).sum() == 25
    assert (np.diagonal(index)[2:7] == 0).all()


@contract
def test_no_gaps_between_faces(backend):
    """A fan around a point of the image covers it without holes."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rim = np.stack(
        [16.3 + 40 * np.cos(angle), 15.8 + 40 * np.sin(angle), angle * 0 + 1]
    )
    vertices = (
        np.concatenate([[[16.3, 15.8, 1]], rim.T]) * np.linspace(1, 3, 41)[:, None]
    )
    faces = [[0, 1 + i, 1 + (i + 1) % 40] for i in range(40)]
    assert (see(backend, np.float32(vertices), faces) >= 0).all()


@contract
def test_culling(backend):
    """A box seen from outside shows its front, from behind its inner side."""
    box = trimesh.creation.box()
    camera = look_at((1.5, 1.0, 2.0), (0.0, 0.0, 0.0), height=SIZE, width=SIZE)
    vertices = homogeneous_px(camera, jnp.asarray(box.vertices, jnp.float32))
    faces = jnp.asarray(box.faces, jnp.int32)
    to_eye = np.asarray(camera.position) - box.triangles_center
    front = np.sum(to_eye * box.face_normals, 1) > 0
    np.testing.assert_array_equal(np.asarray(orientation(vertices, faces)) > 0, front)
    both, back, fore = (
        see(backend, vertices, faces, cull=c) for c in ("none", "back", "front")
    )
    np.testing.assert_array_equal(both, back)
    assert not front[fore[fore >= 0]].any() and (fore >= 0).sum() > 50
    np.testing.assert_array_equal(fore >= 0, both >= 0)


@contract
def test_mask(backend):
    vertices = np.concatenate([TRIANGLE, TRIANGLE * 2])
    assert set(np.unique(see(backend, vertices, mask=[True, False]))) == {-1, 0}
    assert set(np.unique(see(backend, vertices, mask=[False, True]))) == {-1, 1}
    assert set(np.unique(see(backend, vertices, mask=[False, False]))) == {-1}


@contract
def test_vmap_over_different_meshes_equals_loop(backend):
    vertices = jnp.stack([jnp.asarray(soup(s), jnp.float32) for s in range(6)])
    rng = np.random.default_rng(0)
    faces = jnp.asarray(rng.integers(0, 36, (6, 9, 3)), jnp.int32)
    mask = jnp.asarray(rng.uniform(size=(6, 9)) < 0.8)
    near = jnp.linspace(0.05, 1, 6)

    def one(vertices, faces, mask, near):
        return visibility(
            vertices, faces, mask, near=near, height=24, width=20, num_layers=2,
            backend=backend,
        )  # fmt: skip

    arguments = vertices, faces, mask, near
    alone = jax.jit(one)
    looped = jnp.stack([alone(*(x[i] for x in arguments)) for i in range(6)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(one))(*arguments), looped)
    nested = jax.tree.map(lambda x: x.reshape(2, 3, *x.shape[1:]), arguments)
    twice = jax.jit(jax.vmap(jax.vmap(one)))(*nested)
    np.testing.assert_array_equal(twice.reshape(looped.shape), looped)
    some = jax.jit(jax.vmap(one, (None, 0, None, 0)))(vertices[0], faces, mask[0], near)
    expected = [alone(vertices[0], faces[i], mask[0], near[i]) for i in range(6)]
    np.testing.assert_array_equal(some, jnp.stack(expected))


def test_threads_agree():
    """`ffi_test.py` shows it of the kernels."""
    faces = jnp.arange(36, dtype=jnp.int32).reshape(-1, 3)
    call = jax.jit(
        lambda v: visibility(
            v,
            faces,
            jnp.ones(12, bool),
            near=NEAR,
            height=64,
            width=64,
            num_layers=2,
            backend="reference",
        )  # fmt: skip
    )
    inputs = [jnp.asarray(2 * soup(s), jnp.float32) for s in range(8)]
    expected = [np.asarray(call(v)) for v in inputs]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for actual, right in zip(
            pool.map(lambda v: np.asarray(call(v)), inputs * 3),
            expected * 3,
            strict=True,
        ):
            np.testing.assert_array_equal(actual, right)


@contract
def test_indices_of_any_integer_type(backend):
    faces = np.arange(3).reshape(1, 3)
    with jax.enable_x64(True):
        index = visibility(
            jnp.asarray(TRIANGLE), jnp.asarray(faces, jnp.int64), jnp.ones(1, int),
            near=NEAR, height=SIZE, width=SIZE, backend=backend,
        )  # fmt: skip
    assert index.dtype == jnp.int32
    np.testing.assert_array_equal(index, see(backend, np.float32(TRIANGLE)))


def test_backend_that_cannot_load_falls_back(monkeypatch):
    from ivg.render import visibility_cpu

    def fail():
        raise OSError("no kernels here")

    monkeypatch.setattr(visibility_cpu, "load", fail)
    linear.cpu_kernels.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="no kernels here.*plain JAX"):
            index = see(None, TRIANGLE)
        np.testing.assert_array_equal(index, see("reference", TRIANGLE))
    finally:
        linear.cpu_kernels.cache_clear()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cull": "sides"}, "cull must be one of"),
        ({"backend": "gpu"}, "backend must be one of"),
        ({"vertices": jnp.zeros((3, 2))}, "vertices must have shape"),
        ({"vertices": jnp.zeros((3, 3), jnp.float16)}, "float32 or float64"),
        ({"faces": jnp.zeros((3,), int)}, "faces must have shape"),
        ({"face_mask": jnp.ones(2, bool)}, "face_mask must have shape"),
    ],
)
def test_bad_arguments(options, message):
    arguments = {
        "vertices": jnp.asarray(TRIANGLE),
        "faces": jnp.arange(3).reshape(1, 3),
        "face_mask": jnp.ones(1, bool),
        **{"near": NEAR, "height": 4, "width": 4},
    } | options
    with pytest.raises(ValueError, match=message):
        visibility(**arguments)


def test_no_derivative():
    camera = make_camera(height=SIZE, width=SIZE)
    assert camera.near.dtype == jnp.float32
    faces = jnp.arange(3).reshape(1, 3)

    def total(vertices):
        index = visibility(
            vertices, faces, jnp.ones(1, bool), near=NEAR, height=8, width=8
        )
        return jnp.sum(index.astype(float)) + 0 * jnp.sum(vertices)

    assert not jax.grad(total)(jnp.asarray(TRIANGLE)).any()
