"""Coherent point drift equals pycpd, and does what its paper says."""

import jax
import numpy as np
import pycpd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ivg.shape_space.cpd import (
    affine_model,
    gaussian_kernel,
    nonrigid_model,
    pivoted_cholesky,
    register_points,
    rigid_model,
)

OPTIONS = {"tolerance": 1e-5, "max_iterations": 80}


def clouds(seed, m=60, n=80):
    """Points on a bent, bumpy sheet, and others on the same sheet, moved."""
    rng = np.random.default_rng(seed)

    def sheet(count):
        u, v = rng.uniform(-1, 1, (2, count))
        return np.stack([u, v, 0.4 * np.sin(3 * u) * np.cos(2 * v)], 1)

    return sheet(m), sheet(n)


def moved_rigidly(points):
    turn = Rotation.from_rotvec([0.2, -0.3, 0.4]).as_matrix()
    return 1.2 * points @ turn.T + np.array([0.1, -0.2, 0.3])


def bent(points):
    return points + 0.15 * np.sin(2 * points[:, [1, 2, 0]])


def compare(ours, theirs, target):
    """Iterations within one, residual within one per cent."""
    assert abs(int(ours.num_iterations) - theirs.iteration) <= 1

    def residual(moved):
        apart = np.linalg.norm(moved[:, None] - target, axis=-1)
        return apart.min(1).mean()

    assert residual(ours.moved) == pytest.approx(residual(theirs.TY), rel=0.01)
    np.testing.assert_allclose(ours.moved, theirs.TY, atol=2e-3)


@pytest.mark.parametrize("outliers", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["rigid", "affine", "nonrigid", "stiff"])
def test_it_equals_pycpd(kind, outliers):
    source, target = clouds(1)
    target = bent(target) if "rigid" != kind else moved_rigidly(target)
    models = {
        "rigid": (rigid_model(), pycpd.RigidRegistration, {}),
        "affine": (affine_model(), pycpd.AffineRegistration, {}),
        "nonrigid": (nonrigid_model(), pycpd.DeformableRegistration, {}),
        "stiff": (
            nonrigid_model(0.7, 5.0),
            pycpd.DeformableRegistration,
            {"alpha": 5.0, "beta": 0.7},
        ),
    }
    model, rival, extra = models[kind]
    options = dict(OPTIONS)
    if kind == "affine":
        # pycpd takes the trace of B S B for that of B S B^T, and so stops elsewhere.
        options = {"tolerance": 0.0, "max_iterations": 40}
    theirs = rival(X=target, Y=source, w=outliers, **options, **extra)
    theirs.register()
    ours = register_points(
        source, target, model, outliers=outliers, is_normalized=False, **options
    )
    compare(ours, theirs, target)


@pytest.mark.parametrize(
    "model", [rigid_model(), affine_model(), nonrigid_model(), nonrigid_model(1.0)]
)
def test_the_variance_falls(model):
    source, target = clouds(2)
    found = register_points(source, bent(target), model)
    sigma2 = found.sigma2[: int(found.num_iterations) + 1]
    assert np.isfinite(sigma2).all() and np.isnan(found.sigma2[len(sigma2) :]).all()
    assert (np.diff(sigma2) <= 1e-9).all()
    assert sigma2[-1] < 0.1 * sigma2[0]


def test_a_rigid_motion_is_found():
    source, _ = clouds(3)
    found = register_points(source, moved_rigidly(source), rigid_model())
    np.testing.assert_allclose(found.moved, moved_rigidly(source), atol=1e-3)
    scale, rotation, _ = found.params
    assert scale == pytest.approx(1.2, abs=1e-3)
    expected = Rotation.from_rotvec([0.2, -0.3, 0.4]).as_matrix()
    np.testing.assert_allclose(rotation, expected, atol=2e-3)
    fixed = register_points(
        source, moved_rigidly(source) / 1.2, rigid_model(has_scale=False)
    )
    assert fixed.params[0] == 1


@pytest.mark.parametrize("unit", [1.0, 0.001, 1000.0])
def test_the_unit_of_length_does_not_matter(unit):
    source, target = clouds(4)
    plain = register_points(source, bent(target), nonrigid_model())
    other = register_points(unit * source, unit * bent(target), nonrigid_model())
    assert int(plain.num_iterations) == int(other.num_iterations)
    np.testing.assert_allclose(other.moved / unit, plain.moved, atol=1e-6)


def test_few_eigenvectors_do_as_well():
    source, target = clouds(5)
    full = register_points(source, bent(target), nonrigid_model(1.0))
    few = register_points(source, bent(target), nonrigid_model(1.0, rank=40))
    np.testing.assert_allclose(few.moved, full.moved, atol=2e-3)
    with jax.enable_x64(True):
        gram = gaussian_kernel(source, source, 1.0)
        root = pivoted_cholesky(gram, 40)
        np.testing.assert_allclose(root @ root.T, gram, atol=1e-4)
        every = pivoted_cholesky(gram, 60)
        np.testing.assert_allclose(every @ every.T, gram, atol=1e-9)


def test_coherence_keeps_neighbours_together():
    """A stiff motion moves all points alike, a soft one each as it likes."""
    source, target = clouds(6)

    def roughness(beta):
        found = register_points(source, bent(target), nonrigid_model(beta))
        motion = found.moved - source
        near = np.argsort(np.linalg.norm(source[:, None] - source, axis=-1), 1)[:, 1]
        return np.linalg.norm(motion - motion[near], axis=1).mean()

    assert roughness(3.0) < roughness(0.3)


@given(
    seed=st.integers(0, 50),
    m=st.integers(1, 12),
    spread=st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
    outliers=st.sampled_from([0.0, 0.5]),
)
def test_hostile_clouds_stay_finite(seed, m, spread, outliers):
    """One point, all points in one place, very far ones."""
    rng = np.random.default_rng(seed)
    source, target = np.zeros((12, 3)), spread * rng.normal(size=(7, 3))
    source[:m] = rng.normal(size=(m, 3))
    found = register_points(
        source, target, nonrigid_model(), outliers=outliers, max_iterations=20
    )
    assert np.isfinite(found.moved).all()


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.full((4, 3), np.nan)])
def test_bad_clouds(bad):
    with pytest.raises(ValueError, match="target"):
        register_points(np.ones((3, 3)), bad, rigid_model())
