"""Similarities against explicit 4 x 4 matrices."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.spatial.transform import Rotation

from ivg.geometry import transform

seeds = st.integers(0, 2**31 - 1)
fast = settings(max_examples=25, deadline=None)


def random(rng):
    """A transform, its quaternion not normalised, and its matrix."""
    position, scale = rng.normal(size=3), rng.uniform(0.2, 3)
    quaternion = rng.normal(size=4)
    matrix = np.eye(4)
    r = Rotation.from_quat(quaternion, scalar_first=True)
    matrix[:3, :3], matrix[:3, 3] = scale * r.as_matrix(), position
    return transform.make_transform(position, quaternion, scale), matrix


def test_identity():
    np.testing.assert_array_equal(
        transform.matrix_from_transform(transform.make_transform()), np.eye(4)
    )


@fast
@given(seeds)
def test_equals_matrices(seed):
    rng = np.random.default_rng(seed)
    (a, matrix_a), (b, matrix_b) = random(rng), random(rng)
    point = rng.normal(size=3)
    to_matrix = transform.matrix_from_transform
    np.testing.assert_allclose(to_matrix(a), matrix_a, atol=1e-5)
    composed = to_matrix(transform.compose(a, b))
    np.testing.assert_allclose(composed, matrix_a @ matrix_b, atol=5e-5)
    inverse = to_matrix(transform.invert(a))
    np.testing.assert_allclose(inverse @ matrix_a, np.eye(4), atol=5e-5)
    expected = matrix_a[:3, :3] @ point + matrix_a[:3, 3]
    actual = transform.transform_point(a, jnp.asarray(point))
    np.testing.assert_allclose(actual, expected, atol=2e-5)
    many = transform.apply_affine(jnp.asarray(matrix_a), jnp.asarray(point[None]))
    np.testing.assert_allclose(many[0], expected, atol=2e-5)


def test_affine_scales_along_own_axes():
    quarter = jnp.array([np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0])  # z towards x
    scale = jnp.array([2.0, 3.0, 4.0])
    matrix = transform.affine_from_trs(jnp.array([1.0, 0.0, 0.0]), quarter, scale)
    points = transform.apply_affine(matrix, jnp.eye(3))
    expected = [[1, 0, -2], [1, 3, 0], [5, 0, 0]]
    np.testing.assert_allclose(points, expected, atol=1e-5)


def test_scale_zero_stays_finite():
    zero = transform.make_transform(scale=0.0)
    matrix = lambda t: transform.matrix_from_transform(transform.invert(t))  # noqa: E731
    leaves = jax.tree.leaves((matrix(zero), jax.jacrev(matrix)(zero)))
    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in leaves)


def test_gradients_vmap_and_jit():
    def function(a, b, point):
        return transform.transform_point(
            transform.invert(transform.compose(a, b)), point
        )

    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        rows = [
            (random(rng)[0], random(rng)[0], jnp.asarray(rng.normal(size=3)))
            for _ in range(3)
        ]
        check_grads(function, rows[0], order=2, modes=("fwd", "rev"), rtol=1e-4)
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *rows)
        looped = jnp.stack([function(*row) for row in rows])
        for batched in (jax.vmap(function), jax.jit(jax.vmap(function))):
            np.testing.assert_allclose(batched(*stacked), looped, atol=1e-12)
