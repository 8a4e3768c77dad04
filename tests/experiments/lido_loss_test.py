"""The loss of the Prediction Network, beside NumPy and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.special

from experiments.lido.examples import prediction_loss
from ivg.models.tabletop_coding import Prediction

SHAPES = {
    "position": (5, 2), "size": (5,), "lighting": (5, 5), "camera": (5, 2),
    "colour": (5, 3), "ground_colour": (5, 3),
}  # fmt: skip


def draw(seed, azimuth):
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    return Prediction(**values, azimuth=azimuth)


@pytest.mark.parametrize("weight", [0.2, 3.0])
def test_loss(weight):
    logits = np.random.default_rng(2).normal(size=(5, 360))
    bins = np.array([0, 1, 90, 180, 359])
    said, truth = draw(0, logits), draw(1, bins)
    errors = [getattr(said, name) - getattr(truth, name) for name in SHAPES]
    expected = sum(np.abs(e).mean() + (e**2).mean() for e in errors)
    goal = scipy.ndimage.gaussian_filter1d(
        np.eye(360)[bins], 8, mode="wrap", truncate=22
    )
    entropy = -(goal * scipy.special.log_softmax(logits, -1)).sum(-1)
    found = prediction_loss(*jax.tree.map(jnp.asarray, (said, truth)), weight)
    assert float(found) == pytest.approx(expected + weight * entropy.mean(), rel=1e-5)
