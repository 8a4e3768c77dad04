"""Models: samples on the surface, evenly, and categories one after another."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from ivg.data.indoor_models import (
    category_range,
    make_models,
    procedural_models,
    sample_surface,
)
from ivg.scene.shapes.indoor import draw_indoor, make_indoor
from ivg.scene.shapes.solids import mesh_from_parts, slab

pytestmark = pytest.mark.usefixtures("compile_quickly")


def test_samples_are_on_the_surface_in_proportion_to_area():
    size = np.array([1.0, 2.0, 4.0])
    mesh, _ = mesh_from_parts([slab((0, 0, 0), (0.5, 0.5, 0.5))])
    points, normals = sample_surface(mesh, 6000, 0, size)
    axis = np.argmax(np.abs(normals), 1)
    np.testing.assert_allclose(np.abs(normals).max(1), 1)
    own = np.take_along_axis(points, axis[:, None], 1)[:, 0]
    np.testing.assert_allclose(own, 0.5 * np.sign(normals.sum(1)))
    assert np.abs(points).max() <= 0.5
    areas = np.prod(size) / size
    assert chisquare(np.bincount(axis), 6000 * areas / areas.sum()).pvalue > 1e-3
    again, _ = sample_surface(mesh, 6000, 0, size)
    np.testing.assert_array_equal(points, again)
    assert (sample_surface(mesh, 6000, 1, size)[0] != points).any()


def test_procedural_models():
    models = procedural_models(0, 2, num_points=100, num_textures=7)
    assert models.points.shape == models.normals.shape == (18, 100, 3)
    assert models.library.mesh.vertices.shape[:2] == models.tints.shape
    assert models.tints.shape[0] == 19 and models.textures.shape == (7, 64, 64, 3)
    np.testing.assert_array_equal(models.category, np.repeat(np.arange(9), 2))
    np.testing.assert_allclose(jnp.linalg.norm(models.normals, axis=-1), 1, atol=1e-5)
    first, count = category_range(models, jnp.arange(9))
    np.testing.assert_array_equal(first, 2 * np.arange(9))
    np.testing.assert_array_equal(count, 2)


def test_missing_and_unknown_categories():
    chairs = [make_indoor("chair", v) for v in draw_indoor("chair", 0, 2)]
    sofas = [make_indoor("sofa", v) for v in draw_indoor("sofa", 0, 1)]
    models = make_models({"sofa": sofas, "chair": chairs}, num_points=9, num_textures=7)
    np.testing.assert_array_equal(models.category, [5, 5, 7])
    np.testing.assert_array_equal(
        category_range(models, jnp.arange(9))[1][5:8], [2, 0, 1]
    )
    with pytest.raises(ValueError, match="lamp"):
        make_models({"lamp": sofas})
    with pytest.raises(ValueError, match="at least one"):
        make_models({"chair": []})
