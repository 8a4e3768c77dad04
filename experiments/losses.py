"""Losses of a training as a picture."""

import pathlib
from collections.abc import Mapping

import numpy as np

from ivg.io.atomic import write_atomic
from ivg.viz.plots import curves_png


def write_losses(
    path: pathlib.Path,
    losses: Mapping[str, np.ndarray],
    chunk: int,
    y_label: str = "loss",
    *,
    log: bool = True,
) -> None:
    """Draws losses over the steps of a training.

    Args:
      path: of the PNG file.
      losses: from `ivg.train.loop.train`, by name.
      chunk: steps between two of them.
      y_label: what a loss is of.
      log: whether the vertical axis is logarithmic.
    """
    figure = curves_png(losses, x_label=f"step / {chunk}", y_label=y_label, log=log)
    write_atomic(path, figure)


__all__ = ["write_losses"]
