"""The documentation site: the Markdown pages of this folder, as GitHub shows them.

python -m sphinx -W docs output/site

The lists of links in index.md are the navigation, so that a page is entered once.
"""

import re

project = "ivg"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "ivg"
html_copy_source = False
myst_heading_anchors = 3  # links to sections work as on GitHub

_SECTION = re.compile(r"^## (.+)$((?:\n(?!## ).*)*)", re.MULTILINE)
_ENTRY = re.compile(r"^- \[(.+?)\]\((\S+?)\.md\)", re.MULTILINE)


def add_navigation(app, page, source):
    """Appends hidden tables of contents to the index page.

    Args:
      app: Sphinx.
      page: name of the page that is read.
      source: list of its text, changed in place.
    """
    del app
    if page != "index":
        return
    for title, body in _SECTION.findall(source[0]):
        entries = "\n".join(f"{name} <{path}>" for name, path in _ENTRY.findall(body))
        source[0] += (
            f"\n\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{entries}\n```\n"
        )


def setup(app):
    """Connects the navigation; called by Sphinx.

    Args:
      app: Sphinx.
    """
    app.connect("source-read", add_navigation)
