"""Files are whole or absent."""

import pytest

from ivg.io.atomic import check_writable_folder, write_atomic
from ivg.io.errors import InputError


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_writes_bytes_and_text_and_replaces(tmp_path):
    path = write_atomic(tmp_path / "new" / "a.bin", b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    write_atomic(path, "ä")
    assert path.read_text(encoding="utf-8") == "ä"
    assert names(path.parent) == ["a.bin"]


def test_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="taken.*name another output"):
        write_atomic(tmp_path / "taken", b"x")
    assert names(tmp_path) == ["taken"]


@pytest.mark.parametrize("place", ["a_file", "a_file/below", "/proc/ivg", "a\0b"])
def test_folders_that_cannot_be(tmp_path, place):
    (tmp_path / "a_file").write_text("x")
    with pytest.raises(InputError, match="name a") as caught:
        check_writable_folder(tmp_path / place)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        write_atomic(tmp_path / place / "x.txt", b"x")
