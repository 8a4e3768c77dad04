"""Shapes that are chosen by trying."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.tabletop import sample_tabletop
from ivg.energy.tabletop import render_tabletop
from ivg.refine.shapes import choose_shapes
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import OBJECT_CLASSES

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 128


@pytest.fixture(scope="module")
def scene(compile_quickly):
    """Shapes, latents of one object of each class and an empty place, its picture."""
    library = tabletop_library()
    truth = jax.jit(lambda key: sample_tabletop(key, library, 4))(jax.random.key(7))
    truth = truth.replace(mask=truth.mask.at[3].set(False))
    assert sorted(truth.class_id[truth.mask].tolist()) == [0, 1, 2]
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
    assert (start.shape != truth.shape)[truth.mask].all() and truth.mask.sum() == 3
    found = choose(start, picture)
    np.testing.assert_array_equal(found.shape[truth.mask], truth.shape[truth.mask])
    others = found.replace(shape=truth.shape)
    jax.tree.map(np.testing.assert_array_equal, others, truth)


def test_what_was_taken_for_the_other_end_is_turned(scene):
    """Bananas and staplers; a mug whose handle is on the other side stays so."""
    library, truth, picture, choose = scene
    is_mug = truth.class_id == OBJECT_CLASSES.index("mug")
    start = _wrong(library, truth)
    found = choose(start.replace(azimuth_rad=truth.azimuth_rad + np.pi), picture)
    turned = np.cos(found.azimuth_rad - truth.azimuth_rad)
    expected = np.where(is_mug, -1, 1)
    np.testing.assert_allclose(turned[truth.mask], expected[truth.mask], atol=1e-5)
    right = truth.mask & ~is_mug
    np.testing.assert_array_equal(found.shape[right], truth.shape[right])


def test_classes_of_the_library_may_be_in_any_order(scene):
    """The ground first, and the class of the fewest shapes before that of the most."""
    library, truth, picture, choose = scene
    turned = _reordered(library, ("ground", "mug", "stapler", "banana"))
    start = _wrong(library, truth)
    found = jax.jit(lambda t: choose_shapes(t, picture, turned))(start)
    np.testing.assert_array_equal(found.shape[truth.mask], truth.shape[truth.mask])


def _reordered(library, names):
    old = [library.class_names.index(name) for name in names]
    starts = np.cumsum((0, *library.class_sizes))
    rows = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in old])
    return library.replace(
        mesh=jax.tree.map(lambda x: x[rows], library.mesh),
        class_names=names,
        class_sizes=tuple(library.class_sizes[i] for i in old),
    )


def test_brightness_does_not_decide(scene):
    """The same shapes are found in a picture of half the light."""
    library, truth, picture, choose = scene
    found = choose(_wrong(library, truth), picture / 2)
    np.testing.assert_array_equal(found.shape[truth.mask], truth.shape[truth.mask])


def test_what_is_not_seen_keeps_its_shape(scene):
    """Empty places, and an object behind the camera."""
    library, truth, picture, choose = scene
    behind = truth.position_m.at[0].set(jnp.array([0.0, 5.0]))
    assert not truth.mask.all()
    start = _wrong(library, truth).replace(position_m=behind)
    found = choose(start, picture)
    unseen = ~truth.mask | (jnp.arange(len(truth.mask)) == 0)
    for name in ("shape", "azimuth_rad"):
        mine, its = (getattr(t, name)[unseen] for t in (found, start))
        np.testing.assert_array_equal(mine, its)
