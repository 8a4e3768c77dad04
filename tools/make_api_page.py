"""Writes docs/api.md: every public name with the first line of its docstring.

python tools/make_api_page.py
"""

import importlib
import inspect
import pathlib
import pkgutil

import ivg

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "api.md"


def public_modules() -> list:
    """All modules of ivg that list public names."""
    found = pkgutil.walk_packages(ivg.__path__, "ivg.")
    modules = [importlib.import_module(info.name) for info in found if not info.ispkg]
    return sorted(modules, key=lambda module: module.__name__)


def public_names(module) -> list[str]:
    """The names that a module offers."""
    defined = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and name[0] != "_"
    ]
    return sorted(getattr(module, "__all__", defined))


def make_page() -> str:
    """The content of the page."""
    lines = ["# API", "", "Made by `python tools/make_api_page.py`.", ""]
    for module in public_modules():
        summary = inspect.getdoc(module).split("\n")[0]
        lines += [f"## `{module.__name__}`", "", summary, ""]
        for name in public_names(module):
            value = getattr(module, name)
            own = getattr(value, "__module__", None) == module.__name__
            text = (inspect.getdoc(value) if own else None) or "Constant or type."
            text = text.split("\n")[0]
            lines.append(f"- `{name}`: {text}")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(make_page())
