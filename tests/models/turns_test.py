"""Bins of turns against SciPy's filter and density."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from ivg.models.turns import average_bins, likely_turn, turn_logits


def test_averaging_bins_is_a_circular_filter():
    shares = np.random.default_rng(0).uniform(size=(2, 360))
    expected = scipy.ndimage.gaussian_filter1d(shares, 8, mode="wrap", truncate=22)
    found = average_bins(jnp.asarray(shares))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("turn", [0.0, 2.3, -17.9, 40.0, 1e4])
def test_logits_of_a_turn(turn):
    """A Gaussian around the circle, a tenth of it everywhere, times the terms."""
    terms = np.random.default_rng(1).normal(size=360)
    outputs = jnp.asarray([turn, *terms], jnp.float32)
    apart = (np.arange(360) - 10 * turn + 180) % 360 - 180
    share = 0.9 * scipy.stats.norm.pdf(apart, scale=10) + 0.1 / 360
    np.testing.assert_allclose(
        turn_logits(outputs), np.log(share) + terms, atol=2e-3 if turn > 100 else 1e-4
    )
    slope = jax.grad(lambda x: -jax.nn.log_softmax(turn_logits(x))[5])(outputs)
    assert np.isfinite(slope).all()


def test_a_turn_is_pulled_towards_the_true_bin():
    def loss(turn, true_bin):
        logits = turn_logits(jnp.append(turn, jnp.zeros(360)))
        return -jax.nn.log_softmax(logits)[true_bin]

    slopes = [float(jax.grad(loss)(jnp.array(0.5), b)) for b in (350, 0, 5, 10, 20)]
    assert slopes[0] > 0 and slopes[1] > 0 and slopes[3] < 0 and slopes[4] < 0
    assert abs(slopes[2]) < 1e-3


def test_a_broad_turn_is_likelier_than_a_narrow_one_and_than_a_far_one():
    degrees = np.arange(360)
    apart = (degrees - 340 + 180) % 360 - 180
    far = (degrees - 160 + 180) % 360 - 180
    broad = np.exp(-0.5 * (apart / 10) ** 2) + 2 * np.exp(-0.5 * (far / 10) ** 2)
    logits = np.log(broad + 1e-6)
    logits[30] = np.log(3.0)
    assert np.argmax(logits) == 30
    assert likely_turn(jnp.asarray(logits, jnp.float32)) == 340
