"""Random patterns that repeat: the nuisance on the surfaces of a training scene.

A pattern is a function of a key and of texture coordinates, `[S, S]` values in
[0, 1] that continue across the border. As a texture it multiplies a colour, and its
mean is one, so that the colour stays the true one.
"""

import jax
import jax.numpy as jnp

from ivg.typing import Array

_NUM_CELLS = 24
_LEAST_FACTOR = 0.05


def _grid(size: int) -> tuple[Array, Array]:
    """`[S, S]` u to the right and v downwards, in [0, 1), at texel centres."""
    centre = (jnp.arange(size) + 0.5) / size
    return jnp.broadcast_to(centre, (size, size)), centre[:, None] * jnp.ones(size)


def _to_unit(values: Array) -> Array:
    low, high = jnp.min(values), jnp.max(values)
    return (values - low) / jnp.maximum(high - low, 1e-6)


def clouds(key: Array, size: int) -> Array:
    """Smooth noise with as much in large as in small blobs.

    White noise whose spectrum is made to fall as a random power of the frequency;
    the Fourier transform makes it periodic.

    Args:
      key: random key, consumed.
      size: `S`.

    Returns:
      `[S, S]` in [0, 1].
    """
    key_noise, key_power = jax.random.split(key)
    frequency = jnp.fft.fftfreq(size) * size
    radius = jnp.hypot(frequency[:, None], frequency)
    power = jax.random.uniform(key_power, minval=0.8, maxval=2.2)
    fall = jnp.where(radius > 0, jnp.maximum(radius, 1) ** -power, 0)
    noise = jnp.fft.fft2(jax.random.normal(key_noise, (size, size)))
    return _to_unit(jnp.real(jnp.fft.ifft2(noise * fall)))


def blotches(key: Array, size: int) -> Array:
    """Clouds cut at a random level.

    Args:
      key: random key, consumed.
      size: `S`.

    Returns:
      `[S, S]` in [0, 1].
    """
    key_clouds, key_level = jax.random.split(key)
    level = jax.random.uniform(key_level, minval=0.35, maxval=0.65)
    return jax.nn.sigmoid((clouds(key_clouds, size) - level) * 40)


def _wave(key: Array, size: int) -> Array:
    """A plane wave with a whole number of periods in u and v, a little warped."""
    key_count, key_warp, key_strength = jax.random.split(key, 3)
    u, v = _grid(size)
    count = jax.random.randint(key_count, (2,), -5, 6)
    count = jnp.where(jnp.all(count == 0), jnp.array([3, 0]), count)
    warp = jax.random.uniform(key_strength, maxval=0.5) * clouds(key_warp, size)
    return jnp.sin(2 * jnp.pi * (count[0] * u + count[1] * v + warp))


def stripes(key: Array, size: int) -> Array:
    """Stripes of any width and direction, sharp or soft.

    Args:
      key: random key, consumed.
      size: `S`.

    Returns:
      `[S, S]` in [0, 1].
    """
    key_wave, key_level, key_sharp = jax.random.split(key, 3)
    level = jax.random.uniform(key_level, minval=-0.7, maxval=0.7)
    sharpness = jnp.exp(jax.random.uniform(key_sharp, minval=0.7, maxval=3.5))
    return jax.nn.sigmoid(sharpness * (_wave(key_wave, size) - level))


def checks(key: Array, size: int) -> Array:
    """Two families of stripes, crossed as on a chess board or a cloth.

    Args:
      key: random key, consumed.
      size: `S`.

    Returns:
      `[S, S]` in [0, 1].
    """
    key_first, key_second, key_kind = jax.random.split(key, 3)
    first, second = stripes(key_first, size), stripes(key_second, size)
    board = first + second - 2 * first * second
    return jnp.where(jax.random.bernoulli(key_kind), board, (first + second) / 2)


def dots(key: Array, size: int) -> Array:
    """Discs on a square grid.

    Args:
      key: random key, consumed.
      size: `S`.

    Returns:
      `[S, S]` in [0, 1].
    """
    key_count, key_radius = jax.random.split(key)
    u, v = _grid(size)
    count = jax.random.randint(key_count, (), 2, 9)
    place = jnp.stack([u, v]) * count % 1 - 0.5
    radius = jax.random.uniform(key_radius, minval=0.15, maxval=0.42)
    return jax.nn.sigmoid((radius - jnp.hypot(*place)) * 40)


def cells(key: Array, size: int) -> Array:
    """Patches around random points, each of one brightness.

    Args:
      key: random key, consumed.
      size: `S`.

    Returns:
      `[S, S]` in [0, 1].
    """
    key_place, key_value = jax.random.split(key)
    place = jax.random.uniform(key_place, (_NUM_CELLS, 2, 1, 1))
    offset = jnp.stack(_grid(size)) - place
    distance = jnp.sum((offset - jnp.round(offset)) ** 2, 1)
    return jax.random.uniform(key_value, (_NUM_CELLS,))[jnp.argmin(distance, 0)]


def veins(key: Array, size: int) -> Array:
    """Thin bent lines, as in stone or wood.

    Args:
      key: random key, consumed.
      size: `S`.

    Returns:
      `[S, S]` in [0, 1].
    """
    return 1 - jnp.abs(_wave(key, size)) ** 0.3


PATTERNS = (clouds, blotches, stripes, checks, dots, cells, veins)


def texture_from_pattern(key: Array, pattern: Array) -> Array:
    """A pattern as a factor of a colour, of random contrast and a slight tint.

    Args:
      key: random key, consumed.
      pattern: `[S, S]` in [0, 1].

    Returns:
      `[S, S, 3]`, positive, of mean one in every channel.
    """
    key_contrast, key_tint = jax.random.split(key)
    contrast = jax.random.uniform(key_contrast, minval=0.1, maxval=1.2)
    tint = jax.random.uniform(key_tint, (3,), minval=0.7, maxval=1.0)
    centred = pattern - jnp.mean(pattern)
    factor = jnp.maximum(1 + contrast * centred[..., None] * tint, _LEAST_FACTOR)
    return factor / jnp.mean(factor, (0, 1))


def sample_textures(key: Array, num: int, size: int = 64) -> Array:
    """Random textures, of all patterns in turn.

    Args:
      key: random key, consumed.
      num: `T`.
      size: `S`, a power of two.

    Returns:
      `[T, S, S, 3]` factors of a colour, of mean one.
    """
    textures = []
    for i, pattern in enumerate(PATTERNS):
        count = len(range(i, num, len(PATTERNS)))
        keys = jax.random.split(jax.random.fold_in(key, i), 2 * count)
        patterns = jax.vmap(lambda k, p=pattern: p(k, size))(keys[:count])
        textures.append(jax.vmap(texture_from_pattern)(keys[count:], patterns))
    return jnp.concatenate(textures)


__all__ = [
    "PATTERNS",
    "blotches",
    "cells",
    "checks",
    "clouds",
    "dots",
    "sample_textures",
    "stripes",
    "texture_from_pattern",
    "veins",
]
