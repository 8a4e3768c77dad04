"""Cup and wooden block: wrong depths, what a camera sees of them, and the truth."""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.data.stacks import sample_pair, shift_depths
from ivg.data.textures import stripes, texture_from_pattern, veins
from ivg.energy.tabletop import display
from ivg.geometry.camera import make_camera
from ivg.models.decomposition import at_cells
from ivg.render.layers import render_layers
from ivg.render.pipeline import render
from ivg.scene.appearance import make_material
from ivg.scene.graph import Scene
from ivg.scene.library import MeshLibrary
from ivg.scene.stack import Stack, scene_from_stack
from ivg.typing import Array

OBJECTS = ("block", "cup")  # nodes of the scenes
NUM_PEELS = 2
FOV_RAD = 0.68
_TEXTURE_PX = 64
_GRAIN = (veins, stripes)


@struct.dataclass
class Problem:
    """Objects, a wrong estimate of them, and the grain of the wood.

    Attributes:
      truth: `Stack` of the objects in `OBJECTS`.
      estimate: the same with wrong depths.
      wood: `[S, S, 3]` factors of the colour of the block.
    """

    truth: Stack
    estimate: Stack
    wood: Array


@struct.dataclass
class Example:
    """What the model sees, and what it should say, for one scene.

    Attributes:
      observed: `[H, W, 3]` uint8 sRGB, the truth.
      rendered: `[H, W, 3]` uint8 sRGB, the estimate.
      peels: `[2, H, W, 3]` uint8 sRGB, its layers.
      depths: `[H / 8, W / 8, 4]` metres, of the rendered picture, both peels and the
        observed picture; zero for background.
      objects: `[2, H / 8, W / 8]` int8, which object of `OBJECTS` each peel shows, -1
        for none.
      change: `[2]` metres, true minus estimated depth of each object.
    """

    observed: Array
    rendered: Array
    peels: Array
    depths: Array
    objects: Array
    change: Array


def sample_woods(key: Array, num: int) -> Array:
    """Grains of wood.

    Args:
      key: random key, consumed.
      num: `T`.

    Returns:
      `[T, S, S, 3]` factors of a colour, of mean one.
    """

    def one(key, grain):
        key_grain, key_contrast = jax.random.split(key)
        return texture_from_pattern(key_contrast, grain(key_grain, _TEXTURE_PX))

    keys = jax.random.split(key, num)
    return jnp.stack([one(k, _GRAIN[i % len(_GRAIN)]) for i, k in enumerate(keys)])


def sample_problem(
    key: Array, library: MeshLibrary, woods: Array, noise_m: float
) -> Problem:
    """A random scene and a wrong estimate of it.

    Args:
      key: random key, consumed.
      library: from `stack_library`.
      woods: `[T, S, S, 3]` from `sample_woods`, one of which is chosen.
      noise_m: greatest error of a depth, metres.

    Returns:
      `Problem`.
    """
    key_truth, key_noise, key_wood = jax.random.split(key, 3)
    truth = sample_pair(key_truth, library)
    wood = woods[jax.random.randint(key_wood, (), 0, len(woods))]
    return Problem(truth, shift_depths(key_noise, truth, noise_m), wood)


def scene_of(stack: Stack, wood: Array, library: MeshLibrary, size_px: int) -> Scene:
    """The scene of one of the stacks of a problem.

    Args:
      stack: objects.
      wood: `[S, S, 3]` texture of the block.
      library: shapes.
      size_px: side of the picture.

    Returns:
      `Scene`.
    """
    scene = scene_from_stack(stack, library, height=size_px, width=size_px)
    ids = jnp.array([0 if name == "block" else -1 for name in OBJECTS])
    material = make_material(
        len(OBJECTS), stack.colour, textures=wood[None], texture_id=ids
    )
    camera = make_camera(height=size_px, width=size_px, fov_rad=FOV_RAD, near=0.05)
    return scene.replace(material=material, camera=camera)


def make_example(problem: Problem, library: MeshLibrary, size_px: int) -> Example:
    """Renders what belongs to a problem.

    Args:
      problem: truth and estimate.
      library: shapes.
      size_px: side of the pictures, a multiple of eight.

    Returns:
      `Example`. Pictures are antialiased, peels are not.
    """
    scenes = (
        scene_of(stack, problem.wood, library, size_px)
        for stack in (problem.truth, problem.estimate)
    )
    truth, estimate = scenes
    observed, rendered = render(truth), render(estimate)
    peels = render_layers(estimate, num_layers=NUM_PEELS, cull="back")
    depths = jnp.stack([rendered.depth, *peels.depth, observed.depth], -1)
    change = problem.estimate.position_m[:, 2] - problem.truth.position_m[:, 2]
    return Example(
        observed=to_bytes(observed.rgb),
        rendered=to_bytes(rendered.rgb),
        peels=to_bytes(peels.rgb),
        depths=at_cells(depths),
        objects=at_cells(jnp.moveaxis(peels.object_index, 0, -1))
        .transpose(2, 0, 1)
        .astype(jnp.int8),
        change=change,
    )


def to_bytes(linear: Array) -> Array:
    """A picture as files hold it.

    Args:
      linear: `[..., 3]` linear RGB.

    Returns:
      `[..., 3]` uint8 sRGB.
    """
    return jnp.round(255 * display(linear)).astype(jnp.uint8)


def example_maker(library: MeshLibrary, woods: Array, noise_m: float, size_px: int):
    """Makes the compiled function that makes scenes.

    Args:
      library: from `stack_library`.
      woods: from `sample_woods`.
      noise_m: greatest error of a depth, metres.
      size_px: side of the pictures.

    Returns:
      Function of keys `[M]` to `Problem`s and `Example`s `[M]`.
    """

    @jax.jit
    def make(keys):
        def one(key):
            problem = sample_problem(key, library, woods, noise_m)
            return problem, make_example(problem, library, size_px)

        return jax.lax.map(one, keys)

    return make
