"""Scenes of loose triangles before a camera at the origin that looks along -z."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from ivg.geometry.camera import make_camera
from ivg.scene import appearance, graph, library, mesh

NUMBER = st.one_of(
    st.floats(-3, 3, width=32),
    st.sampled_from([0.0, 1.0, -1.0, -2.0, 1e-6, -0.01, 1e4, -1e4]),
)


@st.composite
def soups(draw, num_faces=4):
    """`[3 num_faces, 3]` vertices of any triangles, often degenerate ones.

    Some are points, slivers, coplanar, crossing, behind the camera, tiny or huge.
    """
    numbers = draw(st.lists(NUMBER, min_size=9 * num_faces, max_size=9 * num_faces))
    vertices = np.array(numbers, np.float32).reshape(3 * num_faces, 3)
    if draw(st.booleans()):
        vertices[1] = vertices[0]
        vertices[3:, 2] = -2  # coplanar, facing the camera
    if draw(st.booleans()):
        vertices[3:6] = vertices[3] + 1e-4 * vertices[3:6]
    return vertices


def make_soup_scene(vertices, size=16, uv=None, albedo=0.6):
    """A scene of one node; every three vertices are a face."""
    faces = np.arange(len(vertices)).reshape(-1, 3)
    with jax.ensure_compile_time_eval():  # topology is found on the host
        place = np.random.default_rng(0).normal(size=vertices.shape)
        shape = mesh.make_mesh(place, faces, uv=uv)
    shape = shape.replace(vertices=jnp.asarray(vertices))
    shapes = jax.tree.map(lambda x: x[None], shape)
    return graph.make_scene(
        library.MeshLibrary(shapes, ("soup",), (1,)),
        graph.make_nodes([0]),
        make_camera(height=size, width=size),
        albedo=albedo,
        lights=appearance.make_lights(0.3, [[0.3, 0.5, 0.8]], [[0.7, 0.6, 0.5]]),
        background=(0.1, 0.2, 0.3),
    )
