"""The sixth system: its update, its loop, and that it learns."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from experiments import deepim
from ivg.geometry.transform import make_transform
from ivg.models.shape_regressor import ShapeGuess
from ivg.refine.refiner import refine

pytestmark = pytest.mark.usefixtures("compile_quickly")


def random_pose(rng):
    """A position before the camera and a SciPy rotation."""
    position = rng.uniform([-0.1, -0.1, -0.6], [0.1, 0.1, -0.3])
    return position, Rotation.random(random_state=rng)


def as_transform(position, turn):
    return make_transform(position, np.roll(turn.as_quat(), 1))


def relative(pose, goal):
    """The change between two poses, from matrices and the paper's formulas."""
    (position, turn), (goal_position, goal_turn) = pose, goal
    turned = Rotation.from_matrix(goal_turn.as_matrix() @ turn.as_matrix().T)
    depth, goal_depth = -position[2], -goal_position[2]
    return ShapeGuess(
        latents=jnp.array([np.log(goal_depth / depth)]),
        shift=jnp.asarray(goal_position[:2] / goal_depth - position[:2] / depth),
        turn=jnp.asarray(turned.as_rotvec()),
    )


def assert_same(pose, position, turn, atol=1e-5):
    np.testing.assert_allclose(pose.position, position, atol=atol)
    found = Rotation.from_quat(np.roll(pose.quaternion, -1))
    np.testing.assert_allclose(found.as_matrix(), turn.as_matrix(), atol=atol)


@pytest.mark.parametrize("seed", range(5))
def test_true_change_leads_to_the_truth(seed):
    rng = np.random.default_rng(seed)
    pose, goal = random_pose(rng), random_pose(rng)
    moved = deepim.move(as_transform(*pose), relative(pose, goal))
    assert_same(moved, *goal)


def test_update_is_disentangled():
    pose = as_transform(np.array([0.05, 0.02, -0.4]), Rotation.identity())
    none = ShapeGuess(jnp.zeros(1), jnp.zeros(2), jnp.zeros(3))
    turned = deepim.move(pose, none.replace(turn=jnp.array([0.1, 0.2, 0.3])))
    np.testing.assert_allclose(turned.position, pose.position, atol=1e-7)
    far = deepim.move(pose, none.replace(latents=jnp.array([np.log(2.0)])))
    np.testing.assert_allclose(far.position, [0.1, 0.04, -0.8], atol=1e-6)
    aside = deepim.move(pose, none.replace(shift=jnp.array([0.25, 0.0])))
    np.testing.assert_allclose(aside.position, [0.15, 0.02, -0.4], atol=1e-6)


def test_an_oracle_that_says_half_of_the_way():
    """Every update halves the angle and the logarithm of the depth."""
    rng = np.random.default_rng(7)
    pose, goal = random_pose(rng), random_pose(rng)
    whole = relative(pose, goal)

    def predict(observed, drawn):
        """What is observed is how far to go; what is drawn, how far we have come."""
        return jax.tree.map(lambda x: 0.5 * (observed - drawn) * x, whole)

    def progress(pose_now):
        start, end = -pose[0][2], -goal[0][2]
        return jnp.log(-pose_now.position[2] / start) / np.log(end / start)

    refiner = deepim.deepim_refiner(predict, progress)
    start = as_transform(*pose)
    path = refine(refiner, start, jnp.ones(()), 12).trajectory
    left = 1 - jax.vmap(progress)(path)
    np.testing.assert_allclose(left, 0.5 ** np.arange(13), atol=1e-5)
    assert_same(jax.tree.map(lambda x: x[-1], path), *goal, atol=1e-3)


def test_guesses_have_the_noise_that_they_should():
    thing = deepim.make_object()
    keys = jax.random.split(jax.random.key(0), 400)

    @jax.jit
    def poses(keys):  # XLA drops the pictures
        return jax.vmap(lambda key: deepim.sample(key, thing)[2:])(keys)

    guess, truth = poses(keys)
    off = np.std(guess.position - truth.position, axis=0)
    np.testing.assert_allclose(off, deepim.NOISE_M, rtol=0.2)
    own, other = (
        Rotation.from_quat(np.roll(p.quaternion, -1, -1)) for p in (guess, truth)
    )
    vector = (own * other.inv()).as_rotvec()
    np.testing.assert_allclose(np.std(vector, axis=0), deepim.NOISE_RAD, rtol=0.2)


@pytest.mark.slow
def test_learns(tmp_path):
    metrics = deepim.run(deepim.PRESETS["smoke"], str(tmp_path))
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    names = {f"{unit}_{i}" for unit in ("degrees", "mm") for i in range(5)}
    assert set(metrics) == names
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["mm_4"] < 0.8 * metrics["mm_0"]
    again = deepim.run(deepim.PRESETS["smoke"], str(tmp_path))  # trains no more
    assert again == metrics


def test_is_short():
    lines = pathlib.Path(deepim.__file__).read_text().splitlines()
    assert len(lines) < 150
