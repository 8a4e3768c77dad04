"""Which poses are for training, for validation and for the test."""

from typing import NamedTuple

import numpy as np

from experiments.ige_pose.config import Config
from experiments.ige_pose.examples import procedural_poses
from ivg.io.errors import InputError
from ivg.io.motion_capture import Motions, read_motions

_TEST_PREFIX = "test/"
# The subjects that the paper tests with.
_TEST_SUBJECTS = ("S9", "S11")


class Split(NamedTuple):
    """Poses by what they are for.

    Attributes:
      train: `[N, 17, 3]` metres, y up.
      validation: `[M, 17, 3]`.
      test: `[K, 17, 3]`.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_motions(motions: Motions, by: str, held_out: float) -> Split:
    """Splits recorded poses so that no sequence, or no subject, is in two parts.

    Sequences whose names begin with "test/" are for the test, and so are the subjects
    S9 and S11 of Human3.6M; without such, a share that is evenly spread. Of all
    others the same share is for validation.

    Args:
      motions: recorded poses.
      by: "sequence" or "subject".
      held_out: the share, in (0, 1).

    Returns:
      `Split`.

    Raises:
      InputError: if there are not enough sequences or subjects, or `by` is neither.
    """
    if by not in ("sequence", "subject"):
        raise InputError(f"--split={by}: name sequence or subject")
    units = motions.names if by == "sequence" else motions.subjects
    all_units = list(dict.fromkeys(units))
    if by == "sequence":
        test = [unit for unit in all_units if unit.startswith(_TEST_PREFIX)]
    else:
        test = [unit for unit in all_units if unit in _TEST_SUBJECTS]
    test = test or _spread(all_units, held_out)
    rest = [unit for unit in all_units if unit not in test]
    validation = _spread(rest, held_out)
    train = [unit for unit in rest if unit not in validation]
    if not train:
        raise InputError(
            f"--split={by}: {len(all_units)} {by}(s) are too few for training, "
            "validation and test: add recordings"
        )
    unit_of = np.array([all_units.index(unit) for unit in units])[motions.sequence]

    def of(chosen):
        return motions.poses[np.isin(unit_of, [all_units.index(u) for u in chosen])]

    return Split(of(train), of(validation), of(test))


def _spread(units: list[str], share: float) -> list[str]:
    """A share of a list, one at least, evenly spread."""
    every = max(1, round(1 / share))
    return units[every - 1 :: every] or units[-1:]


def procedural_split(config: Config) -> Split:
    """Procedural poses; no person is in two parts.

    Args:
      config: seed and counts.

    Returns:
      `Split`.
    """
    counts = config.num_procedural, config.num_test, config.num_test
    seeds = np.random.SeedSequence(config.seed).generate_state(3)
    return Split(
        *(procedural_poses(int(s), n) for s, n in zip(seeds, counts, strict=True))
    )


def load_split(config: Config, data: str | None) -> Split:
    """Poses of a file or folder, or procedural ones.

    Args:
      config: seed, counts and how to split.
      data: what `read_motions` reads, or None.

    Returns:
      `Split`.

    Raises:
      InputError: if the file or folder cannot be used.
    """
    if data is None:
        return procedural_split(config)
    return split_motions(read_motions(data), config.split, config.held_out)


__all__ = ["Split", "load_split", "procedural_split", "split_motions"]
