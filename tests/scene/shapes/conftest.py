"""Checks that every family of shapes has to pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from ivg.scene.shapes.surface import compiled


def _parts(mesh):
    """Connected parts once the vertices at equal positions are one."""
    position, index = np.unique(
        np.asarray(mesh.vertices, np.float64), axis=0, return_inverse=True
    )
    faces = index.reshape(-1)[np.asarray(mesh.faces)]
    whole = trimesh.Trimesh(position, faces, process=False)
    return whole.split(only_watertight=False, repair=False)


def _check_mesh(mesh, num_parts, least_agreement=0.25):
    vertices, normals, uv = map(np.asarray, (mesh.vertices, mesh.normals, mesh.uv))
    faces = np.asarray(mesh.faces)
    parts = _parts(mesh)
    assert len(parts) == num_parts
    for part in parts:
        assert part.is_watertight
        assert part.is_winding_consistent
        assert part.volume > 0
    assert len(faces) < 2000
    assert set(faces.reshape(-1)) == set(range(len(vertices)))
    assert vertices[:, 1].min() == 0
    assert uv.min() >= 0 and uv.max() <= 1
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    flat = trimesh.Trimesh(vertices, faces, process=False)
    agreement = np.sum(normals[faces] * flat.face_normals[:, None], -1)
    assert agreement.min() > least_agreement
    assert np.mean(agreement > 0.5) > 0.995


def _check_family(surface, faces, shapes, meshes):
    """The surface is the mesh's, can be vmapped, and has finite gradients."""
    stacked = jax.tree.map(lambda *x: jnp.array(x), *shapes)

    def weigh(shape):
        points, normals, uv = surface(shape)
        total = jnp.sum(jnp.sin(points * 50) + normals**3 / 10)
        return total, (points, normals, uv)

    run = compiled(jax.vmap(jax.grad(weigh, has_aux=True)))
    with jax.numpy_rank_promotion("raise"):
        gradients, arrays = run(stacked)
    for i, mesh in enumerate(meshes):
        one = mesh.vertices, mesh.normals, mesh.uv
        for got, expected in zip(arrays, one, strict=True):
            np.testing.assert_allclose(got[i], expected, atol=2e-4)
        np.testing.assert_array_equal(mesh.faces, faces)
    values = np.stack(jax.tree.leaves(gradients))
    assert np.isfinite(values).all()
    assert (np.abs(values).max(1) > 0).all()


@pytest.fixture
def parts():
    return _parts


@pytest.fixture
def check_mesh():
    return _check_mesh


@pytest.fixture
def check_family():
    return _check_family
