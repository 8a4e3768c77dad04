"""pix2scene: depth from pictures alone, `python -m experiments.pix2scene`."""
