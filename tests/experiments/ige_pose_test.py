"""IGE-Net for poses at the size of a toy: training, comparison, splits, resumption."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.ige_pose.config import PRESETS, SHIPPED
from experiments.ige_pose.evaluate import errors_mm, lifters, pose_metrics
from experiments.ige_pose.examples import make_views, procedural_poses
from experiments.ige_pose.networks import (
    from_eight_bits,
    in_eight_bits,
    init_descent,
    lifter,
    load_base,
    save_base,
)
from experiments.ige_pose.run import (
    load_networks,
    load_sizes,
    run_evaluation,
    run_training,
)
from experiments.ige_pose.splits import split_motions
from experiments.ige_pose.tables import error_table
from ivg.io.errors import InputError
from ivg.io.motion_capture import Motions
from ivg.models.network import count_parameters
from ivg.models.pose_lifting import base_network

CONFIG = PRESETS["smoke"]


pytestmark = pytest.mark.usefixtures("compile_quickly")


def motions(names, subjects):
    poses = np.tile(np.arange(3.0 * len(names))[:, None, None], (1, 17, 3))
    sequence = np.repeat(np.arange(len(names)), 3)
    return Motions(poses, sequence, tuple(names), tuple(subjects))


@pytest.mark.slow
def test_training_then_comparison(tmp_path):
    trained = run_training(CONFIG, str(tmp_path / "net"))
    assert np.isfinite(list(trained.values())).all()
    found = run_evaluation(CONFIG, str(tmp_path), str(tmp_path / "net"))
    expected = {
        f"{protocol}_{name}_{source}"
        for protocol in ("p1a", "p2")
        for name in ("ige1", "ige2", "base")
        for source in ("gt", "noisy")
    }
    expected |= {f"p2_step_{step}" for step in (0, 1, 2)}
    expected |= {"parameters_ige2", "parameters_base", "seconds_10000"}
    assert expected <= found.keys()
    assert np.isfinite(list(found.values())).all()
    assert json.loads((tmp_path / "metrics.json").read_text()).keys() == found.keys()
    names = "table.md", "sizes.png", "steps.png", "poses.png"
    assert all((tmp_path / name).stat().st_size for name in names)


def test_without_a_checkpoint_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        run_evaluation(CONFIG, str(tmp_path / "out"), str(tmp_path / "nothing"))
    assert not list((tmp_path / "out").iterdir())


def test_broken_sizes(tmp_path):
    (tmp_path / "sizes.json").write_text('[{"kind": 3}]')
    with pytest.raises(InputError, match="train again"):
        load_sizes(tmp_path / "sizes.json")


def test_split_by_sequence():
    names = [f"train/walk_{i}" for i in range(10)] + ["test/walk_1"]
    split = split_motions(motions(names, ["walk"] * 11), "sequence", 0.2)
    assert set(split.test[:, 0, 0]) == {30.0, 31.0, 32.0}
    parts = [set(part[:, 0, 0] // 3) for part in split]
    assert [len(part) for part in parts] == [8, 2, 1]
    assert len(set.union(*parts)) == 11


def test_split_by_subject():
    subjects = ["S1", "S1", "S5", "S6", "S9", "S11"]
    names = [f"{subject}/{i}" for i, subject in enumerate(subjects)]
    split = split_motions(motions(names, subjects), "subject", 0.2)
    assert set(split.test[:, 0, 0] // 3) == {4, 5}
    assert set(split.validation[:, 0, 0] // 3) == {3}
    others = split_motions(motions("abc", "abc"), "subject", 0.2)
    assert [len(part) for part in others] == [3, 3, 3]


@pytest.mark.parametrize(
    ("by", "names"), [("person", "abc"), ("sequence", "ab"), ("subject", "a")]
)
def test_splits_that_cannot_be_made(by, names):
    with pytest.raises(InputError, match="--split"):
        split_motions(motions(names, names), by, 0.2)


def test_views_are_the_same_every_time():
    poses = procedural_poses(0, 6)
    views, again = make_views(3, poses, 4), make_views(3, poses, 4)
    jax.tree.map(np.testing.assert_array_equal, views, again)
    assert views.poses_m.shape == (4, 17, 3)
    noise = np.abs(views.sights.joints - views.noisy.joints) * 1145
    assert 0.5 < noise.mean() < 30


def test_the_truth_has_no_error():
    views = make_views(0, procedural_poses(1, 5), 5)
    errors = errors_mm(0.3 * views.poses_m[:, None, 1:], views.poses_m)
    assert errors.max() < 0.05


def test_a_result_does_not_depend_on_its_batch():
    views = make_views(0, procedural_poses(1, 5), 5)
    params = init_descent(CONFIG, jax.random.key(0))
    run = lifter(CONFIG, 2)
    first = run(params, views.sights)
    alone = run(params, jax.tree.map(lambda x: x[2:3], views.sights))
    np.testing.assert_allclose(first[2], alone[0], rtol=1e-5, atol=1e-6)


def test_eight_bits_are_near(tmp_path):
    params = base_network(32, 1).init(jax.random.key(0))
    save_base(tmp_path / "base", params)
    loaded = load_base(tmp_path / "base", 32, 1)
    near = from_eight_bits(in_eight_bits(params))
    jax.tree.map(np.testing.assert_array_equal, loaded, near)
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(loaded), strict=True):
        assert jnp.abs(a - b).max() <= jnp.abs(a).max() / 250
    with pytest.raises(InputError, match="does not fit"):
        load_base(tmp_path / "base", 64, 1)


def test_the_published_network_has_84419_parameters():
    config = PRESETS["cpu"]
    params = init_descent(config, jax.random.key(0))
    assert count_parameters(params) == 84_419


def test_shipped_networks_are_whole_and_small():
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 10e6
    assert len(load_sizes(SHIPPED / "sizes.json")) == 16


@pytest.mark.slow
def test_shipped_networks_beat_the_base_network():
    """On procedural poses, with the ratio of parameters that the paper has."""
    config = PRESETS["cpu"]
    networks = load_networks(config, SHIPPED)
    views = make_views(0, procedural_poses(5, 1000), 1000)
    found = pose_metrics(config, lifters(config, networks), views)
    assert found["p1a_ige8_gt"] < found["p1a_base_gt"]
    assert found["p2_ige8_gt"] < 1.1 * found["p2_base_gt"]
    steps = [found[f"p2_step_{step}"] for step in (0, 1, 2, 4, 8)]
    assert steps == sorted(steps, reverse=True)
    sizes = [count_parameters(networks[name]) for name in ("base_gt", "ige8_gt")]
    assert sizes[0] > 50 * sizes[1]


def test_table_has_the_figures_of_the_paper():
    metrics = {
        f"{protocol}_{name}_{source}": 50.0
        for protocol in ("p1a", "p2")
        for name in ("ige4", "ige8", "base")
        for source in ("gt", "noisy")
    } | {f"parameters_{name}": 84_419 for name in ("ige4", "ige8", "base")}
    text = error_table(metrics, (4, 8))
    assert "50.0 (42.6)" in text and "50.0 (52.2, 47.9)" in text
