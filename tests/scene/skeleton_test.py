"""The joints of a pose: orders, and the pelvis."""

import jax.numpy as jnp
import numpy as np

from ivg.scene.skeleton import (
    INPUT_JOINTS,
    JOINTS,
    LEFT_HIP,
    OUTPUT_JOINTS,
    PARENTS,
    RIGHT_HIP,
    with_pelvis,
)


def test_sixteen_in_and_sixteen_out():
    assert len(JOINTS) == len(PARENTS) == 17
    assert set(range(17)) - set(INPUT_JOINTS) == {JOINTS.index("head_centre")}
    assert set(range(17)) - set(OUTPUT_JOINTS) == {JOINTS.index("pelvis")}
    assert all(parent < joint for joint, parent in enumerate(PARENTS))


def test_the_pelvis_is_between_the_hips():
    joints = jnp.asarray(np.random.default_rng(0).normal(size=(16, 3)))
    pose = with_pelvis(joints)
    hips = [JOINTS.index(f"{side}_hip") for side in ("right", "left")]
    np.testing.assert_allclose(pose[0], pose[jnp.array(hips)].mean(0), atol=1e-6)
    np.testing.assert_array_equal(pose[hips[0]], joints[RIGHT_HIP])
    np.testing.assert_array_equal(pose[hips[1]], joints[LEFT_HIP])
