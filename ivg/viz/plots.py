"""Plots as PNG, drawn without matplotlib's global state."""

import io
import itertools
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLOURS = ("#1f6fb4", "#e07b00", "#2a9d5c", "#b5373a", "#7a55a8", "#6b6f75")
_DASHES = ("-", "--", ":")  # of curves beyond the number of colours


def energy_plot_png(energies, *, log: bool = False) -> bytes:
    """The energy over the steps of a refinement.

    Args:
      energies: `[T]` energies, or a mapping from names to such. Values that are not
        finite leave gaps.
      log: whether the energy axis is logarithmic.

    Returns:
      Content of a PNG file.

    Raises:
      ValueError: if there is nothing to draw or a curve has another shape.
    """
    named = energies if isinstance(energies, Mapping) else {"": energies}
    return curves_png(named, x_label="step", y_label="energy", log=log)


def error_curves_png(
    curves: Mapping, *, x_label: str = "step", y_label: str = "error", log: bool = False
) -> bytes:
    """Errors of several methods over the steps, median and quartiles.

    Args:
      curves: name to `[T]` errors or `[T, M]` errors of `M` scenes; those are drawn
        as their median in a band from quartile to quartile.
      x_label: name of the steps.
      y_label: name of the error, with its unit.
      log: whether the error axis is logarithmic.

    Returns:
      Content of a PNG file.

    Raises:
      ValueError: if there is nothing to draw or a curve has another shape.
    """
    return curves_png(curves, x_label=x_label, y_label=y_label, log=log)


def curves_png(curves: Mapping, *, x_label: str, y_label: str, log: bool) -> bytes:
    """Curves over steps counted from zero.

    Args:
      curves: name to `[T]` values or `[T, M]` values of `M` runs.
      x_label: name of the horizontal axis.
      y_label: name of the vertical axis.
      log: whether the vertical axis is logarithmic.

    Returns:
      Content of a PNG file.

    Raises:
      ValueError: if there is nothing to draw or a curve has another shape.
    """
    if not curves:
        raise ValueError("a plot needs at least one curve")
    figure = Figure(figsize=(6.4, 3.6), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    looks = itertools.cycle(itertools.product(_DASHES, COLOURS))
    for (name, values), (dash, colour) in zip(curves.items(), looks, strict=False):
        _draw(axes, name, np.asarray(values, float), colour, dash)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if log and any(np.nanmax(line.get_ydata()) > 0 for line in axes.lines):
        axes.set_yscale("log", nonpositive="mask")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25, linewidth=0.6)
    if len(curves) > len(COLOURS):
        figure.legend(frameon=False, loc="outside right center")
    elif any(curves):
        axes.legend(frameon=False)
    return figure_png(figure)


def figure_png(figure: Figure) -> bytes:
    """Encodes a figure.

    Args:
      figure: of matplotlib.

    Returns:
      Content of a PNG file.
    """
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _draw(axes: Axes, name: str, values: np.ndarray, colour: str, dash: str) -> None:
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(
            f"curve {name!r} must have shape [T] or [T, M]: {values.shape}"
        )
    values = np.where(np.isfinite(values), values, np.nan)
    steps = np.arange(len(values))
    if values.ndim == 2:
        masked = np.where(np.isnan(values).all(1, keepdims=True), 0, values)
        low, middle, high = np.nanpercentile(masked, (25, 50, 75), axis=1)
        middle = np.where(np.isnan(values).all(1), np.nan, middle)
        axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
        values = middle
    if np.isnan(values).all():
        raise ValueError(f"curve {name!r} has no finite value")
    marker = "o" if len(values) <= 25 else ""
    look = {"color": colour, "linestyle": dash, "marker": marker, "markersize": 3}
    axes.plot(steps, values, label=name, **look)


__all__ = [
    "COLOURS",
    "curves_png",
    "energy_plot_png",
    "error_curves_png",
    "figure_png",
]
