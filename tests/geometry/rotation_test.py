"""Quaternions against SciPy's rotations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.spatial.transform import Rotation

from ivg.geometry import rotation

seeds = st.integers(0, 2**31 - 1)
fast = settings(max_examples=25, deadline=None)


def random(seed, num=None):
    return Rotation.random(num, rng=np.random.default_rng(seed))


def wxyz(r):
    return jnp.asarray(r.as_quat(scalar_first=True), jnp.float32)


def assert_same_rotation(actual, expected, atol=2e-6):
    np.testing.assert_allclose(abs(np.sum(actual * expected)), 1, atol=atol)


@fast
@given(seeds)
def test_algebra_equals_scipy(seed):
    p, q = random(seed), random(seed + 1)
    vector = np.random.default_rng(seed).normal(size=3)
    assert_same_rotation(rotation.multiply(wxyz(p), wxyz(q)), wxyz(p * q))
    assert_same_rotation(rotation.inverse(wxyz(p)), wxyz(p.inv()))
    np.testing.assert_allclose(
        rotation.rotate(wxyz(p), vector), p.apply(vector), atol=2e-6
    )
    matrix = rotation.matrix_from_quaternion(3 * wxyz(p))
    np.testing.assert_allclose(matrix, p.as_matrix(), atol=1e-6)
    angle = rotation.angle_between(wxyz(p), -wxyz(q))
    np.testing.assert_allclose(angle, (p.inv() * q).magnitude(), atol=5e-6)


@fast
@given(seeds)
def test_conversions_are_inverse(seed):
    r = random(seed)
    assert_same_rotation(rotation.quaternion_from_matrix(r.as_matrix()), wxyz(r))
    vector = rotation.rotation_vector_from_quaternion(wxyz(r))
    np.testing.assert_allclose(vector, r.as_rotvec(), atol=5e-6)
    assert_same_rotation(rotation.quaternion_from_rotation_vector(vector), wxyz(r))
    flipped = rotation.rotation_vector_from_quaternion(-wxyz(r))
    np.testing.assert_allclose(flipped, vector, atol=5e-6)


@fast
@given(seeds)
def test_directions(seed):
    rng = np.random.default_rng(seed)
    azimuth, elevation = rng.uniform([-np.pi, -1.5], [np.pi, 1.5])
    direction = rotation.direction_from_azimuth_elevation(azimuth, elevation)
    back = rotation.azimuth_elevation_from_direction(5 * direction)
    np.testing.assert_allclose(back, (azimuth, elevation), atol=1e-5)
    turned = rotation.quaternion_from_azimuth_elevation(azimuth, elevation)
    up_z = jnp.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(rotation.rotate(turned, up_z), direction, atol=1e-6)


HALF_TURNS = [np.diag(d) for d in ([1, -1, -1], [-1, 1, -1], [-1, -1, 1])]


@pytest.mark.parametrize("matrix", [np.eye(3), *HALF_TURNS])
def test_quaternion_from_matrix_presets(matrix):
    matrix = jnp.asarray(matrix, jnp.float32)
    quaternion = rotation.quaternion_from_matrix(matrix)
    np.testing.assert_allclose(rotation.matrix_from_quaternion(quaternion), matrix)
    assert jnp.all(jnp.isfinite(jax.jacrev(rotation.quaternion_from_matrix)(matrix)))


@pytest.mark.parametrize("angle", [0.0, 1e-20, 1e-4, 1e-3, 1.1e-3, 1.0, np.pi])
def test_exponential_and_logarithm_at_every_angle(angle):
    vector = angle * jnp.array([0.6, 0.0, -0.8])
    quaternion = rotation.quaternion_from_rotation_vector(vector)
    expected = Rotation.from_rotvec(np.asarray(vector, np.float64))
    assert_same_rotation(quaternion, wxyz(expected), 1e-7)
    back = rotation.rotation_vector_from_quaternion(quaternion)
    np.testing.assert_allclose(np.abs(back), np.abs(vector), rtol=1e-5, atol=1e-6)
    for function, x in (
        (rotation.quaternion_from_rotation_vector, vector),
        (rotation.rotation_vector_from_quaternion, quaternion),
    ):
        assert jnp.all(jnp.isfinite(jax.jacrev(function)(x)))


def test_azimuth_turns_z_towards_x():
    quarter = rotation.quaternion_from_azimuth(jnp.pi / 2)
    z = jnp.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(rotation.rotate(quarter, z), [1, 0, 0], atol=1e-6)
    up = rotation.direction_from_azimuth_elevation(0.0, jnp.pi / 2)
    np.testing.assert_allclose(up, [0, 1, 0], atol=1e-6)


@fast
@given(seeds)
def test_look_rotation(seed):
    forward, up = np.random.default_rng(seed).normal(size=(2, 3))
    matrix = rotation.matrix_from_quaternion(
        rotation.look_rotation(jnp.asarray(forward), jnp.asarray(up))
    )
    unit = forward / np.linalg.norm(forward)
    np.testing.assert_allclose(-matrix[:, 2], unit, atol=2e-5)
    assert matrix[:, 1] @ up > 0 and abs(matrix[:, 0] @ up) < 1e-4


KINKS = {
    "rotate": (jnp.zeros(4), jnp.ones(3)),
    "matrix_from_quaternion": (jnp.zeros(4),),
    "azimuth_elevation_from_direction": (jnp.array([0.0, 1.0, 0.0]),),
    "angle_between": (jnp.array(rotation.IDENTITY), jnp.array(rotation.IDENTITY)),
    "look_rotation": (jnp.array([0.0, 1.0, 0.0]), jnp.array([0.0, 1.0, 0.0])),
}


@pytest.mark.parametrize("name", KINKS)
def test_values_and_gradients_are_finite_at_kinks(name):
    function, args = getattr(rotation, name), KINKS[name]
    outputs = function(*args), jax.jacrev(function, tuple(range(len(args))))(*args)
    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(outputs))


def test_angle_between_half_turn_has_finite_gradient():
    half = jnp.array([0.0, 1.0, 0.0, 0.0])
    identity = jnp.array(rotation.IDENTITY)
    assert jnp.isclose(rotation.angle_between(identity, half), jnp.pi)
    assert jnp.all(jnp.isfinite(jax.grad(rotation.angle_between)(identity, half)))


def _arguments(rng):
    q, r = rng.normal(size=(2, 4))
    q, r = q / np.linalg.norm(q), r / np.linalg.norm(r)
    v, w = rng.normal(size=(2, 3))
    return {
        "multiply": (q, r),
        "inverse": (q,),
        "rotate": (q, v),
        "matrix_from_quaternion": (q,),
        "quaternion_from_matrix": (Rotation.from_quat(q).as_matrix(),),
        "quaternion_from_rotation_vector": (v,),
        "rotation_vector_from_quaternion": (q,),
        "quaternion_from_azimuth": (v[0],),
        "quaternion_from_azimuth_elevation": (v[0], v[1]),
        "direction_from_azimuth_elevation": (v[0], v[1]),
        "azimuth_elevation_from_direction": (v,),
        "angle_between": (q, r),
        "look_rotation": (v, w),
    }


@pytest.mark.parametrize("name", _arguments(np.random.default_rng(0)))
def test_gradients_vmap_and_jit(name):
    function = getattr(rotation, name)
    with jax.enable_x64(True):
        rows = [_arguments(np.random.default_rng(s))[name] for s in range(3)]
        rows = [tuple(jnp.asarray(x) for x in row) for row in rows]
        check_grads(function, rows[0], order=1, modes=("fwd", "rev"))
        looped = jax.tree.map(lambda *x: jnp.stack(x), *(function(*r) for r in rows))
        stacked = [jnp.stack(x) for x in zip(*rows, strict=True)]
        for batched in (jax.vmap(function), jax.jit(jax.vmap(function))):
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12),
                batched(*stacked),
                looped,
            )


def test_samples_are_uniform():
    samples = jax.vmap(rotation.sample_quaternion)(
        jax.random.split(jax.random.key(0), 4000)
    )
    np.testing.assert_allclose(jnp.sum(samples**2, -1), 1.0, atol=1e-5)
    moment = samples.T @ samples / len(samples)
    np.testing.assert_allclose(moment, np.eye(4) / 4, atol=0.02)


def test_nearest_rotation_is_scipys_and_never_a_mirror():
    rng = np.random.default_rng(5)
    for mirrored in (1, -1):
        from_ = rng.normal(size=(20, 3))
        to = from_ @ np.diag([1, 1, mirrored]) + 0.1 * rng.normal(size=(20, 3))
        expected, _ = Rotation.align_vectors(to, from_)
        found, reach = rotation.nearest_rotation(jnp.asarray(to.T @ from_))
        np.testing.assert_allclose(found, expected.as_matrix(), atol=1e-5)
        assert np.linalg.det(found) == pytest.approx(1, abs=1e-5)
        total = np.sum(expected.as_matrix() * (to.T @ from_))
        assert float(reach) == pytest.approx(total, rel=1e-5)
