"""One contract, two backends: which edges are seen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from ivg.geometry.camera import homogeneous_px, look_at
from ivg.render.visibility import BACKENDS, edge_visibility
from ivg.scene.mesh import make_mesh
from tests.reference.seen import NEAR, SIZE, TRIANGLE, contract, see

jitted_edges = jax.jit(edge_visibility, static_argnames=("backend",))


def edges_of(vertices, made, index, backend):
    return np.asarray(
        jitted_edges(
            vertices,
            made.faces,
            jnp.zeros(len(made.faces), jnp.int32),
            made.edges,
            made.edge_sharp,
            made.edge_mask,
            jnp.asarray(index),
            near=NEAR,
            backend=backend,
        )  # fmt: skip
    )


@pytest.mark.parametrize("solid", ["box", "icosphere", "torus"])
@pytest.mark.parametrize("distance", [0.6, 3.0])
def test_backends_see_the_same_edges(solid, distance):
    """Also from inside, where edges cross the near plane."""
    shape = getattr(trimesh.creation, solid)(
        **({"major_radius": 0.5, "minor_radius": 0.2} if solid == "torus" else {})
    )
    sharp = solid == "box"
    corners = shape.triangles.reshape(-1, 3) if sharp else shape.vertices
    made = make_mesh(
        corners,
        np.arange(len(corners)).reshape(-1, 3) if sharp else shape.faces,
        np.repeat(shape.face_normals, 3, 0) if sharp else None,
    )
    camera = look_at(
        np.array([0.5, 0.4, 0.7]) * distance, (0, 0, 0.1), height=SIZE, width=SIZE
    )
    vertices = homogeneous_px(camera, made.vertices)
    index = see("cpu", vertices, made.faces)
    codes = [edges_of(vertices, made, index, backend) for backend in BACKENDS]
    differs = codes[0] != codes[1]
    print(f"{differs.sum()} of {(codes[0] >= 0).sum()} edge pixels")
    assert (codes[0] >= 0).sum() > 20 or distance < 1
    assert differs.sum() <= 0.01 * (codes[0] >= 0).sum()


def test_edges_of_a_square():
    """Each side is found once per row or column, with the face on its inner side."""
    square = np.array(
        [[4.25, 3.75, 1], [9.25, 3.75, 1], [9.25, 8.75, 1], [4.25, 8.75, 1]]
    )
    made = make_mesh(np.eye(3)[[0, 1, 2, 0]] + square, [[0, 1, 2], [0, 2, 3]])
    for backend in BACKENDS:
        vertices = jnp.asarray(square, jnp.float32)
        index = see(backend, vertices, made.faces)
        steep, flat = edges_of(vertices, made, index, backend)
        expected = np.zeros((SIZE, SIZE), int)
        expected[4:9, 3], expected[4:9, 8] = 2, 1  # 2: the face is right of the edge
        np.testing.assert_array_equal((steep >= 0) * (1 + (steep & 1)), expected)
        expected = np.zeros((SIZE, SIZE), int)
        expected[3, 4:9], expected[8, 4:9] = 2, 1
        np.testing.assert_array_equal((flat >= 0) * (1 + (flat & 1)), expected)


@contract
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30, -1e30, 1e-30])
def test_broken_vertices_have_no_edges(backend, bad):
    made = make_mesh(np.eye(3), [[0, 1, 2]])
    for place in range(9):
        values = np.where(np.arange(9).reshape(3, 3) == place, bad, TRIANGLE)
        vertices = jnp.asarray(np.float32(values))
        index = see(backend, vertices)
        codes = edges_of(vertices, made, index, backend)
        assert codes.max() < 2 * made.edges.shape[0]
        if not np.isfinite(bad):
            assert codes.max() == -1


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("edges", (3, 2)),
        ("edge_sharp", (2,)),
        ("edge_mask", (3, 1)),
        ("face_group", (2,)),
        ("face_index", (4, 4)),
    ],
)
def test_bad_arguments_of_edges(name, shape):
    shapes = {
        "face_group": (1,), "edges": (3, 4), "edge_sharp": (3,), "edge_mask": (3,),
        "face_index": (1, 4, 4),
    }  # fmt: skip
    arrays = {n: jnp.zeros(s, int) for n, s in (shapes | {name: shape}).items()}
    with pytest.raises(ValueError, match=f"{name} must have shape"):
        edge_visibility(
            jnp.asarray(TRIANGLE), jnp.arange(3).reshape(1, 3), near=NEAR, **arrays
        )
