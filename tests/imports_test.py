"""Imports only go downward through the rows of docs/design.md."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
ROWS = {
    0: {"typing", "numerics", "colour", "memory", "scale"},
    1: {"geometry"},
    2: {"scene"},
    3: {"render"},
    4: {"energy", "metrics", "models", "shape_space", "data"},
    5: {"refine", "train", "io", "viz"},
}
ROW_OF = {name: row for row, names in ROWS.items() for name in names}
HOST_ONLY = {"scipy", "trimesh", "PIL", "matplotlib", "pathlib", "os", "io", "shutil"}
FILES = sorted((ROOT / "ivg").rglob("*.py"))


def imported(path):
    """Full names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_of(path):
    return path.relative_to(ROOT / "ivg").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downward(path):
    own = package_of(path)
    if own == "__init__":
        return
    row = ROW_OF[own]
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] != "experiments", name
        if parts[0] == "ivg":
            other = parts[1]
            if row == 0 and other in ROWS[0]:
                continue  # single modules that may build on each other
            assert other == own or ROW_OF[other] < row, f"{own} imports {name}"
        if row <= 4:
            assert parts[0] not in HOST_ONLY, f"row {row} imports {name}"
        if name.startswith("flax.linen"):
            assert own == "models", f"{own} imports {name}"


def test_every_package_has_a_row():
    assert {package_of(path) for path in FILES} - {"__init__"} <= set(ROW_OF)
