"""The model has the maps of its paper; an oracle in its place makes no error."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.decomposition import (
    DEPTH_UNIT_M,
    GAIN,
    LARGEST_CHANGE,
    DecompositionInput,
    at_cells,
    cell_weights,
    decomposition_loss,
    decomposition_model,
    join_maps,
    object_changes,
)

SMALL = {"stage_widths": (4, 4, 6), "width": 5, "num_blocks": 2}


def random_input(key, batch=2, side=32, num_depths=3):
    keys = jax.random.split(key, 4)
    cells = (batch, side // 8, side // 8, num_depths)
    return DecompositionInput(
        observed=jax.random.uniform(keys[0], (batch, side, side, 3)),
        rendered=jax.random.uniform(keys[1], (batch, side, side, 3)),
        peels=jax.random.uniform(keys[2], (batch, 2, side, side, 3)),
        depths=jax.random.uniform(keys[3], cells, minval=0.1, maxval=0.4),
    )


@pytest.mark.parametrize(("num_depths", "num_maps"), [(3, 515), (4, 516)])
def test_maps_of_the_paper(num_depths, num_maps):
    net = decomposition_model(num_depths=num_depths)
    params = jax.eval_shape(net.init, jax.random.key(0))
    assert params["join"]["kernel"].shape == (3, 3, num_maps, 128)
    like = functools.partial(random_input, batch=3, side=128, num_depths=num_depths)
    seen = jax.eval_shape(like, jax.random.key(0))
    assert jax.eval_shape(net.apply, params, seen).shape == (3, 2, 16, 16)


def test_scenes_are_independent_and_jit_changes_nothing():
    net = decomposition_model(**SMALL)
    params, seen = net.init(jax.random.key(0)), random_input(jax.random.key(1))
    both = jax.jit(net.apply)(params, seen)
    alone = net.apply(params, jax.tree.map(lambda x: x[1:], seen))
    np.testing.assert_allclose(alone, both[1:], rtol=1e-4, atol=1e-5)
    assert both.shape == (2, 2, 4, 4) and not jnp.allclose(both[0], both[1])


@pytest.mark.parametrize("name", ["observed", "rendered", "peels", "depths"])
def test_every_input_matters(name):
    net = decomposition_model(num_depths=4, **SMALL)
    params = net.init(jax.random.key(0))
    seen = random_input(jax.random.key(1), num_depths=4)
    other = seen.replace(**{name: jnp.roll(getattr(seen, name), 1, 0)})
    apply = jax.jit(net.apply)
    assert not jnp.allclose(apply(params, seen), apply(params, other))


def test_the_difference_of_equal_pictures_is_zero():
    features = jax.random.normal(jax.random.key(0), (1, 4, 2, 2, 5))
    features = features.at[:, 0].set(features[:, 1])
    depths = jnp.full((1, 2, 2, 4), 0.5).at[..., 3].add(0.002)
    maps = join_maps(features, depths, 0.005)
    assert maps.shape == (1, 2, 2, 24)
    assert not maps[..., :5].any()
    np.testing.assert_array_equal(maps[..., 5:10], features[:, 1])
    np.testing.assert_allclose(maps[..., -1], 0.4, atol=1e-4)
    moved = join_maps(features.at[:, 0].add(0.1), depths, 0.005)
    np.testing.assert_allclose(moved[..., :5], 0.1 * GAIN, atol=1e-5)


def test_differences_of_depth_at_outlines_are_cut():
    depths = jnp.array([[[[0.2, 0.2, 0.2, 0.0], [0.0, 0.0, 0.0, 0.2]]]])
    maps = join_maps(jnp.zeros((1, 4, 1, 2, 1)), depths, 0.005)
    np.testing.assert_array_equal(maps[0, 0, :, -1], [-LARGEST_CHANGE, LARGEST_CHANGE])


def test_maps_as_they_are():
    features = jax.random.normal(jax.random.key(0), (1, 4, 2, 2, 5))
    maps = join_maps(features, jnp.full((1, 2, 2, 4), DEPTH_UNIT_M), 0.005, "as_is")
    for i in range(4):
        np.testing.assert_array_equal(maps[..., 5 * i : 5 * i + 5], features[:, i])
    np.testing.assert_allclose(maps[..., 20:], 1)
    with pytest.raises(ValueError, match="as_is"):
        decomposition_model(joined="sums")


def test_cells_take_the_pixel_in_their_middle():
    rows, columns = jnp.mgrid[:16, :24]
    cells = at_cells(jnp.stack([rows, columns], -1))
    assert cells.shape == (2, 3, 2)
    assert cells[1, 2].tolist() == [12, 20]


def layers_of_two_objects():
    """Object 0 before object 1, which is in the second layer and beside it."""
    objects = jnp.full((2, 4, 4), -1).at[0, 1:3, 1:3].set(0)
    return objects.at[0, 1:3, 3].set(1).at[1, 1:3, 2].set(1)


def test_an_oracle_makes_no_error():
    objects, change = layers_of_two_objects(), jnp.array([0.7, -0.4])
    maps = change[jnp.maximum(objects, 0)]
    assert decomposition_loss(maps[None], objects[None], change[None]) == 0
    np.testing.assert_allclose(object_changes(maps, objects, 2), change, rtol=1e-6)


def test_the_loss_counts_cells_with_objects():
    objects, change = layers_of_two_objects(), jnp.array([0.7, -0.4])
    nothing = jnp.zeros((1, 2, 4, 4))
    # Object 0 has four cells, object 1 has two in each layer.
    expected = (4 * 0.7**2 + 4 * 0.4**2) / 8
    found = decomposition_loss(nothing, objects[None], change[None])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    elsewhere = nothing.at[0, :, 0, 0].set(5.0)
    assert decomposition_loss(elsewhere, objects[None], change[None]) == found
    assert cell_weights(objects, 2).sum((1, 2, 3)).tolist() == [4, 4]


def test_an_object_without_cells_stays():
    objects = jnp.full((2, 4, 4), -1).at[0].set(0)
    found = object_changes(jnp.ones((2, 4, 4)), objects, 2)
    assert found.tolist() == [1, 0]
    empty = jnp.full((1, 2, 4, 4), -1)
    loss = jax.value_and_grad(decomposition_loss)
    value, slope = loss(jnp.ones((1, 2, 4, 4)), empty, jnp.ones((1, 2)))
    assert value == 0 and not slope.any()


def test_gradients_are_finite():
    net = decomposition_model(**SMALL)
    params, seen = net.init(jax.random.key(0)), random_input(jax.random.key(1))
    objects = jnp.stack([layers_of_two_objects()] * 2)

    def loss(params):
        return decomposition_loss(net.apply(params, seen), objects, jnp.ones((2, 2)))

    slope = jax.jit(jax.grad(loss))(params)
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(slope))
    assert all(jnp.any(x != 0) for x in jax.tree.leaves(slope["stage"]["stem"]))
