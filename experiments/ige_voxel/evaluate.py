"""How well networks reconstruct held-out things, and what it costs."""

import resource
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.ige_voxel.config import FINE_CATEGORIES, ROWS, Config
from experiments.ige_voxel.data import Views
from experiments.ige_voxel.networks import (
    base_reconstructor,
    descender,
    enlarge_grid,
    first_estimator,
    learned_part,
)
from experiments.timing import median_seconds
from ivg.data.voxel_views import unpack_grid
from ivg.metrics.voxels import voxel_iou
from ivg.models.network import count_parameters
from ivg.models.voxel_networks import GRID_SIDE
from ivg.scene.shapes.categories import NAMES
from ivg.typing import Array, PyTree

_REPEATS = 5
Run = Callable[[PyTree, Array], Array]


def grid_ious(run: Run, model: PyTree, views: Views, grids: str) -> np.ndarray:
    """IoU of a network on each view, one after the other.

    Args:
      run: from a picture to logits of the resolution of the grids.
      model: dictionary with "params" and "statistics".
      views: `M`.
      grids: "frustum" or "world".

    Returns:
      `[M]`.
    """
    rows = views.frustum if grids == "frustum" else views.world[views.thing]
    pairs = zip(views.pictures, rows, strict=True)
    return np.array([float(_iou(run(model, p), g)) for p, g in pairs])


@jax.jit
def _iou(logits, packed):
    return voxel_iou(logits, unpack_grid(packed))


def category_means(ious: np.ndarray, category: np.ndarray) -> dict[str, float]:
    """Means of categories, and the mean of those.

    Args:
      ious: `[M]` in [0, 1].
      category: `[M]` places in `NAMES`.

    Returns:
      Per cent by name, and "mean". Categories without a view are left out.
    """
    means = {
        name: 100 * float(np.mean(ious[category == place]))
        for place, name in enumerate(NAMES)
        if (category == place).any()
    }
    return means | {"mean": float(np.mean(list(means.values())))}


def row_metrics(
    config: Config, models: Mapping[str, PyTree], views: Views
) -> dict[str, float]:
    """Table 3: the descent and both base networks at 32.

    Args:
      config: widths and steps.
      models: by name.
      views: at 32.

    Returns:
      `iou_{row}` and `iou_{row}_{category}` of `ROWS`, per cent;
      `categories_won` by the descent against the base network on the same grids;
      `iou_first`, where the descent starts.
    """
    base = base_reconstructor(config)
    runs = {
        "ige": (descender(config, GRID_SIDE, GRID_SIDE), "ige_iou_32", "frustum"),
        "base_frustum": (base, "base_frustum", "frustum"),
        "base_world": (base, "base_world", "world"),
    }
    metrics, means = {}, {}
    for row in ROWS:
        run, name, grids = runs[row]
        ious = grid_ious(run, models[name], views, grids)
        means[row] = category_means(ious, views.category)
        metrics[f"iou_{row}"] = means[row].pop("mean")
        metrics |= {f"iou_{row}_{c}": value for c, value in means[row].items()}
    ige, frustum = means["ige"], means["base_frustum"]
    metrics["categories_won"] = float(sum(ige[c] > frustum[c] for c in ige))
    ious = grid_ious(first_estimator(config), models["ige_iou_32"], views, "frustum")
    metrics["iou_first"] = category_means(ious, views.category)["mean"]
    return metrics


def loss_metrics(
    config: Config, models: Mapping[str, PyTree], tests: Mapping[int, Views]
) -> dict[str, float]:
    """Table 4: descents trained with each loss, at each resolution.

    Where a resolution was not trained at, the networks of the finest one below infer.

    Args:
      config: widths and steps.
      models: by name.
      tests: views by resolution.

    Returns:
      `iou_loss_{loss}` at 32 and `iou_loss_{loss}_{resolution}`, per cent; nothing
      for networks that are missing.
    """
    metrics = {}
    for resolution, views in tests.items():
        trained = max(r for r in config.resolutions if r <= resolution)
        run = descender(config, trained, resolution)
        for loss in config.losses:
            name = f"ige_{loss}_{trained}"
            if name not in models:
                continue
            ious = grid_ious(run, models[name], views, "frustum")
            mean = category_means(ious, views.category)["mean"]
            metrics[f"iou_loss_{loss}_{resolution}"] = mean
            if resolution == GRID_SIDE:
                metrics[f"iou_loss_{loss}"] = mean
    return metrics


def fine_metrics(
    config: Config, models: Mapping[str, PyTree], views: Views
) -> dict[str, float]:
    """Table 5: descents of each resolution against fine grids.

    Args:
      config: widths and steps.
      models: by name.
      views: at `config.fine_side`, of `FINE_CATEGORIES`.

    Returns:
      `iou_fine_{resolution}_{category}`: inferred at the resolution of the training
      and made finer, linear in between, as in the paper; `iou_fine_descent_{category}`:
      the finest networks, whose descent is in the fine grid itself. Per cent.
    """
    side, finest = config.fine_side, max(config.resolutions)
    runs = {f"{r}": (_interpolated(config, r), r) for r in config.resolutions}
    runs["descent"] = descender(config, finest, side), finest
    metrics = {}
    for name, (run, trained) in runs.items():
        ious = grid_ious(run, models[f"ige_iou_{trained}"], views, "frustum")
        means = category_means(ious, views.category)
        metrics |= {f"iou_fine_{name}_{c}": means[c] for c in FINE_CATEGORIES}
    return metrics


def _interpolated(config: Config, trained: int) -> Run:
    run = descender(config, trained, trained)
    return lambda model, picture: enlarge_grid(run(model, picture), config.fine_side)


def cost_metrics(
    config: Config, models: Mapping[str, PyTree], picture: np.ndarray
) -> dict[str, float]:
    """What one fine grid costs, and how large the networks are.

    Args:
      config: widths and steps.
      models: by name.
      picture: `[128, 128, 3]`.

    Returns:
      `seconds_256` for one picture once all is compiled, and `gib_256`, the most
      memory of the process so far; both are of `config.fine_side`.
      `milliseconds_learned_{32,256}`: what the networks take of that at 32 and at the
      finest resolution, whose networks have the most features, and `ratio_learned`
      between the two. `parameters_{ige,base}`.
    """
    trained = max(config.resolutions)
    run = descender(config, trained, config.fine_side)
    model = models[f"ige_iou_{trained}"]
    seconds = median_seconds(lambda: run(model, jnp.asarray(picture)), _REPEATS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    learned = [
        median_seconds(
            lambda r=r: learned_part(config, r)(models[f"ige_iou_{r}"], picture),
            _REPEATS,
        )
        for r in (GRID_SIDE, trained)
    ]
    return {
        "seconds_256": seconds,
        "gib_256": peak,
        "milliseconds_learned_32": 1e3 * learned[0],
        "milliseconds_learned_256": 1e3 * learned[1],
        "ratio_learned": learned[1] / learned[0],
        "parameters_ige": float(count_parameters(models["ige_iou_32"]["params"])),
        "parameters_base": float(count_parameters(models["base_frustum"]["params"])),
    }


__all__ = [
    "category_means",
    "cost_metrics",
    "fine_metrics",
    "grid_ious",
    "loss_metrics",
    "row_metrics",
]
