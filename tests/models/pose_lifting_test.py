"""Networks that lift poses: counts, invariances, energies, gradients, batches."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.geometry.distortion import project_normalized
from ivg.models.network import count_parameters
from ivg.models.pose_lifting import (
    Sight,
    base_multiply_adds,
    base_network,
    energy_network,
    feasibility_energy,
    freeze_statistics,
    init_energy,
    lifting_energy,
    pose_energy,
    reprojection_energy,
    softabs,
    squared_distances,
    step_multiply_adds,
)
from ivg.refine.refiner import refine
from ivg.refine.unrolled import Descent, make_descent, outer_loss, unrolled_refiner

# Multiply-adds and parameters of the paper's base networks.
BASES = {
    (128, 1): (43_008, 43_824),
    (128, 2): (75_776, 77_104),
    (256, 1): (151_552, 153_136),
    (256, 2): (282_624, 285_232),
    (512, 1): (565_248, 568_368),
    (512, 2): (1_089_536, 1_094_704),
    (1024, 1): (2_179_072, 2_185_264),
    (1024, 2): (4_276_224, 4_286_512),
}


def sample(seed=0):
    rng = np.random.default_rng(seed)
    pose = jnp.asarray(0.1 * rng.normal(size=(16, 3)) + [0, 0, 1])
    joints = jnp.asarray(0.1 * rng.normal(size=(16, 2)))
    return pose, Sight(joints, jnp.array([-0.2, 0.2, 0.0]), jnp.array([1e-3, -1e-3]))


def larger_energy(seed=0):
    """Energies whose last layers are not small."""
    energy = lifting_energy()
    params = init_energy(energy, jax.random.key(seed))
    for part in params.values():
        part["out"]["kernel"] *= 100
    return energy, params


@pytest.mark.parametrize("size", BASES)
def test_counts_of_base_networks(size):
    params = jax.eval_shape(base_network(*size).init, jax.random.key(0))
    assert (base_multiply_adds(*size), count_parameters(params)) == BASES[size]


def test_counts_of_energies():
    params = init_energy(lifting_energy(), jax.random.key(0))
    assert count_parameters(params["reprojection"]) == 32_328
    assert count_parameters(params["feasibility"]) == 8_264
    start = base_network(128, 1).init(jax.random.key(0))
    everything = start, params, make_descent()
    assert count_parameters(everything) == 84_419
    assert step_multiply_adds() == 80_896
    # The dots of the paper's Fig. 4.
    places = [base_multiply_adds(128, 1) + n * step_multiply_adds() for n in (4, 8)]
    assert places == [366_592, 690_176]


@pytest.mark.parametrize(("num", "dimensions"), [(32, 2), (16, 3), (5, 1)])
def test_squared_distances_are_of_all_pairs(num, dimensions):
    points = np.random.default_rng(0).normal(size=(num, dimensions))
    pairs = itertools.combinations(points, 2)
    expected = [np.sum((a - b) ** 2) for a, b in pairs]
    assert len(expected) == num * (num - 1) // 2
    np.testing.assert_allclose(squared_distances(jnp.asarray(points)), expected, 1e-4)


def test_softabs():
    x = jnp.array([-40.0, -1.0, 0.0, 1.0, 40.0])
    np.testing.assert_allclose(softabs(x)[jnp.array([0, 2, 4])], [20, np.log(2), 20])
    slopes = jax.vmap(jax.grad(softabs))(x)
    np.testing.assert_allclose(slopes, np.tanh(x / 2) / 2, atol=1e-6)


def test_energy_by_hand():
    network = energy_network(3, 4, 2)
    params = network.init(jax.random.key(0))
    x = np.array([0.2, 1.0, 3.0])
    hidden = np.log1p(np.exp(x @ params["hidden"]["kernel"]))
    u = hidden @ np.asarray(params["out"]["kernel"])
    expected = np.sum(np.log1p(np.exp(u)) + np.log1p(np.exp(-u))) / 2
    np.testing.assert_allclose(
        network.apply(params, jnp.asarray(x)), expected, rtol=1e-5
    )
    assert jnp.abs(params["out"]["kernel"]).max() <= 1e-3 * np.sqrt(6 / 6)
    assert jnp.abs(params["hidden"]["kernel"]).max() > 0.3


def test_feasibility_knows_neither_place_nor_scale_nor_turn():
    energy, params = larger_energy()
    pose, _ = sample()
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))

    def of(pose):
        return feasibility_energy(energy, params["feasibility"], pose)

    moved = 2 * pose @ jnp.asarray(turn, pose.dtype) + jnp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(of(moved), of(pose), rtol=1e-4)


def test_reprojection_knows_no_distance():
    energy, params = larger_energy()
    pose, sight = sample()

    def of(pose, sight):
        return reprojection_energy(energy, params["reprojection"], pose, sight)

    np.testing.assert_allclose(of(3 * pose, sight), of(pose, sight), rtol=1e-5)
    seen = project_normalized(pose, sight.radial, sight.tangential)
    assert of(pose, sight.replace(joints=seen)) != of(pose, sight)


def test_an_energy_does_not_see_the_batch():
    energy, params = larger_energy()
    pairs = [sample(seed) for seed in range(4)]
    poses, sights = jax.tree.map(lambda *x: jnp.stack(x), *pairs)
    run = jax.jit(jax.vmap(lambda y, x: pose_energy(energy, params, y, x)))
    values = run(poses, sights)
    assert values.shape == (4,)
    others = run(poses.at[1:].multiply(5.0), sights)
    np.testing.assert_allclose(values[0], others[0], rtol=1e-6)
    one = pose_energy(energy, params, *pairs[2])
    np.testing.assert_allclose(values[2], one, rtol=1e-5)


def test_finite_where_joints_meet_and_behind_the_camera():
    energy, params = larger_energy()
    _, sight = sample()
    both = jax.jit(jax.value_and_grad(lambda y: pose_energy(energy, params, y, sight)))
    for pose in (jnp.zeros((16, 3)), jnp.ones((16, 3)), -jnp.ones((16, 3))):
        value, slope = both(pose)
        assert np.isfinite(value) and np.isfinite(slope).all()


def test_outer_gradients_equal_finite_differences():
    """Of the whole descent along the energy of a pose, in double precision."""
    with jax.enable_x64(True):
        energy, params = larger_energy()
        params, pair, truth = jax.tree.map(
            lambda x: x.astype(float), (params, sample(), sample(1)[0])
        )
        weight = params["reprojection"]["out"]["kernel"]
        first = {"rate": 0.2, "clip": 0.05, "momentum": 0.3, "weight": weight[3, 2]}
        first = {name: jnp.asarray(value, float) for name, value in first.items()}

        @jax.jit
        def loss(values):
            own = weight.at[3, 2].set(values["weight"])
            net = params["reprojection"]["out"] | {"kernel": own}
            whole = params | {"reprojection": params["reprojection"] | {"out": net}}
            refiner = unrolled_refiner(
                lambda y, x: pose_energy(energy, whole, y, x),
                Descent(values["rate"], values["clip"], values["momentum"]),
            )
            path = refine(refiner, *pair, 3).trajectory
            return outer_loss(path, lambda y: jnp.sum((y - truth) ** 2))

        slopes, step = jax.jit(jax.grad(loss))(first), 1e-6
        for name, value in first.items():
            above, below = (loss(first | {name: value + s}) for s in (step, -step))
            assert abs(slopes[name]) > 1e-4, name
            numeric = (above - below) / (2 * step)
            np.testing.assert_allclose(slopes[name], numeric, rtol=1e-5)


def test_the_base_network_begins_in_front_of_the_camera():
    network = base_network(16, 2)
    params = network.init(jax.random.key(0))
    joints = 0.1 * jax.random.normal(jax.random.key(1), (32, 16, 2))
    poses = network.apply(params, joints, by_batch=True)
    assert poses.shape == (32, 16, 3)
    assert jnp.mean(poses[..., 2]) > 0.5


def test_frozen_statistics_equal_those_of_the_batch():
    network = base_network(16, 1)
    params = network.init(jax.random.key(0))
    joints = 0.1 * jax.random.normal(jax.random.key(1), (64, 16, 2))
    fixed = freeze_statistics(params, joints, key=None)
    assert count_parameters(fixed) == count_parameters(params)
    by_batch = network.apply(params, joints, by_batch=True)
    alone = network.apply(fixed, joints)
    np.testing.assert_allclose(alone, by_batch, atol=1e-4)
    np.testing.assert_allclose(network.apply(fixed, joints[:1])[0], alone[0], atol=1e-5)


def test_dropout_needs_a_key():
    network = base_network(16, 1)
    params = network.init(jax.random.key(0))
    joints = jax.random.normal(jax.random.key(1), (8, 16, 2))
    first = network.apply(params, joints)
    np.testing.assert_array_equal(first, network.apply(params, joints))
    assert jnp.any(first != network.apply(params, joints, key=jax.random.key(0)))
