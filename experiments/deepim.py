"""A sixth system (docs/your_own_system.md): a network sees the observed picture and a
render of the estimate, and says how to move a known object, again and again.

Source: Li et al., DeepIM: Deep Iterative Matching for 6D Pose Estimation, ECCV 2018.
"""

import dataclasses
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from absl import flags

from experiments.command import run_command
from ivg.energy.tabletop import display
from ivg.geometry import rotation
from ivg.geometry.camera import make_camera
from ivg.geometry.transform import Transform, make_transform, transform_point
from ivg.io.atomic import check_writable_folder, write_json
from ivg.io.checkpoint import save_params
from ivg.models.shape_regressor import ShapeGuess, shape_regressor
from ivg.refine.refiner import Refiner, refine
from ivg.render.pipeline import render
from ivg.scene.appearance import make_lights, make_material
from ivg.scene.graph import make_nodes, make_scene
from ivg.scene.library import single_shape
from ivg.scene.shapes.teapot import make_teapot
from ivg.train.loop import make_trainer, train

SIZE_PX, NUM_UPDATES = 64, 4
NOISE_M, NOISE_RAD = jnp.array([0.01, 0.01, 0.025]), jnp.radians(15.0)  # deviations
UNITS = ShapeGuess(latents=0.07, shift=0.03, turn=0.25)  # of what the network says


@dataclasses.dataclass(frozen=True)
class Config:
    steps: int = 3000  # of training
    batch_size: int = 16
    num_scenes: int = 200  # of the test


PRESETS = {"smoke": Config(250, batch_size=8, num_scenes=32), "cpu": Config()}


def move(pose: Transform, change: ShapeGuess) -> Transform:
    """Turns an object about its centre, shifts it in the picture, scales its depth."""
    depth = -pose.position[2] * jnp.exp(change.latents[0])
    shown = pose.position[:2] / -pose.position[2] + change.shift
    turn = rotation.quaternion_from_rotation_vector(change.turn)
    quaternion = rotation.multiply(turn, pose.quaternion)
    return Transform(jnp.append(shown * depth, -depth), quaternion, pose.scale)


def deepim_refiner(predict, draw) -> Refiner:
    """Renders the estimate, and moves it as `predict(observed, drawn)` says."""

    def update(step, state, pose, observed):
        return state, move(pose, predict(observed, draw(pose))), {}

    return Refiner(lambda pose, observed: (), update)


def make_object():
    """A teapot of 18 cm about its centre, painted so that all sides differ."""
    mesh = make_teapot()
    mesh = mesh.replace(vertices=0.15 * mesh.vertices - jnp.array([0, 0.045, 0]))
    colours = 0.45 + 0.4 * mesh.vertices / jnp.abs(mesh.vertices).max(0)
    return mesh, make_material(1, 1.0, vertex_colours=colours[None])


def draw(thing, pose: Transform) -> jax.Array:
    """The picture `[H, W, 3]` of the object before nothing, as displayed."""
    nodes = make_nodes([0], pose.position[None], pose.quaternion[None])
    camera = make_camera(height=SIZE_PX, width=SIZE_PX, fov_rad=0.7)
    lights = make_lights(0.4, direction=[[0.4, 0.8, 0.45]], directional=[[0.6] * 3])
    scene = make_scene(single_shape(thing[0]), nodes, camera, lights=lights)
    return display(render(scene.replace(material=thing[1])).rgb)


def sample(key: jax.Array, thing, least=1.0):
    """A picture, the render of a guess that is off by some of the noise, both poses."""
    keys = jax.random.split(key, 3)
    place, angles = jax.random.uniform(keys[0], (2, 3), minval=-1.0)
    tilt = rotation.quaternion_from_rotation_vector(0.3 * angles.at[1].set(0) + 0.3)
    side = rotation.quaternion_from_azimuth(jnp.pi * angles[1])
    middle = 0.04 * place - jnp.array([0, 0, 0.35])
    truth = make_transform(middle, rotation.multiply(tilt, side))
    noise = jax.random.normal(keys[1], (2, 3))
    off, vector = noise * jax.random.uniform(keys[2], minval=least)
    turn = rotation.quaternion_from_rotation_vector(NOISE_RAD * vector)
    turned = rotation.multiply(turn, truth.quaternion)
    guess = make_transform(middle + NOISE_M * off, turned)
    return draw(thing, truth), draw(thing, guess), guess, truth


def predict(network, params, observed, drawn) -> ShapeGuess:
    """What the network says of one pair of pictures."""
    said = network.apply(params, jnp.concatenate([observed, drawn], -1)[None] - 0.5)
    return jax.tree.map(lambda x, unit: unit * x[0], said, UNITS)


def run(config: Config, output: str) -> dict[str, float]:
    """Trains, or goes on with it, and measures median errors after each update."""
    folder, thing = Path(check_writable_folder(output)), make_object()
    network, points = shape_regressor(1, SIZE_PX), thing[0].vertices[::8]

    def matching_loss(params, batch, key):
        def one(observed, drawn, guess, truth):
            found = move(guess, predict(network, params, observed, drawn))
            at = jax.vmap(transform_point, (None, 0))
            return 100 * jnp.abs(at(found, points) - at(truth, points)).sum(-1).mean()

        return jax.vmap(one)(*batch).mean()

    def batch(key, data):
        keys = jax.random.split(key, config.batch_size)
        return jax.vmap(lambda key: sample(key, thing, 0.0))(keys)

    adam = optax.adam(optax.cosine_decay_schedule(2e-3, config.steps))
    trainer = make_trainer(matching_loss, batch, adam)
    first = network.init(jax.random.key(0))
    params, _ = train(*trainer, first, tuple, config.steps, folder=folder / "run")
    save_params(folder / "network", params)
    refiner = deepim_refiner(partial(predict, network, params), partial(draw, thing))

    @jax.jit
    @jax.vmap
    def solve(key):
        observed, _, guess, truth = sample(key, thing)
        path = refine(refiner, guess, observed, NUM_UPDATES).trajectory
        turned = jax.vmap(rotation.angle_between, (0, None))
        angle = jnp.degrees(turned(path.quaternion, truth.quaternion))
        return angle, 1e3 * jnp.linalg.norm(path.position - truth.position, axis=-1)

    errors = solve(jax.random.split(jax.random.key(1), config.num_scenes))
    degrees, mm = (enumerate(jnp.median(values, 0)) for values in errors)
    metrics = {f"degrees_{i}": float(value) for i, value in degrees}
    metrics |= {f"mm_{i}": float(value) for i, value in mm}
    write_json(folder / "metrics.json", metrics)
    return metrics


if __name__ == "__main__":
    preset = flags.DEFINE_enum("preset", "cpu", list(PRESETS), "smoke or cpu.")
    output = flags.DEFINE_string("output", "output", "Folder for the results.")
    run_command(lambda: run(PRESETS[preset.value], output.value))
