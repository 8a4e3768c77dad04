"""Copies the pictures of docs/ and README.md from the outputs of the experiments.

python -m experiments.explain --output=OUT/coffee
python -m experiments.refine_tabletop --output=OUT/refine_tabletop
python tools/make_docs_pictures.py --outputs=OUT --docs=docs
"""

import argparse
import pathlib
import shutil

PICTURES = {
    "coffee/summary.png": "summary.png",
    "coffee/overlay.png": "overlay.png",
    "refine_tabletop/scenes.png": "refined.png",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--outputs", type=pathlib.Path, required=True)
    parser.add_argument("--docs", type=pathlib.Path, default=pathlib.Path("docs"))
    args = parser.parse_args()
    images = args.docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    for source, target in PICTURES.items():
        shutil.copy(args.outputs / source, images / target)


if __name__ == "__main__":
    main()
