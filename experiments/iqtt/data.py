"""Pictures of questions."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.chunks import in_chunks
from experiments.iqtt.config import Config
from ivg.colour import linear_from_srgb, srgb_from_linear
from ivg.data.tetris import (
    Questions,
    Walks,
    make_questions,
    question_cubes,
    unique_walks,
)
from ivg.data.tetris_views import view_shape
from ivg.typing import Array

SPLITS = ("train", "valid", "test")  # in the order in which they take shapes


class Asked(NamedTuple):
    """`Q` questions as pictures.

    Attributes:
      pictures: `[Q, 4, P, P, 3]` uint8 sRGB, the reference first.
      answer: `[Q]` int32 in [0, 3).
    """

    pictures: np.ndarray
    answer: np.ndarray


def split_questions(config: Config, split: str) -> tuple[Walks, Questions]:
    """Shapes of a split and questions about them.

    Args:
      config: seed and counts.
      split: one of `SPLITS`; no two share a shape, nor have one that is the mirror
        image of one in the other. The number of a later one does not change those
        before it.

    Returns:
      Shapes and questions, one about each shape; distractors are of the same split.
    """
    counts = [getattr(config, f"num_{name}") for name in SPLITS]
    place = SPLITS.index(split)
    first, total = sum(counts[:place]), sum(counts[: place + 1])
    walks = Walks(*(x[first:] for x in unique_walks(config.seed, total)))
    seed = len(SPLITS) * config.seed + place
    return walks, make_questions(seed, walks, counts[place], config.distractors)


@functools.cache
def picture_maker(pixels: int) -> Callable:
    """Makes the compiled function that draws pictures.

    Args:
      pixels: side of a picture, `P`.

    Returns:
      Function of cubes `[N, 15, 3]`, counts `[N]` and directions `[N, 3]` to
      `[N, P, P, 3]` uint8 sRGB.
    """

    def one(row):
        cubes, count, direction = row
        rgb = jnp.clip(view_shape(cubes, count, direction, pixels).rgb, 0, 1)
        return jnp.round(255 * srgb_from_linear(rgb)).astype(jnp.uint8)

    return jax.jit(lambda *rows: jax.lax.map(one, rows))


def make_split(config: Config, split: str) -> Asked:
    """Renders the questions of a split.

    Args:
      config: seed, counts and pixels.
      split: one of `SPLITS`.

    Returns:
      `Asked`.
    """
    walks, questions = split_questions(config, split)
    shown, draw = question_cubes(walks, questions), picture_maker(config.sizes.pixels)
    directions = questions.direction.reshape(-1, 3)
    rows = (shown.cubes, shown.count, directions)
    chunk, label = config.render_at_once, f"{split} pictures"
    pictures = in_chunks(draw, *rows, chunk=chunk, label=label)
    return Asked(pictures.reshape(-1, 4, *pictures.shape[1:]), questions.answer)


def reference_depth(
    config: Config, walks: Walks, questions: Questions, count: int
) -> np.ndarray:
    """True depth of references.

    Args:
      config: pixels.
      walks: shapes.
      questions: about them.
      count: how many of the questions, the first ones.

    Returns:
      `[E, P, P]` metres, `E` being `count`, or fewer if there are not so many.
    """
    shown = questions.walk[:count, 0]
    rows = (walks.cubes[shown], walks.count[shown], questions.direction[:count, 0])

    def one(row):
        cubes, count, direction = row
        return view_shape(cubes, count, direction, config.sizes.pixels).depth

    return np.asarray(jax.jit(lambda *rows: jax.lax.map(one, rows))(*rows))


def as_linear(pictures: Array) -> Array:
    """Pictures as networks and the renderer see them.

    Args:
      pictures: `[...]` uint8 sRGB.

    Returns:
      `[...]` float32, linear in [0, 1].
    """
    return linear_from_srgb(jnp.asarray(pictures).astype(jnp.float32) / 255)


__all__ = [
    "SPLITS",
    "Asked",
    "as_linear",
    "make_split",
    "picture_maker",
    "reference_depth",
    "split_questions",
]
