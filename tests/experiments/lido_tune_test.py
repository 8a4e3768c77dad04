"""The grid over hyper-parameters of the baselines."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.lido import statistics, tune
from ivg.data.tabletop import sample_globals
from ivg.refine.scipy_baseline import Search
from ivg.scene.library import make_library
from ivg.scene.shapes import primitives
from ivg.scene.tabletop import GROUND_CLASS, OBJECT_CLASSES


def test_variants_keep_options_of_their_own_method():
    gbo = tune.BASELINES["gbo"]
    found = tune.variants(gbo, ("TNC", "CG"), (0.02, 0.1))
    assert [(s.method, s.step) for s in found] == [
        ("TNC", 0.02), ("TNC", 0.1), ("CG", 0.02), ("CG", 0.1),
    ]  # fmt: skip
    assert gbo.options and [s.options for s in found] == [gbo.options] * 2 + [{}] * 2
    assert {(s.iterations, s.rounds) for s in found} == {(gbo.iterations, gbo.rounds)}


def test_the_best_setting_comes_first():
    shapes = {name: [primitives.box()] for name in OBJECT_CLASSES}
    library = make_library(shapes | {GROUND_CLASS: [primitives.plane((50.0, 50.0))]})
    truth = sample_globals(jax.random.key(0), 1).replace(
        ground_colour=jnp.array([0.3, 0.5, 0.6]),
        camera_elevation_rad=jnp.array(0.7),
        ambient=jnp.array(0.9),
        directional=jnp.array(0.1),
    )
    estimate = truth.replace(ground_colour=jnp.array([0.4, 0.4, 0.6]))
    picture = jnp.ones((16, 16, 3)) * truth.ground_colour
    searches = [Search("COBYLA", 5, 1), Search("COBYLA", 40, 1)]
    trials = tune.try_searches(library, [(truth, estimate, picture)], searches)
    assert trials[0].search.iterations == 40
    assert trials[0].improvements["ground_colour"] > 60
    assert np.isnan(trials[0].improvements["position"])  # no object at all
    assert 5 <= trials[1].evaluations_per_scene <= 20
    assert 0 < trials[0].accepted_share <= 1 and trials[0].seconds_per_scene > 0
    rows = tune.tuning_table(trials).splitlines()
    assert len(rows) == 4 and rows[2].startswith("| COBYLA | 40 | 1 | 0.05 |")
    assert all(name.replace("_", " ") in rows[0] for name in statistics.SETS)
