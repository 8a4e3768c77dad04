"""Every public name is documented, with the parameters and fields that it has."""

import dataclasses
import importlib.util
import inspect
import pathlib
import re

import pytest

TOOL = pathlib.Path(__file__).parents[1] / "tools" / "make_api_page.py"
_spec = importlib.util.spec_from_file_location("make_api_page", TOOL)
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)

NAMES = [
    (module, name)
    for module in tool.public_modules()
    for name in tool.public_names(module)
]
IDS = [f"{module.__name__}.{name}" for module, name in NAMES]


def section(text, title):
    """Names listed in one section of a docstring."""
    names, inside = [], False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            inside = line == f"{title}:"
        elif inside and (found := re.match(r"  ([*\w][*\w, ]*):( |$)", line)):
            names += [name.strip().lstrip("*") for name in found.group(1).split(",")]
    return names


@pytest.mark.parametrize("module, name", NAMES, ids=IDS)
def test_documented(module, name):
    value = getattr(module, name)
    own = getattr(value, "__module__", None) == module.__name__
    if not own or not (inspect.isfunction(value) or inspect.isclass(value)):
        return
    text = inspect.getdoc(value)
    assert text, "no docstring"
    if inspect.isfunction(value):
        parameters = list(inspect.signature(value).parameters)
        assert section(text, "Args") == parameters
        if inspect.signature(value).return_annotation not in (None, "None"):
            assert "Returns:" in text or "Yields:" in text
    elif dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value)]
        assert section(text, "Attributes") == fields


def test_page_is_up_to_date():
    assert tool.PAGE.read_text() == tool.make_page(), f"run python {TOOL.name}"
