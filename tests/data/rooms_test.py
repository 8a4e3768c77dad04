"""Rooms: closed, lit, each one another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.rooms import random_backdrop, room_camera, room_nodes, sample_backdrops
from ivg.data.textures import sample_textures
from ivg.render.pipeline import render
from ivg.scene.graph import make_scene
from ivg.scene.shapes.families import primitive_library

pytestmark = pytest.mark.usefixtures("compile_quickly")

LIBRARY = primitive_library()


def test_no_gap_in_the_walls():
    @jax.jit
    def look(key):
        nodes = room_nodes(key, LIBRARY)
        camera = room_camera(key, height=48, width=48)
        seen = render(make_scene(LIBRARY, nodes, camera), mode="hard")
        return seen.object_index

    for seed in range(8):
        index = np.asarray(look(jax.random.key(seed)))
        assert (index >= 0).all()
        assert len(np.unique(index)) >= 3


@pytest.mark.slow
def test_backdrops():
    textures = sample_textures(jax.random.key(0), 7, 16)
    make = jax.jit(lambda key: sample_backdrops(key, LIBRARY, textures, 4, 32))
    made = np.asarray(make(jax.random.key(1)))
    assert made.shape == (4, 32, 32, 3)
    assert made.min() >= 0 and made.max() <= 1
    assert (made.std((1, 2)) > 0.005).any(1).all()
    assert len({m.tobytes() for m in made}) == 4
    np.testing.assert_array_equal(made, make(jax.random.key(1)))


def test_a_backdrop_without_a_room():
    made = random_backdrop(jax.random.key(0), size=16)
    assert made.shape == (16, 16, 3)
    assert float(jnp.min(made)) >= 0 and float(jnp.max(made)) <= 1
