"""Where the files are that come with the experiments."""

import pathlib

ASSETS = pathlib.Path(__file__).parent / "assets"

__all__ = ["ASSETS"]
