"""The losses of LiDO's networks, beside NumPy and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.special

from experiments.lido.examples import prediction_loss
from experiments.lido.train import detector_loss, initializer_loss
from ivg.models.detector import DetectorGrid, cell_centres
from ivg.models.first_guess import GuessTargets
from ivg.models.initializer import InitialVotes
from ivg.models.tabletop_coding import Prediction

SHAPES = {
    "position": (5, 2), "size": (5,), "lighting": (5, 5), "camera": (5, 2),
    "colour": (5, 3), "ground_colour": (5, 3),
}  # fmt: skip


def draw(seed, azimuth):
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    return Prediction(**values, azimuth=azimuth)


@pytest.mark.parametrize("weight, hue_weight", [(0.2, 0.0), (3.0, 3.0)])
def test_loss(weight, hue_weight):
    logits = np.random.default_rng(2).normal(size=(5, 360))
    bins = np.array([0, 1, 90, 180, 359])
    said, truth = draw(0, logits), draw(1, bins)
    errors = [getattr(said, name) - getattr(truth, name) for name in SHAPES]
    expected = sum(np.abs(e).mean() + (e**2).mean() for e in errors)
    goal = scipy.ndimage.gaussian_filter1d(
        np.eye(360)[bins], 8, mode="wrap", truncate=22
    )
    entropy = -(goal * scipy.special.log_softmax(logits, -1)).sum(-1)
    expected += weight * entropy.mean() + hue_weight * hue_error(said, truth)
    arrays = jax.tree.map(jnp.asarray, (said, truth))
    found = prediction_loss(*arrays, weight, hue_weight)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def hue_error(said, truth):
    """Errors of colours projected onto the plane across the line of greys."""
    across = np.eye(3) - np.full((3, 3), 1 / 3)
    names = "colour", "ground_colour"
    errors = [getattr(said, name) - getattr(truth, name) for name in names]
    return sum(np.abs(e @ across).mean() for e in errors)


def test_detector_loss():
    rng = np.random.default_rng(0)
    grids = DetectorGrid(rng.normal(size=(2, 5, 6, 4)), rng.random((2, 5, 6)))
    targets = GuessTargets(
        position_px=rng.uniform(0, 40, (2, 2, 2)),
        size=rng.random((2, 2)),
        class_id=np.array([[0, 2], [1, 0]]),
        mask=np.array([[True, True], [True, False]]),
        votes=None,
    )
    centres = np.asarray(cell_centres(5, 6))
    arrays = jax.tree.map(jnp.asarray, (grids, targets, centres))
    slow = slow_detector_loss(grids, targets, centres)
    assert float(detector_loss(*arrays)) == pytest.approx(slow, rel=1e-5)


def slow_detector_loss(grids, targets, centres):
    """Cell by cell, as the docstrings of `grid_labels` and `detector_loss` say."""
    total, num = 0.0, 0
    for b, row, column in np.ndindex(grids.size.shape):
        said = scipy.special.log_softmax(grids.class_logits[b, row, column])
        offsets = np.abs(targets.position_px[b] - centres[row, column]).max(-1)
        distances = np.where(targets.mask[b], offsets, np.inf)
        nearest = distances.argmin()
        if distances[nearest] <= 8:
            wrong = abs(grids.size[b, row, column] - targets.size[b, nearest])
            total += 10 * (wrong + wrong**2) - said[targets.class_id[b, nearest]]
            num += 1
        elif distances[nearest] > 14:
            total -= said[-1] / 3
    assert 0 < num < grids.size.size
    return total / num


def test_initializer_loss():
    rng = np.random.default_rng(0)
    sizes = {"shape": 6, "azimuth": 18, "light_azimuth": 18}
    sizes |= {"colour": 3, "lighting": 3, "camera": 2, "ground_colour": 3}
    said = {name: rng.normal(size=(4, size)) for name, size in sizes.items()}
    truth = {name: rng.random((4, size)) for name, size in sizes.items()}
    bins = ("shape", "azimuth", "light_azimuth")
    truth |= {name: rng.integers(0, sizes[name], 4) for name in bins}
    mask = np.array([1, 0, 1, 1.0])

    def of(i):
        squares = [
            12 * np.mean((said[n][i] - truth[n][i]) ** 2)
            for n in sizes
            if n not in bins
        ]
        shares = [scipy.special.softmax(said[n][i])[truth[n][i]] for n in bins]
        return sum(squares) - np.log(shares).sum()

    votes = [InitialVotes(**jax.tree.map(jnp.asarray, v)) for v in (said, truth)]
    expected = np.mean([of(i) for i in (0, 2, 3)])
    assert float(initializer_loss(*votes, mask)) == pytest.approx(expected, rel=1e-5)
