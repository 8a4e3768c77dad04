"""Tables of results as Markdown."""

from collections.abc import Sequence


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table.

    Args:
      heads: of the columns.
      rows: cells.

    Returns:
      Markdown.
    """
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


__all__ = ["markdown_table"]
