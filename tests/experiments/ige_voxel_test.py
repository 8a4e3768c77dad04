"""IGE-Net for voxels at the size of a toy: training, comparison, data, models."""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.ige_voxel.config import PRESETS
from experiments.ige_voxel.data import load_views, make_views
from experiments.ige_voxel.evaluate import category_means
from experiments.ige_voxel.networks import (
    enlarge_grid,
    grow,
    init_descent,
    model_shapes,
    save_model,
    sizes_at,
)
from experiments.ige_voxel.run import (
    load_models,
    model_names,
    run_evaluation,
    run_training,
)
from experiments.ige_voxel.tables import category_table, fine_table, loss_table
from experiments.ige_voxel.things import SYNSETS, load_things
from experiments.ige_voxel.train import batch_maker
from ivg.io.binvox import write_binvox
from ivg.io.errors import InputError
from ivg.models.network import count_parameters
from ivg.scene.shapes.categories import NAMES

CONFIG = PRESETS["smoke"]


pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.mark.slow
def test_training_then_comparison(tmp_path):
    trained = run_training(CONFIG, str(tmp_path / "net"))
    assert np.isfinite(list(trained.values())).all()
    again = run_training(CONFIG, str(tmp_path / "net"))  # nothing is left to do
    assert again == trained
    found = run_evaluation(CONFIG, str(tmp_path), str(tmp_path / "net"))
    expected = {"iou_ige", "iou_base_frustum", "iou_base_world", "categories_won"}
    expected |= {"iou_loss_iou", "iou_loss_focal", "seconds_256", "gib_256"}
    assert expected <= found.keys()
    assert np.isfinite(list(found.values())).all()
    assert json.loads((tmp_path / "metrics.json").read_text()).keys() == found.keys()
    names = "table.md", "reconstructions.png"
    assert all((tmp_path / name).stat().st_size for name in names)
    assert len(list((tmp_path / "meshes").glob("*.glb"))) == 2 * CONFIG.num_shown + 1


def test_without_a_checkpoint_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        run_evaluation(CONFIG, str(tmp_path / "out"), str(tmp_path / "nothing"))
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_networks_that_are_not_shipped_leave_gaps(tmp_path):
    config = dataclasses.replace(CONFIG, resolutions=(32, 64))
    for name in set(model_names(config)) - {"ige_focal_64"}:
        shapes = model_shapes(config, name)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        save_model(tmp_path / name, zeros)
    models = load_models(config, tmp_path)
    assert set(models) == set(model_names(config)) - {"ige_focal_64"}
    metrics = {"iou_loss_iou_64": 50.0}
    table = loss_table(metrics, config.losses, [64], config.resolutions)
    assert table.splitlines()[2] == "| 64 | 50.0 (61.5) |  (56.9) |"
    shutil.rmtree(tmp_path / "ige_iou_64")
    with pytest.raises(InputError, match="no checkpoint"):
        load_models(config, tmp_path)


def test_views(tmp_path):
    things = load_things(CONFIG, "test")[:2]
    views = make_views(CONFIG, things, "test", 2, 16)
    assert views.pictures.shape == (4, 128, 128, 3)
    assert views.frustum.shape == (4, 16, 16, 2)
    assert views.world.shape == (2, 32, 32, 4)
    assert views.thing.tolist() == [0, 0, 1, 1]
    more = make_views(CONFIG, things, "test", 3, 8)
    np.testing.assert_array_equal(more.pictures[[0, 1, 3, 4]], views.pictures)
    path = tmp_path / "data" / "views.npz"
    first = load_views(path, CONFIG, lambda: things, "test", 2, 16)
    again = load_views(path, CONFIG, None, "test", 2, 16)
    jax.tree.map(np.testing.assert_array_equal, first, views)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    pictures, grids = batch_maker(3, "world")(
        jax.random.key(0), jax.tree.map(jnp.asarray, views)
    )
    assert pictures.shape == (3, 128, 128, 3) and grids.shape == (3, 32, 32, 32)


def test_splits_share_nothing():
    parts = [load_things(CONFIG, split) for split in ("train", "test")]
    assert [thing.category for thing in parts[0]] == list(range(13))
    for one, other in zip(*parts, strict=True):
        assert one.mesh.vertices.shape != other.mesh.vertices.shape or np.any(
            one.mesh.vertices != other.mesh.vertices
        )


def test_models_of_shapenet(tmp_path):
    grid = np.zeros((8, 8, 8), bool)
    grid[2:6, 1:5, 3:7] = True
    for name, synset in zip(NAMES, SYNSETS, strict=True):
        for i in range(2):
            folder = tmp_path / (synset if i else name) / f"model_{i}"
            folder.mkdir(parents=True)
            write_binvox(folder / "model.binvox", grid)
    train, test = (load_things(CONFIG, s, str(tmp_path)) for s in ("train", "test"))
    assert len(train) == len(test) == 13
    extent = np.ptp(np.asarray(train[0].mesh.vertices), axis=0)
    np.testing.assert_allclose(np.linalg.norm(extent), 1, rtol=1e-5)
    with pytest.raises(InputError, match="no such folder"):
        load_things(CONFIG, "test", str(tmp_path / "nothing"))
    (tmp_path / "car" / "model_0" / "model.binvox").unlink()
    with pytest.raises(InputError, match="car .* has 1 models"):
        load_things(CONFIG, "test", str(tmp_path))


def test_networks_of_higher_resolutions():
    config = PRESETS["paper"]
    fine = sizes_at(config, 256)
    assert fine.image == (256, 128, 64, 32, 16, 8)
    assert fine.depths == (32, 16, 8, 4, 2, 1)
    key = jax.random.key(0)
    coarse, fine = (
        jax.eval_shape(lambda k, r=r: init_descent(config, r, k), key)
        for r in (32, 256)
    )
    assert count_parameters(coarse) == 3_300_555
    more = count_parameters(fine) - 3_300_555
    assert 0 < more < 0.01 * 3_300_555  # "negligibly"
    new = init_descent(CONFIG, 64, key)
    old = jax.tree.map(lambda x: x + 1, init_descent(CONFIG, 32, key))
    grown = grow(new, old)
    assert jax.tree.structure(grown) == jax.tree.structure(new)
    known = dict(jax.tree_util.tree_leaves_with_path(old))
    for path, leaf in jax.tree_util.tree_leaves_with_path(grown):
        np.testing.assert_array_equal(leaf, known.get(path, leaf))


def test_every_network_has_a_shape():
    for name in model_names(CONFIG):
        assert model_shapes(CONFIG, name).keys() == {"params", "statistics"}


def test_enlarged_grids():
    grid = jax.random.normal(jax.random.key(0), (4, 4, 4))
    assert enlarge_grid(grid, 4) is grid
    line = enlarge_grid(jnp.broadcast_to(grid[:, :1, :1], (4, 4, 4)), 8)
    expected = 0.75 * grid[1, 0, 0] + 0.25 * grid[2, 0, 0]
    np.testing.assert_allclose(line[3, 5, 5], expected, atol=1e-5)


def test_tables():
    means = category_means(np.array([0.5, 0.7, 0.2]), np.array([0, 0, 3]))
    assert means == pytest.approx({"plane": 60.0, "car": 20.0, "mean": 40.0})
    metrics = {f"iou_{row}": 50.0 for row in ("ige", "base_frustum", "base_world")}
    metrics |= {"iou_loss_iou_32": 61.5, "iou_loss_iou_64": 60.0, "iou_ige_car": 70.0}
    assert "| car | 70.0 (78.4) |" in category_table(metrics)
    table = loss_table(metrics, ["iou"], [32, 64], [32])
    assert "| 32 | 61.5 (63.5) |" in table and "| 64, inferred | 60.0 (61.5) |" in table
    fine = {
        f"iou_fine_{name}_{c}": 40.0
        for name in ("32", "descent")
        for c in ("car", "plane", "table")
    }
    assert "| trained at 32, made finer | 40.0 (57.8) |" in fine_table(fine, [32], 256)
