"""The first look at a file."""

import os

import pytest

from ivg.io.errors import InputError, check_file, one_line


def test_good_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    assert check_file(str(path), "text") == path


@pytest.mark.parametrize("bad", ["missing", "folder", "empty", "fifo", "nul", "long"])
def test_bad_files_give_one_line_that_names_them(tmp_path, bad):
    path = tmp_path / "a.txt"
    if bad == "folder":
        path.mkdir()
    elif bad == "empty":
        path.touch()
    elif bad == "fifo":
        os.mkfifo(path)
    elif bad == "nul":
        path = "a\0b"
    elif bad == "long":
        path = tmp_path / ("a" * 5000)
    with pytest.raises(InputError) as caught:
        check_file(path, "image")
    message = str(caught.value)
    assert "\n" not in message and (":" in message)
    assert repr(str(path)) in message


def test_one_line():
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(KeyError()) == "KeyError"
    assert len(one_line(ValueError("x" * 999))) == 200
