"""Stacks: the picture shows every object, the estimate hides all but the block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.stacks import hide_behind_block, sample_pair, sample_stack, shift_depths
from ivg.render.visibility import mesh_visibility
from ivg.scene.graph import world_mesh
from ivg.scene.stack import depths_of, scene_from_stack, stack_library

SIZE = 48


@pytest.fixture(scope="module")
def library():
    return stack_library()


@pytest.mark.parametrize("num", [1, 2])
def test_the_estimate_hides_what_the_picture_shows(library, num):
    @jax.jit
    @jax.vmap
    def counts(key):
        truth = sample_stack(key, library, num)
        stacks = truth, hide_behind_block(jax.random.fold_in(key, 1), truth)
        return jnp.stack([seen(stack) for stack in stacks]), truth, stacks[1]

    def seen(stack):
        """Pixels of each object."""
        scene = scene_from_stack(stack, library, height=SIZE, width=SIZE)
        mesh = world_mesh(scene)
        face = mesh_visibility(scene.camera, mesh)[0]
        node = jnp.where(face < 0, -1, face // (len(mesh.faces) // (num + 1)))
        return jnp.sum(node.reshape(-1, 1) == jnp.arange(num + 1), 0)

    pixels, truth, estimate = counts(jax.random.split(jax.random.key(0), 40))
    assert pixels[:, 0].min() > 30
    assert pixels[:, 1, 1:].max() == 0
    near, far = jax.vmap(depths_of)(truth), jax.vmap(depths_of)(estimate)
    assert (near[:, 1:] < near[:, :1]).all() and (far[:, 1:] > far[:, :1] + 0.05).all()
    np.testing.assert_array_equal(
        truth.position_m[..., :2], estimate.position_m[..., :2]
    )


def test_colours_of_a_stack_differ(library):
    make = jax.jit(jax.vmap(lambda k: sample_stack(k, library, 2).colour))
    colours = np.asarray(make(jax.random.split(jax.random.key(1), 50)))
    assert colours.min() >= 0 and colours.max() <= 1
    apart = np.abs(colours[:, :, None] - colours[:, None]).max(-1)
    assert apart[:, ~np.eye(3, dtype=bool)].min() > 0.1


def test_of_a_pair_either_hides_a_part_of_the_other(library):
    make = jax.jit(jax.vmap(lambda key: sample_pair(key, library)))
    pairs = make(jax.random.split(jax.random.key(2), 200))
    depths = np.asarray(jax.vmap(depths_of)(pairs))
    apart = np.abs(np.diff(depths, axis=1))[:, 0]
    assert apart.min() >= 0.09 and apart.max() <= 0.12
    assert 0.3 < (depths[:, 0] < depths[:, 1]).mean() < 0.7
    # In the picture the middles are nearer than their extents, the longest possible.
    seen = np.asarray(pairs.position_m[..., :2]) / depths[..., None]
    reach = np.linalg.norm(pairs.size_m, axis=-1) / 2 / depths
    assert (np.linalg.norm(seen[:, 0] - seen[:, 1], axis=1) < reach.sum(1)).all()


def test_shifted_depths_are_uniform_and_all_else_is_true(library):
    truth = sample_stack(jax.random.key(0), library, 2)
    shift = jax.vmap(lambda key: shift_depths(key, truth, 0.02))
    found = shift(jax.random.split(jax.random.key(1), 500))
    moved = np.asarray(found.position_m - truth.position_m)
    assert not moved[..., :2].any() and np.abs(moved).max() <= 0.02 + 1e-6
    np.testing.assert_allclose(moved[..., 2].std(0), 0.02 / np.sqrt(3), rtol=0.1)
    np.testing.assert_array_equal(found.size_m[0], truth.size_m)
