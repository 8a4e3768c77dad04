"""Alignment: perfect and symmetric ones are accurate, 21 degrees not; matching, NMS."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ivg.metrics.alignment import (
    Aligned,
    Thresholds,
    alignment_errors,
    is_accurate,
    match_scene,
    rotation_error,
    scale_error,
    shared_fold,
    suppress,
)
from ivg.metrics.tally import Tally, accuracy_percent, tally
from ivg.scene.indoor import Placement

UP = np.array([0.0, 1.0, 0.0])
match = jax.jit(match_scene, static_argnames=("official", "capped"))


def wxyz(rotation):
    return np.roll(rotation.as_quat(), 1, -1)


def random_scene(seed, count, fold=None):
    rng = np.random.default_rng(seed)
    folds = rng.choice([1, 2, 4, 36], count) if fold is None else np.full(count, fold)
    placement = Placement(
        jnp.asarray(rng.uniform(-3, 3, (count, 3)), jnp.float32),
        jnp.asarray(wxyz(Rotation.random(count, rng=rng)), jnp.float32),
        jnp.asarray(rng.uniform(0.3, 2, (count, 3)), jnp.float32),
    )
    return Aligned(
        placement,
        jnp.ones(count, bool),
        jnp.asarray(rng.integers(0, 9, count), jnp.int32),
        jnp.asarray(folds, jnp.int32),
        jnp.asarray(rng.uniform(size=count), jnp.float32),
    )


def turned(scene, degrees):
    """Every object turned about its own up axis."""
    own = Rotation.from_quat(np.roll(np.asarray(scene.placement.quaternion), -1, -1))
    about = Rotation.from_rotvec(np.radians(degrees)[:, None] * UP)
    quaternion = jnp.asarray(wxyz(own * about), jnp.float32)
    return scene._replace(placement=scene.placement._replace(quaternion=quaternion))


def instance_accuracy(predictions, truth, **options):
    hits = match(predictions, truth, **options)
    counts = tally(hits, predictions.category, truth.present, truth.category)
    return accuracy_percent(counts).instance


def test_perfect_predictions_are_all_accurate():
    truth = random_scene(0, 12)
    assert instance_accuracy(truth, truth) == 100.0
    assert instance_accuracy(truth, truth, official=True) == 100.0
    flipped = truth.placement._replace(quaternion=-truth.placement.quaternion)
    assert instance_accuracy(truth._replace(placement=flipped), truth) == 100.0


@pytest.mark.parametrize("fold", [2, 4, 36])
def test_turns_that_look_the_same_are_accurate(fold):
    truth = random_scene(1, 10, fold)
    steps = np.random.default_rng(2).integers(0, fold, 10)
    assert instance_accuracy(turned(truth, 360 / fold * steps), truth) == 100.0
    if fold < 36:
        half = turned(truth, np.full(10, 180.0 / fold))
        assert instance_accuracy(half, truth) == 0.0


@pytest.mark.parametrize("degrees, expected", [(19.5, 100.0), (21.0, 0.0)])
def test_one_degree_beyond_the_threshold_is_wrong(degrees, expected):
    truth = random_scene(3, 8, 1)
    assert instance_accuracy(turned(truth, np.full(8, degrees)), truth) == expected
    assert instance_accuracy(turned(truth, np.full(8, -degrees)), truth) == expected


@pytest.mark.parametrize("share, expected", [(0.98, True), (1.02, False)])
@pytest.mark.parametrize("what", ["position", "size"])
def test_thresholds_of_translation_and_scale(what, share, expected):
    one = jax.tree.map(lambda x: x[0], random_scene(4, 1).placement)
    moved = {
        "position": one.position + share * 0.2 * jnp.array([0.6, 0.0, -0.8]),
        "size": one.size * (1 + share * 0.2),
    }[what]
    wrong = one._replace(**{what: moved})
    assert bool(is_accurate(wrong, one, jnp.array(1))) == expected


@pytest.mark.parametrize("fold", [1, 2, 4, 36])
def test_rotation_error_against_scipy(fold):
    rng = np.random.default_rng(5)
    for _ in range(5):
        a, b = Rotation.random(2, rng=rng)
        alike = [
            b * Rotation.from_rotvec(2 * np.pi * k / fold * UP) for k in range(fold)
        ]
        expected = min((x.inv() * a).magnitude() for x in alike)
        got = rotation_error(
            jnp.asarray(wxyz(a)), jnp.asarray(wxyz(b)), jnp.array(fold)
        )
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_rotation_error_of_equal_turns_is_finite_and_zero():
    q = jnp.array([0.5, -0.5, 0.5, 0.5])
    assert float(rotation_error(q * 1.0001, q, jnp.array(1))) < 1e-3
    assert np.isfinite(jax.grad(rotation_error)(q, q, jnp.array(1))).all()


def test_scale_errors_cancel_in_the_official_variant_only():
    truth = jnp.array([1.0, 2.0, 0.5])
    size = truth * jnp.array([1.3, 0.7, 1.0])
    np.testing.assert_allclose(scale_error(size, truth), 20.0, rtol=1e-5)
    np.testing.assert_allclose(scale_error(size, truth, official=True), 0, atol=1e-4)
    np.testing.assert_allclose(scale_error(1.1 * truth, truth), 10.0, rtol=1e-4)


def test_symmetry_needs_the_same_fold_of_the_retrieved_model():
    np.testing.assert_array_equal(
        shared_fold(jnp.array([1, 2, 4]), jnp.array([2, 2, 36])), [1, 2, 1]
    )
    truth = random_scene(6, 6, 4)
    quarter = turned(truth, np.full(6, 90.0))
    quarter = quarter._replace(fold=jnp.ones(6, jnp.int32))
    assert instance_accuracy(quarter, truth) == 0.0
    assert instance_accuracy(quarter, truth, official=True) == 100.0


def slow_matches(predictions, truth, capped):
    """Greedy matching in plain loops with SciPy's rotations."""
    turns = [
        Rotation.from_quat(np.roll(np.asarray(x.placement.quaternion), -1, -1))
        for x in (predictions, truth)
    ]
    free = list(np.flatnonzero(truth.present))
    used = dict.fromkeys(range(9), 0)
    hits = np.zeros(len(predictions.score), bool)
    for i in np.argsort(-np.asarray(predictions.score)):
        category = int(predictions.category[i])
        if not predictions.present[i]:
            continue
        alike = np.sum(
            np.asarray(truth.category)[np.asarray(truth.present)] == category
        )
        used[category] += 1
        if capped and used[category] > alike:
            continue
        for j in free:
            fold = int(truth.fold[j]) if truth.fold[j] == predictions.fold[i] else 1
            angle = min(
                (turns[0][i].inv() * turns[1][j]
                 * Rotation.from_rotvec(2 * np.pi * k / fold * UP)).magnitude()
                for k in range(fold)
            )  # fmt: skip
            apart = predictions.placement.position[i] - truth.placement.position[j]
            ratio = predictions.placement.size[i] / truth.placement.size[j]
            if (
                truth.category[j] == category
                and np.linalg.norm(apart) <= 0.2
                and angle <= math.radians(20)
                and 100 * np.mean(np.abs(ratio - 1)) <= 20
            ):
                hits[i] = True
                free.remove(j)
                break
    return hits


@pytest.mark.parametrize("capped", [True, False])
def test_matching_against_loops(capped):
    some = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth = random_scene(seed, 6)
        few = jnp.asarray(rng.integers(0, 2, 6), jnp.int32)
        truth = truth._replace(present=jnp.arange(6) < 5, category=few)
        rows = rng.integers(0, 6, 14)
        guess = jax.tree.map(lambda x, rows=rows: x[rows], truth)
        noise = jnp.asarray(rng.normal(0, 0.11, (14, 3)), jnp.float32)
        placement = guess.placement._replace(
            position=guess.placement.position + noise,
            size=guess.placement.size * jnp.exp(noise[:, ::-1]),
        )
        guess = guess._replace(
            placement=placement,
            present=jnp.asarray(rng.uniform(size=14) < 0.9),
            score=jnp.asarray(rng.uniform(size=14), jnp.float32),
        )
        guess = turned(guess, rng.normal(0, 15, 14))
        expected = slow_matches(guess, truth, capped)
        np.testing.assert_array_equal(match(guess, truth, capped=capped), expected)
        some += expected.sum()
    assert some > 5


def test_an_object_is_found_once():
    truth = random_scene(7, 1)
    twice = jax.tree.map(lambda x: jnp.concatenate([x, x]), truth)
    twice = twice._replace(score=jnp.array([0.2, 0.9]))
    hits = match(twice, truth, capped=False)
    np.testing.assert_array_equal(hits, [False, True])


def test_suppression_keeps_the_best_of_each_object():
    views = [random_scene(8, 5, 1) for _ in range(3)]
    noise = np.random.default_rng(9).normal(0, 0.05, (3, 5, 3)).astype(np.float32)
    scores = np.random.default_rng(9).permutation(15).reshape(3, 5) / 15
    moved = [
        v._replace(
            placement=v.placement._replace(position=v.placement.position + d),
            score=jnp.asarray(s, jnp.float32),
        )
        for v, d, s in zip(views, noise, scores, strict=True)
    ]
    together = jax.tree.map(lambda *x: jnp.concatenate(x), *moved)
    keep = jax.jit(suppress)
    kept = np.asarray(keep(together)).reshape(3, 5)
    np.testing.assert_array_equal(kept, scores == scores.max(0))
    absent = together._replace(present=jnp.zeros(15, bool))
    assert not keep(absent).any()
    # Another category, or all too far in one respect, is another object.
    strict = Thresholds(1e-3, math.radians(60), 60.0)
    assert keep(together, thresholds=strict).all()


def test_tallies_add_up():
    categories = jnp.array([0, 5, 5, 8], jnp.int32)
    counts = tally(
        jnp.array([True, False, True, False]), categories, jnp.array([1, 1, 1, 0]) > 0,
        categories,
    )  # fmt: skip
    total = jax.tree.map(jnp.add, counts, counts)
    accuracy = accuracy_percent(total)
    expected = np.full(9, np.nan)
    expected[[0, 5]] = 100.0, 50.0
    np.testing.assert_allclose(accuracy.per_category, expected)
    assert accuracy.category_mean == 75.0
    np.testing.assert_allclose(accuracy.instance, 200 / 3)
    empty = accuracy_percent(Tally(jnp.zeros(9), jnp.zeros(9)))
    assert math.isnan(empty.instance) and math.isnan(empty.category_mean)


def test_errors_have_gradients():
    one = jax.tree.map(lambda x: x[0], random_scene(10, 1).placement)

    def total(placement):
        return sum(alignment_errors(placement, one, jnp.array(2)))

    for leaf in jax.tree.leaves(jax.grad(total)(one)):
        assert np.isfinite(leaf).all()


def test_batches_are_loops():
    scenes = [random_scene(seed, 4) for seed in range(3)]
    batch = jax.tree.map(lambda *x: jnp.stack(x), *scenes)
    got = jax.jit(jax.vmap(match_scene))(batch, batch)
    assert got.all() and got.shape == (3, 4)
