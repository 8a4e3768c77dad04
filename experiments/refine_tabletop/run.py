"""How far joint gradient refinement lowers the errors of table-top latents."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from experiments.tables import markdown_table
from ivg.data.perturb import perturb_tabletop
from ivg.data.tabletop import sample_tabletop
from ivg.energy.tabletop import display, render_tabletop, tabletop_energy
from ivg.io.atomic import check_writable_folder, write_atomic, write_json
from ivg.metrics.tabletop import tabletop_errors
from ivg.refine.gradient import gradient_refiner
from ivg.refine.refiner import Refinement, refine
from ivg.scene.library import MeshLibrary
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import Tabletop, tabletop_bounds
from ivg.typing import Array
from ivg.viz.contact_sheet import contact_sheet
from ivg.viz.picture import png_bytes
from ivg.viz.plots import error_curves_png

UNITS = {
    "position": "px of 256",
    "size": "fraction",
    "azimuth": "degrees",
    "colour": "RMSE of normalised RGB",
    "lighting": "RMSE of normalised irradiance",
    "camera": "px of 256",
    "ground": "RMSE of normalised RGB",
}
PAPER_INITIAL = {  # Romaszko et al., Table 2, column Init
    "position": 3.23,
    "size": 0.0708,
    "azimuth": 9.15,
    "colour": 0.027,
    "lighting": 0.23,
    "camera": 1.47,
    "ground": 0.021,
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Size of the experiment.

    Attributes:
      num_scenes: scenes.
      batch_size: scenes refined at once.
      size_px: side of the pictures that are compared.
      steps: gradient steps.
      learning_rate: of Adam at first, in widths of the bounds; it falls to zero
        along a cosine.
      seed: of scenes and perturbations.
    """

    num_scenes: int = 50
    batch_size: int = 10
    size_px: int = 128
    steps: int = 120
    learning_rate: float = 0.003
    seed: int = 0


PRESETS = {
    "smoke": Config(num_scenes=2, batch_size=2, size_px=32, steps=3),
    "cpu": Config(),
    "paper": Config(num_scenes=200, batch_size=20, size_px=256, steps=150),
}


def sample_problem(
    key: Array, library: MeshLibrary, size_px: int
) -> tuple[Tabletop, Tabletop, Array]:
    """A random table-top, a first estimate, and its picture.

    Args:
      key: random key, consumed.
      library: shapes.
      size_px: side of the picture.

    Returns:
      True and estimated latents, and a `[H, W, 3]` linear RGB picture in [0, 1].
    """
    key_truth, key_estimate = jax.random.split(key)
    truth = sample_tabletop(key_truth, library)
    picture = render_tabletop(truth, library, height=size_px, width=size_px)
    return truth, perturb_tabletop(key_estimate, truth), jnp.clip(picture, 0, 1)


def run(config: Config, output: str) -> dict[str, float]:
    """Perturbs random scenes, refines them and compares the errors.

    Args:
      config: size of the experiment.
      output: folder for `table.md`, `metrics.json`, `scenes.png` and `errors.png`.

    Returns:
      `median_{name}_{initial,final}` for every error of `tabletop_errors`, over all
      objects (position, size, azimuth, colour) or scenes (the others).

    Raises:
      InputError: if the folder cannot be written.
    """
    check_writable_folder(output)
    library = tabletop_library()
    refiner = gradient_refiner(
        tabletop_energy(library),
        optax.adam(optax.cosine_decay_schedule(config.learning_rate, config.steps)),
        tabletop_bounds(),
    )

    @jax.jit
    @jax.vmap
    def evaluate(key):
        truth, estimate, picture = sample_problem(key, library, config.size_px)
        refinement = refine(refiner, estimate, picture, config.steps)
        errors = jax.vmap(tabletop_errors, (0, None))(refinement.trajectory, truth)
        return picture, refinement, errors

    num_batches = -(-config.num_scenes // config.batch_size)
    keys = jax.random.split(
        jax.random.key(config.seed), num_batches * config.batch_size
    ).reshape(num_batches, config.batch_size)
    results = [evaluate(batch) for batch in tqdm(keys, desc="refine", unit="batch")]
    pictures, refinement, errors = jax.tree.map(
        lambda *x: np.concatenate(x)[: config.num_scenes], *results
    )
    medians = median_errors(errors)
    metrics = {
        f"median_{name}_{when}": float(curve[index])
        for name, curve in medians.items()
        for when, index in (("initial", 0), ("final", -1))
    }
    _write(Path(output), metrics, medians, pictures, refinement, library)
    return metrics


def median_errors(errors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Medians over scenes, and over objects where an error has them.

    Args:
      errors: `[M, T + 1]` or `[M, T + 1, N]` for each name, NaN for empty places.

    Returns:
      `[T + 1]` for each name.
    """
    return {
        name: np.nanmedian(np.moveaxis(value, 1, 0).reshape(value.shape[1], -1), 1)
        for name, value in errors.items()
    }


def table(metrics: dict[str, float]) -> str:
    """The errors before and after as Markdown.

    Args:
      metrics: as returned by `run`.

    Returns:
      Table with a row per set of latents, beside the paper's initial errors.
    """
    heads = [
        "latents", "unit", "initial (median)", "refined (median)", "lowered by",
        "paper's initial",
    ]  # fmt: skip
    rows = []
    for name, unit in UNITS.items():
        before, after = (metrics[f"median_{name}_{w}"] for w in ("initial", "final"))
        lowered = f"{100 * (1 - after / before):.0f} %"
        shown = [f"{before:.4g}", f"{after:.4g}", lowered, f"{PAPER_INITIAL[name]}"]
        rows.append([name, unit, *shown])
    return markdown_table(heads, rows)


def _write(
    folder: Path, metrics, medians, pictures, refinement: Refinement, library
) -> None:
    write_atomic(folder / "table.md", table(metrics))
    write_json(folder / "metrics.json", metrics)
    curves = {name: curve / curve[0] for name, curve in medians.items()}
    write_atomic(folder / "errors.png", error_curves_png(curves))
    size_px = pictures.shape[1]

    @jax.jit
    def show(latents):
        return display(render_tabletop(latents, library, height=size_px, width=size_px))

    rows = []
    for i in range(min(6, len(pictures))):
        ends = [jax.tree.map(lambda x, i=i, t=t: x[i, t], refinement.trajectory)
                for t in (0, -1)]  # fmt: skip
        shown = [np.uint8(np.round(255 * np.asarray(show(end)))) for end in ends]
        rows.append([pictures[i], *shown])
    sheet = contact_sheet(rows, column_labels=["picture", "estimate", "refined"])
    write_atomic(folder / "scenes.png", png_bytes(sheet))


__all__ = [
    "PRESETS",
    "Config",
    "median_errors",
    "run",
    "sample_problem",
    "table",
]
