"""The documentation: it builds without a warning, and nothing it names is missing."""

import functools
import html
import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse

import pytest

from experiments.paths import ASSETS

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ASSETS.rglob("*.md")])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()]*\))?)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
COMMAND = re.compile(r"python -m (experiments\.\w+|examples\.\w+)((?:[^`#\n]|\\\n)*)")
FLAG = re.compile(r"DEFINE_\w+\(\s*\"(\w+)\"")
NAME = re.compile(r"`((?:ivg|experiments)(?:\.\w+)+)`")


def name_of(path):
    return str(path.relative_to(ROOT))


def text_of(path):
    """The Markdown of a page, or of the cells of a notebook."""
    if path.suffix == ".md":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    found = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(source) for source in found)


def links(path):
    """Targets of links and pictures outside of code."""
    text = CODE.sub("", FENCE.sub("", text_of(path)))
    return [html.unescape(target) for target in LINK.findall(text)]


@functools.cache
def anchors(path):
    """What GitHub makes of the headings of a page."""
    slugs = set()
    for heading in HEADING.findall(FENCE.sub("", text_of(path))):
        shown = re.sub(r"\[(.*?)\]\(.*?\)|`", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        number = sum(s == slug or s.startswith(f"{slug}-") for s in slugs)
        slugs.add(f"{slug}-{number}" if slug in slugs else slug)
    return slugs


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name_of)
def test_links_resolve(path):
    for target in links(path):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = urllib.parse.unquote(target).partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{target} is missing"
        assert found.is_relative_to(ROOT), f"{target} is outside of the repository"
        if anchor:
            assert anchor in anchors(found), f"{target}: no such section"


def test_links_are_found():
    assert "docs/gallery.md" in links(ROOT / "README.md")
    assert "tabletop.md#photographs" in links(DOCS / "design.md")
    assert "photographs" in anchors(DOCS / "tabletop.md")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_names_exist(path):
    for name in NAME.findall(path.read_text()):
        parts = name.split(".")
        place = ROOT.joinpath(*parts)
        if place.with_suffix(".py").exists() or (place / "__init__.py").exists():
            continue
        module = importlib.import_module(".".join(parts[:-1]))
        assert hasattr(module, parts[-1]), f"there is no {name}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_exist(path):
    for name, arguments in COMMAND.findall(path.read_text()):
        place = ROOT.joinpath(*name.split("."))
        main = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
        known = FLAG.findall(main.read_text())
        for flag in re.findall(r"--(\w+)", arguments):
            assert flag in known, f"{name} has no flag --{flag}"


def test_site_builds(tmp_path):
    for needed in ("myst_parser", "furo"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip('needs pip install -e ".[docs]"')
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    done = subprocess.run(
        [*command, str(DOCS), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")}
    for page in pages:
        assert (tmp_path / page).with_suffix(".html").exists()
    front = (tmp_path / "index.html").read_text()
    assert all(
        f'href="{page}.html"' in front for page in pages - {pathlib.Path("index")}
    )
