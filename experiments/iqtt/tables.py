"""The evaluation as Markdown, beside the paper's own figures.

Source: Rajeswar et al., Pix2Scene, table 3; 100,000 questions at 128 pixels.
"""

from collections.abc import Mapping

from experiments.iqtt.config import BASELINES, Config
from experiments.tables import markdown_table

# By labels: value, and its error where the paper gives one.
PAPER_OURS = {
    0: (0.4372, 0.0301), 200: (0.4691, 0.0259), 1_000: (0.5567, 0.0095),
    10_000: (0.5983, 0.0021),
}  # fmt: skip
PAPER_BASELINES = {
    "cnn": {0: 0.3385, 200: 0.3350, 1_000: 0.3392, 10_000: 0.3649},
    "siamese": {0: 0.3698, 200: 0.3610, 1_000: 0.3701, 10_000: 0.3752},
}
PAPER_HUMAN = (0.7329, 0.1488)


def accuracy_table(metrics: Mapping[str, float], config: Config) -> str:
    """Table 3.

    Args:
      metrics: with the names of `test_metrics`.
      config: numbers of labels.

    Returns:
      Markdown table with a row per number of labels; the paper's are in brackets.
    """
    rows = []
    for labels in (0, *config.labels):
        cells = [f"{labels:,}", _cell(metrics, f"{labels}", PAPER_OURS.get(labels))]
        for name in BASELINES:
            paper = PAPER_BASELINES[name].get(labels)
            cells.append(_cell(metrics, f"{name}_{labels}", paper and (paper, None)))
        rows.append([*cells, _paper(PAPER_HUMAN) if not labels else ""])
    heads = ["labelled questions", "pix2scene", "CNN", "Siamese", "people"]
    return markdown_table(heads, rows)


def check_table(metrics: Mapping[str, float]) -> str:
    """What is answered without training.

    Args:
      metrics: with the names of `test_metrics`.

    Returns:
      Markdown table of three rows.
    """
    rows = [["by chance", "0.3333"]]
    titles = {"random": "encoder before training", "pixels": "nearest picture"}
    rows += [[title, _cell(metrics, name, None)] for name, title in titles.items()]
    return markdown_table(["without training", "accuracy"], rows)


def reconstruction_table(metrics: Mapping[str, float]) -> str:
    """How well references come back.

    Args:
      metrics: with the names of `reconstruction_metrics`.

    Returns:
      Markdown table of one row.
    """
    names = ("image_rmse", "depth_rmse_m", "depth_rmse_mean_m")
    heads = ["error of the picture", "of the depth, m", "of the mean depth, m"]
    return markdown_table(heads, [[f"{metrics[name]:.4f}" for name in names]])


def _cell(metrics, name, paper) -> str:
    key = f"accuracy_{name}"
    known = key in metrics
    own = f"{metrics[key]:.4f} ± {metrics[f'{key}_stderr']:.4f}" if known else ""
    return " ".join(x for x in (own, _paper(paper)) if x)


def _paper(value) -> str:
    if value is None:
        return ""
    mean, error = value
    return f"({mean:.4f})" if error is None else f"({mean:.4f} ± {error:.4f})"


__all__ = [
    "PAPER_BASELINES",
    "PAPER_HUMAN",
    "PAPER_OURS",
    "accuracy_table",
    "check_table",
    "reconstruction_table",
]
