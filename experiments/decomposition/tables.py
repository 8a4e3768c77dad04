"""The evaluation as Markdown, beside the paper's own figures."""

from collections.abc import Mapping

from experiments.decomposition.evaluate import BINS, ORDER, ROWS
from experiments.tables import markdown_table

TITLES = {"rgb": "RGB", "rgbd": "RGB-D", "no_change": "no change"}
_COLUMNS = tuple((name, thing) for name in BINS for thing in ("cup", "block"))
# In the order of the columns; mean errors in mm.
PAPER = {
    "rgb": (1.436, 1.044, 1.437, 1.048),
    "rgbd": (1.333, 0.973, 1.346, 0.969),
}


def decomposition_table(metrics: Mapping[str, float], noise_mm: float) -> str:
    """Table 2: mean errors of depths by the noise of the estimate.

    Args:
      metrics: with the names of `depth_metrics` and `order_metrics`.
      noise_mm: greatest error of an estimate.

    Returns:
      Markdown table with a row per variant and one for leaving the estimate as it is;
      the paper's figures are in brackets, where it has any. The last columns are
      over both bins.

    Source: Periyasamy and Behnke, StillebenDR, 2023, table 2. The header of its second
    bin is read as 0.25 cm < |dz| <= 0.5 cm.
    """
    half, whole = f"{noise_mm / 2:g}", f"{noise_mm:g}"
    bins = dict(zip(BINS, (f"up to {half} mm", f"{half} to {whole} mm"), strict=True))
    heads = ["mean error, mm", *(f"{thing}, {bins[name]}" for name, thing in _COLUMNS)]
    heads += [*(f"both, {bins[name]}" for name in BINS), *ORDER]
    return markdown_table(heads, [_row(metrics, row) for row in ROWS])


def _row(metrics: Mapping[str, float], row: str) -> list[str]:
    cells = [f"{metrics[f'error_mm_{row}_{b}_{thing}']:.3f}" for b, thing in _COLUMNS]
    if row in PAPER:
        both = zip(cells, PAPER[row], strict=True)
        cells = [f"{cell} ({paper:.3f})" for cell, paper in both]
    cells += [f"{metrics[f'error_mm_{row}_{name}']:.3f}" for name in (*BINS, *ORDER)]
    return [TITLES[row], *cells]


__all__ = ["PAPER", "TITLES", "decomposition_table"]
