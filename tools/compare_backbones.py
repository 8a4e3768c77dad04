"""LiDO's first guesses on features of ImageNet, and on those of a small network.

python tools/compare_backbones.py --output=FOLDER

Trains detector and initialization networks on the small convolutional network of
`experiments.lido.config`, which learns with them from nothing; those on the frozen
features of EfficientNet-Lite0 are the shipped ones, trained for as many steps. Prints a
table of docs/systems/lido.md: both on pictures of the renderer they were trained with,
and on path-traced ones, whose shapes and textures neither has seen. Three quarters of
an hour on two cores; can be interrupted.
"""

import argparse
import dataclasses
import pathlib

import jax
import numpy as np

from experiments.lido.config import PRESETS, SHIPPED, Config
from experiments.lido.evaluate import Paths, errors_of
from experiments.lido.guesses import (
    Problems,
    guess_maker,
    make_problems,
    precision_and_recall,
)
from experiments.lido.networks import guess_networks, load_weights
from experiments.lido.scenes import load_scenes, load_shifted, scene_maker
from experiments.lido.statistics import SETS, in_table_units, median_curve
from experiments.lido.tables import UNITS
from experiments.lido.train import train_guess
from experiments.tables import markdown_table
from ivg.scene.shapes.families import tabletop_library


def guess_params(config: Config, folder: pathlib.Path):
    """Parameters under a backbone: the shipped ones, or trained here."""
    if config.backbone == PRESETS["cpu"].backbone:
        return load_weights(config, SHIPPED)["guess"]
    library = tabletop_library()

    def scenes():
        make = scene_maker(library)
        return load_scenes(config, "init", config.num_init, library, folder, make)

    return train_guess(config, scenes, folder / config.backbone)[0]


def cells(problems: Problems) -> list[str]:
    """Precision, recall, and the median error of each set of latents."""
    found = problems.guesses, problems.truths, problems.pairs
    shares = [f"{100 * share:.1f}" for share in precision_and_recall(*found)]
    start = jax.tree.map(lambda x: x[:, None], problems.guesses)
    errors = errors_of(Paths(start, np.zeros(start.mask.shape[:2])), problems)
    medians = [
        in_table_units(name, median_curve(errors[source])[0])
        for name, source in SETS.items()
    ]
    return shares + [f"{median:.3g}" for median in medians]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="backbones", help="folder for the data")
    folder, cpu = pathlib.Path(parser.parse_args().output), PRESETS["cpu"]
    scenes = {
        "rendered": load_scenes(
            cpu, "validation", cpu.num_validation, tabletop_library(), folder
        ),
        "path-traced": load_shifted(cpu.num_scenes),
    }
    rows = []
    for backbone in ("efficientnet", "small"):
        config = dataclasses.replace(cpu, backbone=backbone)
        params = guess_params(config, folder)
        guess = guess_maker(guess_networks(config), params, min_score=cpu.min_score)
        for name, pictures in scenes.items():
            rows.append([backbone, name, *cells(make_problems(*pictures, guess))])
    sets = [f"{name.replace('_', ' ')}, {unit}" for name, unit in UNITS.items()]
    heads = ["features", "pictures", "precision, %", "recall, %", *sets]
    print(markdown_table(heads, rows))


if __name__ == "__main__":
    main()
