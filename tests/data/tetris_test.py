"""Shapes of the 3D IQ test: walks, sameness under rotations, questions."""

import collections
import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ivg.data.tetris import (
    MAX_CUBES,
    ROTATIONS,
    WALKS,
    Walks,
    canonical_keys,
    is_chiral,
    make_questions,
    mirror_cubes,
    question_cubes,
    sample_directions,
    try_walks,
    unique_walks,
)

GROUP = Rotation.create_group("O").as_matrix()


def as_set(cubes):
    return frozenset(map(tuple, np.asarray(cubes - np.min(cubes, 0)).tolist()))


def turned_sets(cubes):
    """All turned copies, found with SciPy's group of the cube."""
    return {as_set(np.round(cubes @ matrix.T).astype(int)) for matrix in GROUP}


def test_rotations_are_those_of_the_cube():
    ours = {matrix.tobytes() for matrix in ROTATIONS.astype(float)}
    theirs = {(np.round(matrix) + 0.0).tobytes() for matrix in GROUP}
    assert len(ours) == 24 and ours == theirs


@pytest.mark.parametrize("length, grid", WALKS)
def test_walks(length, grid):
    walks = try_walks(np.random.default_rng(0), 300, length, grid)
    assert len(walks) > 100 and walks.shape[1:] == (length, 3)
    assert walks.min() == 0 and walks.max() == grid - 1
    assert (np.abs(np.diff(walks.astype(int), axis=1)).sum(-1) == 1).all()
    assert all(len(as_set(walk)) == length for walk in walks)


def test_straight_runs():
    """Runs in a large grid end as the rule says."""
    walks = try_walks(np.random.default_rng(1), 4000, 9, 60).astype(int)
    steps = np.diff(walks, axis=1)
    bends = (steps[:, 1:] != steps[:, :-1]).any(-1)
    counts = collections.Counter()
    for row in bends:
        run = 2  # cubes of the first run after its first step
        for bend in row:
            counts[run, bool(bend)] += 1
            run = 2 if bend else run + 1
    for n in range(2, 7):
        ended, total = counts[n, True], counts[n, True] + counts[n, False]
        spread = np.sqrt((n - 1) / 6 * (7 - n) / 6 / total)
        assert abs(ended / total - (n - 1) / 6) < 4 * spread + 1e-9
    assert not any(n > 7 for n, _ in counts)


def test_keys_are_equal_just_for_turned_copies():
    rng = np.random.default_rng(2)
    walks = try_walks(rng, 60, 6, 3).astype(int)  # small ones, of which many repeat
    shuffled = np.stack([walk[rng.permutation(6)] for walk in walks])
    keys = canonical_keys(walks)
    np.testing.assert_array_equal(canonical_keys(shuffled + 2), keys)
    copies = [turned_sets(walk) for walk in walks]
    same = 0
    for i, j in itertools.combinations(range(len(walks)), 2):
        is_copy = as_set(walks[j]) in copies[i]
        assert (keys[i] == keys[j]) == is_copy
        same += is_copy
    assert same > 5


def test_repeated_cubes_count_once():
    walk = try_walks(np.random.default_rng(3), 20, 11, 5)[:1]
    padded = np.pad(walk, ((0, 0), (0, 4), (0, 0)), "edge")
    again = padded[:, ::-1]
    assert canonical_keys(padded) == canonical_keys(again)
    line = np.zeros((1, 5, 3), int)
    line[0, :, 0] = [0, 1, 2, 2, 2]
    assert canonical_keys(line) == canonical_keys(2 - line)


def test_unique_walks():
    walks = unique_walks(0, 120)
    assert walks.cubes.shape == (120, MAX_CUBES, 3)
    assert set(walks.count) == {length for length, _ in WALKS}
    seen = set()
    for cubes, count in zip(walks.cubes.astype(int), walks.count, strict=True):
        assert len(as_set(cubes)) == count == len(as_set(cubes[:count]))
        assert cubes.min() == 0
        copies = turned_sets(cubes) | turned_sets(cubes * [1, 1, -1])
        assert not copies & seen
        seen |= {as_set(cubes)}


def test_the_first_walks_do_not_depend_on_their_number():
    few, many = unique_walks(5, 40), unique_walks(5, 1500)
    np.testing.assert_array_equal(few.cubes, many.cubes[:40])
    np.testing.assert_array_equal(few.count, many.count[:40])
    other = unique_walks(6, 40)
    assert (few.cubes != other.cubes).any()


def test_mirror_images():
    walks = unique_walks(0, 200)
    chiral = is_chiral(walks)
    for cubes, is_other in zip(walks.cubes.astype(int), chiral, strict=True):
        assert is_other == (as_set(mirror_cubes(cubes)) not in turned_sets(cubes))
    assert 0.8 < chiral.mean() < 1


@pytest.mark.parametrize("distractors", ["others", "mirror"])
def test_questions(distractors):
    walks = unique_walks(0, 60)
    questions = make_questions(1, walks, 50, distractors)
    again = make_questions(1, walks, 50, distractors)
    for one, other in zip(questions, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(questions.answer) == {0, 1, 2}
    norms = np.linalg.norm(questions.direction, axis=-1)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)
    shown = question_cubes(walks, questions)
    cubes = shown.cubes.reshape(50, 4, MAX_CUBES, 3).astype(int)
    chiral = is_chiral(walks)[:50]
    for row in range(50):
        copies = turned_sets(cubes[row, 0])
        mirrored = turned_sets(mirror_cubes(cubes[row, 0]))
        is_same = [as_set(answer) in copies for answer in cubes[row, 1:]]
        is_mirror = [as_set(answer) in mirrored - copies for answer in cubes[row, 1:]]
        assert is_same == [i == questions.answer[row] for i in range(3)]
        assert sum(is_mirror) == (distractors == "mirror" and chiral[row])
        apart = np.abs(np.diff(questions.direction[row], axis=0)).max(1)
        assert (apart > 0).all()
    np.testing.assert_array_equal(questions.walk[:, 0], np.arange(50))


def test_questions_that_cannot_be_made():
    walks = unique_walks(0, 5)
    with pytest.raises(ValueError, match="as many shapes"):
        make_questions(0, walks, 6)
    with pytest.raises(ValueError, match="distractors"):
        make_questions(0, walks, 5, "none")
    with pytest.raises(ValueError, match="shapes"):
        make_questions(0, Walks(*(x[:2] for x in walks)), 2)


def test_directions_are_spread_evenly():
    directions = sample_directions(np.random.default_rng(0), (20_000,))
    np.testing.assert_allclose(directions.mean(0), 0, atol=0.02)
    np.testing.assert_allclose((directions**2).mean(0), 1 / 3, atol=0.02)
