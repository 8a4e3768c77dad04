"""The figures of LiDO's tables, computed by hand."""

import numpy as np
import pytest
import scipy.stats

from experiments.lido import statistics
from experiments.lido.tables import image_table, latent_table, time_table

NAN = np.nan


def errors_of(final, steps=2, places=3):
    """`[M, T + 1, ...]` errors that fall from one to `final [M]`."""
    final = np.asarray(final, float)
    path = 1 + np.linspace(0, 1, steps + 1) * (final[:, None] - 1)
    several = np.repeat(path[..., None], places, -1)
    several[:, :, -1] = NAN
    objects = dict.fromkeys(statistics.OBJECT_SETS.values(), several)
    return objects | dict.fromkeys(statistics.GLOBAL_SETS.values(), path)


def scores_of(value):
    objects = np.array([[value, NAN], [value, value]])
    return {
        "iou_object": objects,
        "iou_ground": np.array([value, NAN]),
        "mse_object": objects / 10,
        "mse_ground": np.array([value, value]) / 10,
    }


ERRORS = {
    "gbo": errors_of(np.linspace(0.7, 1.1, 40)),
    "simplex": errors_of(np.linspace(0.6, 0.8, 40), steps=5),
    "lido": errors_of(np.linspace(0.3, 0.5, 40), steps=3),
    "chosen": errors_of(np.linspace(0.2, 0.4, 40), steps=7),
}
VALUES = 0.5, 0.6, 0.7, 0.9, 0.8
SCORES = dict(zip(statistics.STATES, map(scores_of, VALUES), strict=True))
SECONDS = {
    m: np.array([[0, 1, s], [0, 2, s + 2]])
    for m, s in (("gbo", 9), ("simplex", 19), ("lido", 2), ("chosen", 4))
}


def test_improvement_is_that_of_the_medians():
    initial, final = np.array([[4.0, 1, 2], [9, NAN, 1]]), np.array([[1.0, 1, 1]] * 2)
    assert statistics.improvement(initial, final) == pytest.approx(50)
    assert statistics.improvement(final, 2 * final) == pytest.approx(-100)


def test_hard_cases_are_the_worse_half():
    initial = np.array([1.0, 5, NAN, 3, 2, 3])  # worst two of five: 5 and the first 3
    final = np.array([0.0, 6, 0, 1, 9, 0])
    np.testing.assert_array_equal(
        statistics.hard_cases(initial[[0, 1, 3, 4, 5]]), [0, 1, 1, 0, 0]
    )
    np.testing.assert_array_equal(statistics.hard_changes(initial, final), [-1, 2])
    assert statistics.hard_improved(initial, final) == 50
    assert statistics.hard_cases(np.ones(1)).all()
    assert statistics.hard_cases(np.ones(1064)).sum() == 532


def test_unchanged_errors_are_not_improved():
    assert statistics.hard_improved(np.ones(4), np.ones(4)) == 0


def test_signed_ranks_by_hand():
    """Six pairs, ranks 1 to 6, all of one sign: 2 of the 64 patterns are so extreme."""
    a = np.arange(6.0)
    b = a + np.array([1, 2, 3, 4, 5, 6])
    assert statistics.paired_p(a, b) == pytest.approx(2 / 64)
    assert statistics.paired_p(a, a) == 1


def test_signed_ranks_leave_out_nan():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(30, 3))
    b = a + rng.normal(0.3, 1, (30, 3))
    expected = scipy.stats.wilcoxon(a[:, :2].ravel(), b[:, :2].ravel()).pvalue
    b[:, 2] = NAN
    assert statistics.paired_p(a, b) == expected
    assert 0 < expected < 1


def test_nothing_known():
    nothing = np.full((3, 2), NAN)
    assert np.isnan(statistics.improvement(nothing, nothing))
    assert np.isnan(statistics.hard_improved(nothing, nothing))
    assert np.isnan(statistics.paired_p(nothing, nothing))
    assert np.isnan(statistics.median_curve(nothing[None])).all()
    for initial in (0.0, 1e-8):  # what was right but for rounding cannot improve
        assert np.isnan(statistics.improvement(np.full(2, initial), np.ones(2)))
    errors = {m: {n: e * NAN for n, e in ERRORS[m].items()} for m in ERRORS}
    metrics = statistics.latent_metrics(errors)
    assert all(np.isnan(value) for value in metrics.values())
    assert "nan" in latent_table(metrics)


def test_median_curve():
    errors = np.array([[[1.0, NAN], [2, NAN]], [[3, 5], [4, NAN]]])
    np.testing.assert_array_equal(statistics.median_curve(errors), [3, 3])


def test_names_and_values():
    metrics = statistics.evaluation_metrics(ERRORS, SCORES, SECONDS)
    sets = {"position", "colour", "size", "azimuth"}
    sets |= {"illumination", "camera", "ground_colour"}
    methods, changes = ("gbo", "simplex", "lido", "chosen"), ("improvement", "hard")
    states = ("initial", *methods)
    scores = {"iou_object", "iou_ground", "mse_object", "mse_ground"}
    assert set(metrics) == (
        {f"initial_{s}" for s in sets}
        | {f"{k}_{m}_{s}" for k in changes for m in methods for s in sets}
        | {f"p_{mine}_{its}_{s}" for mine in ("lido", "chosen")
           for its in ("gbo", "simplex") for s in sets | scores}
        | {f"{s}_{w}" for s in scores for w in states}
        | {f"seconds_per_scene_{m}" for m in methods}
    )  # fmt: skip
    assert metrics["initial_size"] == 100 and metrics["initial_camera"] == 1
    assert metrics["improvement_simplex_position"] == pytest.approx(30)
    assert metrics["hard_gbo_camera"] == 100  # those of the first twenty scenes
    assert metrics["p_lido_gbo_colour"] < 1e-6
    assert metrics["iou_object_lido"] == pytest.approx(90)
    assert metrics["iou_ground_gbo"] == pytest.approx(60)
    assert metrics["mse_object_initial"] == pytest.approx(50)
    assert metrics["seconds_per_scene_gbo"] == 10
    assert all(isinstance(value, float) for value in metrics.values())


def test_prefix():
    shifted = statistics.evaluation_metrics(ERRORS, SCORES, SECONDS, "shifted_")
    plain = statistics.evaluation_metrics(ERRORS, SCORES, SECONDS)
    assert shifted == {f"shifted_{name}": value for name, value in plain.items()}


def test_photographs_have_no_latents_and_scores_of_their_own():
    shifted = statistics.evaluation_metrics(ERRORS, SCORES, SECONDS, "shifted_")
    assert "| 10.0 | 30.0 | 60.0* | 70.0* |" in latent_table(shifted, "shifted_")
    assert "(" not in latent_table(shifted, "shifted_")
    row = image_table(shifted, "shifted_").splitlines()[2]
    assert row.endswith(
        "| 50.0 (60.9) | 60.0 (63.2) | 70.0 (61.5) | 90.0 (71.4) | 80.0 |"
    )


def test_scores_of_pictures_are_starred_in_their_direction():
    names = "iou_object", "iou_ground", "mse_object", "mse_ground"
    draw = np.random.default_rng(0).uniform
    better = {name: draw(0.6, 0.8, 40) for name in names}
    scores = {state: {name: 0.5 * x for name, x in better.items()} for state in SCORES}
    metrics = statistics.image_metrics(scores | {"lido": better, "chosen": better})
    expected = scipy.stats.wilcoxon(better["iou_object"], 0.5 * better["iou_object"])
    assert metrics["p_lido_gbo_iou_object"] == pytest.approx(expected.pvalue)
    rows = image_table(metrics).splitlines()[2:]
    assert [row.count("*") for row in rows] == [2, 2, 0, 0]


def test_tables_stand_beside_the_papers():
    metrics = statistics.evaluation_metrics(ERRORS, SCORES, SECONDS)
    rows = latent_table(metrics).splitlines()
    assert len(rows) == 9 and len({row.count("|") for row in rows}) == 1
    assert "| 10.0 (22.9) | 30.0 (21.0) | 60.0* (51.0) | 70.0* |" in rows[2]
    worse = metrics | {"p_lido_gbo_position": 0.06}
    assert "60.0 (51.0)" in latent_table(worse)
    rows = image_table(metrics).splitlines()
    assert len(rows) == 6
    assert rows[2] == (
        "| IoU of objects, % | 50.0 (66.2) | 60.0 (73.1) | 70.0 (74.9) | 90.0 (78.9) "
        "| 80.0 |"
    )
    last = time_table(metrics).splitlines()[-1]
    assert last == "| seconds per scene | 10 | 20 | 3 | 5 |"
