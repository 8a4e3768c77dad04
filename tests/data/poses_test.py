"""Procedural poses, and people before the cameras of Human3.6M."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.pose_views import (
    SOLE_M,
    detect_joints,
    human36m_cameras,
    normalized_view,
    place_in_studio,
    sample_view,
    view_pose,
)
from ivg.data.poses import (
    angle_limits,
    bend,
    sample_angles,
    sample_pose,
    sample_skeleton,
)
from ivg.scene.skeleton import JOINTS, PARENTS

pytestmark = pytest.mark.usefixtures("compile_quickly")

NUM = 300
one_skeleton, one_angles, one_pose, bent_pose, placed_at = map(
    jax.jit, (sample_skeleton, sample_angles, sample_pose, bend, place_in_studio)
)


def keys(seed=0):
    return jax.random.split(jax.random.key(seed), NUM)


def lengths(poses):
    parents = jnp.array(PARENTS[1:])
    return jnp.linalg.norm(poses[..., 1:, :] - poses[..., parents, :], axis=-1)


def test_skeletons_vary_and_are_symmetric():
    bones = jax.jit(jax.vmap(sample_skeleton))(keys())
    left = [i for i, name in enumerate(JOINTS) if name.startswith("left")]
    right = [JOINTS.index(JOINTS[i].replace("left", "right")) for i in left]
    mirrored = bones[:, jnp.array(right)] * jnp.array([-1.0, 1, 1])
    np.testing.assert_allclose(bones[:, jnp.array(left)], mirrored, atol=1e-6)
    thigh = jnp.linalg.norm(bones[:, JOINTS.index("left_knee")], axis=-1)
    assert 0.02 < thigh.std() < 0.06 and 0.3 < thigh.min() and thigh.max() < 0.6


def test_angles_stay_within_limits():
    low, high = angle_limits()
    angles = jax.jit(jax.vmap(sample_angles))(keys())
    assert jnp.all(angles >= low - 1e-6) and jnp.all(angles <= high + 1e-6)
    knee, elbow = JOINTS.index("left_knee"), JOINTS.index("right_elbow")
    assert low[knee, 0] == 0 and high[elbow, 0] == 0
    assert angles[:, knee, 0].std() > 0.3


def test_bones_keep_their_lengths():
    key_bones, key_angles = jax.random.split(jax.random.key(0))
    bones, angles = one_skeleton(key_bones), one_angles(key_angles)
    pose = bent_pose(bones, angles)
    expected = jnp.linalg.norm(bones[1:], axis=-1)
    np.testing.assert_allclose(lengths(pose), expected, rtol=1e-5)


def test_a_resting_body_and_one_bent_knee_by_hand():
    bones = one_skeleton(jax.random.key(1))
    rest = bent_pose(bones, jnp.zeros((17, 3)))
    ankle, knee = (JOINTS.index(f"left_{name}") for name in ("ankle", "knee"))
    assert rest[ankle, 1] < rest[knee, 1] < 0 < rest[JOINTS.index("head_top"), 1]
    assert rest[ankle, 0] > 0 > rest[JOINTS.index("right_ankle"), 0]
    bent = bent_pose(bones, jnp.zeros((17, 3)).at[knee, 0].set(jnp.pi / 2))
    shank = jnp.linalg.norm(bones[ankle])
    expected = rest[knee] + shank * jnp.array([0, 0, -1])  # the foot goes back
    np.testing.assert_allclose(bent[ankle], expected, atol=1e-6)
    raised = bent_pose(
        bones, jnp.zeros((17, 3)).at[JOINTS.index("left_hip"), 2].set(0.5)
    )
    assert raised[ankle, 0] > rest[ankle, 0]  # abduction goes to the side


def test_people_stand_on_the_floor_and_keep_their_hands():
    pose = one_pose(jax.random.key(4))
    placed = placed_at(pose, jnp.array(0.7), jnp.array([0.3, -0.4]))
    np.testing.assert_allclose(placed[0, :2], [0.3, -0.4], atol=1e-6)
    np.testing.assert_allclose(placed[:, 2].min(), SOLE_M, atol=1e-6)
    np.testing.assert_allclose(lengths(placed), lengths(pose), rtol=1e-4)
    triple = [JOINTS.index(n) for n in ("left_hip", "right_hip", "neck", "head_centre")]
    before, after = (
        np.linalg.det(np.asarray(x)[triple[1:]] - np.asarray(x)[triple[0]])
        for x in (pose, placed)
    )
    np.testing.assert_allclose(after, before, rtol=1e-3)  # not mirrored


def test_all_cameras_see_the_arena_upright():
    cameras = human36m_cameras()
    middle = jnp.mean(cameras.position[:, :2], 0)
    pose = bent_pose(one_skeleton(jax.random.key(0)), jnp.zeros((17, 3)))
    placed = placed_at(pose, jnp.array(0.0), middle)
    views = jax.jit(jax.vmap(view_pose, (0, None)))(cameras, placed)
    assert jnp.all((views.pixels > 100) & (views.pixels < 900))
    assert jnp.all((views.pose[..., 2] > 3) & (views.pose[..., 2] < 7))
    head, ankle = JOINTS.index("head_top"), JOINTS.index("left_ankle")
    assert jnp.all(views.pixels[:, head, 1] < views.pixels[:, ankle, 1])


def test_views_are_in_front_and_vary():
    poses = jax.jit(jax.vmap(sample_pose))(keys(1))
    sample = jax.jit(jax.vmap(sample_view, (0, None, 0)))
    views = sample(keys(2), human36m_cameras(), poses)
    assert views.pose[..., 2].min() > 1.5
    inside = jnp.mean((views.pixels > 0) & (views.pixels < 1000))
    assert inside > 0.99 and views.pixels.std() > 50
    joints, unit = jax.jit(jax.vmap(normalized_view))(views)
    np.testing.assert_allclose(jnp.linalg.norm(unit[:, 0], axis=-1), 1, rtol=1e-5)
    assert jnp.abs(joints).max() < 1


def test_detections_err_as_asked():
    pixels = jnp.zeros((17, 2))
    detect = jax.jit(
        jax.vmap(
            lambda key, share: detect_joints(key, pixels, outliers=share), (0, None)
        )
    )
    found = detect(keys(), 0.0)
    deviations = found.std((1, 2))
    assert 4 < deviations.mean() < 6 and deviations.min() < 3.5 < 6.5 < deviations.max()
    far = detect(keys(), 1.0)
    assert 28 < far.std() < 32
