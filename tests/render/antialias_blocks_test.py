"""However many pixels see an edge, the result and its derivatives are the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.render import antialias as module
from ivg.render.visibility import edge_visibility, visibility

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE, FACES = 24, 40


def soup(seed):
    rng = np.random.default_rng(seed)
    centre = rng.uniform(0, SIZE, (FACES, 1, 2))
    xy = centre + rng.uniform(-6, 6, (FACES, 3, 2))
    depth = rng.uniform(1, 3, (FACES, 3, 1))
    return jnp.asarray(np.concatenate([xy * depth, depth], -1).reshape(-1, 3))


def picture(vertices, colours):
    faces = jnp.arange(3 * FACES, dtype=jnp.int32).reshape(-1, 3)
    owner = jnp.tile(jnp.arange(FACES, dtype=jnp.int32), 3)
    pairs = jnp.concatenate([faces[:, :2], faces[:, 1:], faces[:, ::2]])
    edges = jnp.column_stack([pairs, owner, jnp.full_like(owner, -1)])
    always = jnp.ones(len(edges), bool)
    near = jnp.asarray(0.01, vertices.dtype)
    seen = visibility(
        vertices, faces, always[:FACES], near=near, height=SIZE, width=SIZE
    )
    code = edge_visibility(
        vertices, faces, faces[:, 0], edges, ~always, always, seen, near=near
    )
    image = jnp.where(seen[0, ..., None] < 0, 0, colours[3 * jnp.maximum(seen[0], 0)])
    return module.antialias(image, vertices, edges, code, colours)


def results(usual_pairs, monkeypatch):
    monkeypatch.setattr(module, "_USUAL_PAIRS", usual_pairs)
    vertices = jnp.stack([soup(0), soup(1)])
    colours = jnp.asarray(np.random.default_rng(2).uniform(size=(3 * FACES, 2)))

    def energy(vertices, colours):
        return jnp.sum(jnp.sin(3 * picture(vertices, colours)))

    def push(vertices, colours):
        gradient = jax.grad(energy, (0, 1))
        return jax.jvp(gradient, (vertices, colours), (vertices[::-1], colours))

    return jax.jit(jax.vmap(push, (0, None)))(vertices, colours)


@pytest.mark.slow
def test_blocks_equal_the_whole(monkeypatch):
    with jax.enable_x64(True):
        expected = results(2 * SIZE, monkeypatch)
        actual = results(2, monkeypatch)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
