"""The 3D IQ test at the size of a toy: training, comparison, questions of the user."""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments.iqtt.asked import load_questions
from experiments.iqtt.baselines import (
    choice_loss,
    contrastive,
    draw_questions,
    shifted,
    siamese_loss,
)
from experiments.iqtt.config import PRESETS, SHIPPED
from experiments.iqtt.data import Asked, make_split, reference_depth, split_questions
from experiments.iqtt.evaluate import accuracy_metrics
from experiments.iqtt.figures import questions_png, save_questions
from experiments.iqtt.losses import (
    Batch,
    information,
    match_loss,
    pictures_batch,
    square_distance,
    teach_critic,
    teach_generator,
)
from experiments.iqtt.networks import (
    bounded,
    choices,
    iqtt_model,
    load_models,
    model_names,
    model_shapes,
    save_model,
    score_all,
    split_latent,
)
from experiments.iqtt.run import run_evaluation, run_questions, run_training
from experiments.iqtt.tables import accuracy_table
from experiments.iqtt.train import batch_maker, first_params
from ivg.colour import srgb_from_linear
from ivg.data.tetris import canonical_keys, mirror_cubes
from ivg.data.tetris_views import FAR_M, NEAR_M
from ivg.io.errors import InputError
from ivg.models.network import Network, count_parameters
from ivg.models.normalization import NormalizedNetwork
from ivg.models.pix2scene import depth_from_raw

CONFIG = PRESETS["smoke"]

pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.mark.slow
def test_training_then_comparison(tmp_path):
    trained = run_training(CONFIG, str(tmp_path / "net"))
    assert np.isfinite(list(trained.values())).all()
    again = run_training(CONFIG, str(tmp_path / "net"))  # nothing is left to do
    assert again == trained
    found = run_evaluation(CONFIG, str(tmp_path), str(tmp_path / "net"))
    expected = {f"accuracy_{n}" for n in ("0", "2", "4", "8", "cnn_2", "siamese_8")}
    expected |= {f"{name}_stderr" for name in expected}
    assert expected | {"accuracy_random", "depth_rmse_m"} <= found.keys()
    assert np.isfinite(list(found.values())).all()
    assert json.loads((tmp_path / "metrics.json").read_text()) == found
    names = "table.md", "accuracy.png", "questions.png", "reconstructions.png"
    assert all((tmp_path / name).stat().st_size for name in names)
    folder = str(tmp_path / "questions")
    for labels in (None, 0):
        own = (CONFIG, str(tmp_path / "said"), str(tmp_path / "net"), folder, labels)
        said = run_questions(*own)
        assert said.keys() == {"00", "01"} and set(said.values()) <= {0, 1, 2}
    kept = json.loads((tmp_path / "said" / "answers.json").read_text())
    assert {name: row["choice"] for name, row in kept.items()} == said
    with pytest.raises(InputError, match="choose from 0, 2, 4, 8"):
        run_questions(*own[:4], 3)


def test_without_a_checkpoint_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        run_evaluation(CONFIG, str(tmp_path / "out"), str(tmp_path / "nothing"))
    assert not list((tmp_path / "out").iterdir())


def test_splits():
    shapes = {split: split_questions(CONFIG, split)[0] for split in ("train", "test")}
    keys = [
        {*canonical_keys(x.cubes), *canonical_keys(mirror_cubes(x.cubes))}
        for x in shapes.values()
    ]
    assert not keys[0] & keys[1]
    more = dataclasses.replace(CONFIG, num_test=9)
    for split, count in (("train", 8), ("test", 6)):
        walks, _ = split_questions(more, split)
        np.testing.assert_array_equal(walks.cubes[:count], shapes[split].cubes[:count])


def test_pictures():
    asked, again = make_split(CONFIG, "test"), make_split(CONFIG, "test")
    assert asked.pictures.shape == (6, 4, 16, 16, 3)
    assert asked.pictures.dtype == np.uint8
    np.testing.assert_array_equal(asked.pictures, again.pictures)
    np.testing.assert_array_equal(asked.answer, again.answer)
    few = dataclasses.replace(CONFIG, render_at_once=5)  # not a divisor of their number
    np.testing.assert_array_equal(make_split(few, "test").pictures, asked.pictures)
    depth = reference_depth(CONFIG, *split_questions(CONFIG, "test"), 4)
    assert depth.shape == (4, 16, 16)
    model = iqtt_model(CONFIG)
    image = np.asarray(model.render(jnp.asarray(depth), None))
    seen = (asked.pictures[:4, 0] / 255) ** 2.2
    assert np.median(np.abs(image - seen)) < 0.02  # but for jumps of the depth


def fake_questions(count=7, side=4):
    """Pictures that say which question and which place they are of."""
    rows, places = np.mgrid[:count, :4]
    values = (10 * rows + places).astype(np.uint8)
    pictures = np.broadcast_to(values[..., None, None, None], (count, 4, side, side, 3))
    return Asked(pictures, (np.arange(count) % 3).astype(np.int32))


def test_drawn_questions():
    asked = fake_questions()
    pictures, answers = draw_questions(jax.random.key(0), asked, 6, 64)
    codes = np.asarray(
        jnp.round(255 * srgb_from_linear(pictures[:, :, 0, 0, 0]))
    ).astype(int)
    rows, places = codes // 10, codes % 10
    assert (rows == rows[:, :1]).all() and set(rows[:, 0]) == set(range(6))
    assert (places[:, 0] == 0).all() and (np.sort(places[:, 1:]) == [1, 2, 3]).all()
    right = np.take_along_axis(places, 1 + np.asarray(answers)[:, None], 1)[:, 0] - 1
    np.testing.assert_array_equal(right, asked.answer[rows[:, 0]])
    assert set(np.asarray(answers)) == {0, 1, 2}


def codes_of(linear):
    return np.rint(255 * np.asarray(srgb_from_linear(linear))).astype(int)


def test_contrastive_loss():
    """Equation (7) in numbers."""
    distance = jnp.array([0.0, 1.0, 3.0])
    np.testing.assert_allclose(contrastive(distance, False, 2.0), [0, 0.5, 4.5])
    np.testing.assert_allclose(contrastive(distance, True, 2.0), [2, 0.5, 0])


def of_codes(code):
    """A network whose features are chosen by the first number of a picture."""
    return NormalizedNetwork(None, lambda params, x: code(x), None)


def test_losses_of_baselines():
    numbers = jnp.array([[0.0, 0.0, 3.0, 1.0], [1.0, 4.0, 2.0, 1.0]])
    pictures = jnp.broadcast_to(numbers[..., None, None, None], (2, 4, 2, 2, 3))
    answers = jnp.array([0, 2])
    network = of_codes(lambda x: x[:, 0, 0, :1])
    loss = siamese_loss(2.0, network, {}, (pictures, answers), None)
    np.testing.assert_allclose(loss, (0 + 0 + 0.5 + 0 + 0.5 + 0) / 6)
    network = of_codes(lambda x: x[:, 1:, 0, 0, 0])
    loss = choice_loss(network, {}, (pictures, answers), None)
    logits = np.asarray(numbers[:, 1:])
    total = np.log(np.exp(logits).sum(1)) - logits[[0, 1], [0, 2]]
    np.testing.assert_allclose(loss, total.mean(), rtol=1e-6)


@pytest.mark.parametrize("labels", [0, 3])
def test_batches(labels):
    asked = Asked(*map(jnp.asarray, fake_questions()))
    draw = jax.jit(lambda key: batch_maker(CONFIG, labels)(key, asked))
    batches = [draw(jax.random.key(i)) for i in range(60)]
    assert batches[0].image.shape == (2, 4, 4, 3) and batches[0].view.shape == (2, 0)
    codes = {
        int(c)
        for b in batches
        for c in np.rint(255 * srgb_from_linear(b.image[:, 0, 0, 0]))
    }
    assert codes == {10 * q + p for q in range(7) for p in range(4)}
    shown = jnp.stack([b.open[:, :, 0, 0, 0] for b in batches])
    assert {
        int(c) // 10 for c in np.rint(255 * srgb_from_linear(shown)).ravel()
    } == set(range(7))
    if not labels:
        assert batches[0].questions.shape[0] == 0
        return
    shown = jnp.stack([b.questions[:, :, 0, 0, 0] for b in batches])
    assert set((codes_of(shown) // 10).ravel().tolist()) == {
        0,
        1,
        2,
    }
    share = np.mean([bool(b.is_labelled) for b in batches])
    assert abs(share - 1 / CONFIG.interval) < 0.25


def test_questions_are_answered_by_the_nearest_of_all():
    """Against a softmax in NumPy; the encoder says where each picture is."""
    rng = np.random.default_rng(0)
    places = rng.normal(size=(5, 4, CONFIG.sizes.latent))
    answers = rng.integers(0, 3, 5)
    shape = places[..., : -CONFIG.view_latent]
    square = ((shape[:, :1, None] - shape[None, :, 1:].reshape(1, 1, 15, -1)) ** 2).sum(
        -1
    )[:, 0]
    likely = np.exp(-square / CONFIG.softness)
    likely = (likely / likely.sum(1, keepdims=True)).reshape(5, 5, 3)
    own = likely[np.arange(5), np.arange(5)]
    pictures = (
        jnp.zeros((5, 4, 2, 2, 3)).at[:, :, 0, 0, 0].set(jnp.arange(20).reshape(5, 4))
    )
    flat = jnp.asarray(places.reshape(20, -1))

    def apply(params, image, view, label):
        del params, view, label
        return flat[jnp.round(image[:, 0, 0, 0]).astype(int)], None

    network = Network(lambda key: {}, apply)
    model = iqtt_model(CONFIG)._replace(encoder=network)
    right = np.eye(3)[answers]
    run = lambda may: match_loss(  # noqa: E731
        CONFIG, model, {"encoder": {}}, pictures, jnp.asarray(may)
    )
    known = -np.log(own[np.arange(5), answers]).mean()
    np.testing.assert_allclose(run(right), known, rtol=1e-5)
    unknown = -np.log(own.sum(1)).mean()
    np.testing.assert_allclose(run(np.ones((5, 3))), unknown, rtol=1e-5)
    assert unknown < known


def test_squared_distance_of_pictures():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 8, 8, 3))
    apart = first - second
    four = [apart[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    expected = (apart**2).sum() / 2 + 4 * ((sum(four) / 4) ** 2).sum()
    found = square_distance(jnp.asarray(first), jnp.asarray(second))
    np.testing.assert_allclose(found, expected / 3, rtol=1e-5)


def test_pictures_are_shifted():
    picture = np.random.default_rng(0).uniform(size=(6, 6, 3))
    many = jnp.broadcast_to(jnp.asarray(picture), (10, 20, 6, 6, 3))
    moved = np.asarray(shifted(jax.random.key(0), many, 2)).reshape(-1, 6, 6, 3)
    wide = np.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="edge")
    all_of_them = [wide[i : i + 6, j : j + 6] for i in range(5) for j in range(5)]
    seen = [
        [np.allclose(one, other, atol=1e-6) for other in all_of_them].index(True)
        for one in moved
    ]
    assert set(seen) == set(range(25))
    np.testing.assert_array_equal(shifted(jax.random.key(0), many, 0), many)


def test_nothing_is_behind_the_wall():
    raw = jnp.linspace(-30.0, 30.0, 61)
    decoder = Network(lambda key: {}, lambda params, z, view, label, *, key: z)
    run = lambda z: depth_from_raw(  # noqa: E731
        bounded(decoder).apply({}, z, None, None), NEAR_M, FAR_M
    )
    depth, slope = run(raw), jax.vmap(jax.grad(run))(raw)
    assert np.isfinite(slope).all() and (slope[15:45] > 0).all()
    share = 1 / (1 + np.exp(-1.0 - raw[15:45]))
    np.testing.assert_allclose(
        depth[15:45], NEAR_M + (FAR_M - NEAR_M) * share, rtol=1e-5
    )
    assert depth.min() >= NEAR_M and depth.max() <= FAR_M + 1e-6


def random_batch(labelled) -> Batch:
    keys = jax.random.split(jax.random.key(1), 2)
    image = jax.random.uniform(keys[0], (4, 16, 16, 3))
    questions = jax.random.uniform(keys[1], (4, 4, 16, 16, 3))
    return pictures_batch(
        image, questions[:2], jnp.array([1, 2]), labelled, questions[2:]
    )


@pytest.mark.slow
def test_the_generator_learns_from_every_part():
    """Information and labels reach the encoder; the critic gets no gradient."""
    model, params = iqtt_model(CONFIG), first_params(CONFIG)
    key = jax.random.key(2)

    @jax.jit
    def slope(batch, adversarial, **weights):
        fixed = CONFIG.weights._replace(adversarial=adversarial)
        own = dataclasses.replace(CONFIG, weights=fixed, **weights)
        loss = lambda g: teach_generator(  # noqa: E731
            own, model, g, params["critic"], batch, key
        )[0]
        return jax.grad(loss)(params["generator"])

    names = "information_weight", "bag_weight", "label_weight"
    usual = {name: float(getattr(CONFIG, name)) for name in names}
    usual["adversarial"] = CONFIG.weights.adversarial
    batch = random_batch(False)
    base = slope(batch, **usual)
    for other in (
        slope(random_batch(True), **usual),
        slope(batch, **usual | {"information_weight": 3.0}),
        slope(batch, **usual | {"bag_weight": 1.0}),
        slope(batch, **usual | {"adversarial": 9.0}),
    ):
        difference = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), base, other)
        assert max(jax.tree.leaves(difference["encoder"])) > 1e-6
        assert all(np.isfinite(x) for x in jax.tree.leaves(difference))
    unlabelled = slope(batch, **usual | {"label_weight": 9.0})
    np.testing.assert_array_equal(  # without a label the questions do not matter
        base["encoder"]["out"]["kernel"], unlabelled["encoder"]["out"]["kernel"]
    )


def test_the_statistics_network_learns_and_keeps_its_mean():
    model, params = iqtt_model(CONFIG), first_params(CONFIG)
    own = lambda c: teach_critic(  # noqa: E731
        CONFIG, model, c, params["generator"], random_batch(False), jax.random.key(0)
    )
    (_, kept), slope = jax.value_and_grad(own, has_aux=True)(params["critic"])
    assert np.isfinite(float(kept["log_mean"])) and float(slope["log_mean"]) == 0
    for part in ("critic", "statistics"):
        sizes = [float(jnp.abs(x).max()) for x in jax.tree.leaves(slope[part])]
        assert np.isfinite(sizes).all() and max(sizes) > 0
    latent = jax.random.normal(jax.random.key(3), (16, CONFIG.sizes.latent))
    found = lambda s: information(  # noqa: E731
        CONFIG, params["critic"] | {"statistics": s}, latent, jax.random.key(4)
    )[0]
    before = params["critic"]["statistics"]
    step = jax.tree.map(lambda x, g: x + 0.05 * g, before, jax.grad(found)(before))
    assert float(found(step)) > float(found(before))


def test_latents_are_split():
    shape, view = split_latent(CONFIG, jnp.arange(8.0)[None])
    np.testing.assert_array_equal(view[0], [6, 7])
    assert shape.shape == (1, 6)


def test_sizes_of_the_paper():
    config = PRESETS["paper"]
    shape, view = split_latent(config, jnp.zeros(config.sizes.latent))
    assert (shape.size, view.size) == (118, 10)
    shapes = {name: model_shapes(config, name) for name in model_names(config)}
    assert len(shapes) == 4 + 6
    names = {f"cnn_{n}" for n in (200, 1_000, 10_000)} | {"pix2scene_0"}
    assert names <= shapes.keys()
    hidden = [(4096, 2048), (2048, 512), (512, 256), (256, 3)]
    behind = sum((a + 1) * b for a, b in hidden)
    trunk = count_parameters(shapes["siamese_200"]["params"])
    assert count_parameters(shapes["cnn_200"]["params"]) == trunk + behind


def test_models_answer_in_any_number_of_parts():
    pictures = np.random.default_rng(0).integers(0, 255, (130, 4, 2, 2, 3), np.uint8)
    score = lambda model, x: model * x[:, 1:, 0, 0, 0]  # noqa: E731
    scores = score_all(score, 1.0, pictures)
    np.testing.assert_array_equal(scores.argmax(1), pictures[:, 1:, 0, 0, 0].argmax(1))


def test_accuracy():
    metrics = accuracy_metrics("0", np.array([0, 1, 2, 0]), np.array([0, 1, 2, 1]))
    assert metrics["accuracy_0"] == 0.75
    np.testing.assert_allclose(metrics["accuracy_0_stderr"], np.sqrt(3) / 8)
    table = accuracy_table(metrics, PRESETS["cpu"])
    first = "| 0 | 0.7500 ± 0.2165 (0.4372 ± 0.0301) | (0.3385) | (0.3698) |"
    assert f"{first} (0.7329 ± 0.1488) |" in table
    assert "| 10,000 | (0.5983 ± 0.0021) | (0.3649) | (0.3752) |" in table


def test_questions_of_the_user(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 255, (2, 4, 16, 16, 3), np.uint8)
    save_questions(tmp_path, pictures, ["b", "a_c"])
    names, loaded = load_questions(str(tmp_path), 16)
    assert names == ["a_c", "b"]
    np.testing.assert_array_equal(loaded[::-1], pictures)
    (tmp_path / "deep").mkdir()
    for part in ("q", "a0", "a1", "a2"):
        shutil.move(tmp_path / f"b_{part}.png", tmp_path / "deep" / f"{part}.png")
    names, again = load_questions(str(tmp_path), 16)
    assert names == ["a_c", "deep"]
    np.testing.assert_array_equal(again, loaded)
    alone, own = load_questions(str(tmp_path / "deep"), 16)
    assert alone == ["deep"]
    np.testing.assert_array_equal(own[0], loaded[1])
    picture = Image.new("RGB", (60, 40), (255, 0, 0))
    picture.save(tmp_path / "deep" / "a1.jpg", quality=100)
    (tmp_path / "deep" / "a1.png").unlink()
    _, other = load_questions(str(tmp_path), 16)
    assert (np.abs(other[1, 2].astype(int) - [255, 0, 0]) < 4).all()


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda folder: (folder / "x_a2.png").unlink(), "x_a2.png.*check the path"),
        (lambda folder: (folder / "x_a2.png").write_bytes(b"no"), "x_a2.png"),
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: [p.unlink() for p in folder.iterdir()], "NAME_q.png"),
    ],
)
def test_questions_that_cannot_be_used(tmp_path, spoil, message):
    folder = tmp_path / "asked"
    pictures = np.zeros((1, 4, 16, 16, 3), np.uint8)
    save_questions(folder, pictures, ["x"])
    spoil(folder)
    with pytest.raises(InputError, match=message):
        load_questions(str(folder), 16)


def test_pictures_of_answers():
    pictures = np.zeros((2, 4, 16, 16, 3), np.uint8)
    for answer in (np.array([0, 1]), None):
        shown = questions_png(pictures, np.array([0, 2]), answer, ["a", "b"], 32)
        assert shown.startswith(b"\x89PNG")


def test_choices_by_name():
    name = "pix2scene_0"
    config = dataclasses.replace(CONFIG, labels=())
    params = first_params(config)["generator"]
    pictures = make_split(config, "test").pictures
    same = pictures.copy()
    same[:, 3] = same[:, 0]
    assert (choices(config, {name: params}, same)[name] == 2).all()


def test_saved_models_fit(tmp_path):
    for name in ("pix2scene_2", "cnn_2", "siamese_2"):
        shapes = model_shapes(CONFIG, name)
        save_model(tmp_path / name, jax.tree.map(lambda x: jnp.ones(x.shape), shapes))
        assert (tmp_path / name).is_dir()


@pytest.mark.slow
def test_shipped_models_answer():
    """By three standard errors above chance, and above both baselines with labels."""
    config = dataclasses.replace(PRESETS["cpu"], num_test=300)
    asked = make_split(config, "test")
    chosen = choices(config, load_models(config, SHIPPED), asked.pictures)
    right = {name: np.mean(own == asked.answer) for name, own in chosen.items()}
    assert right["pix2scene_0"] > 1 / 3 + 3 * np.sqrt(2 / 9 / 300)
    for labels in (1_000, 10_000):
        others = [right[f"{kind}_{labels}"] for kind in ("cnn", "siamese")]
        assert right[f"pix2scene_{labels}"] > max(others)
