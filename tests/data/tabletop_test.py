"""The rules of the scene generator, checked by independent counting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay

from ivg.data import tabletop as data
from ivg.data.perturb import perturb_tabletop
from ivg.metrics.tabletop import tabletop_errors
from ivg.render.pipeline import render
from ivg.scene.graph import world_mesh
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import (
    OBJECT_CLASSES,
    SIZE_RANGE_M,
    contact_px,
    scene_from_tabletop,
    tabletop_bounds,
    tabletop_camera,
)

NUM_SCENES = 6


@pytest.fixture(scope="module")
def library():
    return tabletop_library()


@pytest.fixture(scope="module")
def sample(library):
    return jax.jit(jax.vmap(lambda k: data.sample_tabletop(k, library)))


@pytest.fixture(scope="module")
def tables(sample):
    return sample(jax.random.split(jax.random.key(3), NUM_SCENES))


def one(tables, i):
    return jax.tree.map(lambda x: x[i], tables)


def test_latents_are_within_their_ranges(tables):
    count = np.asarray(tables.mask.sum(1))
    assert np.all((count >= 4) & (count <= 7))
    bounds = tabletop_bounds()
    names = ("ground_colour", "camera_height_m", "camera_elevation_rad", "ambient")
    names += ("directional", "light_azimuth_rad", "light_elevation_rad")
    for name in names:
        value = np.asarray(getattr(tables, name))
        assert np.all(value >= getattr(bounds.lower, name)), name
        assert np.all(value <= getattr(bounds.upper, name)), name
    for i, name in enumerate(OBJECT_CLASSES):
        sizes = np.asarray(tables.size_m)[
            np.asarray(tables.mask & (tables.class_id == i))
        ]
        low, high = SIZE_RANGE_M[name]
        assert np.all((sizes >= low) & (sizes <= high))


def test_objects_are_in_the_picture_apart_and_not_hidden(library, tables):
    """Masks are counted at another resolution than the generator's, so the shares
    may differ a little."""

    @jax.jit
    def seen(table):
        scene = scene_from_tabletop(table, library, height=128, width=128)
        return render(scene, mode="hard").object_index

    for i in range(NUM_SCENES):
        table = one(tables, i)
        together = np.asarray(seen(table))
        scene = scene_from_tabletop(table, library, height=128, width=128)
        for place in np.flatnonzero(np.asarray(table.mask)):
            only = jnp.arange(table.mask.shape[0]) == place
            alone = np.asarray(seen(table.replace(mask=only))) == place + 1
            visible = np.sum(together == place + 1)
            assert alone.sum() > 0
            assert visible >= 0.42 * alone.sum(), (i, place)
        for a in np.flatnonzero(np.asarray(table.mask)):
            for b in np.flatnonzero(np.asarray(table.mask)):
                if a < b:
                    assert not _intersect(scene, library, a + 1, b + 1)


def _intersect(scene, library, a, b):
    """Whether two objects' vertices overlap on the ground: is one hull in another?"""
    vertices = np.asarray(world_mesh(scene).vertices)
    per_node = library.mesh.vertices.shape[1]
    masks = np.asarray(world_mesh(scene).vertex_mask)
    points = []
    for node in (a, b):
        rows = slice(node * per_node, (node + 1) * per_node)
        flat = vertices[rows][masks[rows]][:, [0, 2]]
        points.append(flat[ConvexHull(flat).vertices])
    return any(
        np.any(Delaunay(points[i]).find_simplex(points[1 - i]) >= 0) for i in range(2)
    )


def test_same_key_same_scene(sample, tables):
    again = sample(jax.random.split(jax.random.key(3), NUM_SCENES)[::-1])
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[::-1], b), again, tables)


def test_too_few_places_are_refused(library):
    """Four objects never find three places: the search would not end."""
    with pytest.raises(ValueError, match="at least 4 places are needed, not 3"):
        data.sample_tabletop(jax.random.key(0), library, 3)


@pytest.mark.parametrize("fixed", [None, 15])
def test_colours_are_colours(fixed):
    keys = jax.random.split(jax.random.key(0), 1000)
    colours = jax.vmap(lambda key: data.sample_colour(key, fixed))(keys)
    assert colours.shape == (1000, 3)
    assert colours.min() >= 0 and colours.max() <= 1


def test_rectangles_overlap():
    square = jnp.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    turned = (square - 0.5) @ (jnp.array([[1, 1], [-1, 1.0]]) / jnp.sqrt(2.0))
    assert data.rectangles_overlap(square, square + 0.9)
    assert not data.rectangles_overlap(square, square + jnp.array([1.1, 0.0]))
    # a corner that fits beside a corner: no axis of the unturned one separates them
    assert not data.rectangles_overlap(square, turned + jnp.array([1.45, 1.45]))
    assert data.rectangles_overlap(square, turned + jnp.array([1.2, 1.2]))


def test_perturbation_has_the_papers_medians(tables):
    many = jax.tree.map(lambda x: jnp.repeat(x, 40, 0), tables)
    keys = jax.random.split(jax.random.key(1), NUM_SCENES * 40)
    estimates = jax.jit(jax.vmap(perturb_tabletop))(keys, many)
    errors = jax.jit(jax.vmap(tabletop_errors))(estimates, many)
    medians = {name: float(np.nanmedian(e)) for name, e in errors.items()}
    assert medians["position"] == pytest.approx(3.23, rel=0.15)
    assert medians["size"] == pytest.approx(0.0708, rel=0.15)
    assert medians["azimuth"] == pytest.approx(9.15, rel=0.15)
    assert medians["colour"] == pytest.approx(0.027, rel=0.35)
    assert medians["camera"] == pytest.approx(1.47, rel=0.35)


def test_errors_of_the_truth_are_zero(tables):
    errors = tabletop_errors(one(tables, 0), one(tables, 0))
    for name, error in errors.items():
        assert np.nanmax(error) < 1e-3, name


def test_position_error_is_a_distance_of_projections(tables):
    table = one(tables, 0)
    moved = table.replace(position_m=table.position_m + jnp.array([0.01, 0.0]))
    camera = tabletop_camera(table, height=256, width=256)
    at, depth = contact_px(table, camera)
    expected = camera.focal_px[0] * 0.01 / depth  # 1 cm to the side
    error = tabletop_errors(moved, table)["position"]
    mask = np.asarray(table.mask)
    np.testing.assert_allclose(error[mask], expected[mask], rtol=1e-3)
