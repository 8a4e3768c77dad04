"""Random stacks, and estimates of them that hide what the picture shows."""

import jax
import jax.numpy as jnp

from ivg.geometry import rotation
from ivg.scene.library import MeshLibrary, first_shape
from ivg.scene.stack import Stack
from ivg.typing import Array

_APART = 0.09  # metres, between the middles of objects side by side
_WOOD = (0.45, 0.27, 0.13)  # linear RGB


def sample_stack(key: Array, library: MeshLibrary, num_behind: int = 1) -> Stack:
    """A block behind one cup or several objects side by side.

    Args:
      key: random key, consumed.
      library: from `stack_library`.
      num_behind: number of objects in front of the block (static), each of which
        `hide_behind_block` can hide: a cup, then a can, a cup, ...

    Returns:
      `Stack` of `1 + num_behind` objects, the block first.
    """
    keys = iter(jax.random.split(key, 12))
    uniform = _uniform_of(keys)

    n = num_behind
    wide = _APART * (n - 1)
    block_size = uniform((3,), 0, 1) * jnp.array([0.04, 0.04, 0.02])
    block_size = block_size + jnp.array([0.17 + wide, 0.16, 0.04])
    block = uniform((3,), -1, 1) * jnp.array([0.02, 0.02, 0.05])
    block = block + jnp.array([0.0, 0.0, -0.8])
    side = _APART * (jnp.arange(n) - (n - 1) / 2)
    offset = jnp.stack([side, jnp.zeros(n)], -1) + uniform((n, 2), -0.012, 0.012)
    nearer = uniform((n, 1), 0.1, 0.22)
    others = jnp.concatenate([block[:2] + offset, block[2] + nearer], -1)
    size = uniform((n, 1), 0.06, 0.075) * jnp.ones(3)
    return Stack(
        position_m=jnp.concatenate([block[None], others]),
        quaternion=_upright(next(keys), n),
        size_m=jnp.concatenate([block_size[None], size]),
        shape=_shapes(next(keys), library, n),
        colour=_colours(next(keys), n + 1),
        light_direction=jnp.append(uniform((2,), -0.6, 0.6) + jnp.array([0, 0.5]), 1.0),
        ambient=uniform((), 0.3, 0.5),
        directional=uniform((), 0.5, 0.8),
        background=uniform((3,), 0.02, 0.5),
    )


def _uniform_of(keys):
    """Uniform numbers, each time with the next of the keys."""
    return lambda shape, low, high: jax.random.uniform(
        next(keys), shape, minval=low, maxval=high
    )


def _upright(key, n) -> Array:
    """Turns about the vertical, seen a little from above; those of blocks are small."""
    turn = jax.random.uniform(key, (n + 1,), minval=-jnp.pi, maxval=jnp.pi)
    return _seen_from_above(turn.at[0].multiply(0.08))


def _seen_from_above(turn) -> Array:
    tilt = rotation.quaternion_from_rotation_vector(jnp.array([0.25, 0.0, 0.0]))
    about = jax.vmap(rotation.quaternion_from_azimuth)(turn)
    return jax.vmap(lambda q: rotation.multiply(tilt, q))(about)


def _shapes(key, library, n) -> Array:
    cup = library.class_names.index("cup")
    chosen = jax.random.randint(key, (n,), 0, library.class_sizes[cup])
    cups = first_shape(library, jnp.array(cup)) + chosen
    can = first_shape(library, jnp.array(library.class_names.index("can")))
    others = jnp.where(jnp.arange(n) % 2 == 0, cups, can)
    block = first_shape(library, jnp.array(library.class_names.index("block")))
    return jnp.concatenate([block[None], others]).astype(jnp.int32)


def _colours(key, n) -> Array:
    """Hues evenly apart, so that no two objects look alike."""
    key_hue, key_light = jax.random.split(key)
    hue = jax.random.uniform(key_hue) + jnp.arange(n) / n
    phase = 2 * jnp.pi * (hue[:, None] + jnp.arange(3) / 3)
    light = jax.random.uniform(key_light, (n, 1), minval=0.2, maxval=0.45)
    return light * (1 + 0.9 * jnp.cos(phase))


def hide_behind_block(key: Array, truth: Stack) -> Stack:
    """A wrong estimate: all objects but the block stand behind the block.

    Args:
      key: random key, consumed.
      truth: from `sample_stack`.

    Returns:
      `Stack` whose objects are 6 to 12 cm behind the back of the block, and
      hidden by it; all else is true.
    """
    n = len(truth.shape) - 1
    gap = jax.random.uniform(key, (n,), minval=0.06, maxval=0.12)
    depth = truth.position_m[0, 2] - truth.size_m[0, 2] / 2 - gap
    return truth.replace(position_m=truth.position_m.at[1:, 2].set(depth))


def sample_pair(key: Array, library: MeshLibrary) -> Stack:
    """A wooden block and a cup near the camera, one hiding a part of the other.

    Args:
      key: random key, consumed.
      library: from `stack_library`.

    Returns:
      `Stack` of two objects, the block first, either of them 9 to 12 cm behind the
      other. Their outlines overlap by 10 % or more of the mean of their extents:
      a part of the farther one, rarely all of it, is hidden.

    Source: Periyasamy and Behnke, StillebenDR, 2023, "Learning Scene Decomposition",
    where sizes and distances are not given.
    """
    keys = iter(jax.random.split(key, 16))
    uniform = _uniform_of(keys)

    block_size = uniform((3,), 0, 1) * jnp.array([0.02, 0.015, 0.015])
    block_size = block_size + jnp.array([0.045, 0.05, 0.025])
    size = jnp.stack([block_size, uniform((), 0.05, 0.065) * jnp.ones(3)])
    turn = uniform((2,), -jnp.pi, jnp.pi)
    colour = _colours(next(keys), 2)
    return Stack(
        position_m=_one_behind_another(next(keys), _half_extents(size, turn)),
        quaternion=_seen_from_above(turn),
        size_m=size,
        shape=_shapes(next(keys), library, 1),
        colour=colour.at[0].set(uniform((), 0.6, 1.3) * jnp.array(_WOOD)),
        light_direction=jnp.append(uniform((2,), -0.6, 0.6) + jnp.array([0, 0.5]), 1.0),
        ambient=uniform((), 0.3, 0.5),
        directional=uniform((), 0.5, 0.8),
        background=uniform((3,), 0.02, 0.5),
    )


def _half_extents(size, turn) -> Array:
    """`[2, 2]` of a block and a cup, across and upwards, metres; without handle."""
    block = size[0]
    across = block[0] * jnp.abs(jnp.cos(turn[0])) + block[2] * jnp.abs(jnp.sin(turn[0]))
    return jnp.stack([jnp.stack([across, block[1]]), size[1, :2]]) / 2


def _one_behind_another(key, half_extents) -> Array:
    """`[2, 3]` places of two objects of which either hides a part of the other."""
    keys = jax.random.split(key, 6)
    near = jax.random.uniform(keys[0], minval=0.17, maxval=0.21)
    gap = jax.random.uniform(keys[1], minval=0.09, maxval=0.12)
    is_first_behind = jax.random.bernoulli(keys[2])
    depth = near + gap * jnp.stack([is_first_behind, ~is_first_behind])
    reach = jnp.sum(half_extents / depth[:, None], 0)  # tangents of angles of sight
    angle = jax.random.uniform(keys[3], minval=-jnp.pi, maxval=jnp.pi)
    share = jax.random.uniform(keys[4], minval=0.5, maxval=0.9)
    apart = share * reach * jnp.stack([jnp.cos(angle), 0.7 * jnp.sin(angle)])
    middle = jax.random.uniform(keys[5], (2,), minval=-0.04, maxval=0.04)
    slope = middle + apart * jnp.array([[0.5], [-0.5]])
    return jnp.concatenate([slope * depth[:, None], -depth[:, None]], -1)


def shift_depths(key: Array, truth: Stack, half_width_m: Array) -> Stack:
    """A wrong estimate: every object is too near or too far.

    Args:
      key: random key, consumed.
      truth: stack.
      half_width_m: `[]` greatest error of a depth, metres.

    Returns:
      `Stack` with uniform noise along the optical axis; all else is true.
    """
    noise = jax.random.uniform(key, truth.shape.shape, minval=-1, maxval=1)
    position = truth.position_m.at[:, 2].add(half_width_m * noise)
    return truth.replace(position_m=position)


__all__ = ["hide_behind_block", "sample_pair", "sample_stack", "shift_depths"]
