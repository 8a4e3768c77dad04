"""The 3D IQ test, `python -m experiments.iqtt`."""
