"""Tokens in the frames of boxes, against NumPy and against what must not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ivg.data.box_frames import BoxFrames, box_frames, in_box_frames, in_units
from ivg.data.first_poses import median_depths
from ivg.data.sparse_tokens import (
    DEPTH,
    DEPTH_M,
    box_tokens,
    choose_points,
    make_sight,
    model_tokens,
)
from ivg.refine.multi_sparc import framed
from tests.data.sparse_tokens_test import H, W, make_picture, make_placement

pytestmark = pytest.mark.usefixtures("compile_quickly")


def make_tokens():
    sight = make_sight(make_picture())
    box = box_tokens(jax.random.key(0), sight, 50)
    return sight, box, box_frames(sight, box)


def test_middle_of_a_box_is_the_origin():
    sight, box, frames = make_tokens()
    focal = float(sight.camera.focal_px[0])
    corners = np.asarray(sight.detections.box_px)
    middle = (corners[:, :2] + corners[:, 2:]) / 2
    x, y = (middle[:, 0] - W / 2) / focal, -(middle[:, 1] - H / 2) / focal
    ray = np.stack([x, y, -np.ones(3)], -1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    values = np.zeros((3, 1, 13), np.float32)
    values[:, 0, :3] = ray
    values[:, 0, DEPTH] = median_depths(box) / DEPTH_M
    seen = np.asarray(in_box_frames(jnp.asarray(values), frames))[:, 0]
    np.testing.assert_allclose(seen[:, :2], 0, atol=1e-4)
    np.testing.assert_allclose(seen[:, DEPTH], 0, atol=1e-4)


def test_points_against_numpy():
    sight, box, frames = make_tokens()
    key, placement = jax.random.key(1), make_placement()
    points, _ = choose_points(key, sight.detections, 25)
    raw = model_tokens(key, sight, placement, 25, True).values
    found = np.asarray(in_box_frames(raw, frames))[:, 25:]
    both = np.asarray(in_box_frames(raw, frames, 25))[:, :25]
    alone = np.asarray(in_box_frames(raw, frames))[:, :25]
    for row in range(3):
        turn = Rotation.from_quat(placement.quaternion[row], scalar_first=True)
        places = turn.apply(placement.size[row] * points[row]) + placement.position[row]
        angle = np.arctan2(frames.turn[row, 1], frames.turn[row, 0])
        seen = Rotation.from_euler("y", angle)
        places = seen.apply(places)
        half, far = float(frames.half[row]), float(frames.distance_m[row])
        across = places[:, 0] / -places[:, 2] / half
        up = (places[:, 1] / -places[:, 2] - float(frames.rise[row])) / half
        beyond = np.arcsinh((-places[:, 2] / far - 1) / half)
        np.testing.assert_allclose(found[row, :, 0], np.clip(across, -10, 10), 1e-3)
        np.testing.assert_allclose(
            found[row, :, 1], np.clip(up, -10, 10), 1e-3, atol=1e-4
        )
        np.testing.assert_allclose(found[row, :, DEPTH], beyond, 1e-3, atol=1e-4)
        np.testing.assert_allclose(found[row, :, 2], np.log(half * far), rtol=1e-5)
        np.testing.assert_allclose(found[row, :, 3:6], 2 * points[row], rtol=1e-6)
        normals = seen.apply(raw[row, 25:, 6:9])
        np.testing.assert_allclose(found[row, :, 6:9], normals, atol=1e-5)
        np.testing.assert_array_equal(found[row, :, 10:], raw[row, 25:, 10:])
        np.testing.assert_allclose(both[row, :, 3:6], normals, atol=1e-5)
        farther = alone[row, :, DEPTH] - beyond
        np.testing.assert_allclose(both[row, :, 2], farther, rtol=1e-3, atol=1e-3)


def test_a_larger_object_farther_away_looks_the_same():
    _, box, frames = make_tokens()
    values = box.values
    twice = values.at[..., DEPTH].multiply(2.0)
    far = frames._replace(distance_m=2 * frames.distance_m)
    near, other = in_box_frames(values, frames), in_box_frames(twice, far)
    np.testing.assert_allclose(
        other.at[..., 2].add(-np.log(2.0)), near, rtol=1e-4, atol=1e-4
    )


def test_what_is_unknown_or_behind_stays_finite():
    frames = BoxFrames(jnp.array([[1.0, 0.0]]), *jnp.array([[0.1], [0.05], [2.0]]))
    values = jnp.zeros((1, 3, 13)).at[0, :, 2].set(jnp.array([-1.0, 0.0, 1.0]))
    assert np.isfinite(in_box_frames(values, frames)).all()


def test_numbers_are_in_units_of_boxes():
    _, box, frames = make_tokens()
    box = jax.tree.map(lambda x: x[:, :21], box)

    def network(values, mask, present):
        del mask, present
        return jnp.ones((*values.shape[:2], 11)) * values[..., 0, 2][..., None]

    present = jnp.ones((2, 3), bool)
    two = jax.tree.map(lambda x: jnp.stack([x, x]), box)
    found = framed(network, frames, 5)(two.values, two.mask, present)
    metres = np.log(np.asarray(frames.half * frames.distance_m))
    np.testing.assert_allclose(found[1, :, 5], metres, rtol=1e-5)
    np.testing.assert_allclose(
        found[0, :, :3],
        (metres * frames.half)[:, None] + 0 * found[0, :, :3],
        rtol=1e-5,
    )
    same = in_units(found, frames)[..., 3:]
    np.testing.assert_array_equal(same, found[..., 3:])
