"""Gradients of the antialiased render against an 8 x 8 supersampled one.

The reference is the hard render at eight times the resolution, averaged over 8 x 8
samples, in float64, differentiated by central differences. What is compared is the
derivative of several smooth functionals of the picture.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh
from scipy.ndimage import gaussian_filter

from ivg.geometry import camera, rotation
from ivg.render.pipeline import render
from ivg.scene import appearance, graph, library, mesh

SIZE, FACTOR, NUM_FUNCTIONALS = 96, 8, 8
STEP = {
    "vertices": 0.01,
    "position": 0.004,
    "azimuth": 0.03,
    "size": 0.01,
    "eye": 0.008,
    "light": 0.01,
    "colour": 0.01,
}


def make_shapes():
    torus = trimesh.creation.torus(0.3, 0.12, major_sections=12, minor_sections=8)
    lying = torus.vertices[:, [0, 2, 1]] * [1, 1, -1]
    lying[:, 1] -= lying[:, 1].min()
    box = trimesh.creation.box((0.5, 0.5, 0.5))
    corners = box.triangles.reshape(-1, 3) + [0, 0.25, 0]
    ground = np.array([[-50, 0, -50], [50, 0, -50], [50, 0, 50], [-50, 0, 50.0]])
    return library.make_library(
        {
            "torus": [mesh.make_mesh(lying, torus.faces)],
            "box": [
                mesh.make_mesh(
                    corners,
                    np.arange(36).reshape(-1, 3),
                    np.repeat(box.face_normals, 3, 0),
                )
            ],
            "ground": [mesh.make_mesh(ground, np.array([[0, 2, 1], [0, 3, 2]]))],
        }
    )


def make_scene(shapes, p, size):
    shapes = shapes.replace(mesh=shapes.mesh.replace(vertices=p["vertices"]))
    azimuth = jnp.concatenate([p["azimuth"], jnp.zeros(1)])
    position = jnp.insert(p["position"], 1, 0, axis=1)
    nodes = graph.make_nodes(
        [0, 1, 2],
        position=jnp.concatenate([position, jnp.zeros((1, 3))]),
        quaternion=jax.vmap(rotation.quaternion_from_azimuth)(azimuth),
        scale=jnp.concatenate([p["size"], jnp.ones(1)])[:, None],
    )
    direction = rotation.direction_from_azimuth_elevation(*p["light"])
    return graph.make_scene(
        shapes,
        nodes,
        camera.look_at(p["eye"], (0.0, 0.2, 0.0), height=size, width=size),
        albedo=p["colour"],
        lights=appearance.make_lights(0.3, direction, (0.7, 0.7, 0.7)),
    )


def make_parameters(shapes):
    return {
        "vertices": shapes.mesh.vertices,
        "position": jnp.array([[-0.35, 0.3], [0.35, -0.1]]),
        "azimuth": jnp.array([0.3, 0.5]),
        "size": jnp.array([1.0, 1.2]),
        "eye": jnp.array([0.3, 1.5, 1.7]),
        "light": jnp.array([0.7, 0.8]),
        "colour": jnp.array([[0.8, 0.3, 0.2], [0.2, 0.6, 0.3], [0.7, 0.7, 0.7]]),
    }


def make_functionals():
    noise = np.random.default_rng(0).normal(size=(NUM_FUNCTIONALS, SIZE, SIZE, 3))
    smooth = gaussian_filter(noise, (0, SIZE / 10, SIZE / 10, 0))
    return jnp.asarray(smooth / smooth.std())


@pytest.fixture(scope="module")
def functions():
    with jax.enable_x64(True):
        shapes, weights = make_shapes(), make_functionals()

        def antialiased(p):
            picture = render(make_scene(shapes, p, SIZE)).rgb
            return jnp.einsum("hwc,mhwc->m", picture, weights)

        def supersampled(p):
            fine = render(make_scene(shapes, p, SIZE * FACTOR), mode="hard").rgb
            cells = fine.reshape(SIZE, FACTOR, SIZE, FACTOR, 3)
            return jnp.einsum("hwc,mhwc->m", cells.mean((1, 3)), weights)

        p = make_parameters(shapes)
        jacobian = jax.jit(jax.jacrev(antialiased))(p)
        yield p, jacobian, jax.jit(supersampled)


def coordinates(name, p, shapes_torus_vertices=96):
    everything = list(np.ndindex(p[name].shape))
    if name != "vertices":
        return everything
    rng = np.random.default_rng(1)
    picked = rng.choice(shapes_torus_vertices, 20, replace=False)
    return [(0, int(v), axis) for v in picked for axis in range(3)]


@pytest.mark.slow
@pytest.mark.parametrize("name", STEP)
def test_direction_equals_supersampling(functions, name):
    p, jacobian, supersampled = functions
    expected, actual = [], []
    with jax.enable_x64(True):
        for index in coordinates(name, p):
            step = jnp.zeros_like(p[name]).at[index].set(STEP[name])
            after = supersampled({**p, name: p[name] + step})
            before = supersampled({**p, name: p[name] - step})
            expected.append((after - before) / (2 * STEP[name]))
            actual.append(jacobian[name][(slice(None), *index)])
    expected, actual = np.ravel(expected), np.ravel(actual)
    norms = np.linalg.norm(expected), np.linalg.norm(actual)
    cosine = expected @ actual / (norms[0] * norms[1])
    print(f"{name}: cosine {cosine:.4f}, ratio of norms {norms[1] / norms[0]:.3f}")
    assert cosine > 0.99
    assert 0.9 < norms[1] / norms[0] < 1.1
