"""Shapes that are chosen by trying."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.tabletop import sample_tabletop
from ivg.energy.tabletop import render_tabletop
from ivg.refine.shapes import choose_shapes
from ivg.scene.shapes.families import tabletop_library

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 128


@pytest.fixture(scope="module")
def scene(compile_quickly):
    """Shapes, latents of a table-top with empty places, and its picture."""
    library = tabletop_library()
    truth = jax.jit(lambda key: sample_tabletop(key, library, 4))(jax.random.key(3))
    draw = jax.jit(lambda t: render_tabletop(t, library, height=SIZE, width=SIZE))
    choose = jax.jit(lambda t, picture: choose_shapes(t, picture, library))
    return library, truth, jnp.clip(draw(truth), 0, 1), choose


def _wrong(library, truth):
    """One of the other shapes of each object's class."""
    sizes = jnp.array(library.class_sizes)[truth.class_id]
    away = jax.random.randint(jax.random.key(1), sizes.shape, 1, sizes)
    return truth.replace(shape=(truth.shape + away) % sizes)


def test_true_shapes_are_found_and_nothing_else_changes(scene):
    library, truth, picture, choose = scene
    start = _wrong(library, truth)
    assert (start.shape != truth.shape)[truth.mask].all()
    found = choose(start, picture)
    np.testing.assert_array_equal(found.shape[truth.mask], truth.shape[truth.mask])
    for mine, its in zip(
        jax.tree.leaves(found.replace(shape=truth.shape)),
        jax.tree.leaves(truth), strict=True,
    ):  # fmt: skip
        np.testing.assert_array_equal(mine, its)


def test_brightness_does_not_decide(scene):
    """The same shapes are found in a picture of half the light."""
    library, truth, picture, choose = scene
    found = choose(_wrong(library, truth), picture / 2)
    np.testing.assert_array_equal(found.shape[truth.mask], truth.shape[truth.mask])


def test_what_is_not_seen_keeps_its_shape(scene):
    """Empty places, and an object behind the camera."""
    library, truth, picture, choose = scene
    behind = truth.position_m.at[0].set(jnp.array([0.0, 5.0]))
    start = _wrong(library, truth).replace(position_m=behind)
    found = choose(start, picture)
    unseen = ~truth.mask | (jnp.arange(len(truth.mask)) == 0)
    np.testing.assert_array_equal(found.shape[unseen], start.shape[unseen])
