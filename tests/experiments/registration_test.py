"""The whole of the registration experiment at the size of a toy, and its measures."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.registration import tune
from experiments.registration.cls import drift_points
from experiments.registration.config import PRESETS, Drift
from experiments.registration.evaluate import METHODS, MODES, point_distances
from experiments.registration.methods import descent_rates
from experiments.registration.run import run_evaluation, run_training
from experiments.registration.scenes import pose_units
from experiments.registration.shapes import Family, surface_points
from experiments.registration.tables import registration_metrics
from experiments.registration.train import highest_features
from ivg.geometry import rotation
from ivg.io.errors import InputError
from ivg.refine.registration import Deformable, View, place_points
from ivg.scene.shapes.instances import make_instance, middle_values
from ivg.shape_space.latent_space import ShapeDecoder, decode_shape

CONFIG = PRESETS["smoke"]


@pytest.mark.slow
def test_training_then_comparison(tmp_path, compile_quickly, monkeypatch):
    losses = run_training(CONFIG, str(tmp_path))
    assert all(np.isfinite(x) for x in losses.values())
    metrics = run_evaluation(CONFIG, str(tmp_path), str(tmp_path))
    assert {f"mean_mm_{m}_{s}" for m in METHODS for s in MODES} <= metrics.keys()
    assert {"count_ours_noisy_within_1p3", "count_cpd_noisy_within_1p3"} <= set(metrics)
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    names = "table.md", "examples.png", "registration.gif"
    assert all((tmp_path / name).stat().st_size for name in names)
    first = {method: row for row in reversed(tune.candidates()) if (method := row[0])}
    monkeypatch.setattr(tune, "candidates", lambda: [first["cpd"], first["joint"]])
    found = tune.run_tuning(CONFIG, str(tmp_path), str(tmp_path))
    assert len(found) == 2 and all(np.isfinite(x) for x in found.values())
    assert (tmp_path / "tuning.md").read_text().count("|") > 6


def test_without_a_checkpoint_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        run_evaluation(CONFIG, str(tmp_path / "out"), str(tmp_path / "nothing"))
    assert not list((tmp_path / "out").iterdir())


def view():
    turned = rotation.quaternion_from_azimuth_elevation(0.7, 0.4)
    return View(rotation.inverse(turned), jnp.array([0.02, 0.0, -0.7]))


def test_distances_are_those_of_the_shape_in_any_pose():
    rng = np.random.default_rng(0)
    reference = jnp.asarray(rng.normal(size=(30, 3)) * 0.1, jnp.float32)
    off = jnp.asarray(rng.normal(size=(30, 3)) * 0.01, jnp.float32)
    points = place_points(reference + off, view())
    found = point_distances(points, reference, view(), False)
    np.testing.assert_allclose(found, np.linalg.norm(off, axis=1), atol=1e-6)


def test_round_things_may_turn_and_others_may_not():
    rng = np.random.default_rng(1)
    reference = jnp.asarray(rng.normal(size=(30, 3)) * 0.1, jnp.float32)
    turned = rotation.matrix_from_quaternion(rotation.quaternion_from_azimuth(0.4))
    points = place_points(reference @ turned.T, view())
    assert np.max(point_distances(points, reference, view(), True)) < 1e-6
    assert np.mean(point_distances(points, reference, view(), False)) > 0.01


def test_points_lie_on_the_surface_evenly():
    mesh = make_instance("camera", middle_values("camera"), 0.012)
    points = surface_points(mesh, 500, 0)
    low, high = np.min(mesh.vertices, 0), np.max(mesh.vertices, 0)
    assert np.all(points >= low - 1e-6) and np.all(points <= high + 1e-6)
    assert points.shape == (500, 3)


@pytest.mark.parametrize("has_pose", [False, True])
def test_drift_finds_latents_and_pose(has_pose):
    mesh = make_instance("camera", middle_values("camera"), 0.012)
    mesh = mesh.replace(vertices=mesh.vertices - jnp.mean(mesh.vertices, 0))
    basis = 0.1 * jnp.stack([mesh.vertices * jnp.eye(3)[i] for i in range(2)])
    decoder = ShapeDecoder(mesh.vertices, basis)
    family = Family(Deformable(mesh, decoder), jnp.arange(len(mesh.vertices)))
    true = decode_shape(decoder, jnp.array([1.0, -1.0]))
    turn = rotation.quaternion_from_rotation_vector(jnp.array([0.1, -0.05, 0.1]))
    start = view()
    if has_pose:
        shift = jnp.array([0.02, -0.01, 0.0])
        start = View(rotation.multiply(turn, start.quaternion), start.position + shift)
    cloud = place_points(true, view())
    settings = Drift(0.0, 0.1, 10 * has_pose, False)
    points = drift_points(family, cloud, start, settings, 60, has_pose=has_pose)
    off = np.linalg.norm(points - cloud, axis=1)
    begin = np.linalg.norm(place_points(mesh.vertices, start) - cloud, axis=1)
    assert np.mean(off) < 0.1 * np.mean(begin)


def test_rates_are_in_half_widths_of_the_noise():
    unit, rates = pose_units(CONFIG), CONFIG.joint
    found = descent_rates(CONFIG, rates, has_pose=True)
    assert found.shift_m == pytest.approx(rates.shift * unit.shift_m**2)
    assert found.turn_rad == pytest.approx(rates.turn * unit.turn_rad**2)
    assert descent_rates(CONFIG, rates, has_pose=False).turn_rad == 0


def test_highest_features_leave_out_zeros_and_dead_channels():
    features = jnp.zeros((1, 10, 10, 2)).at[0, 0, :, 0].set(jnp.arange(1.0, 11.0))
    highest = highest_features(features, 100)
    np.testing.assert_allclose(highest, [10.0, 0.1], rtol=1e-4)


def test_metrics_count_instances_that_hold_out():
    shape = (2, 3, 4)
    known = {m: {"known": np.full(shape, 1e-3)} for m in METHODS}
    for name, of in known.items():
        of["noisy"] = of["known"] * np.array([1.2, 1.5])[:, None, None]
        of["known"] = of["known"] * (2 if name == "canonical" else 1)
    metrics = registration_metrics(np.full((2, 4), 1e-3), known)
    assert metrics["count_ours_noisy_within_1p3"] == 1
    assert metrics["ratio_ours_over_canonical_known"] == pytest.approx(0.5)
    assert metrics["ratio_ours_over_cpd_known"] == pytest.approx(1)
    assert metrics["mean_mm_truth"] == pytest.approx(1)
