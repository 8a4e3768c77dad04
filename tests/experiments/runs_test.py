"""A folder keeps to the settings that it was begun with."""

import dataclasses

import pytest

from experiments.runs import check_same_run
from ivg.io.errors import InputError


@dataclasses.dataclass(frozen=True)
class Settings:
    seed: int = 0
    widths: tuple[int, ...] = (4, 8)
    num_scenes: int = 10
    file: str | None = None


def test_the_same_settings_go_on(tmp_path):
    for _ in range(2):
        check_same_run(tmp_path, Settings())
    check_same_run(tmp_path, Settings(num_scenes=20), ignored=["num_scenes"])


def test_other_settings_are_refused_by_name(tmp_path):
    check_same_run(tmp_path, Settings())
    other = Settings(seed=1, widths=(4, 9), num_scenes=20)
    message = r"seed=0 \(now 1\), widths=\[4, 8\] \(now \[4, 9\]\): give the same"
    with pytest.raises(InputError, match=message):
        check_same_run(tmp_path, other, ignored=["num_scenes"])
    check_same_run(tmp_path, Settings())  # what is written stays
