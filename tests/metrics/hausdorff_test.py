"""Hausdorff distances against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import distance

from ivg.metrics.hausdorff import directed_hausdorff, hausdorff


@pytest.mark.parametrize("counts, dimension", [((300, 700), 3), ((600, 1), 2)])
def test_against_scipy(counts, dimension):
    rng = np.random.default_rng(counts[0])
    one, other = (rng.normal(size=(n, dimension)).astype(np.float32) for n in counts)
    found = hausdorff(jnp.asarray(one), jnp.asarray(other))
    expected = [
        distance.directed_hausdorff(a, b)[0] for a, b in ((one, other), (other, one))
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.forward != found.reverse


def test_part_of_the_truth_is_near_but_does_not_cover_it():
    points = np.random.default_rng(0).uniform(size=(50, 3))
    far = np.concatenate([points, [[5.0, 0.5, 0.5]]])
    found = hausdorff(jnp.asarray(points), jnp.asarray(far))
    assert found.forward == 0
    expected = np.linalg.norm(points - far[-1], axis=1).min()
    assert float(found.reverse) == pytest.approx(expected, rel=1e-5)


def test_batches():
    rng = np.random.default_rng(1)
    one, other = jnp.asarray(rng.normal(size=(2, 4, 30, 3)), jnp.float32)
    together = jax.jit(jax.vmap(directed_hausdorff))(one, other)
    alone = [directed_hausdorff(a, b) for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(together, jnp.stack(alone), rtol=1e-6)
