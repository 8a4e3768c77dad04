"""Multi-SPARC at the size of a toy: training, comparison, data, groups, tables."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from experiments.multi_sparc.config import NAMES, PRESETS, ROWS, SHIPPED, VARIANTS
from experiments.multi_sparc.data import (
    compact,
    library_files,
    load_models,
    make_test_rooms,
    mean_sizes,
    restore,
)
from experiments.multi_sparc.evaluate import (
    Result,
    accuracy_metrics,
    difference_metrics,
    picture_metrics,
    picture_result,
    scene_tallies,
)
from experiments.multi_sparc.gradient import follow, make_target
from experiments.multi_sparc.networks import (
    align_all,
    by_groups,
    in_groups,
    load_networks,
    network_of,
    once,
    trained_networks,
)
from experiments.multi_sparc.run import run_evaluation, run_training
from experiments.multi_sparc.tables import PAPER_ACCURACY, accuracy_table
from experiments.multi_sparc.train import _coordinate_loss, stages_of
from ivg.data.indoor_noise import NO_NOISE, add_noise
from ivg.data.indoor_rooms import sample_room
from ivg.io.errors import InputError
from ivg.metrics.tally import Tally
from ivg.scene.indoor import Placement, place_points
from ivg.scene.library import get_shape, single_shape
from tests.data.sparse_tokens_test import make_picture, make_placement

CONFIG = PRESETS["smoke"]
pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.fixture(scope="module")
def tests_rooms():
    return make_test_rooms(CONFIG, load_models(CONFIG, "test"))


@pytest.mark.slow
def test_training_then_comparison(tmp_path):
    trained = run_training(CONFIG, str(tmp_path / "net"))
    assert np.isfinite(list(trained.values())).all()
    assert run_training(CONFIG, str(tmp_path / "net")) == trained  # nothing is left
    found = run_evaluation(CONFIG, str(tmp_path), str(tmp_path / "net"))
    rows = (*CONFIG.networks, "confidence_2d", "gradient")
    expected = {f"accuracy_{row}" for row in rows} | {"ms_joint_5", "ms_single_5"}
    expected |= {f"ap50_{rho}" for rho in (3, 5, 7)}
    assert expected <= found.keys()
    assert np.isfinite(list(found.values())).all()
    assert json.loads((tmp_path / "metrics.json").read_text()).keys() == found.keys()
    names = "table.md", "calibration.png", "overlays.png", "starts.png"
    assert all((tmp_path / name).stat().st_size for name in names)
    assert len(list((tmp_path / "overlays").glob("*.png"))) == CONFIG.num_shown
    assert trimesh.load(tmp_path / "room.glb").geometry


def test_stages_of_the_training():
    stages = {name: stages_of(CONFIG, name) for name in NAMES}
    assert stages["joint"] == stages["single"] == ("pretrain", "train", "score")
    assert stages["joint_decoding"] == ("train", "score")
    assert stages["regression"] == stages["correspondence"] == ("train",)
    assert stages_of(PRESETS["paper"], "joint") == ("pretrain", "train")


def test_without_a_checkpoint_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        run_evaluation(CONFIG, str(tmp_path / "out"), str(tmp_path / "nothing"))
    assert not list((tmp_path / "out").iterdir())


def test_networks_that_are_not_trained_are_left_out(tmp_path):
    (tmp_path / "regression").mkdir()
    assert trained_networks(CONFIG, tmp_path) == ("joint", "regression")
    config = dataclasses.replace(CONFIG, networks=("joint_decoding", "regression"))
    assert trained_networks(config, tmp_path) == ("joint", "regression")


def test_without_a_library_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no .sh3f"):
        library_files(str(tmp_path))
    with pytest.raises(InputError, match="blendswap"):
        load_models(CONFIG, "unseen")


def test_splits_share_no_model():
    parts = [load_models(CONFIG, split) for split in ("pretrain", "train", "test")]
    for i, one in enumerate(parts):
        assert np.unique(one.category).tolist() == list(range(9))
        for other in parts[:i]:
            assert not np.any(np.all(one.size_m[:, None] == other.size_m, -1))
    assert mean_sizes(parts).shape == (9, 3)


def test_perfect_alignments_are_perfect(tests_rooms):
    truth, found = tests_rooms.clean.truth, tests_rooms.pictures.examples
    exact = found.fold == found.picture.detections.fold  # others look wrong when turned
    score = np.where(exact, 0.9, 0.8)
    result = Result(once(jax.tree.map(jnp.asarray, truth), jnp.asarray(score)), score)
    tallies = scene_tallies(CONFIG, tests_rooms, result)
    missing = tests_rooms.clean.picture.detections.present.sum()
    assert 0 < tallies.hits.sum() <= tallies.counts.sum() <= missing
    metrics = accuracy_metrics(CONFIG, "joint", tallies, True)
    assert metrics["accuracy_joint_low"] <= metrics["accuracy_joint"]
    shown = picture_result(tests_rooms, result)
    right = shown.truth >= 0
    assert right.any() and shown.accurate[right].all()
    images = picture_metrics(shown)
    assert images["image_accuracy"] == pytest.approx(100 * right.mean())
    assert images["ap50_7"] > 0
    far = truth._replace(position=truth.position + 1.0)
    wrong = Result(once(jax.tree.map(jnp.asarray, far), jnp.asarray(score)), score)
    assert scene_tallies(CONFIG, tests_rooms, wrong).hits.sum() == 0


@pytest.mark.slow
def test_little_space():
    models = load_models(CONFIG, "test")

    @jax.jit
    def draw(key_room, key_noise):
        example = sample_room(key_room, models, height=30, width=40)
        return add_noise(key_noise, example, models, NO_NOISE)

    example = draw(jax.random.key(0), jax.random.key(1))
    small = compact(example)
    assert sum(x.nbytes for x in jax.tree.leaves(small.picture)) < 30 * 40 * 9 + 2000
    found = restore(small, models.points, models.normals)
    for name, size in (("rgb", 1 / 255), ("normals", 0.01), ("depth", 0.005)):
        own, other = (getattr(x.picture, name) for x in (found, example))
        np.testing.assert_allclose(own, other, atol=size)
    np.testing.assert_array_equal(found.picture.owner, example.picture.owner)
    points = found.picture.detections.points
    np.testing.assert_array_equal(points, example.picture.detections.points)


def test_groups():
    picture = make_picture()
    found = picture.detections._replace(present=jnp.array([False, True, True]))
    picture = picture._replace(detections=found)
    assert in_groups(picture, 2).tolist() == [[1, 2], [-1, -1]]

    def one(picture, key):
        del key
        own = picture.detections
        place = Placement(own.box_px[:, :3], own.box_px, own.box_px[:, :3])
        return once(place, own.category + 0.5)

    whole = by_groups(one, picture, jax.random.key(0), 2)
    np.testing.assert_allclose(whole.score[1:], [1.5, 2.5])
    np.testing.assert_array_equal(whole.placements.quaternion[0, 1:], found.box_px[1:])
    alone = by_groups(one, picture, jax.random.key(0), 1)
    np.testing.assert_array_equal(alone.score, whole.score)


def test_object_coordinates_know_symmetry():
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.uniform(-0.5, 0.5, (20, 3)), jnp.float32)
    truth = jax.tree.map(lambda x: x[0], make_placement())
    truth = truth._replace(size=jnp.array([0.5, 0.8, 0.5]))
    places, known = place_points(truth, points), jnp.ones(20, bool)
    assert _coordinate_loss(points, places, known, truth, jnp.asarray(1))[0] < 1e-4
    turned = points[:, jnp.array([2, 1, 0])] * jnp.array([1.0, 1, -1])
    assert _coordinate_loss(turned, places, known, truth, jnp.asarray(4))[0] < 1e-3
    assert _coordinate_loss(turned, places, known, truth, jnp.asarray(2))[0] > 1
    assert _coordinate_loss(points, places, ~known, truth, jnp.asarray(2)) == (0, 0)


def test_gradient_finds_the_mask():
    models = load_models(CONFIG, "test")
    config = dataclasses.replace(
        CONFIG, height=48, width=64, gradient_rows=48, gradient_steps=40
    )
    example = sample_room(jax.random.key(3), models, height=48, width=64)
    row = int(jnp.argmax(example.visible))
    truth = jax.tree.map(lambda x: x[row], example.truth)
    start = truth._replace(
        position=truth.position + jnp.array([0.15, 0.1, 0.1]), size=1.15 * truth.size
    )
    lone = single_shape(get_shape(models.library, example.model[row]))
    target = make_target(config, example.picture, lone, row)
    starts = jax.tree.map(lambda x: x[None], start)
    found, energy = jax.jit(lambda s: follow(config, s, target))(starts)
    before, after = (
        float(jnp.linalg.norm(x.position - truth.position)) for x in (start, found)
    )
    assert np.isfinite(energy) and after < 0.6 * before


def test_tables():
    assert set(ROWS) == {*NAMES, "confidence_2d", "gradient"}
    assert set(PAPER_ACCURACY) == set(ROWS) - {"gradient"}
    hits, counts = np.zeros((3, 9)), np.zeros((3, 9))
    hits[:, 5], counts[:, 5], counts[:, 8] = [1, 2, 3], [2, 2, 4], 1
    tallies = Tally(hits, counts)
    metrics = accuracy_metrics(CONFIG, "joint", tallies, True)
    assert metrics["accuracy_joint"] == pytest.approx(600 / 11)
    assert metrics["accuracy_joint_class"] == pytest.approx(37.5)
    table = accuracy_table(metrics)
    assert "| 75.0 (64.8) |" in table and "| 54.5 (40.3) |" in table
    other = Tally(np.zeros((2, 9)), counts[:2])
    gain = difference_metrics(CONFIG, "single", tallies, other)
    assert gain["gain_over_single"] == pytest.approx(50)
    assert gain["gain_over_single_low"] <= 50 <= gain["gain_over_single_high"]


@pytest.mark.parametrize("name", NAMES)
def test_every_network_has_a_shape(name):
    shapes = jax.eval_shape(network_of(CONFIG, name).init, jax.random.key(0))
    assert ("head" in shapes) == (name != "correspondence")
    assert (name in VARIANTS) or name in ("regression", "correspondence")


@pytest.mark.slow
def test_shipped_networks_align_rooms():
    names = ("joint", "regression")
    config = dataclasses.replace(PRESETS["cpu"], networks=names, num_scenes=8)
    networks = load_networks(config, SHIPPED)
    tests = make_test_rooms(config, load_models(config, "test"))
    shares = []
    for name in names:
        found = align_all(config, name, networks, tests.pictures)
        tally = scene_tallies(config, tests, Result(found, np.asarray(found.score)))
        shares.append(accuracy_metrics(config, name, tally, False)[f"accuracy_{name}"])
    assert shares[0] > 25 and shares[0] > shares[1]
