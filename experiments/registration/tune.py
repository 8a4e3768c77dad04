"""Chooses settings on training instances, for ours and for the rivals alike."""

import dataclasses
import itertools
import pathlib

import numpy as np
from tqdm import tqdm

from experiments.registration.config import Config, Drift, Rates
from experiments.registration.evaluate import MODES, evaluate_method, methods_of
from experiments.registration.networks import load_trained
from experiments.registration.scenes import observe_instances
from experiments.registration.shapes import make_instances, training_meshes
from experiments.tables import markdown_table
from ivg.io.atomic import check_writable_folder, write_atomic, write_json

_SEED = 1000  # of views, apart from those of the test
_DRIFTS = tuple(
    Drift(outliers, prior, num_rigid, faces)
    for outliers, prior, num_rigid, faces in itertools.product(
        (0.0, 0.1), (1.0, 10.0, 30.0, 100.0), (0, 20), (True, False)
    )
)
_DESCENTS = {
    "joint": (Rates(0.1, 0.03, 0.3), Rates(0.1, 0.01, 0.1)),
    "features": (Rates(0.1, 0.01, 0.1), Rates(0.1, 0.003, 0.03)),
    "pixels": (Rates(0.1, 0.05, 0.5), Rates(0.1, 0.03, 0.3), Rates(0.2, 0.05, 1.0)),
    "silhouettes": (Rates(0.1, 0.05, 0.5), Rates(0.05, 0.03, 0.3)),
}


def candidates() -> list[tuple[str, str, str, object]]:
    """What is tried.

    Returns:
      Method, mode, field of `Config` and its value, of each candidate.
    """
    rows = []
    for mode in MODES:
        tried = [d for d in _DRIFTS if mode == "noisy" or d.num_rigid == 0]
        rows += [("cpd", mode, f"drift_{mode}", drift) for drift in tried]
        for kind, rates in _DESCENTS.items():
            rows += [(kind, mode, kind, rate) for rate in rates]
        rows += [("newton", mode, "newton_prior", p) for p in (1e-3, 1e-4)]
    return rows


def run_tuning(config: Config, output: str, checkpoint: str) -> dict[str, float]:
    """Registers training instances with every candidate.

    Args:
      config: the settings that candidates replace one field of.
      output: folder for `tuning.md` and `tuning.json`.
      checkpoint: folder with `shapes`, `unet` and `regressor`.

    Returns:
      Mean point distance in millimetres by name of the candidate.

    Raises:
      InputError: if the folder cannot be written or there is no checkpoint.
    """
    folder = pathlib.Path(check_writable_folder(output))
    trained = load_trained(config, checkpoint)
    names = config.families
    meshes = {n: training_meshes(config, n, config.num_tune) for n in names}
    instances = make_instances(config, meshes)
    observations = observe_instances(config, instances, config.seed + _SEED)
    found = {}
    for method, mode, field, value in tqdm(candidates(), desc="tune"):
        function = methods_of(dataclasses.replace(config, **{field: value}))[method]
        errors = [
            evaluate_method(
                function, n, trained[n], instances[n], observations[n], mode == "noisy"
            )
            for n in names
        ]
        found[f"{method} {mode} {value}"] = float(1e3 * np.mean(errors))
    rows = [[name, f"{mean:.2f}"] for name, mean in found.items()]
    table = markdown_table(["candidate", "mean distance, mm"], rows)
    write_atomic(folder / "tuning.md", table)
    write_json(folder / "tuning.json", found)
    return found


__all__ = ["candidates", "run_tuning"]
