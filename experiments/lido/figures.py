"""The evaluation as pictures: errors over time, changes of hard cases, examples.

Drawn without matplotlib's global state. Errors have the shapes of
`experiments.lido.statistics`.

Source: Romaszko et al., Learning Direct Optimization, Figures 5, 6 and 7.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lido.statistics import (
    METHODS,
    OBJECT_SETS,
    SETS,
    STATES,
    Errors,
    hard_changes,
    in_table_units,
    median_curve,
)
from experiments.lido.tables import TITLES, UNITS
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.overlay import draw_contours
from ivg.viz.picture import INK, png_bytes
from ivg.viz.plots import COLOURS, figure_png

_METHOD_COLOURS = dict(zip(METHODS, COLOURS, strict=False))
_OBJECT_SHARE, _GLOBAL_SHARE = 1 / 20, 1 / 10
_POINTS = 1000
_LEAST_DENSITY = 5e-3  # of the highest; beyond, the panels of changes end


def error_against_time_png(errors: Errors, seconds: Mapping[str, np.ndarray]) -> bytes:
    """Figure 5: the median error of each set of latents over the time.

    Args:
      errors: for each of `METHODS`, errors as named by `tabletop_errors`.
      seconds: for each of `METHODS`, `[M, T + 1]` seconds since the start of a scene,
        the first zero. A step is drawn at the mean over the scenes.

    Returns:
      Content of a PNG file: a panel per set, time on a logarithmic axis, a dashed
      line at the initialization.
    """
    times = {m: np.mean(np.asarray(seconds[m], np.float64), 0) for m in METHODS}
    positive = np.concatenate([t[t > 0] for t in times.values()])
    left = positive.min() / 2 if positive.size else 1.0
    figure, panels = _panels()
    for (name, source), axes in zip(SETS.items(), panels, strict=False):
        for method in reversed(METHODS):  # that with shapes tried begins as LiDO does
            curve = in_table_units(name, median_curve(errors[method][source]))
            axes.plot(
                np.maximum(times[method], left), curve, drawstyle="steps-post",
                color=_METHOD_COLOURS[method],
            )  # fmt: skip
        initial = in_table_units(name, median_curve(errors["lido"][source])[0])
        axes.axhline(initial, color="black", linestyle="--", linewidth=1)
        axes.set_xscale("log")
        axes.set_xlim(left=left)
        if np.isfinite(axes.dataLim.y1):
            axes.set_ylim(0, 1.15 * axes.dataLim.y1 or 1)
        axes.set_title(f"{name.replace('_', ' ')} ({UNITS[name]})", fontsize=10)
        axes.set_xlabel("seconds", fontsize=9)
    return _finish(figure, panels, {"initial": ("black", "--")})


def error_changes_png(errors: Errors) -> bytes:
    """Figure 7: densities of the changes of the errors of the hard cases.

    Args:
      errors: for each of `METHODS`, errors as named by `tabletop_errors`.

    Returns:
      Content of a PNG file: a panel per set; changes for the better lie on the right
      of the line at zero.
    """
    figure, panels = _panels()
    for (name, source), axes in zip(SETS.items(), panels, strict=False):
        ends = {m: np.asarray(errors[m][source]) for m in METHODS}
        changes = {
            m: in_table_units(name, hard_changes(e[:, 0], e[:, -1]))
            for m, e in ends.items()
        }
        sigma, reach = kernel_width(changes, name)
        at = np.linspace(-reach - 3 * sigma, reach + 3 * sigma, _POINTS)
        densities = {m: kernel_density(c, at, sigma) for m, c in changes.items()}
        for method, density in densities.items():
            axes.plot(at, density, color=_METHOD_COLOURS[method])
        highest = np.max(list(densities.values()), 0)
        shown = np.abs(at[highest >= _LEAST_DENSITY * highest.max()]).max()
        axes.set_xlim(-shown, shown)
        axes.axvline(0, color="black", linewidth=1)
        axes.set_ylim(bottom=0)
        axes.set_yticks([])
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set_xlabel(f"fall of the error ({UNITS[name]})", fontsize=9)
    return _finish(figure, panels, {})


def kernel_width(changes: Mapping[str, np.ndarray], name: str) -> tuple[float, float]:
    """The paper's width of the kernels of one set.

    Args:
      changes: `[K]` changes of each method.
      name: of the set, of `SETS`.

    Returns:
      Standard deviation: the greatest change of all methods, for better or worse, by
      20 for sets of objects, by 10 for those of the scene. And this greatest change,
      one if there is none.
    """
    reach = float(np.max(np.abs(np.concatenate(list(changes.values()))), initial=0))
    reach = reach or 1.0
    return reach * (_OBJECT_SHARE if name in OBJECT_SETS else _GLOBAL_SHARE), reach


def kernel_density(samples: np.ndarray, at: np.ndarray, sigma: float) -> np.ndarray:
    """The mean of normal densities around samples.

    Args:
      samples: `[K]`.
      at: `[P]` places.
      sigma: standard deviation of each, positive.

    Returns:
      `[P]`, integrates to one; zero without samples.
    """
    samples = np.asarray(samples, np.float64)
    if not samples.size:
        return np.zeros(len(at))
    away = (np.asarray(at)[:, None] - samples) / sigma
    density = np.exp(-(away**2) / 2) / (sigma * np.sqrt(2 * np.pi))
    return density.mean(1)


def examples_png(
    observed: Sequence,
    rendered: Mapping[str, Sequence],
    true_index: Sequence,
    *,
    cell_px: int = 192,
) -> bytes:
    """Figure 6: the observed picture and what each method makes of it.

    Args:
      observed: pictures `[H, W, 3]`, linear RGB floats or uint8 sRGB.
      rendered: for each of `STATES`, pictures `[H, W, 3]` alike.
      true_index: `[H, W]` true nodes of each picture. Their outlines are drawn on
        the rendered pictures, in black.
      cell_px: side of a picture on the sheet.

    Returns:
      Content of a PNG file, a row for each observed picture.
    """
    rows = []
    for i, picture in enumerate(observed):
        drawn = [rendered[state][i] for state in STATES]
        row = [draw_contours(x, true_index[i], (0, 0, 0), 1.0) for x in drawn]
        rows.append([picture, *row])
    labels = ["observed", *(TITLES[state] for state in STATES)]
    return png_bytes(contact_sheet(rows, column_labels=labels, cell_px=cell_px))


def _panels() -> tuple[Figure, list[Axes]]:
    """A figure of two rows: sets of objects above, sets of the scene below."""
    figure = Figure(figsize=(12, 5.2), dpi=120, layout="constrained")
    panels = list(figure.subplots(2, 4).flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.tick_params(labelsize=8)
    return figure, panels


def _finish(figure: Figure, panels: list[Axes], lines: Mapping) -> bytes:
    """Puts the legend into the panel that is left over, and encodes the figure."""
    *_, last = panels
    for method in METHODS:
        last.plot([], color=_METHOD_COLOURS[method], label=TITLES[method], linewidth=2)
    for label, (colour, style) in lines.items():
        last.plot([], color=colour, linestyle=style, label=label)
    last.axis("off")
    last.legend(loc="center", frameon=False, labelcolor=[c / 255 for c in INK])
    return figure_png(figure)


__all__ = [
    "error_against_time_png",
    "error_changes_png",
    "examples_png",
    "kernel_density",
    "kernel_width",
]
