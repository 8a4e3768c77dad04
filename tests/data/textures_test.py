"""Textures: factors of mean one that repeat without a seam."""

import jax
import numpy as np
import pytest

from ivg.data.textures import PATTERNS, sample_textures


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: p.__name__)
def test_patterns(pattern):
    made = np.asarray(jax.jit(pattern, static_argnums=1)(jax.random.key(1), 32))
    assert made.shape == (32, 32) and made.std() > 0.01
    assert made.min() >= 0 and made.max() <= 1
    inside = np.abs(np.diff(made, axis=0)), np.abs(np.diff(made, axis=1))
    seams = np.abs(made[0] - made[-1]), np.abs(made[:, 0] - made[:, -1])
    for seam, steps in zip(seams, inside, strict=True):
        assert seam.mean() <= 2 * steps.mean() + 0.02


def test_textures():
    make = jax.jit(sample_textures, static_argnums=(1, 2))
    made = np.asarray(make(jax.random.key(0), 9, 16))
    assert made.shape == (9, 16, 16, 3)
    np.testing.assert_allclose(made.mean((1, 2)), 1, atol=1e-4)
    assert made.min() > 0
    assert len({t.tobytes() for t in made}) == 9
    np.testing.assert_array_equal(made, make(jax.random.key(0), 9, 16))
