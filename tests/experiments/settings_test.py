"""A folder keeps to the settings that it was begun with."""

import pytest

from experiments.settings import check_settings, read_settings, write_settings
from ivg.io.errors import InputError

SETTINGS = {"seed": 0, "widths": (4, 8), "file": None}


def test_the_same_settings_go_on(tmp_path):
    assert read_settings(tmp_path) == {}
    check_settings(tmp_path, {}, SETTINGS)
    write_settings(tmp_path, SETTINGS)
    kept = read_settings(tmp_path)
    assert kept == {"seed": 0, "widths": [4, 8], "file": None}
    check_settings(tmp_path, kept, SETTINGS)


def test_other_settings_are_refused_by_name(tmp_path):
    write_settings(tmp_path, SETTINGS)
    other = SETTINGS | {"seed": 1, "widths": (4, 9)}
    message = (
        r"^seed=1, widths=\[4, 9\]: .* has a training of seed=0, "
        r"widths=\[4, 8\]; name another --output"
    )
    with pytest.raises(InputError, match=message):
        check_settings(tmp_path, read_settings(tmp_path), other, "a training")


@pytest.mark.parametrize("fewer", [{"seed": 0}, {"widths": (4, 8)}])
def test_a_setting_that_one_of_both_lacks_is_another_one(tmp_path, fewer):
    write_settings(tmp_path, fewer)
    with pytest.raises(InputError, match="name another"):
        check_settings(tmp_path, read_settings(tmp_path), SETTINGS)
    write_settings(tmp_path, SETTINGS)
    with pytest.raises(InputError, match="name another"):
        check_settings(tmp_path, read_settings(tmp_path), fewer)
