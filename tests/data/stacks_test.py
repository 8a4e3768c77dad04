"""Stacks: the picture shows every object, the estimate hides all but the block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.stacks import hide_behind_block, sample_stack
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
