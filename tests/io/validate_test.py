"""Checks of values from JSON."""

import pytest

from ivg.io.errors import InputError
from ivg.io.validate import check_colour, check_keys, check_number, shorten


def test_good_values_pass():
    check_keys("s", {"a": 1, "b": 2}, ("a", "b"))
    assert check_number("s", "a", 1, (0, 1)) == 1.0
    assert check_number("s", "a", 1 + 1e-7, (0, 1)) == 1 + 1e-7
    assert check_colour("s", "c", {"c": [0, 0.5, 1]}) == [0, 0.5, 1]


@pytest.mark.parametrize("value", [None, True, "1", [], 2, -1, float("nan"), 10**400])
def test_numbers_that_are_none(value):
    with pytest.raises(InputError, match="^s: a is .*: write a number from 0 to 1$"):
        check_number("s", "a", value, (0, 1))


@pytest.mark.parametrize("data", [[], None, {"a": 1}, {"a": 1, "b": 2, "c": 3}])
def test_keys_that_do_not_fit(data):
    with pytest.raises(InputError, match="^s"):
        check_keys("s", data, ("a", "b"))


def test_shorten():
    assert shorten("a\nb") == "'a\\nb'"
    assert len(shorten("x" * 999)) == 60
