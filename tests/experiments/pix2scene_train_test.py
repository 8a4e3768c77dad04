"""The model of rooms: batches, pictures of true depth, training, storage."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.pix2scene.config import PRESETS
from experiments.pix2scene.networks import (
    decode,
    encode,
    first_params,
    load_model,
    render_room,
    room_batch,
    save_model,
    view_of,
)
from experiments.pix2scene.train import batch_maker, train_model, weights_of
from ivg.data.room_views import sample_view
from ivg.data.surfel_rooms import room_library
from ivg.io.errors import InputError

pytestmark = pytest.mark.usefixtures("compile_quickly")
CONFIG = dataclasses.replace(PRESETS["smoke"], steps=4, chunk=1, batch_size=3)


@functools.cache
def rooms():
    library, size = room_library("box"), CONFIG.sizes.pixels
    keys = jax.random.split(jax.random.key(0), 5)
    return jax.jit(jax.vmap(lambda key: sample_view(key, library, "box", size)))(keys)


def test_true_depth_looks_like_the_picture():
    """But for the sides of edges, of which a depth map knows half."""
    views = rooms()
    found = jax.vmap(render_room)(views.depth, room_batch(views))
    error = np.max(np.abs(found - views.image), -1)
    assert np.median(error) < 1e-5 and np.mean(error) < 0.1


def test_views_are_directions():
    lengths = np.linalg.norm(view_of(rooms().eye), axis=-1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_batches():
    views, key = rooms(), jax.random.key(1)
    known = batch_maker(CONFIG)(key, views)
    other = batch_maker(dataclasses.replace(CONFIG, random_lights=True))(key, views)
    assert known.image.shape == (3, 16, 16, 3)
    np.testing.assert_array_equal(known.image, other.image)
    assert not np.any(np.all(known.light == other.light, (1, 2)))
    rows = [int(np.flatnonzero(np.all(views.eye == eye, -1))[0]) for eye in known.eye]
    for name in ("image", "light", "light_rgb"):
        expected = getattr(views, name)[np.array(rows)]
        np.testing.assert_array_equal(getattr(known, name), expected)
    assert weights_of(CONFIG).image > 0
    assert weights_of(dataclasses.replace(CONFIG, random_lights=True)).image == 0


def test_training_resumes_and_is_kept(tmp_path):
    def data():
        views = rooms()
        return views._replace(image=views.image.astype(jnp.float16))

    whole, losses = train_model(CONFIG, "box", data, tmp_path / "whole")
    assert losses.shape == (4,) and np.all(losses > 0)
    first = first_params(CONFIG)["generator"]
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), first, whole)
    assert all(jax.tree.leaves(moved))

    def no_data():
        raise AssertionError("no step is left to do")

    again, same = train_model(CONFIG, "box", no_data, tmp_path / "whole")
    np.testing.assert_array_equal(losses, same)
    jax.tree.map(np.testing.assert_array_equal, whole, again)

    still = dataclasses.replace(CONFIG, steps=1, learning_rate=1e-9)
    onward, _ = train_model(still, "box", data, tmp_path / "onward", whole)
    for a, b in zip(jax.tree.leaves(onward), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)

    save_model(tmp_path / "kept", whole)
    kept = load_model(CONFIG, tmp_path / "kept")
    views = rooms()

    @jax.jit
    def depth_of(params):
        about = (views.eye, views.label)
        z = encode(CONFIG, params, views.image, *about)
        return decode(CONFIG, params, z, *about)

    np.testing.assert_allclose(depth_of(kept), depth_of(whole), rtol=2e-2)
    with pytest.raises(InputError, match="does not fit"):
        wide = CONFIG.sizes._replace(latent=9)
        load_model(dataclasses.replace(CONFIG, sizes=wide), tmp_path / "kept")
