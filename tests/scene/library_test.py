"""The padded library: what goes in comes out, under jit and vmap too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from ivg.scene import library, mesh


@pytest.fixture(scope="module")
def meshes():
    solids = [
        trimesh.creation.box(),
        trimesh.creation.icosphere(1),
        trimesh.creation.cone(1, 1, sections=5),
    ]
    return [mesh.make_mesh(s.vertices, s.faces) for s in solids]


@pytest.fixture(scope="module")
def made(meshes):
    return library.make_library({"box": meshes[:1], "none": [], "round": meshes[1:]})


def test_classes(made):
    assert made.class_names == ("box", "none", "round")
    assert made.class_sizes == (1, 0, 2)
    np.testing.assert_array_equal(
        library.first_shape(made, jnp.array([2, 0])), jnp.array([1, 0])
    )


def test_shapes_come_out_as_they_went_in(made, meshes):
    get = jax.jit(library.get_shape)
    stacked = jax.vmap(library.get_shape, (None, 0))(made, jnp.arange(3))
    for i, expected in enumerate(meshes):
        shape = get(made, i)
        jax.tree.map(
            np.testing.assert_array_equal,
            shape,
            jax.tree.map(lambda x, i=i: x[i], stacked),
        )
        for name, mask in (
            ("vertices", "vertex_mask"),
            ("faces", "face_mask"),
            ("edges", "edge_mask"),
        ):
            real = np.asarray(getattr(shape, name))[np.asarray(getattr(shape, mask))]
            np.testing.assert_array_equal(real, getattr(expected, name))
        for leaf, own in zip(
            jax.tree.leaves(shape), jax.tree.leaves(expected), strict=True
        ):
            assert not np.asarray(leaf)[len(own) :].any()


def test_library_without_meshes():
    with pytest.raises(ValueError, match="at least one mesh"):
        library.make_library({"box": []})
