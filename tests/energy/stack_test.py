"""Hidden objects: without a gradient in a picture, with one in the aggregate."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.stacks import hide_behind_block, sample_stack
from ivg.energy.stack import render_stack, stack_energy
from ivg.scene.stack import depths_of, stack_library, with_depths

SIZE = 64


@pytest.fixture(scope="module")
def problem():
    library = stack_library()
    truth = sample_stack(jax.random.key(0), library)
    estimate = hide_behind_block(jax.random.key(1), truth)
    return library, truth, estimate, render_stack(truth, library, SIZE)


@pytest.fixture(scope="module")
def slope(problem):
    """Function of the options of `render`; each is compiled once."""
    library, _, estimate, picture = problem

    @functools.cache
    def derive(**options):
        energy = jax.jit(jax.grad(stack_energy(library, with_depths, **options)))
        return np.asarray(energy(depths_of(estimate), (picture, estimate)))

    return derive


def test_the_truth_explains_the_picture(problem):
    library, truth, _, picture = problem
    energy = stack_energy(library, with_depths)
    assert float(energy(depths_of(truth), (picture, truth))) < 1e-10


def test_only_the_aggregate_sees_what_is_hidden(slope):
    assert slope()[1] == 0
    assert slope(mode="peeled", num_layers=2, tau=0.0)[1] == 0
    # Nearer is better: the energy grows with the depth.
    assert slope(mode="peeled", num_layers=2, tau=1e-2)[1] > 1e-3


def test_the_slope_of_the_hidden_depth_equals_differences(problem, slope):
    """Hidden outlines do not move the aggregate continuously: small steps."""
    library, _, estimate, picture = problem
    energy = jax.jit(
        stack_energy(library, with_depths, mode="peeled", num_layers=2, tau=1e-2)
    )
    step = jnp.array([0.0, 2e-4])
    depth = depths_of(estimate)
    ends = [energy(depth + s * step, (picture, estimate)) for s in (1, -1)]
    difference = float(ends[0] - ends[1]) / 4e-4
    found = slope(mode="peeled", num_layers=2, tau=1e-2)[1]
    assert found == pytest.approx(difference, rel=0.1)
