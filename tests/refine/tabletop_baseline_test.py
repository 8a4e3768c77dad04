"""LiDO's baselines on a small table-top of elementary solids."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ivg.data.tabletop import sample_globals
from ivg.energy.pixel import robust_negative_log_likelihood
from ivg.energy.tabletop import render_tabletop, tabletop_energy
from ivg.metrics.tabletop import tabletop_errors
from ivg.refine.leaves import float_leaves, from_units, to_units
from ivg.refine.tabletop_baseline import (
    CAMERA_BLOCK,
    GBO,
    ILLUMINATION_BLOCK,
    POSE_BLOCK,
    SIMPLEX,
    search_bounds,
    tabletop_blocks,
    tabletop_minimizer,
)
from ivg.scene.library import make_library
from ivg.scene.shapes import primitives
from ivg.scene.tabletop import GROUND_CLASS

SIZE = 64


@pytest.fixture(scope="module")
def library():
    shapes = {
        "mug": [primitives.box((1.0, 1.2, 0.7))],
        "banana": [primitives.box((0.3, 0.3, 1.0))],
        "stapler": [primitives.box((0.3, 0.4, 1.0))],
        GROUND_CLASS: [primitives.plane((50.0, 50.0))],
    }
    return make_library(shapes)


@pytest.fixture(scope="module")
def truth():
    return sample_globals(jax.random.key(0), 3).replace(
        ground_colour=jnp.array([0.4, 0.5, 0.6]),
        camera_height_m=jnp.array(0.4),
        camera_elevation_rad=jnp.array(0.7),
        ambient=jnp.array(0.4),
        directional=jnp.array(0.5),
        light_azimuth_rad=jnp.array(1.0),
        light_elevation_rad=jnp.array(0.8),
        class_id=jnp.array([0, 1, 2]),
        position_m=jnp.array([[-0.08, -0.42], [0.0, 0.0], [0.09, -0.45]]),
        size_m=jnp.array([0.08, 0.16, 0.14]),
        azimuth_rad=jnp.array([0.4, 0.0, 1.2]),
        colour=jnp.array([[0.8, 0.2, 0.1], [0.0, 0.0, 0.0], [0.1, 0.3, 0.7]]),
        mask=jnp.array([True, False, True]),
    )


@pytest.fixture(scope="module")
def estimate(truth):
    return truth.replace(
        ground_colour=truth.ground_colour + jnp.array([0.05, -0.05, 0.03]),
        position_m=truth.position_m + jnp.array([[0.006, 0.008], [0, 0], [-0.007, 0]]),
        size_m=truth.size_m * jnp.array([1.06, 1.0, 0.95]),
        azimuth_rad=truth.azimuth_rad + jnp.array([0.1, 0.0, -0.1]),
        colour=truth.colour + jnp.array([[-0.1, 0.1, 0.05], [0, 0, 0], [0.1, 0, -0.1]]),
        ambient=jnp.array(0.45),
    )


@pytest.fixture(scope="module")
def picture(truth, library):
    render = jax.jit(functools.partial(render_tabletop, height=SIZE, width=SIZE))
    return jnp.clip(render(truth, library), 0, 1)


def test_blocks_are_the_papers(truth):
    blocks = tabletop_blocks(truth)
    floats = [f.name for f in dataclasses.fields(truth)]
    marked = [{n: getattr(b, n) for n in floats if getattr(b, n).any()} for b in blocks]
    assert [set(m) for m in marked] == [
        {"ground_colour"}, {"colour"}, set(), {"colour"},
        set(POSE_BLOCK), set(), set(POSE_BLOCK),
        set(ILLUMINATION_BLOCK), set(CAMERA_BLOCK),
    ]  # fmt: skip
    sizes = [sum(mask.sum() for mask in m.values()) for m in marked]
    assert sizes == [3, 3, 0, 3, 4, 0, 4, 4, 2]
    np.testing.assert_array_equal(marked[6]["position_m"], [[0] * 2, [0] * 2, [1] * 2])
    np.testing.assert_array_equal(marked[3]["colour"], [[0] * 3, [0] * 3, [1] * 3])


def test_sizes_are_bounded_by_class_and_positions_by_distance(truth):
    bounds = search_bounds(truth, 0.1)
    np.testing.assert_allclose(bounds.lower.size_m, [0.07, 0.15, 0.12])
    np.testing.assert_allclose(bounds.upper.size_m, [0.10, 0.20, 0.16])
    distance = np.sqrt(0.08**2 + 0.42**2 + 0.4**2)
    np.testing.assert_allclose(
        bounds.upper.position_m[0], [-0.08 + 0.1 * distance, -0.42 + 0.1 * distance],
        rtol=1e-5,
    )  # fmt: skip
    assert bounds.periodic.azimuth_rad and not bounds.periodic.size_m


@pytest.mark.parametrize("method", ["TNC", "Nelder-Mead"])
def test_lowers_the_errors(method, library, truth, estimate, picture):
    search = dataclasses.replace(
        {"TNC": GBO, "Nelder-Mead": SIMPLEX}[method], iterations=25, rounds=2
    )
    assert search.method == method
    explain = tabletop_minimizer(tabletop_energy(library), search)
    result = explain(estimate, picture)
    assert result.trajectory.mask.shape == (19, 3)
    assert np.all(np.diff(result.info["energy"]) <= 0)
    errors = jax.jit(jax.vmap(tabletop_errors, (0, None)))(result.trajectory, truth)
    for name in ("position", "size", "azimuth", "colour", "ground"):
        curve = np.nanmean(np.reshape(errors[name], (19, -1)), 1)
        assert curve[-1] < 0.6 * curve[0], name
    empty = jax.tree.map(lambda x: x[:, 1], result.trajectory.position_m)
    np.testing.assert_array_equal(empty, np.zeros((19, 2)))


def test_gradient_equals_finite_differences(library, estimate, picture):
    """Central differences, which blur the kinks where edges pass pixels."""
    energy = tabletop_energy(
        library, compare=functools.partial(robust_negative_log_likelihood, sigma=0.3)
    )
    bounds = search_bounds(estimate)

    flat, unravel = ravel_pytree(to_units(estimate, bounds))

    @jax.jit
    @jax.value_and_grad
    def both(flat):
        return energy(from_units(unravel(flat), estimate, bounds), picture)

    steps = 3e-3 * np.eye(flat.size, dtype=np.float32)
    slopes = [(both(flat + s)[0] - both(flat - s)[0]) / 6e-3 for s in steps]
    gradient = both(flat)[1]
    blocks = tabletop_blocks(estimate)
    for block in blocks:
        masks = jax.tree.map(lambda x, mask: x * 0 + mask, estimate, block)
        inside = np.asarray(ravel_pytree(float_leaves(masks))[0]) > 0
        found, expected = np.asarray(gradient)[inside], np.asarray(slopes)[inside]
        moves = block.position_m.any() or block is blocks[-1]
        error = np.linalg.norm(found - expected)
        assert error <= (0.25 if moves else 0.02) * np.linalg.norm(expected)
