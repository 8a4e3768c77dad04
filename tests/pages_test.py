"""The code of README, tutorial and how-to pages runs as it stands."""

import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parents[1] / "docs"
PAGES = ["../README.md", "tutorial.md", "your_own_system.md"]
PAGES += sorted(f"howto/{path.name}" for path in (DOCS / "howto").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page):
    """Line number and code of each Python block of a page."""
    text = (DOCS / page).read_text()
    for found in BLOCK.finditer(text):
        yield text.count("\n", 0, found.start(1)), found.group(1)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_code_runs(page, tmp_path, monkeypatch, compile_quickly):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for line, code in blocks(page):
        exec(compile("\n" * line + code, str(DOCS / page), "exec"), names)


def test_tutorial_has_code():
    assert len(list(blocks("tutorial.md"))) >= 8
