"""Scene decomposition: its scenes, its errors, and all of it at the size of a toy."""

import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.decomposition.config import PRESETS, SHIPPED, VARIANTS
from experiments.decomposition.data import (
    OBJECTS,
    Problem,
    example_maker,
    sample_woods,
    scene_of,
)
from experiments.decomposition.evaluate import (
    BINS,
    ORDER,
    ROWS,
    depth_metrics,
    moved,
    order_metrics,
)
from experiments.decomposition.figures import depth_change_picture
from experiments.decomposition.run import (
    SPLITS,
    load_variant,
    make_scenes,
    run_evaluation,
    run_training,
)
from experiments.decomposition.tables import decomposition_table
from experiments.decomposition.train import batch_maker, mirror
from ivg.io.errors import InputError
from ivg.render.layers import render_layers
from ivg.scene.stack import stack_library

SMOKE = PRESETS["smoke"]
NUM, SIDE, NOISE = 24, 64, 0.005


pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.fixture(scope="module")
def scenes(compile_quickly):
    woods = sample_woods(jax.random.key(0), 2)
    make = example_maker(stack_library(), woods, NOISE, SIDE)
    return make(jax.random.split(jax.random.key(1), NUM))


def one(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


def test_one_object_hides_a_part_of_the_other(scenes):
    problems, _ = scenes
    library = stack_library()

    @jax.jit
    def layers_of(problem: Problem):
        scene = scene_of(problem.truth, problem.wood, library, SIDE)
        return render_layers(scene, num_layers=6).object_index

    nearer = np.argmax(np.asarray(problems.truth.position_m)[:, :, 2], 1)
    assert set(nearer) == {0, 1}
    num_seen = 0
    for i, front in enumerate(nearer):
        layers = np.asarray(layers_of(one(problems, i)))
        hidden = (layers[0] == front) & (layers[1:] == 1 - front).any(0)
        assert hidden.any()
        num_seen += (layers[0] == 1 - front).any()
        # Nothing of the nearer object is hidden by the other.
        assert not ((layers[0] == 1 - front) & (layers[1:] == front).any(0)).any()
    assert 0.85 * NUM <= num_seen


def test_noise_is_along_the_axis_and_uniform(scenes):
    problems, examples = scenes
    away = np.asarray(problems.estimate.position_m - problems.truth.position_m)
    assert not away[..., :2].any()
    assert np.abs(away[..., 2]).max() <= NOISE * (1 + 1e-4)
    np.testing.assert_array_equal(away[..., 2], examples.change)
    assert 0.7 * NOISE < np.abs(away[..., 2]).max() and np.std(away) > 0


def test_observed_depths_tell_the_change_of_the_nearer_object(scenes):
    problems, examples = scenes
    nearer = np.argmax(np.asarray(problems.truth.position_m)[:, :, 2], 1)
    for i, front in enumerate(nearer):
        depths = np.asarray(examples.depths[i])
        inside = (np.asarray(examples.objects[i, 0]) == front) & (depths[..., 3] > 0)
        found = np.median((depths[..., 3] - depths[..., 0])[inside])
        # On slanted surfaces the depth at a pixel changes by another amount.
        change = float(examples.change[i, front])
        assert abs(found - change) < 0.4 * abs(change) + 3e-4


def test_the_first_peel_is_what_the_estimate_shows(scenes):
    _, examples = scenes
    depths = np.asarray(examples.depths)
    np.testing.assert_allclose(depths[..., 0], depths[..., 1], atol=1e-5)
    seen = depths[..., 2] > 0
    assert (depths[..., 2] >= depths[..., 1])[seen].all()
    np.testing.assert_array_equal(np.asarray(examples.objects) >= 0,
                                  np.moveaxis(depths[..., 1:3], -1, 1) > 0)  # fmt: skip


def test_a_mirror_twice_changes_nothing(scenes):
    example = one(scenes[1], 0)
    turned = mirror(example)
    jax.tree.map(np.testing.assert_array_equal, mirror(turned), example)
    np.testing.assert_array_equal(turned.observed[:, 0], example.observed[:, -1])
    np.testing.assert_array_equal(turned.peels[1, :, 0], example.peels[1, :, -1])
    seen = np.moveaxis(np.asarray(turned.depths[..., 1:3]), -1, 0) > 0
    np.testing.assert_array_equal(np.asarray(turned.objects) >= 0, seen)


def test_batches_come_from_the_data_or_are_new(scenes):
    _, examples = scenes
    config = dataclasses.replace(SMOKE, num_train=NUM, batch_size=8)
    draw = jax.jit(batch_maker(config, lambda keys: None))
    batch = draw(jax.random.key(0), examples)
    rows = [np.flatnonzero((np.asarray(examples.change) == c).all(1)) for c in
            np.asarray(batch.change)]  # fmt: skip
    chosen = [one(examples, int(row[0])) for row in rows]
    is_mirrored = [
        bool((x == mirror(y).observed).all())
        for x, y in zip(batch.observed, chosen, strict=True)
    ]
    assert set(is_mirrored) == {True, False}
    anew = batch_maker(dataclasses.replace(config, num_train=None), lambda k: (0, k))
    assert anew(jax.random.key(0), ()).shape == (8,)


@pytest.mark.slow
def test_sets_share_no_scenes():
    (first, _), (other, _) = (make_scenes(SMOKE, split, 4) for split in SPLITS)
    assert not np.isin(other.truth.position_m, first.truth.position_m).any()
    assert not np.isin(other.wood, first.wood).all()


def test_moving_by_the_true_change_gives_the_truth(scenes):
    problem, example = one(scenes, 0)
    after = moved(problem, np.asarray(example.change))
    np.testing.assert_allclose(
        after.estimate.position_m, problem.truth.position_m, atol=1e-7
    )


def test_errors_by_bin():
    truth = np.array([[0.001, -0.004], [0.003, 0.002]])
    rows = {"rgb": truth + [[0.0005, 0.001]], "no_change": np.zeros((2, 2))}
    found = depth_metrics(rows, truth, NOISE)
    expected = {
        "no_change_small": 1.5, "no_change_large": 3.5, "no_change_small_block": 1,
        "no_change_small_cup": 2, "no_change_large_block": 3, "rgb_small": 0.75,
        "rgb_large_cup": 1, "rgb_large_block": 0.5,
    }  # fmt: skip
    for name, value in expected.items():
        np.testing.assert_allclose(found[f"error_mm_{name}"], value, atol=1e-6)


def test_errors_of_what_hides_and_of_what_is_hidden():
    truth = np.array([[0.001, -0.004], [0.003, 0.002]])
    positions = np.zeros((2, 2, 3))
    positions[..., 2] = [[-0.2, -0.3], [-0.3, -0.2]]
    found = order_metrics({"no_change": 0 * truth}, truth, positions)
    np.testing.assert_allclose(found["error_mm_no_change_front"], 1.5)
    np.testing.assert_allclose(found["error_mm_no_change_behind"], 3.5)


def test_the_table_has_the_papers_figures():
    rows = {row: np.zeros((4, 2)) for row in ROWS}
    truth = np.array([[0.001, 0.002], [0.003, 0.004]] * 2)
    positions = np.broadcast_to([[0, 0, -0.2], [0, 0, -0.3]], (4, 2, 3))
    metrics = depth_metrics(rows, truth, NOISE) | order_metrics(rows, truth, positions)
    lines = decomposition_table(metrics, 5.0).splitlines()
    assert "cup, up to 2.5 mm" in lines[0] and "block, 2.5 to 5 mm" in lines[0]
    assert lines[2].startswith("| RGB | 2.000 (1.436) | 1.000 (1.044) |")
    assert lines[2].endswith("| 2.000 | 3.000 |")
    assert "1.346" in lines[3] and lines[4].startswith("| no change | 2.000 |")


def test_colours_of_changes():
    maps = np.array([[-NOISE, 0, NOISE, 0]])
    found = depth_change_picture(maps, np.array([[True, True, True, False]]), NOISE)
    assert found[0, 0, 2] > found[0, 0, 0] and found[0, 2, 0] > found[0, 2, 2]
    assert found[0, 1].tolist() == [255] * 3 and found[0, 3].max() < 100


@pytest.mark.slow
def test_training_then_evaluation(tmp_path):
    losses = run_training(SMOKE, str(tmp_path))
    assert all(np.isfinite(losses[f"loss_{name}"]) for name in VARIANTS)
    again = run_training(SMOKE, str(tmp_path))
    assert again == losses
    found = run_evaluation(SMOKE, str(tmp_path), str(tmp_path))
    for row in ROWS:
        for part in BINS:
            key = f"error_mm_{row}_{part}"
            assert found[key] >= 0 and {f"{key}_{o}" for o in OBJECTS} <= found.keys()
        assert {f"error_mm_{row}_{name}" for name in ORDER} <= found.keys()
    assert json.loads((tmp_path / "metrics.json").read_text()).keys() == found.keys()
    names = "table.md", "examples.png", "top_views.png", "losses.png"
    assert all((tmp_path / name).stat().st_size for name in names)


def test_steps_that_cannot_be_made(tmp_path):
    config = dataclasses.replace(PRESETS["cpu"], steps=100)
    with pytest.raises(InputError, match="--steps=100: give more than 100"):
        run_training(config, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_without_a_checkpoint_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        run_evaluation(SMOKE, str(tmp_path / "out"), str(tmp_path / "nothing"))
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_shipped_fits_and_is_small(variant):
    params = load_variant(PRESETS["cpu"], variant, SHIPPED)
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(params))
    files = [p for p in pathlib.Path(SHIPPED).rglob("*") if p.is_file()]
    assert sum(path.stat().st_size for path in files) < 4e6
