"""Sparse tokens of made-up pictures against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ivg.data.sparse_tokens import (
    DEPTH,
    DEPTH_M,
    KIND,
    NUMBER,
    OWNED,
    box_tokens,
    canonical_tokens,
    choose_points,
    join_tokens,
    make_sight,
    model_tokens,
    take_detections,
)
from ivg.data.token_noise import SHIFT_M, drop_tokens, jitter_sight
from ivg.geometry.camera import make_camera
from ivg.scene.indoor import Detections, Placement, RoomPicture

pytestmark = pytest.mark.usefixtures("compile_quickly")

H, W = 24, 32


def make_picture(seed=0, num=3, num_points=40):
    rng = np.random.default_rng(seed)
    owner = rng.integers(-1, num, (H, W)).astype(np.int32)
    normals = rng.normal(size=(H, W, 3))
    own = rng.normal(size=(num, num_points, 3))
    low = rng.uniform(0, 12, (num, 2))
    detections = Detections(
        present=jnp.array([True] * (num - 1) + [False]),
        box_px=jnp.asarray(
            np.concatenate([low, low + rng.uniform(3, 12, (num, 2))], 1)
        ),
        score=jnp.full(num, 0.5),
        category=jnp.arange(num, dtype=jnp.int32),
        fold=jnp.ones(num, jnp.int32),
        points=jnp.asarray(rng.uniform(-0.5, 0.5, (num, num_points, 3))),
        normals=jnp.asarray(own / np.linalg.norm(own, axis=-1, keepdims=True)),
    )
    picture = RoomPicture(
        camera=make_camera(height=H, width=W),
        rgb=jnp.asarray(rng.uniform(size=(H, W, 3))),
        depth=jnp.asarray(rng.uniform(1, 4, (H, W))),
        normals=jnp.asarray(normals / np.linalg.norm(normals, axis=-1, keepdims=True)),
        owner=jnp.asarray(owner),
        detections=detections,
    )
    return jax.tree.map(
        lambda x: x.astype(jnp.float32) if x.dtype == float else x, picture
    )


def make_placement(num=3):
    turns = Rotation.random(num, random_state=0).as_quat(scalar_first=True)
    position = np.array([[0, 0, -2.0], [0.6, 0.2, -2.5], [0, 0, -3.0]])
    size = np.array([[0.5, 0.8, 0.3], [1.0, 0.4, 0.6], [1.0, 1, 1]])
    return Placement(*(jnp.asarray(x, jnp.float32) for x in (position, turns, size)))


def test_samples_of_boxes():
    picture = make_picture()
    tokens = box_tokens(jax.random.key(0), make_sight(picture), 60)
    assert tokens.values.shape == (3, 60, 13)
    assert tokens.mask.sum(-1).tolist() == [60, 60, 0]
    camera, values = picture.camera, np.asarray(tokens.values)
    np.testing.assert_allclose(np.linalg.norm(values[..., :3], axis=-1), 1, rtol=1e-5)
    places = -values[..., :2] / values[..., 2:3] * np.array([1, -1])
    pixels = places * float(camera.focal_px[0]) + np.array([W, H]) / 2  # centres
    np.testing.assert_allclose(pixels % 1, 0.5, atol=1e-3)
    for row in range(2):
        x, y = np.floor(pixels[row]).astype(int).T
        np.testing.assert_allclose(values[row, :, 3:6], picture.rgb[y, x], atol=1e-6)
        np.testing.assert_allclose(
            values[row, :, 6:9], picture.normals[y, x], atol=1e-6
        )
        np.testing.assert_allclose(values[row, :, DEPTH] * DEPTH_M, picture.depth[y, x])
        np.testing.assert_array_equal(values[row, :, OWNED], picture.owner[y, x] == row)
        box = np.asarray(picture.detections.box_px[row])
        margin = 0.05 * (box[2:] - box[:2]) + 0.5
        assert np.all(pixels[row] >= np.maximum(box[:2] - margin, 0.0))
        assert np.all(pixels[row] <= np.minimum(box[2:] + margin, [W, H]))
    assert not values[..., KIND].any()
    np.testing.assert_allclose(values[:, 0, NUMBER], [0.2, 0.4, 0.6], rtol=1e-6)


def test_points_and_where_they_fall():
    picture, placement, key = make_picture(), make_placement(), jax.random.key(1)
    sight = make_sight(picture)
    points, normals = choose_points(key, picture.detections, 25)
    tokens = model_tokens(key, sight, placement, 25)
    seen, own = np.split(np.asarray(tokens.values), 2, 1)
    for row in range(2):
        turn = Rotation.from_quat(placement.quaternion[row], scalar_first=True)
        size = np.asarray(placement.size[row])
        places = turn.apply(size * points[row]) + placement.position[row]
        rays = places / np.linalg.norm(places, axis=-1, keepdims=True)
        np.testing.assert_allclose(own[row, :, :3], rays, atol=1e-5)
        np.testing.assert_allclose(
            own[row, :, DEPTH] * DEPTH_M, -places[:, 2], rtol=1e-5
        )
        across = turn.apply(normals[row] / size)
        across /= np.linalg.norm(across, axis=-1, keepdims=True)
        np.testing.assert_allclose(own[row, :, 6:9], across, atol=1e-5)
        focal = float(picture.camera.focal_px[0])
        x = focal * places[:, 0] / -places[:, 2] + W / 2
        y = -focal * places[:, 1] / -places[:, 2] + H / 2
        inside = (x >= 0) & (x < W) & (y >= 0) & (y < H)
        np.testing.assert_array_equal(tokens.mask[row, :25], inside)
        x, y = x[inside].astype(int), y[inside].astype(int)
        np.testing.assert_allclose(seen[row, inside, 3:6], picture.rgb[y, x], atol=1e-6)
        np.testing.assert_array_equal(
            seen[row, inside, OWNED], picture.owner[y, x] == row
        )
        assert (
            inside.any() and not own[row, :, 3:6].any() and not own[row, :, OWNED].any()
        )
    assert not tokens.mask[2].any()
    assert np.all(seen[..., KIND] == 0.5) and np.all(own[..., KIND] == 1)


@pytest.mark.parametrize("depth", [0.0, 2.0, 1e-9])
def test_points_behind_the_camera_do_not_count(depth):
    placement = make_placement()
    position = jnp.zeros((3, 3)).at[:, 2].set(depth)
    placement = placement._replace(position=position, size=jnp.full((3, 3), 1e-6))
    tokens = model_tokens(jax.random.key(0), make_sight(make_picture()), placement, 9)
    assert np.isfinite(tokens.values).all() and not tokens.mask.any()


def test_points_to_the_side_are_clamped():
    placement = make_placement()
    placement = placement._replace(position=jnp.array([[50.0, 0, -1]] * 3))
    tokens = model_tokens(jax.random.key(0), make_sight(make_picture()), placement, 9)
    assert np.isfinite(tokens.values).all()
    assert not tokens.mask[:, :9].any() and tokens.mask[:2, 9:].all()


def test_own_frames():
    picture = make_picture()
    tokens = canonical_tokens(jax.random.key(1), make_sight(picture), 12)
    points, normals = choose_points(jax.random.key(1), picture.detections, 12)
    np.testing.assert_array_equal(tokens.values[..., :3], points)
    np.testing.assert_array_equal(tokens.values[..., 6:9], normals)
    both = join_tokens(tokens, tokens)
    assert both.values.shape == (3, 24, 13) and both.mask.shape == (3, 24)


def test_some_detections():
    picture = make_picture()
    found = take_detections(picture, jnp.array([1, -1, 2, 0]))
    own = found.detections
    assert own.present.tolist() == [True, False, False, True]
    assert own.category.tolist()[::3] == [1, 0]
    lookup = {-1: -1, 0: 3, 1: 0, 2: 2}
    expected = np.vectorize(lookup.get)(np.asarray(picture.owner))
    np.testing.assert_array_equal(found.owner, expected)
    dropped = take_detections(picture, jnp.array([2]))
    assert set(np.unique(dropped.owner)) == {-1, 0}


def test_jitter():
    sight = make_sight(make_picture())
    sight = sight._replace(maps=sight.maps.at[:50, 6].set(0.0))
    shifts = []
    for key in jax.random.split(jax.random.key(0), 30):
        found = np.asarray(jitter_sight(key, sight).maps)
        assert not found[:50, 6].any()
        shift = found[50:, 6] - sight.maps[50:, 6]
        assert np.ptp(shift) < 1e-5 and abs(shift[0]) <= SHIFT_M
        shifts.append(shift[0])
        assert found[:, :3].min() >= 0 and found[:, :3].max() <= 1
        assert np.any(found[:, :3] != sight.maps[:, :3])
        np.testing.assert_array_equal(
            found[:, [3, 4, 5, 7]], sight.maps[:, [3, 4, 5, 7]]
        )
    assert 5 < sum(shift != 0 for shift in shifts) < 25


def test_dropped_tokens():
    tokens = canonical_tokens(jax.random.key(0), make_sight(make_picture()), 40)
    keys = jax.random.split(jax.random.key(1), 50)
    found = jax.vmap(lambda key: drop_tokens(key, tokens).mask)(keys)
    assert not found[:, 2].any()
    share = 1 - found[:, :2].mean()
    assert 0.11 < share < 0.19
    assert 1 - found[:, :2].mean(-1).min() < 0.6
