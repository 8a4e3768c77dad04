"""First guesses of whole data sets, and which true objects they found."""

from collections.abc import Callable

import jax
import numpy as np
from flax import struct

from experiments.chunks import in_chunks
from ivg.models.first_guess import GuessNetworks, first_guess
from ivg.models.votes import Votes
from ivg.scene.tabletop import OBJECT_FIELDS, Tabletop, contact_px, tabletop_camera

PAIR_SHARE = 0.1  # of the width of the picture


@struct.dataclass
class Problems:
    """Pictures to be explained, and what is true of them, for `M` scenes.

    Attributes:
      pictures: `[M, H, W, 3]` uint8 sRGB.
      guesses: first latents.
      votes: first `Votes`.
      truths: true latents, objects in any places.
      found: true latents with the objects in the places of their guesses; the mask
        tells which guesses have one.
      pairs: `[M, N]` place in `truths` of each guess, -1 for none.
    """

    pictures: np.ndarray
    guesses: Tabletop
    votes: Votes
    truths: Tabletop
    found: Tabletop
    pairs: np.ndarray


def guess_maker(networks: GuessNetworks, params: dict, **options) -> Callable:
    """Makes the compiled function that guesses.

    Args:
      networks: networks.
      params: their parameters.
      **options: of `first_guess`.

    Returns:
      Function of pictures `[M, H, W, 3]` uint8 sRGB to `Tabletop`s and `Votes`.
    """

    @jax.jit
    def guess(pictures):
        def one(picture):
            table, votes, _ = first_guess(networks, params, picture / 255.0, **options)
            return table, votes

        return jax.lax.map(one, pictures)

    return guess


def contact_points_px(tables: Tabletop, size_px: int) -> np.ndarray:
    """Where the contact points of many scenes appear.

    Args:
      tables: latents `[M]`.
      size_px: side of the pictures.

    Returns:
      `[M, N, 2]` pixels.
    """

    @jax.jit
    @jax.vmap
    def project(table):
        camera = tabletop_camera(table, height=size_px, width=size_px)
        return contact_px(table, camera)[0]

    return np.asarray(project(tables))


def pair_objects(guessed: np.ndarray, true: np.ndarray, radius_px: float) -> np.ndarray:
    """Which true object each guessed one is.

    Args:
      guessed: `[N, 3]` class and contact point of the guesses, the surest first; NaN
        for empty places.
      true: `[K, 3]` likewise.
      radius_px: farthest distance of a pair.

    Returns:
      `[N]` int place of the nearest true object of the same class that is within the
      radius and not yet taken, -1 for none.

    Source: Romaszko et al., Learning Direct Optimization, section 6.2.
    """
    pairs, free = np.full(len(guessed), -1), np.ones(len(true), bool)
    for i, (kind, *place) in enumerate(guessed):
        distance = np.hypot(*(true[:, 1:] - place).T)
        fits = free & (true[:, 0] == kind) & (distance <= radius_px)
        if fits.any():
            pairs[i] = np.argmin(np.where(fits, distance, np.inf))
            free[pairs[i]] = False
    return pairs


def pair_tables(guesses: Tabletop, truths: Tabletop, size_px: int) -> np.ndarray:
    """`pair_objects` of whole data sets.

    Args:
      guesses: latents `[M]`, the surest objects first.
      truths: latents `[M]`.
      size_px: side of the pictures.

    Returns:
      `[M, N]` int.
    """

    def rows(tables):
        place = contact_points_px(tables, size_px)
        kind = np.asarray(tables.class_id, float)[..., None]
        filled = np.asarray(tables.mask)[..., None]
        return np.where(filled, np.concatenate([kind, place], -1), np.nan)

    radius = PAIR_SHARE * size_px
    pairs = zip(rows(guesses), rows(truths), strict=True)
    return np.stack([pair_objects(g, t, radius) for g, t in pairs])


def in_order_of(truths: Tabletop, pairs: np.ndarray) -> Tabletop:
    """The truth, with its objects in the places of their guesses.

    Args:
      truths: latents `[M]`.
      pairs: `[M, N]` from `pair_tables`.

    Returns:
      Latents `[M]` whose mask tells which guesses have a true object.
    """

    def take(values):
        index = np.maximum(pairs, 0).reshape(*pairs.shape, *[1] * (values.ndim - 2))
        return np.take_along_axis(np.asarray(values), index, 1)

    fields = {name: take(getattr(truths, name)) for name in OBJECT_FIELDS}
    return truths.replace(**fields | {"mask": pairs >= 0})


def make_problems(truths: Tabletop, pictures: np.ndarray, guess) -> Problems:
    """First guesses of a data set, paired with the truth.

    Args:
      truths: true latents `[M]`.
      pictures: `[M, H, H, 3]` uint8 sRGB.
      guess: from `guess_maker`.

    Returns:
      `Problems`.
    """
    guesses, votes = in_chunks(guess, pictures)
    pairs = pair_tables(guesses, truths, pictures.shape[1])
    return Problems(pictures, guesses, votes, truths, in_order_of(truths, pairs), pairs)


def precision_and_recall(
    guesses: Tabletop, truths: Tabletop, pairs: np.ndarray
) -> tuple[float, float]:
    """How many guessed objects are there, and how many true ones were found.

    Args:
      guesses: latents `[M]`.
      truths: latents `[M]`.
      pairs: `[M, N]` from `pair_tables`.

    Returns:
      Precision and recall, in [0, 1].
    """
    found = float(np.sum(pairs >= 0))
    guessed, true = (float(np.sum(np.asarray(t.mask))) for t in (guesses, truths))
    return found / max(guessed, 1), found / max(true, 1)


__all__ = [
    "PAIR_SHARE",
    "Problems",
    "contact_points_px",
    "guess_maker",
    "in_order_of",
    "make_problems",
    "pair_objects",
    "pair_tables",
    "precision_and_recall",
]
