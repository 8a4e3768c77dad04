"""Stacks: poses against SciPy, the view from above, shapes about their middle."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial.transform import Rotation

from ivg.data.stacks import sample_stack
from ivg.geometry.camera import project
from ivg.scene.library import get_shape
from ivg.scene.stack import (
    StackPose,
    depths_of,
    pose_of,
    stack_library,
    top_camera,
    with_depths,
    with_pose,
)


def make_stack():
    return sample_stack(jax.random.key(3), stack_library(), 2)


def test_the_first_pose_changes_nothing():
    stack = make_stack()
    same = with_pose(stack, pose_of(stack))
    for a, b in zip(jax.tree.leaves(same), jax.tree.leaves(stack), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_turns_are_scipys():
    stack = make_stack()
    turns = np.random.default_rng(0).normal(size=(3, 3))
    moved = with_pose(stack, StackPose(jnp.ones((3, 3)), jnp.asarray(turns)))
    first = Rotation.from_quat(np.asarray(stack.quaternion), scalar_first=True)
    expected = Rotation.from_rotvec(turns) * first
    found = Rotation.from_quat(np.asarray(moved.quaternion), scalar_first=True)
    assert (expected.inv() * found).magnitude().max() < 1e-5
    np.testing.assert_array_equal(moved.position_m, 1)


def test_depths_come_back():
    depth = jnp.array([0.4, 0.5, 0.6])
    np.testing.assert_allclose(depths_of(with_depths(make_stack(), depth)), depth)


def test_shapes_have_their_middle_at_the_origin():
    library = stack_library()
    for shape in range(sum(library.class_sizes)):
        mesh = get_shape(library, jnp.array(shape))
        vertices = np.asarray(mesh.vertices)[np.asarray(mesh.vertex_mask)]
        np.testing.assert_allclose(vertices.min(0) + vertices.max(0), 0, atol=1e-5)


def test_from_above_near_is_below_and_right_is_right():
    points = jnp.array([[0, 0, -0.6], [0, 0, -0.8], [0.1, 0, -0.8]])
    (near, far, right), _ = project(top_camera(), points)
    assert near[1] > far[1] and right[0] > far[0]
    assert all(0 < c < 128 for c in (*near, *far, *right))
