"""Derivatives of all modes through `render`: finite everywhere, and transposes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivg.render.pipeline import render
from tests.reference.soup import make_soup_scene, soups

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 16
CASES = {
    "antialias": {"mode": "antialias"},
    "hard": {"mode": "hard"},
    "soft": {"mode": "soft", "num_layers": 4, "sigma": 1e-2, "gamma": 1e-3},
    "layers": {"mode": "layers", "num_layers": 4, "tau": 1e-2},
    "frozen layers": {"mode": "layers", "num_layers": 4, "tau": 0.0},
}
each_case = pytest.mark.parametrize("case", CASES)


def outputs(vertices, **options):
    buffers = render(make_soup_scene(vertices, SIZE), **options)
    seen = buffers.rgb, buffers.alpha[..., None], buffers.depth[..., None]
    return jnp.concatenate([*seen, buffers.normal, buffers.barycentrics], -1)


@functools.partial(jax.jit, static_argnames=("mode", "num_layers"))
def derivatives(vertices, tangent, cotangent, **options):
    """Values and vjp, and the derivatives of both (jvp and HVP) along the tangent."""

    def both(vertices):
        values, pull = jax.vjp(lambda v: outputs(v, **options), vertices)
        return values, pull(cotangent)[0]

    return jax.jvp(both, (vertices,), (tangent,))


@pytest.mark.slow
@each_case
@given(vertices=soups(), seed=st.integers(0, 2**16))
def test_finite(case, vertices, seed):
    rng = np.random.default_rng(seed)
    tangent = rng.uniform(-1, 1, vertices.shape).astype(np.float32)
    cotangent = rng.uniform(-1, 1, (SIZE, SIZE, 11)).astype(np.float32)
    for leaf in jax.tree.leaves(
        derivatives(vertices, tangent, cotangent, **CASES[case])
    ):
        assert np.all(np.isfinite(leaf))


@pytest.mark.slow
@each_case
@given(vertices=soups(), seed=st.integers(0, 2**16))
def test_transposes(case, vertices, seed):
    """In float64, for the slopes of slivers cancel by up to nine digits."""
    rng = np.random.default_rng(seed)
    tangent = rng.uniform(-1, 1, vertices.shape)
    cotangent = rng.uniform(-1, 1, (SIZE, SIZE, 11))
    with jax.enable_x64(True):
        found = derivatives(np.float64(vertices), tangent, cotangent, **CASES[case])
    (_, backward), (forward, _) = jax.tree.map(np.asarray, found)
    pushed, pulled = forward * cotangent, backward * tangent
    scale = np.abs(pushed).sum() + np.abs(pulled).sum()
    assert abs(pushed.sum() - pulled.sum()) <= 1e-4 * scale


@each_case
@pytest.mark.parametrize("seed", range(4))
def test_transposes_where_nothing_is_hostile(case, seed):
    rng = np.random.default_rng(seed)
    vertices = (rng.uniform(-1.5, 1.5, (12, 3)) - [0, 0, 3]).astype(np.float32)
    tangent = rng.normal(size=(12, 3)).astype(np.float32)
    cotangent = rng.normal(size=(SIZE, SIZE, 11)).astype(np.float32)
    (_, backward), (forward, _) = derivatives(
        vertices, tangent, cotangent, **CASES[case]
    )
    assert np.any(forward != 0)
    pushed, pulled = np.vdot(forward, cotangent), np.vdot(backward, tangent)
    assert float(pushed) == pytest.approx(float(pulled), rel=1e-4, abs=1e-2)
