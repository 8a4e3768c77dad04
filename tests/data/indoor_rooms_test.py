"""Rooms: free of collisions, and pictures whose parts agree with the true poses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.data.indoor_cameras import in_camera, in_world, sample_floating
from ivg.data.indoor_layout import MOST_OBJECTS, boxes_overlap, sample_layout
from ivg.data.indoor_models import procedural_models
from ivg.data.indoor_rooms import (
    LEAST_SHARE,
    LEAST_VISIBLE,
    boxes_from_owner,
    sample_pretraining,
    sample_room,
    sample_views,
)
from ivg.geometry import rotation
from ivg.geometry.camera import project
from ivg.scene.indoor import INDOOR_NAMES, Placement, place_points

pytestmark = pytest.mark.usefixtures("compile_quickly")
HEIGHT, WIDTH, N = 60, 80, 5


@pytest.fixture(scope="module")
def models():
    return procedural_models(0, 2, num_points=300, num_textures=7)


@pytest.fixture(scope="module")
def rooms(models):
    keys = jax.random.split(jax.random.key(0), 40)
    return jax.jit(lambda k: jax.lax.map(lambda key: sample_layout(key, models), k))(
        keys
    )


OPTIONS = {"height": HEIGHT, "width": WIDTH, "num_detections": N}
NUM_VIEWS = 2


@pytest.fixture(scope="module")
def views(models):
    """Function from keys to two views of a room each, and the rooms."""
    sample = lambda key: sample_views(key, models, NUM_VIEWS, **OPTIONS)  # noqa: E731
    return jax.jit(lambda keys: jax.lax.map(sample, keys))


@pytest.fixture(scope="module")
def floating(models):
    sample = lambda key: sample_pretraining(key, models, **OPTIONS)  # noqa: E731
    return jax.jit(lambda keys: jax.lax.map(sample, keys))


@jax.jit
def project_placed(camera, placement, points):
    return project(camera, place_points(placement, points))


@pytest.fixture(scope="module", params=["rooms", "pretraining"])
def examples(request, views, floating):
    """Some examples: sixteen of rooms, eight for pre-training."""
    if request.param == "rooms":
        made, _ = views(jax.random.split(jax.random.key(1), 16 // NUM_VIEWS))
        made = jax.tree.map(lambda x: x.reshape(16, *x.shape[2:]), made)
    else:
        made = floating(jax.random.split(jax.random.key(1), 8))
    made = jax.tree.map(np.asarray, made)
    count = len(made.visible)
    return [jax.tree.map(lambda x, i=i: x[i], made) for i in range(count)]


def corners_of(placement):
    """`[K, 8, 3]` corners of boxes, by SciPy-free quaternion algebra of NumPy."""
    unit = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3, indexing="ij"), -1).reshape(8, 3)
    w, x, y, z = np.asarray(placement.quaternion).T
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    local = unit * np.asarray(placement.size)[:, None]
    turned = np.einsum("ijk,knj->kni", matrix, local)
    return turned + np.asarray(placement.position)[:, None]


def inside(points, placement, k, margin):
    """Which points are in a box by more than a margin."""
    one = jax.tree.map(lambda x: x[k], placement)
    local = rotation.rotate(rotation.inverse(one.quaternion), points - one.position)
    return (np.abs(local) < np.asarray(one.size) / 2 - margin).all(-1)


def test_objects_stand_free_in_the_room(models, rooms):
    names = np.array(INDOOR_NAMES)[np.asarray(models.category)[np.asarray(rooms.model)]]
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 9)] * 3), -1).reshape(-1, 3)
    count = np.asarray(rooms.mask).sum(1)
    assert count.min() >= 1 and count.max() == MOST_OBJECTS and count.mean() > 3
    for i in range(40):
        room = jax.tree.map(lambda x, i=i: x[i], rooms)
        rows = np.flatnonzero(room.mask)
        placement = jax.tree.map(lambda x, rows=rows: x[rows], room.placement)
        corners = corners_of(placement)
        assert (np.abs(corners[..., [0, 2]]) <= np.asarray(room.half_m) + 1e-4).all()
        assert corners[..., 1].max() <= room.height_m
        feet = corners[..., 1].min(1)
        for k, row in enumerate(rows):
            if names[i][row] == "display":
                assert feet[k] > 0.3  # on a table, a cabinet or a wall
            else:
                np.testing.assert_allclose(feet[k], 0, atol=1e-5)
            points = place_points(jax.tree.map(lambda x, k=k: x[k], placement), grid)
            for other in set(range(len(rows))) - {k}:
                assert not inside(points, placement, other, 1e-3).any()


def test_chairs_tend_to_face_tables(models, rooms):
    categories = np.asarray(models.category)[np.asarray(rooms.model)]
    cosines = []
    for i in range(40):
        room = jax.tree.map(lambda x, i=i: x[i], rooms)
        mask, category = np.asarray(room.mask), categories[i]
        tables = np.asarray(room.placement.position)[mask & (category == 8)]
        for row in np.flatnonzero(mask & (category == 5)):
            if len(tables):
                front = rotation.rotate(
                    room.placement.quaternion[row], jnp.array([0.0, 0.0, 1.0])
                )
                towards = tables - np.asarray(room.placement.position[row])
                nearest = towards[np.argmin(np.linalg.norm(towards, axis=1))] * [
                    1,
                    0,
                    1,
                ]
                cosines.append(front @ nearest / np.linalg.norm(nearest))
    assert len(cosines) > 5 and np.median(cosines) > 0.8


def test_overlap_of_boxes_against_samples():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 15)] * 3), -1).reshape(-1, 3)
    found = set()
    for _ in range(60):
        position = rng.uniform(-0.7, 0.7, (2, 3)) * [1, 0.8, 1]
        azimuth, size = rng.uniform(-3, 3, 2), rng.uniform(0.3, 1.2, (2, 3))
        turns = jax.vmap(rotation.quaternion_from_azimuth)(jnp.asarray(azimuth))
        both = Placement(jnp.asarray(position), turns, jnp.asarray(size))
        points = place_points(jax.tree.map(lambda x: x[0], both), jnp.asarray(grid))
        hits = inside(points, both, 1, 0.0).any()
        a, b = (_Box(position[i], azimuth[i], size[i]) for i in (0, 1))
        got = bool(boxes_overlap(a, b))
        assert got or not hits
        found.add((got, bool(hits)))
    assert {(True, True), (False, False)} <= found


class _Box:
    def __init__(self, position, azimuth, size):
        self.position, self.azimuth = jnp.asarray(position), jnp.asarray(azimuth)
        self.size = jnp.asarray(size)


@pytest.mark.slow
def test_camera_and_world_are_inverse(views):
    example, room = jax.tree.map(
        lambda x: x[0], views(jax.random.split(jax.random.key(5), 8))
    )
    camera = jax.tree.map(lambda x: x[0], example.camera)
    there = in_world(camera, in_camera(camera, room.placement))
    for got, expected in zip(there, room.placement, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    one = jax.tree.map(lambda x: x[0], room.placement)
    seen = jax.tree.map(lambda x: x[0], in_camera(camera, room.placement))
    points = jax.random.uniform(jax.random.key(0), (20, 3)) - 0.5
    own = jax.tree.map(lambda x: x[0], example.picture.camera)
    np.testing.assert_allclose(
        project(camera, place_points(one, points))[0],
        project(own, place_points(seen, points))[0], rtol=1e-4, atol=1e-2,
    )  # fmt: skip


def test_something_is_seen(examples):
    count = [int(row.picture.detections.present.sum()) for row in examples]
    assert max(count) >= 3 and np.mean(count) > 1
    for row in examples:
        present = np.asarray(row.picture.detections.present)
        assert present[: present.sum()].all()  # the present ones come first
        assert (np.asarray(row.object_id) >= 0).tolist() == present.tolist()
        for leaf in jax.tree.leaves(row):
            if jnp.issubdtype(leaf.dtype, jnp.floating):
                assert np.isfinite(leaf).all()


def test_masks_fill_their_boxes_and_nothing_else(examples):
    for row in examples:
        picture, found = row.picture, row.picture.detections
        owner = np.asarray(picture.owner)
        assert owner.max() < N
        for k in range(N):
            pixels = np.argwhere(owner == k)
            assert bool(found.present[k]) == (len(pixels) > 0)
            if not len(pixels):
                continue
            (top, left), (bottom, right) = pixels.min(0), pixels.max(0) + 1
            np.testing.assert_array_equal(found.box_px[k], [left, top, right, bottom])
            assert len(pixels) >= LEAST_SHARE * HEIGHT * WIDTH
            assert LEAST_VISIBLE <= found.score[k] <= 1


def test_points_placed_by_the_true_pose_are_where_the_picture_has_them(examples):
    agree = total = 0
    behind = []
    for row in examples:
        picture, found = row.picture, row.picture.detections
        for k in np.flatnonzero(found.present):
            one = jax.tree.map(lambda x, k=k: x[k], row.truth)
            seen = project_placed(picture.camera, one, found.points[k])
            pixels, depth = map(np.asarray, seen)
            column, line = np.floor(pixels).astype(int).T
            is_in = (column >= 0) & (column < WIDTH) & (line >= 0) & (line < HEIGHT)
            column, line, depth = column[is_in], line[is_in], depth[is_in]
            surface = np.asarray(picture.depth)[line, column]
            # Nothing of an object is before what is seen, but for slopes within pixels
            # and for what is thinner than a pixel.
            known = surface > 0
            behind.extend(depth[known] > surface[known] - 0.1)
            seen = known & (np.abs(depth - surface) < 0.01)
            agree += np.sum(np.asarray(picture.owner)[line, column][seen] == k)
            total += seen.sum()
            left, top, right, bottom = np.asarray(found.box_px[k])
            own = seen & (np.asarray(picture.owner)[line, column] == k)
            assert (column[own] >= left).all() and (column[own] < right).all()
            assert (line[own] >= top).all() and (line[own] < bottom).all()
    assert np.mean(behind) > 0.9
    assert total > 500 and agree / total > 0.93


def test_normals_are_those_of_depth(examples):
    """Against the cross product of differences of the points that depth gives."""
    agreements = []
    for row in examples[:8]:
        picture = row.picture
        depth, camera = np.asarray(picture.depth), picture.camera
        x = (np.arange(WIDTH) + 0.5 - float(camera.principal_point_px[0])) / float(
            camera.focal_px[0]
        )
        y = (np.arange(HEIGHT) + 0.5 - float(camera.principal_point_px[1])) / float(
            camera.focal_px[1]
        )
        points = np.stack(
            [x * depth, -y[:, None] * depth, -depth], -1
        )  # x right, y up, looking along -z
        right = points[1:-1, 2:] - points[1:-1, :-2]
        down = points[2:, 1:-1] - points[:-2, 1:-1]
        normal = np.cross(down, right)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
        known = depth[1:-1, 1:-1] > 0
        own = np.asarray(picture.normals)[1:-1, 1:-1]
        np.testing.assert_allclose(np.linalg.norm(own[known], axis=-1), 1, atol=1e-4)
        assert not own[~known].any()
        agreements.append(np.sum(own * normal, -1)[known])
    assert np.median(np.concatenate(agreements)) > 0.99


def test_truths_are_those_of_the_models(models, examples):
    for row in examples:
        for k in np.flatnonzero(row.picture.detections.present):
            model = int(row.model[k])
            assert row.category[k] == models.category[model]
            assert row.fold[k] == row.picture.detections.fold[k] == models.fold[model]
            ratio = np.asarray(row.truth.size[k] / models.size_m[model])
            assert (np.abs(np.log(ratio)) <= 0.1601).all()
            np.testing.assert_array_equal(
                row.picture.detections.points[k], models.points[model]
            )


def test_keys_decide(views, floating):
    keys = jax.random.split(jax.random.key(1), 8)
    for sample in (lambda k: views(k)[0], floating):
        forward, backward = sample(keys), sample(keys[::-1])
        for one, other in zip(
            jax.tree.leaves(forward), jax.tree.leaves(backward), strict=True
        ):
            np.testing.assert_array_equal(one, other[::-1])
        pictures = np.asarray(forward.picture.rgb).reshape(-1, HEIGHT * WIDTH * 3)
        assert len(np.unique(pictures, axis=0)) == len(pictures)


def test_one_view_has_the_shapes_of_many(models):
    key = jax.random.key(0)
    one = jax.eval_shape(lambda k: sample_room(k, models, **OPTIONS), key)
    other = jax.eval_shape(lambda k: sample_pretraining(k, models, **OPTIONS), key)
    many, _ = jax.eval_shape(lambda k: sample_views(k, models, 3, **OPTIONS), key)
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b, c in zip(*map(jax.tree.leaves, (one, other, many)), strict=True):
        assert a.shape == b.shape == c.shape[1:] and a.dtype == b.dtype == c.dtype


def test_more_places_than_objects_are_padded(models):
    options = {**OPTIONS, "num_detections": 9}
    key = jax.random.key(0)
    made = jax.eval_shape(lambda k: sample_room(k, models, **options), key)
    assert made.picture.detections.box_px.shape == (9, 4)


def test_views_show_one_room(views):
    examples, rooms = views(jax.random.split(jax.random.key(3), 8))
    found = shared = 0
    for i in range(8):
        room = jax.tree.map(lambda x, i=i: x[i], rooms)
        seen = []
        for j in range(NUM_VIEWS):
            example = jax.tree.map(lambda x, i=i, j=j: x[i, j], examples)
            world = in_world(example.camera, example.truth)
            for k in np.flatnonzero(example.picture.detections.present):
                row = int(example.object_id[k])
                assert room.mask[row] and room.model[row] == example.model[k]
                np.testing.assert_allclose(
                    world.position[k], room.placement.position[row], atol=1e-4
                )
                np.testing.assert_allclose(world.size[k], room.placement.size[row])
                seen.append(row)
                found += 1
        shared += len(seen) - len(set(seen))
        eyes = np.asarray(examples.camera.position[i])
        assert len(np.unique(eyes, axis=0)) == NUM_VIEWS
    assert found > 8 and shared > 1


def test_floating_objects_keep_apart(models):
    sample = lambda k: sample_floating(k, models, height=HEIGHT, width=WIDTH)  # noqa: E731
    rooms, _ = jax.jit(jax.vmap(sample))(jax.random.split(jax.random.key(4), 30))
    count = np.asarray(rooms.mask).sum(1)
    assert set(count) == {1, 2, 3, 4}
    apart = []
    for i in np.flatnonzero(count > 1):
        middles = np.asarray(rooms.placement.position[i])[: count[i]]
        apart.append(np.linalg.norm(middles[0] - middles[1]))
    assert np.median(apart) > 0.8
    assert (np.asarray(rooms.placement.position)[..., 2] < -0.8).all()


def test_boxes_of_masks_by_hand():
    owner = jnp.array([[-1, 1, 1, -1], [0, -1, 1, -1], [-1, -1, -1, -1]])
    np.testing.assert_array_equal(
        boxes_from_owner(owner, 3), [[0, 1, 1, 2], [1, 0, 3, 2], [0, 0, 0, 0]]
    )
