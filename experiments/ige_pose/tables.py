"""The evaluation as Markdown, beside the paper's own figures.

Source: Jack et al., IGE-Net, Table 1 and Fig. 4, in millimetres on Human3.6M.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.tables import markdown_table

# Of a detector, of a detector tuned on the data, and of true joints.
PAPER_TABLE = {
    "base": {"p1a": (79.0, 75.1, 61.6), "p2": (52.2, 47.9, 35.8)},
    "ige4": {"p1a": (75.1, 67.8, 45.1), "p2": (56.1, 51.5, 39.4)},
    "ige8": {"p1a": (72.8, 66.0, 42.6), "p2": (55.1, 50.5, 37.7)},
}
# Protocol 2 with true joints, read from the plot in whole millimetres.
PAPER_DESCENTS = {0: 75, 1: 48, 2: 44, 4: 39, 6: 38, 8: 37, 12: 36, 16: 35}
PAPER_BASES = {
    (128, 1): 75, (256, 1): 59, (512, 1): 48, (1024, 1): 38,
    (128, 2): 74, (256, 2): 56, (512, 2): 45, (1024, 2): 36,
}  # fmt: skip


class Size(NamedTuple):
    """A point of Fig. 4.

    Attributes:
      kind: "ige" or "base".
      size: `(T,)`, or width and blocks.
      p2: protocol 2 with true joints, millimetres.
      multiply_adds: of the dense layers.
      parameters: trainable ones.
    """

    kind: str
    size: tuple[int, ...]
    p2: float
    multiply_adds: int
    parameters: int


def error_table(metrics: Mapping[str, float], unrolls: Sequence[int], prefix="") -> str:
    """Table 1.

    Args:
      metrics: with the names of `pose_metrics`.
      unrolls: numbers of steps of the descents.
      prefix: with which they begin.

    Returns:
      Markdown table with a row per network. The paper's figures are in brackets, of
      SH and FT where the joints are noisy.
    """
    heads = [
        "network", "parameters", "P1a, noisy (SH, FT)", "P1a, true joints (GT)",
        "P2, noisy (SH, FT)", "P2, true joints (GT)",
    ]  # fmt: skip
    rows = []
    for name in ["base", *(f"ige{steps}" for steps in unrolls)]:
        row = [name, f"{metrics[f'parameters_{name}']:,.0f}"]
        for protocol in ("p1a", "p2"):
            paper = PAPER_TABLE.get(name, {}).get(protocol, ("?",) * 3)
            noisy, true = (
                metrics[f"{prefix}{protocol}_{name}_{source}"]
                for source in ("noisy", "gt")
            )
            row += [f"{noisy:.1f} ({paper[0]}, {paper[1]})", f"{true:.1f} ({paper[2]})"]
        rows.append(row)
    return markdown_table(heads, rows)


def step_table(metrics: Mapping[str, float], steps: Sequence[int], prefix="") -> str:
    """The error after each step of the longest descent.

    Args:
      metrics: with the names of `pose_metrics`.
      steps: numbers of steps.
      prefix: with which the names begin.

    Returns:
      Markdown table with a row per protocol, and the paper's networks of so many
      steps below.
    """
    rows = [
        [title, *(f"{metrics[f'{prefix}{key}_step_{step}']:.1f}" for step in steps)]
        for title, key in (("P1a", "p1a"), ("P2", "p2"))
    ]
    paper = [str(PAPER_DESCENTS[step]) for step in steps]
    rows.append(["paper, P2, a network for each", *paper])
    return markdown_table(["step", *map(str, steps)], rows)


def size_table(sizes: Sequence[Size]) -> str:
    """Fig. 4 in figures.

    Args:
      sizes: what was trained.

    Returns:
      Markdown table with a row per network.
    """
    rows = [
        [
            name_of(size), f"{size.multiply_adds:,}", f"{size.parameters:,}",
            f"{size.p2:.1f}", str(paper_of(size) or ""),
        ]
        for size in sizes
    ]  # fmt: skip
    heads = ["network", "multiply-adds", "parameters", "P2, true joints", "paper"]
    return markdown_table(heads, rows)


def name_of(size: Size) -> str:
    """What a point of Fig. 4 is called.

    Args:
      size: the point.

    Returns:
      Its name.
    """
    joined = "/".join(map(str, size.size))
    return f"IGE {joined}" if size.kind == "ige" else f"base {joined}"


def paper_of(size: Size) -> int | None:
    """The paper's error for a point of Fig. 4.

    Args:
      size: the point.

    Returns:
      Millimetres, or None if the paper has no such network.
    """
    if size.kind == "ige":
        return PAPER_DESCENTS.get(size.size[0])
    return PAPER_BASES.get((size.size[0], size.size[1]))


__all__ = [
    "PAPER_BASES",
    "PAPER_DESCENTS",
    "PAPER_TABLE",
    "Size",
    "error_table",
    "name_of",
    "paper_of",
    "size_table",
    "step_table",
]
