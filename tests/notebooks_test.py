"""The notebooks run as they stand, and hold the outputs of a complete run."""

import json
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def code_cells(path):
    cells = json.loads(path.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def source_of(cell):
    """Code without what only Jupyter understands."""
    lines = "".join(cell["source"]).splitlines()
    kept = ["    pass" if line.lstrip()[:1] in ("%", "!") else line for line in lines]
    return "\n".join(kept)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, tmp_path, monkeypatch, compile_quickly):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "notebook"}
    for index, cell in enumerate(code_cells(path)):
        exec(compile(source_of(cell), f"{path.name}, cell {index}", "exec"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stored(path):
    cells = code_cells(path)
    assert "%pip install" in "".join(cells[0]["source"])
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), "run all cells from the top"
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert all(output["output_type"] != "error" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_there_are_four():
    assert len(NOTEBOOKS) == 4
