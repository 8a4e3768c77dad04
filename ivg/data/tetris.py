"""Shapes of the 3D IQ test, strings of unit cubes, and questions about them.

On the host. A shape is a random walk on a cubic grid; it is the set of its cubes that
counts, wherever it lies and however it is turned.

Source: Rajeswar et al., Pix2Scene: Learning Implicit 3D Representations from Images,
section 4.4; lengths, grids and the rule for turns are those of the released code.
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# Cubes of a walk, and along each side of the grid that holds it.
WALKS = ((11, 5), (13, 5), (14, 6), (15, 8))
MAX_CUBES = max(length for length, _ in WALKS)
NUM_ANSWERS = 3
DISTRACTORS = ("others", "mirror")
STEPS = np.concatenate([np.eye(3, dtype=np.int8), -np.eye(3, dtype=np.int8)])
_STRAIGHT = 6  # a run of n cubes ends with probability (n - 1) / 6
_BLOCK = 256  # walks of each kind that are tried at once
_SPREAD = 16  # more than the side of any grid


class Walks(NamedTuple):
    """`S` shapes.

    Attributes:
      cubes: `[S, 15, 3]` int8, least coordinate zero; places from `count` on repeat
        the last cube.
      count: `[S]` int32 number of cubes.
    """

    cubes: np.ndarray
    count: np.ndarray


class Questions(NamedTuple):
    """`Q` questions of a reference and three answers, in this order.

    Attributes:
      walk: `[Q, 4]` int32, which shape is shown.
      mirrored: `[Q, 4]` bool, whether its mirror image is shown instead.
      direction: `[Q, 4, 3]` float32 unit, from the shape to the camera that sees it,
        in the frame of the shape.
      answer: `[Q]` int32 in [0, 3), which answer shows the shape of the reference.
    """

    walk: np.ndarray
    mirrored: np.ndarray
    direction: np.ndarray
    answer: np.ndarray


def cube_rotations() -> np.ndarray:
    """The rotations that take the axes of a cube to each other.

    Returns:
      `[24, 3, 3]` int8, matrices of determinant one.
    """
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.diag(signs)[list(order)]
            if round(float(np.linalg.det(matrix))) == 1:
                found.append(matrix)
    return np.array(found, np.int8)


ROTATIONS = cube_rotations()


def try_walks(rng: np.random.Generator, num: int, length: int, grid: int) -> np.ndarray:
    """Random walks that do not visit a place twice.

    A walk goes straight; a run of `n` cubes ends with probability `(n - 1) / 6`, or
    where it cannot go on, and the walk turns to one of the free sides.

    Args:
      rng: random numbers.
      num: walks that are begun.
      length: cubes of a walk.
      grid: places along each side of the grid, which no walk leaves.

    Returns:
      `[S, length, 3]` int8 places, those of the `S <= num` that found their way.
    """
    rows = np.arange(num)
    taken = np.ones((num, *(grid + 2,) * 3), bool)  # with a wall all around
    taken[:, 1:-1, 1:-1, 1:-1] = False
    place = rng.integers(1, grid + 1, (num, 3))
    heading, run = rng.integers(0, 6, num), np.ones(num, int)
    alive, path = np.ones(num, bool), []
    for index in range(length):
        taken[rows, *place.T] = True
        path.append(place)
        if index == length - 1:
            break
        beyond = place[:, None] + STEPS
        free = ~taken[rows[:, None], *np.moveaxis(beyond, -1, 0)]
        ends = rng.random(num) < (run - 1) / _STRAIGHT
        ends |= ~free[rows, heading]
        turned = _choose_side(rng, free, heading)
        alive &= ~ends | (turned >= 0)
        heading = np.where(ends, turned, heading)
        run = np.where(ends, 2, run + 1)
        place = np.where(alive[:, None], place + STEPS[heading], place)
    return (np.stack(path, 1)[alive] - 1).astype(np.int8)


def _choose_side(rng, free, heading):
    """`[S]` one of the free headings across the present one, -1 if there is none."""
    across = np.arange(6) % 3 != heading[:, None] % 3
    score = np.where(free & across, rng.random(free.shape), -1.0)
    return np.where(score.max(1) >= 0, score.argmax(1), -1)


def canonical_keys(cubes: np.ndarray) -> np.ndarray:
    """What all turned and shifted copies of a shape have in common.

    Args:
      cubes: `[S, K, 3]` int, coordinates less than 16 apart; repeated cubes count
        once.

    Returns:
      `[S]` bytes: the cubes in order, in the rotation of the 24 for which they come
      first. Equal for the same set of cubes up to rotation and translation, and
      different otherwise; a mirror image has another key unless it is the same shape.
    """
    turned = np.einsum("rij,skj->srki", ROTATIONS, cubes.astype(np.int8))
    turned = (turned - turned.min(2, keepdims=True)).astype(np.int64)
    codes = (turned[..., 0] * _SPREAD + turned[..., 1]) * _SPREAD + turned[..., 2]
    codes = np.sort(codes, -1) + 1
    again = np.diff(codes, axis=-1, prepend=0) == 0
    codes = np.sort(np.where(again, _SPREAD**3 + 1, codes), -1)
    codes = np.ascontiguousarray(codes.astype(">u2"))  # bytes sort as the numbers do
    names = codes.view(f"S{2 * cubes.shape[1]}")[..., 0]
    return np.sort(names, 1)[:, 0]


def mirror_cubes(cubes: np.ndarray) -> np.ndarray:
    """The mirror images of shapes.

    Args:
      cubes: `[..., K, 3]` int.

    Returns:
      `[..., K, 3]` with the first axis turned around, least coordinate zero.
    """
    mirrored = cubes * np.array([-1, 1, 1], cubes.dtype)
    return mirrored - mirrored.min(-2, keepdims=True)


def unique_walks(seed: int, num: int) -> Walks:
    """Shapes of all kinds, none of which is another one.

    Neither turned nor mirrored copies occur, so that shapes from two parts of the
    result never look alike from any side, nor in a mirror.

    Args:
      seed: of the walks.
      num: shapes; the first ones are the same whatever their number.

    Returns:
      `Walks` of `num` shapes.
    """
    rng, known, found = np.random.default_rng(seed), set(), []
    while len(found) < num:
        block = [row for kind in WALKS for row in _fresh(rng, known, *kind)]
        found += [block[i] for i in rng.permutation(len(block))]
    cubes, count = zip(*found[:num], strict=True)
    return Walks(np.stack(cubes), np.array(count, np.int32))


def _fresh(rng, known: set, length: int, grid: int) -> Iterator:
    """Shapes of one kind that are not known yet; from here on they are."""
    walks = try_walks(rng, _BLOCK, length, grid)
    walks = walks - walks.min(1, keepdims=True)
    keys = zip(canonical_keys(walks), canonical_keys(mirror_cubes(walks)), strict=True)
    for cubes, own in zip(walks, map(min, keys), strict=True):
        if own not in known:
            known.add(own)
            yield np.pad(cubes, ((0, MAX_CUBES - length), (0, 0)), "edge"), length


def is_chiral(walks: Walks) -> np.ndarray:
    """Which shapes are different from their mirror images.

    Args:
      walks: `S` shapes.

    Returns:
      `[S]` bool.
    """
    mirrored = mirror_cubes(walks.cubes)
    return canonical_keys(walks.cubes) != canonical_keys(mirrored)


def sample_directions(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Directions spread evenly over the sphere.

    Args:
      rng: random numbers.
      shape: how many.

    Returns:
      `[*shape, 3]` float32 unit vectors.
    """
    height = rng.uniform(-1, 1, shape)
    azimuth = rng.uniform(0, 2 * math.pi, shape)
    flat = np.sqrt(1 - height**2)
    places = [flat * np.sin(azimuth), height, flat * np.cos(azimuth)]
    return np.stack(places, -1).astype(np.float32)


def make_questions(
    seed: int, walks: Walks, num: int, distractors: str = "others"
) -> Questions:
    """Questions about the first shapes, one about each.

    Args:
      seed: of views, distractors and orders.
      walks: `S >= 3` shapes.
      num: questions, at most `S`.
      distractors: "others" shows two other shapes; "mirror" shows one other shape and
        the mirror image of the reference, where that is not the same shape.

    Returns:
      `Questions`.

    Raises:
      ValueError: for other distractors, more questions than shapes, or fewer than
        three shapes.
    """
    if distractors not in DISTRACTORS:
        raise ValueError(f"distractors must be of {DISTRACTORS}, got {distractors!r}")
    total = len(walks.count)
    if total < max(num, NUM_ANSWERS):
        raise ValueError(
            f"{num} questions need as many shapes, {NUM_ANSWERS} at least, got {total}"
        )
    rng, own = np.random.default_rng(seed), np.arange(num)
    first, second = _others(rng, num, total)
    mirrors = np.zeros(num, bool)
    if distractors == "mirror":
        mirrors = is_chiral(Walks(*(x[:num] for x in walks)))
        first = np.where(mirrors, own, first)
    shown = np.stack([own, first, second], 1)
    flips = np.stack([np.zeros(num, bool), mirrors, np.zeros(num, bool)], 1)
    order = rng.permuted(np.tile(np.arange(NUM_ANSWERS), (num, 1)), axis=1)
    return Questions(
        walk=_with_reference(own, np.take_along_axis(shown, order, 1)),
        mirrored=_with_reference(flips[:, 0], np.take_along_axis(flips, order, 1)),
        direction=sample_directions(rng, (num, 1 + NUM_ANSWERS)),
        answer=np.argmin(order, 1).astype(np.int32),
    )


def _others(rng, num, total):
    """For each question two shapes that are not its own, and not the same."""
    first = rng.integers(1, total, num)
    second = rng.integers(1, total - 1, num)
    second += second >= first
    return (np.arange(num) + first) % total, (np.arange(num) + second) % total


def _with_reference(reference, answers):
    kind = bool if answers.dtype == bool else np.int32
    return np.concatenate([reference[:, None], answers], 1).astype(kind)


def question_cubes(walks: Walks, questions: Questions) -> Walks:
    """The shapes of the four pictures of each question.

    Args:
      walks: shapes.
      questions: `Q`.

    Returns:
      `Walks` of `[4 Q]`, question after question, mirrored where they are.
    """
    walk, flips = questions.walk.reshape(-1), questions.mirrored.reshape(-1)
    cubes = walks.cubes[walk]
    shown = np.where(flips[:, None, None], mirror_cubes(cubes), cubes)
    return Walks(shown, walks.count[walk])


__all__ = [
    "DISTRACTORS",
    "MAX_CUBES",
    "NUM_ANSWERS",
    "ROTATIONS",
    "STEPS",
    "WALKS",
    "Questions",
    "Walks",
    "canonical_keys",
    "cube_rotations",
    "is_chiral",
    "make_questions",
    "mirror_cubes",
    "question_cubes",
    "sample_directions",
    "try_walks",
    "unique_walks",
]
