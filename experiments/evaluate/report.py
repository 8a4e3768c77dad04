"""What is told of many rows: medians, a table, histograms."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.tables import markdown_table
from ivg.viz.plots import COLOURS, figure_png

_ENDS = ("initial", "final")


def medians(rows: pa.Table) -> dict[str, float]:
    """Medians over the scenes that did not fail.

    Args:
      rows: table with a column `failure`.

    Returns:
      `median_{column}` of every column of numbers; none if all scenes failed.
    """
    good = rows.filter(pc.is_null(rows["failure"])).drop_columns(["scene", "failure"])
    if not len(good):
        return {}
    columns = zip(good.column_names, good.columns, strict=True)
    return {f"median_{name}": float(np.median(values)) for name, values in columns}


def error_names(rows: pa.Table) -> list[str]:
    """What is measured before and after.

    Args:
      rows: table.

    Returns:
      Names without `_initial` and `_final`.
    """
    found = [n.removesuffix("_initial") for n in rows.column_names]
    return [name for name in found if f"{name}_final" in rows.column_names]


def table(rows: pa.Table) -> str:
    """Medians before and after as Markdown.

    Args:
      rows: table.

    Returns:
      Table with a row for each error.
    """
    middle = medians(rows)

    def shown(name):
        ends = [middle.get(f"median_{name}_{end}", np.nan) for end in _ENDS]
        return [name, *(f"{value:.4g}" for value in ends)]

    heads = ["error", "initial (median)", "final (median)"]
    return markdown_table(heads, [shown(name) for name in error_names(rows)])


def histograms_png(rows: pa.Table) -> bytes:
    """How errors are spread over the scenes, before and after.

    Args:
      rows: table.

    Returns:
      Content of a PNG file with a plot for each error, the error on a logarithmic
      axis.
    """
    names = error_names(rows)
    across = min(4, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(3.2 * across, 2.4 * down), dpi=120, layout="constrained")
    plots = figure.subplots(down, across, squeeze=False).flat
    for axes, name in zip(plots, names, strict=False):
        _histogram(axes, name, [rows[f"{name}_{end}"].to_numpy() for end in _ENDS])
    for axes in plots[len(names) :]:
        axes.set_axis_off()
    figure.legend(handles=_keys(), frameon=False, fontsize=8, loc="outside upper left")
    return figure_png(figure)


def _keys() -> list[Patch]:
    return [
        Patch(color=colour, alpha=0.55, label=end)
        for end, colour in zip(_ENDS, COLOURS, strict=False)
    ]


def _histogram(axes, name: str, ends: list[np.ndarray]) -> None:
    values = [v[np.isfinite(v) & (v > 0)] for v in ends]
    everything = np.concatenate(values)
    if everything.size:
        low, high = np.percentile(everything, (0.5, 100))
        bins = np.geomspace(low, high * 1.001, 30)
        for value, colour in zip(values, COLOURS, strict=False):
            axes.hist(np.clip(value, low, None), bins, color=colour, alpha=0.55)
        axes.set_xscale("log")
    axes.set_title(name, fontsize=9)
    axes.set_ylabel("scenes", fontsize=8)
    axes.tick_params(which="both", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


__all__ = ["error_names", "histograms_png", "medians", "table"]
