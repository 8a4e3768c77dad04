"""Noise of predictions: as large as said, smooth, and none where none is asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from ivg.data.indoor_models import procedural_models
from ivg.data.indoor_noise import (
    NO_NOISE,
    PREDICTED,
    Noise,
    add_noise,
    blurred,
    predicted_boxes,
    predicted_depth,
    predicted_masks,
    predicted_normals,
    predicted_scores,
    retrieve,
    smooth_field,
)
from ivg.data.indoor_rooms import IndoorExample
from ivg.geometry.camera import make_camera
from ivg.scene.indoor import Detections, Placement, RoomPicture

pytestmark = pytest.mark.usefixtures("compile_quickly")
HEIGHT, WIDTH, N = 60, 80, 4


@pytest.fixture(scope="module")
def models():
    return procedural_models(0, 3, num_points=20, num_textures=7)


def keys(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


@pytest.fixture
def example(models):
    """A wall with four squares before it, without a renderer."""
    owner = np.full((HEIGHT, WIDTH), -1)
    for k in range(N):
        owner[10:40, 18 * k + 4 : 18 * k + 18] = k
    depth = np.where(owner >= 0, 2.0, 4.0)
    depth[:5] = 0
    normals = np.where(depth[..., None] > 0, [0.0, 0.6, 0.8], 0.0)
    rows = jnp.arange(N)
    model = jnp.array([0, 7, 16, 25], jnp.int32)
    boxes = jnp.stack([18 * rows + 4, 0 * rows + 10, 18 * rows + 18, 0 * rows + 40], -1)
    camera = make_camera(height=HEIGHT, width=WIDTH)
    found = Detections(
        jnp.ones(N, bool), boxes.astype(float), jnp.full(N, 0.8),
        models.category[model], models.fold[model], models.points[model],
        models.normals[model],
    )  # fmt: skip
    picture = RoomPicture(
        camera, jnp.full((HEIGHT, WIDTH, 3), 0.5), jnp.asarray(depth, jnp.float32),
        jnp.asarray(normals, jnp.float32), jnp.asarray(owner, jnp.int32), found,
    )  # fmt: skip
    truth = Placement(jnp.zeros((N, 3)), jnp.ones((N, 4)) / 2, jnp.ones((N, 3)))
    return IndoorExample(
        picture, truth, found.fold, found.category, model, model, rows,
        jnp.array([0.2, 0.5, 0.8, 1.0]), camera,
    )  # fmt: skip


def test_no_noise_changes_nothing_but_scores(models, example):
    made = jax.jit(lambda k: add_noise(k, example, models, NO_NOISE))(keys(1)[0])
    for name in ("rgb", "depth", "normals", "owner"):
        got, expected = (getattr(x.picture, name) for x in (made, example))
        np.testing.assert_allclose(got, expected, atol=1e-5)
    for name in ("present", "box_px", "category", "fold", "points", "normals"):
        got, expected = (getattr(x.picture.detections, name) for x in (made, example))
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(made.retrieved, example.model)
    assert (np.diff(made.picture.detections.score) > 0).all()


def test_noise_leaves_the_truth_alone(models, example):
    make = jax.jit(lambda key: add_noise(key, example, models, PREDICTED))
    made, again, other = make(keys(2)[0]), make(keys(2)[0]), make(keys(2)[1])
    for name in ("truth", "fold", "category", "model", "object_id", "visible"):
        for got, expected in zip(
            jax.tree.leaves(getattr(made, name)),
            jax.tree.leaves(getattr(example, name)),
            strict=True,
        ):
            np.testing.assert_array_equal(got, expected)
    for a, b in zip(jax.tree.leaves(made), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (made.picture.depth != other.picture.depth).any()
    owner, present = map(
        np.asarray, (made.picture.owner, made.picture.detections.present)
    )
    assert set(np.unique(owner)) - {-1} <= set(np.flatnonzero(present))


def test_a_field_is_smooth_and_of_a_deviation_near_one():
    fields = jax.jit(jax.vmap(lambda k: smooth_field(k, HEIGHT, WIDTH, 2)))(keys(40))
    assert 0.7 < float(fields.std()) < 1.3
    assert abs(float(fields.mean())) < 0.15
    step = np.abs(np.diff(fields, axis=2)).mean()
    assert step < 0.15 * float(fields.std())


def test_blur_against_scipy():
    image = np.random.default_rng(0).uniform(size=(30, 40, 2)).astype(np.float32)
    for deviation in (0.6, 1.0):
        got = blurred(
            jnp.asarray(image), jnp.ones((30, 40), bool), jnp.array(deviation)
        )
        expected = gaussian_filter(
            image, (deviation, deviation, 0), mode="constant", radius=(4, 4, 0)
        )
        weight = gaussian_filter(
            np.ones((30, 40)), deviation, mode="constant", radius=4
        )
        np.testing.assert_allclose(got, expected / weight[..., None], rtol=1e-4)


def test_depth_is_wrong_by_a_smooth_factor(example):
    depth = example.picture.depth
    noise = NO_NOISE._replace(depth_scale=0.1, depth_field=0.05)
    made = jax.jit(jax.vmap(lambda k: predicted_depth(k, depth, noise)))(keys(60))
    known = np.asarray(depth) > 0
    assert not np.asarray(made)[:, ~known].any()
    errors = np.log(np.asarray(made)[:, known] / np.asarray(depth)[known])
    np.testing.assert_allclose(errors.std(), np.hypot(0.1, 0.055), rtol=0.25)
    np.testing.assert_allclose(errors.mean(1).std(), 0.1, rtol=0.35)
    blur = jax.vmap(lambda k: predicted_depth(k, depth, NO_NOISE._replace(blur_px=4.0)))
    between = np.asarray(blur(keys(5)))
    assert ((between > 2.2) & (between < 3.8)).sum() > 100


def test_normals_are_turned_by_the_given_angle(example):
    normals = example.picture.normals
    noise = NO_NOISE._replace(normals_rad=0.1)
    made = jax.jit(jax.vmap(lambda k: predicted_normals(k, normals, noise)))(keys(40))
    known = np.asarray(normals).any(-1)
    length = np.linalg.norm(made, axis=-1)
    np.testing.assert_allclose(length[:, known], 1, atol=1e-4)
    assert not length[:, ~known].any()
    cosine = np.sum(np.asarray(made)[:, known] * np.asarray(normals)[known], -1)
    angle = np.arccos(np.clip(cosine, -1, 1))
    # Two of the three axes turn a normal.
    np.testing.assert_allclose(np.sqrt(np.mean(angle**2)), 0.1 * np.sqrt(2), rtol=0.25)


def test_masks_change_at_their_borders_only(example):
    owner = example.picture.owner
    noise = PREDICTED._replace(mask_px=3.0)
    predict = jax.jit(jax.vmap(lambda k: predicted_masks(k, owner, N, noise)))
    made = np.asarray(predict(keys(20)))
    areas = [(made == k).sum((1, 2)) for k in range(N)]
    assert all(area.std() > 5 for area in areas)
    for k in range(N):
        true = np.asarray(owner) == k
        outside, inside = distance_transform_edt(~true), distance_transform_edt(true)
        assert not (made[:, outside > 4] == k).any()
        assert (made[:, inside > 5] == k).all()


def test_boxes_jitter_by_a_share_of_their_sides(example):
    boxes = example.picture.detections.box_px
    noise = NO_NOISE._replace(box_share=0.05)
    predict = jax.vmap(lambda k: predicted_boxes(k, boxes, HEIGHT, WIDTH, noise))
    made = np.asarray(predict(keys(400)))
    spread = (made - np.asarray(boxes)).std(0)
    np.testing.assert_allclose(spread[1], [0.7, 1.5, 0.7, 1.5], rtol=0.2)
    wild = NO_NOISE._replace(box_share=3.0)
    predict = jax.vmap(lambda k: predicted_boxes(k, boxes, HEIGHT, WIDTH, wild))
    made = np.asarray(predict(keys(100)))
    assert made.min() >= 0 and (made.max((0, 1)) <= [WIDTH, HEIGHT] * 2).all()
    assert (made[..., 2:] - made[..., :2] >= 2 - 1e-4).all()


def test_scores_rise_with_visibility():
    visible = jnp.linspace(0, 1, 500)
    score = np.asarray(predicted_scores(jax.random.key(0), visible, PREDICTED))
    assert ((score > 0) & (score < 1)).all()
    assert np.corrcoef(score, visible)[0, 1] > 0.5
    assert score[:100].mean() < 0.6 < 0.9 < score[-100:].mean()


def test_what_is_hardly_seen_is_missed_more_often(models, example):
    noise = NO_NOISE._replace(miss=0.25)
    sample = jax.jit(jax.vmap(lambda k: add_noise(k, example, models, noise)))
    made = sample(keys(400))
    share = 1 - np.asarray(made.picture.detections.present).mean(0)
    expected = 0.5 * (1 - np.asarray(made.picture.detections.score).max(0))
    np.testing.assert_allclose(share, expected, atol=0.08)
    assert share[0] > share[-1]
    gone = ~np.asarray(made.picture.detections.present)
    owners = np.asarray(made.picture.owner)
    assert all((o == k).sum() == 0 for o, g in zip(owners, gone, strict=True)
               for k in np.flatnonzero(g))  # fmt: skip


def test_retrieval(models):
    model = jnp.arange(27, dtype=jnp.int32)
    noise = NO_NOISE._replace(retrieval=0.6, wrong_category=0.2)
    found, category = jax.vmap(lambda k: retrieve(k, models, model, noise))(keys(300))
    found, category = np.asarray(found), np.asarray(category)
    np.testing.assert_array_equal(category, np.asarray(models.category)[found])
    wrong = category != np.asarray(models.category)
    np.testing.assert_allclose(wrong.mean(), 0.2 * 8 / 9, rtol=0.1)
    # A third of the random ones are right by chance, three models to a category.
    other = (found != np.asarray(model)) & ~wrong
    np.testing.assert_allclose(other.mean() / (1 - wrong.mean()), 0.6 * 2 / 3, rtol=0.1)
    sure = Noise(*NO_NOISE)
    np.testing.assert_array_equal(retrieve(keys(1)[0], models, model, sure)[0], model)
