"""The heads slide; suppression equals a slow loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from ivg.models.detector import (
    cell_centres,
    detector_head,
    pad_picture,
    smooth_cells,
    suppress_non_maxima,
)
from ivg.models.network import count_parameters

CENTRES = cell_centres(5, 6)
suppress = jax.jit(
    suppress_non_maxima, static_argnames=("max_detections", "between_cells")
)


def test_smoothing_is_a_binomial_mean():
    values = jax.random.uniform(jax.random.key(0), (5, 6, 2))
    kernel = np.outer([1, 2, 1], [1, 2, 1])[..., None] / 16
    expected = scipy.ndimage.convolve(np.asarray(values), kernel, mode="constant")
    np.testing.assert_allclose(smooth_cells(values), expected, rtol=1e-5)


def test_a_large_object_suppresses_farther():
    score = jnp.zeros((5, 6)).at[2, 1].set(0.9).at[2, 4].set(0.8)
    probabilities = jnp.stack([score, 1 - score], -1)
    options = {"max_detections": 2, "min_score": 0.5}
    for radius, count in ((23.0, 2), (25.0, 1)):
        # The surer cell's own radius counts.
        radii = jnp.zeros((5, 6)).at[2, 1].set(radius)
        found = suppress(probabilities, score, CENTRES, radius_px=radii, **options)
        assert int(found.mask.sum()) == count


@pytest.fixture(scope="module")
def head():
    net = detector_head(4, width=5, hidden=6)
    return jax.jit(net.apply), net.init(jax.random.key(0))


def test_parameters_of_the_paper():
    params = jax.eval_shape(detector_head(512).init, jax.random.key(0))
    convolutions = 921_650 + 2 * 90_050
    assert count_parameters(params["class_head"]) == convolutions
    assert count_parameters(params["size_head"]) == convolutions
    assert count_parameters(params["class_hidden"]) == 51 * 200
    assert count_parameters(params["class"]) == 201 * 4
    assert count_parameters(params["size"]) == 201


def test_one_patch_gives_one_cell(head):
    apply, params = head
    grid = apply(params, jax.random.normal(jax.random.key(1), (2, 16, 16, 4)))
    assert grid.class_logits.shape == (2, 1, 1, 4)
    assert grid.size.shape == (2, 1, 1)
    assert ((grid.size > 0) & (grid.size < 1)).all()


def test_window_slides(head):
    apply, params = head
    features = jax.random.normal(jax.random.key(1), (1, 17, 18, 4))
    grid = apply(params, features)
    assert grid.class_logits.shape == (1, 2, 3, 4)
    for row, column in np.ndindex(2, 3):
        patch = features[:, row : row + 16, column : column + 16]
        one = apply(params, patch)
        logits = one.class_logits[0, 0, 0]
        np.testing.assert_allclose(grid.class_logits[0, row, column], logits, atol=1e-5)
        np.testing.assert_allclose(grid.size[0, row, column], one.size[0, 0, 0], 1e-5)


def test_dropout(head):
    apply, params = head
    features = jax.random.normal(jax.random.key(1), (1, 16, 16, 4))
    plain = apply(params, features)
    np.testing.assert_array_equal(plain.size, apply(params, features).size)
    ones, others = (apply(params, features, key=jax.random.key(k)) for k in (0, 1))
    assert not np.allclose(ones.class_logits, others.class_logits)
    assert not np.allclose(ones.size, others.size)


def test_cells_lie_in_the_middle_of_their_patches():
    centres = cell_centres(3, 4, margin_px=0)
    assert centres.shape == (3, 4, 2)
    np.testing.assert_array_equal(centres[0, 0], [64, 64])
    np.testing.assert_array_equal(centres[1, 3], [64 + 24, 64 + 8])
    np.testing.assert_array_equal(cell_centres(3, 4)[0, 0], 0)
    padded = pad_picture(jnp.ones((8, 16, 3)))
    assert padded.shape == (136, 144, 3)
    np.testing.assert_array_equal(padded[64:72, 64:80], 1)
    assert padded.sum() == 8 * 16 * 3


def slow_suppress(probabilities, size, radius, number, min_score, between_cells):
    """The same, cell by cell."""
    rows, columns, _ = probabilities.shape
    alive, found = np.ones((rows, columns), bool), []
    score, kind = probabilities[..., :-1].max(-1), probabilities[..., :-1].argmax(-1)
    centres = np.asarray(CENTRES)
    for _ in range(number):
        usable = np.where(alive & (score >= min_score), score, -1)
        row, column = np.unravel_index(usable.argmax(), usable.shape)
        if usable[row, column] < 0:
            break
        distance = np.linalg.norm(centres - centres[row, column], axis=-1)
        alive &= distance > radius
        cells = [(row, column)]
        if between_cells:
            cells = [
                (i, j)
                for i in range(max(row - 1, 0), min(row + 2, rows))
                for j in range(max(column - 1, 0), min(column + 2, columns))
                if kind[i, j] == kind[row, column]
            ]
        weights = [score[cell] for cell in cells]
        weights = weights if sum(weights) else [1] * len(cells)
        position = np.average([centres[cell] for cell in cells], 0, weights)
        extent = np.average([size[cell] for cell in cells], 0, weights)
        found.append((kind[row, column], score[row, column], *position, extent))
    return np.array(found).reshape(-1, 5)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    radius=st.sampled_from([0.0, 8.0, 12.0, 20.0, 100.0]),
    min_score=st.sampled_from([0.01, 0.3, 0.5, 0.9, 1.1]),
    between_cells=st.booleans(),
    levels=st.sampled_from([4, 1000]),
)
def test_suppression_equals_a_loop(seed, radius, min_score, between_cells, levels):
    random = np.random.default_rng(seed)
    probabilities = random.integers(0, levels, (5, 6, 4)).astype(np.float32) / levels
    size = random.uniform(size=(5, 6)).astype(np.float32)
    found = suppress(
        probabilities,
        size,
        CENTRES,
        radius_px=radius,
        max_detections=7,
        min_score=min_score,
        between_cells=between_cells,
    )
    expected = slow_suppress(probabilities, size, radius, 7, min_score, between_cells)
    count = len(expected)
    np.testing.assert_array_equal(found.mask, np.arange(7) < count)
    np.testing.assert_array_equal(found.class_id[:count], expected[:, 0])
    np.testing.assert_allclose(found.score[:count], expected[:, 1], rtol=1e-6)
    np.testing.assert_allclose(found.position_px[:count], expected[:, 2:4], atol=1e-4)
    np.testing.assert_allclose(found.size[:count], expected[:, 4], rtol=1e-5)
    assert found.class_id.dtype == jnp.int32
    for leaf in jax.tree.leaves(found):
        np.testing.assert_array_equal(leaf[count:], 0)


def test_suppression_in_many_pictures():
    probabilities = jax.random.uniform(jax.random.key(0), (3, 5, 6, 4))
    size = jax.random.uniform(jax.random.key(1), (3, 5, 6))

    def one(probabilities, size):
        return suppress(probabilities, size, CENTRES, radius_px=12.0, max_detections=7)

    together = jax.jit(jax.vmap(one))(probabilities, size)
    for index in range(3):
        for a, b in zip(
            jax.tree.leaves(together),
            jax.tree.leaves(one(probabilities[index], size[index])),
            strict=True,
        ):
            np.testing.assert_allclose(a[index], b, rtol=1e-6)


def test_more_places_than_cells():
    found = suppress(
        jnp.ones((1, 2, 4)),
        jnp.ones((1, 2)),
        cell_centres(1, 2),
        radius_px=1.0,
        max_detections=5,
    )
    np.testing.assert_array_equal(found.mask, [True, True, False, False, False])
