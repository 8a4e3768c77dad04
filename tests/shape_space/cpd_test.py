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


@pytest.mark.parametrize(
    "model",
    [rigid_model(), affine_model(), nonrigid_model()],
    ids=["rigid", "affine", "nonrigid"],
)
@given(
    seed=st.integers(0, 50),
    m=st.integers(0, 12),
    axes=st.integers(1, 3),
    place=st.sampled_from([0.0, 0.1, 1e3]),
    spread=st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
    outliers=st.sampled_from([0.0, 0.5]),
)
def test_hostile_clouds_stay_finite(model, seed, m, axes, place, spread, outliers):
    """All points in one place, on a line or in a plane, very far ones."""
    rng = np.random.default_rng(seed)
    source, target = np.zeros((12, 3)), spread * rng.normal(size=(7, 3))
    source[:m, :axes] = rng.normal(size=(m, axes))
    source = source @ Rotation.random(rng=rng).as_matrix() + place
    found = register_points(source, target, model, outliers=outliers, max_iterations=20)
    for numbers in (found.moved, *jax.tree.leaves(found.params)):
        assert np.isfinite(numbers).all()


@pytest.mark.parametrize("model", [rigid_model(), affine_model()])
def test_one_point_goes_to_the_middle(model):
    target = np.random.default_rng(0).normal(size=(9, 3))
    found = register_points(np.ones((1, 3)), target, model)
    np.testing.assert_allclose(found.moved[0], target.mean(0), atol=1e-6)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(found.params))


def test_a_flat_cloud_may_be_sheared():
    flat = np.random.default_rng(0).uniform(-1, 1, (40, 3)) * [1, 1, 0]
    turned = flat @ Rotation.from_rotvec([0.3, 0.2, 0.1]).as_matrix() + 0.1
    sheared = turned @ (np.eye(3) + 0.1 * np.arange(9).reshape(3, 3) / 8)
    found = register_points(turned, sheared, affine_model(), max_iterations=200)
    np.testing.assert_allclose(found.moved, sheared, atol=1e-3)


@pytest.mark.parametrize("outliers", [-0.1, 1.0, np.nan])
def test_bad_share_of_outliers(outliers):
    with pytest.raises(ValueError, match="outliers"):
        register_points(
            np.ones((3, 3)), np.ones((3, 3)), rigid_model(), outliers=outliers
        )


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.full((4, 3), np.nan)])
def test_bad_clouds(bad):
    with pytest.raises(ValueError, match="target"):
        register_points(np.ones((3, 3)), bad, rigid_model())
