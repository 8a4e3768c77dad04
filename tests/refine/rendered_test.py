"""Refinement of rendered scenes: a batch is the loop over its scenes."""

import chex
import jax
import numpy as np
import optax
import pytest

from ivg.data.perturb import perturb_tabletop
from ivg.data.tabletop import sample_tabletop
from ivg.energy.tabletop import render_tabletop, tabletop_energy
from ivg.refine.gradient import gradient_refiner
from ivg.refine.refiner import refine
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import tabletop_bounds

pytestmark = pytest.mark.usefixtures("compile_quickly")

SCENES, STEPS, SIZE = 8, 5, 32


@pytest.mark.slow
def test_vmap_over_scenes_equals_the_loop_and_compiles_once():
    library = tabletop_library()
    energy = tabletop_energy(library)
    refiner = gradient_refiner(energy, optax.adam(1e-3), tabletop_bounds())

    @jax.jit
    @jax.vmap
    def make(key):
        truth = sample_tabletop(key, library, 4)
        picture = render_tabletop(truth, library, height=SIZE, width=SIZE)
        return perturb_tabletop(jax.random.fold_in(key, 1), truth), picture

    traces = []

    def explain(guess, picture):
        traces.append(1)  # by tracing only, not by calls of what was compiled
        return refine(refiner, guess, picture, STEPS)

    many, one = jax.jit(jax.vmap(explain)), jax.jit(explain)
    first, second = (
        make(jax.random.split(jax.random.key(seed), SCENES)) for seed in (0, 1)
    )
    batched = many(*first)
    many(*second)
    assert len(traces) == 1
    assert len(np.unique(first[0].shape)) > 5
    for i in range(SCENES):
        alone = one(*jax.tree.map(lambda x, i=i: x[i], first))
        chex.assert_trees_all_close(
            jax.tree.map(lambda x, i=i: x[i], batched), alone, atol=1e-4
        )
    assert np.all(batched.info["energy"][:, -1] < batched.info["energy"][:, 0])
