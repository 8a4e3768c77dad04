"""A report of one explained picture: a single HTML page that needs no network."""

import base64
import html
from collections.abc import Sequence
from typing import NamedTuple

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 32px 24px 64px; color: #212529;
  background: #f6f7f8; font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans",
  sans-serif; }
h1 { font-size: 30px; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 40px 0 12px; }
.summary { color: #5b636b; margin: 0; max-width: 75ch; }
.figures { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); }
figure, .card { margin: 0; background: #fff; border: 1px solid #dfe3e6;
  border-radius: 8px; padding: 12px; }
figure img { display: block; max-width: 100%; max-height: 480px; margin: 0 auto;
  border-radius: 4px; }
figcaption { color: #5b636b; font-size: 14px; margin-top: 8px; }
iframe { display: block; width: 100%; height: 520px; border: 0; border-radius: 4px; }
.card { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 12px; border-bottom: 1px solid #e8ebed;
  white-space: nowrap; }
th { color: #5b636b; font-weight: 600; }
tr:last-child td { border-bottom: 0; }
.swatch { display: inline-block; width: 14px; height: 14px; margin-right: 6px;
  border: 1px solid #b5bbc0; border-radius: 3px; vertical-align: -2px; }
"""

# What the page may load is nothing but what it holds.
_POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src data: blob:; frame-src 'self'"
)


class Figures(NamedTuple):
    """A section of pictures.

    Attributes:
      title: heading.
      pictures: caption and content of a PNG, JPEG or GIF file, each.
    """

    title: str
    pictures: Sequence[tuple[str, bytes]]


class Table(NamedTuple):
    """A section with a table.

    Attributes:
      title: heading.
      header: names of the columns.
      rows: cells; text and numbers are shown as they are, uint8 sRGB triples as a
        swatch with its numbers.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence]


class Viewer(NamedTuple):
    """A section with an interactive view.

    Attributes:
      title: heading.
      page: HTML as made by `viewer_html`.
    """

    title: str
    page: str


def report_html(
    *,
    title: str,
    summary: str = "",
    sections: Sequence[Figures | Table | Viewer],
) -> str:
    """A self-contained page.

    Everything is inline, and the page forbids the browser to load anything else.

    Args:
      title: heading and name of the page.
      summary: a sentence or two below it.
      sections: what follows, in order.

    Returns:
      HTML. All text is escaped.

    Raises:
      ValueError: if a picture is none of PNG, JPEG and GIF.
    """
    body = "\n".join(_section(section) for section in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="icon" href="data:,">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<p class="summary">{html.escape(summary)}</p>
{body}
</body>
</html>
"""


def _section(section: Figures | Table | Viewer) -> str:
    if isinstance(section, Figures):
        inner = "\n".join(_figure(*picture) for picture in section.pictures)
        inner = f'<div class="figures">\n{inner}\n</div>'
    elif isinstance(section, Table):
        inner = _table(section)
    else:
        inner = _viewer(section.page)
    return f"<section>\n<h2>{html.escape(section.title)}</h2>\n{inner}\n</section>"


def _figure(caption: str, data: bytes) -> str:
    text = html.escape(caption)
    return (
        f'<figure><img src="{_data_url(data)}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _data_url(data: bytes) -> str:
    kinds = {b"\x89PNG": "png", b"GIF8": "gif", b"\xff\xd8\xff\xe0": "jpeg"}
    kind = kinds.get(data[:4], "jpeg" if data[:3] == b"\xff\xd8\xff" else None)
    if kind is None:
        raise ValueError(f"a picture must be PNG, JPEG or GIF, got {data[:8]!r}")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _viewer(page: str) -> str:
    return (
        f'<div class="card"><iframe title="3D view" '
        f'srcdoc="{html.escape(page)}"></iframe></div>\n'
        '<p class="summary">Drag to turn, wheel to zoom, right button to move.</p>'
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.header)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="card"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _cell(cell) -> str:
    if isinstance(cell, str):
        return html.escape(cell)
    if getattr(cell, "__len__", None) and len(cell) == 3:
        red, green, blue = (int(x) for x in cell)
        colour = f"rgb({red}, {green}, {blue})"
        swatch = f'<span class="swatch" style="background: {colour}"></span>'
        return f"{swatch}{red} {green} {blue}"
    return html.escape(str(cell))


__all__ = [
    "Figures",
    "Table",
    "Viewer",
    "report_html",
]
