"""Source 3 of LiDO's training, and the two stages of training that it makes."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.lido import run
from experiments.lido.config import PRESETS
from experiments.lido.examples import (
    Examples,
    dim_channels,
    examples_of_scene,
    random_views,
    view_examples,
)
from experiments.lido.networks import predictor_of
from experiments.lido.sources import way_maker
from experiments.lido.train import train_predictor
from ivg.colour import linear_from_srgb
from ivg.data.perturb import perturb_tabletop
from ivg.data.tabletop import sample_tabletop
from ivg.models.tabletop_coding import (
    Prediction,
    encode_latents,
    encode_target,
    opinions_of_table,
)
from ivg.models.votes import unanimous_votes
from ivg.refine.lido import lido_refiner
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import OBJECT_CLASSES

pytestmark = pytest.mark.usefixtures("compile_quickly")

STEPS, DRAWS, SIZE = 3, 40, 32
SMOKE = PRESETS["smoke"]


@pytest.fixture(scope="module")
def scene(compile_quickly):
    """Shapes, the latents of a table-top, and a guess at them."""
    library = tabletop_library()
    truth = jax.jit(lambda key: sample_tabletop(key, library, 4))(jax.random.key(0))
    return library, truth, perturb_tabletop(jax.random.key(1), truth)


def test_estimates_are_those_of_a_refinement(scene):
    """Tables and votes of each draw are those after one, two or three updates."""
    library, truth, guess = scene
    votes = unanimous_votes(guess)
    picture = np.full((SIZE, SIZE, 3), 128, np.uint8)

    def predict(step, patches, colours, table, votes):
        """What it saw takes part, so that each step says something else."""
        wished = opinions_of_table(truth, unanimous_votes(truth))
        own = wished.votes.replace(ambient=wished.votes.ambient * colours[1:, 0])
        return wished.replace(colour=wished.colour * (1 + colours[1:]) / 2, votes=own)

    explain = way_maker(predict, library, STEPS)
    keys = jax.random.split(jax.random.key(2), (1, DRAWS))
    start = jax.tree.map(lambda x: jnp.asarray(x)[None], (guess, votes, picture))
    tables, cast = jax.tree.map(lambda x: x[0], explain(keys, *start))
    observed = linear_from_srgb(picture / np.float32(255))
    refiner = lido_refiner(predict, library, votes)
    update, way = jax.jit(refiner.update), []
    state, table = refiner.init(guess, observed), guess
    for step in range(STEPS):
        state, table, _ = update(jnp.int32(step), state, table, observed)
        way.append((table, state.votes))
    stops = [int(np.argmin([np.abs(t.colour - c).max() for t, _ in way]))
             for c in tables.colour]  # fmt: skip
    assert set(stops) == {0, 1, 2}
    for draw, stop in enumerate(stops):
        found = jax.tree.map(lambda x, i=draw: x[i], (tables, cast))
        for mine, its in zip(
            jax.tree.leaves(found), jax.tree.leaves(way[stop]), strict=True
        ):
            np.testing.assert_allclose(mine, its, atol=1e-5)


def test_shuffled_channels_are_those_of_a_scene_in_other_colours(scene):
    """Every example equals the one of the scene with colours and picture permuted."""
    library, truth, guess = scene
    picture = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    make = jax.jit(lambda *scene: examples_of_scene(*scene, library))

    def in_order(order):
        def swap(tree):
            swapped = tree.replace(ground_colour=tree.ground_colour[..., order])
            if not hasattr(tree, "colour"):
                return swapped
            return swapped.replace(colour=tree.colour[..., order])

        votes = swap(unanimous_votes(guess))
        return make(swap(truth), picture[..., order], swap(guess), votes)

    orders = [jnp.array(order) for order in itertools.permutations(range(3))]
    versions = [jax.tree.leaves(in_order(order)) for order in orders]
    many = jax.tree.map(lambda x: jnp.tile(x, (6, *[1] * (x.ndim - 1))),
                        in_order(orders[0]))  # fmt: skip
    keys = jax.random.split(jax.random.key(3))
    views = random_views(*keys, 24, has_orders=True, has_mirrored=False)
    shuffled = jax.tree.leaves(view_examples(views, many))
    taken = []
    for i in range(24):
        fits = [all(np.allclose(x[i], y[i % 4], atol=1.01 if x.dtype == np.uint8 else
                                1e-3) for x, y in zip(shuffled, version, strict=True))
                for version in versions]  # fmt: skip
        assert sum(fits) == 1
        taken.append(int(np.argmax(fits)))
    assert len(set(taken)) == 6


def test_dimmed_channels_are_those_of_a_scene_in_other_colours(scene):
    """Pictures lose a share of each channel, and numbers are those of such a scene."""
    library, truth, guess = scene
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    make = jax.jit(lambda *scene: examples_of_scene(*scene, library))
    given = make(truth, picture, guess, unanimous_votes(guess))
    dimmed = dim_channels(jax.random.key(1), given)

    def light_of(examples, name):
        return np.asarray(linear_from_srgb(getattr(examples, name) / 255.0)).sum((1, 2))

    for name in ("observed", "rendered"):
        share = light_of(dimmed, name) / light_of(given, name)
        np.testing.assert_allclose(share.max(-1), 1, atol=1e-3)
    assert share.min() > 0.5 and np.ptp(share) > 0.2
    for i, own in enumerate(share):

        def dim(tree, own=own):
            return tree.replace(ground_colour=tree.ground_colour * own)

        def dim_all(tree, dim=dim, own=own):
            return dim(tree).replace(colour=tree.colour * own)

        cast = unanimous_votes(dim(guess))
        expected = encode_target(dim_all(truth), dim_all(guess), cast)
        for name in ("colour", "ground_colour"):
            found = getattr(dimmed.target, name)[i]
            np.testing.assert_allclose(found, getattr(expected, name)[i], atol=1e-3)
        latents = encode_latents(dim_all(guess), cast)[i]
        np.testing.assert_allclose(dimmed.inputs[i, :70], latents, atol=1e-3)


@pytest.mark.parametrize("num_source3", [0, 2])
def test_stages(monkeypatch, tmp_path, num_source3):
    """The paper has one stage; with source 3 the second begins where the first ends."""
    calls = []

    def note(config, make_examples, folder, *, name="predictor", num_steps=None,
             first=None):  # fmt: skip
        calls.append((name, num_steps, first))
        return f"parameters of {name}", np.array([1.0])

    monkeypatch.setattr(run, "train_predictor", note)
    config = dataclasses.replace(SMOKE, num_source3=num_source3)
    losses = run.train_in_stages(config, None, None, tabletop_library(), tmp_path)
    assert losses == [1.0]
    last = ("predictor", None, "parameters of first_predictor")
    two = [("first_predictor", config.first_steps, None), last]
    assert calls == (two if num_source3 else [("predictor", None, None)])


def random_examples(num: int) -> Examples:
    """Numbers in the shapes of examples."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=(num, *shape)).astype(np.float32)

    def pixels(*shape):
        return rng.integers(0, 256, (num, *shape), np.uint8)

    target = Prediction(
        normal(2), normal(), rng.integers(0, 360, num), normal(5), normal(2),
        normal(3), normal(3),
    )  # fmt: skip
    return Examples(
        pixels(64, 64, 3), pixels(64, 64, 3), pixels(64, 64), normal(76), target
    )


def test_training_begins_with_the_parameters_it_is_given(tmp_path):
    """At a rate of zero they stay; at none the preset's number of steps is made."""
    config = dataclasses.replace(SMOKE, learning_rate=0.0)
    first = predictor_of(config).init(jax.random.key(7))
    params, losses = train_predictor(
        config, lambda: random_examples(5), tmp_path, name="mine", num_steps=2,
        first=first,
    )  # fmt: skip
    assert losses.shape == (1,) and np.isfinite(losses).all()
    assert (tmp_path / "mine").is_dir() and not (tmp_path / "predictor").exists()
    for mine, its in zip(jax.tree.leaves(params), jax.tree.leaves(first), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_a_mirrored_example_is_that_of_the_mirrored_scene(scene):
    """Numbers are those of the mirrored latents, whose render is the mirrored one."""
    library, *tables = scene
    truth, guess = (t.replace(class_id=jnp.array([0, 1, 2, 1])) for t in tables)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (128, 128, 3), np.uint8)
    make = jax.jit(lambda *scene: examples_of_scene(*scene, library))

    def reflect(table):
        is_banana = table.class_id == OBJECT_CLASSES.index("banana")
        return table.replace(
            position_m=table.position_m * jnp.array([-1, 1]),
            light_azimuth_rad=-table.light_azimuth_rad,
            azimuth_rad=jnp.where(is_banana, np.pi, 0) - table.azimuth_rad,
        )

    votes = unanimous_votes(guess)
    votes = votes.replace(light_azimuth_rad=jnp.array([-1.0, 0.2, 0.7, 1.4]))
    other = votes.replace(light_azimuth_rad=-votes.light_azimuth_rad)
    given = make(truth, picture, guess, votes)
    reflected = make(reflect(truth), picture[:, ::-1], reflect(guess), other)
    many = jax.tree.map(lambda x: jnp.concatenate([x] * 6), given)
    num, seen = len(given.inputs), set()
    keys = jax.random.key(1), jax.random.key(0)
    views = random_views(*keys, 6 * num, has_orders=False, has_mirrored=True)
    mirrored = view_examples(views, many)
    for i in range(6 * num):
        versions = [jax.tree.map(lambda x, i=i: x[i % num], v)
                    for v in (given, reflected)]  # fmt: skip
        mine = jax.tree.map(lambda x, i=i: x[i], mirrored)
        fits = [_is_alike(mine, version) for version in versions]
        assert sum(fits) == 1
        seen.add((i % num, int(np.argmax(fits))))
    assert len(seen) == 2 * num


def _is_alike(mine, its):
    """Latents and targets agree, pixels but for edges of patches and ends of bananas.

    The last six inputs are of the render's colours, and so of these pixels.
    """

    def differ(x, y):
        return np.abs(np.float32(x) - np.float32(y))

    farthest = jax.tree.map(
        lambda x, y: differ(x, y).max(),
        (mine.inputs[:70], mine.target),
        (its.inputs[:70], its.target),
    )
    pixels = (
        (getattr(mine, name), getattr(its, name))
        for name in ("observed", "rendered", "inside")
    )
    observed, rendered, inside = (differ(x, y).mean() for x, y in pixels)
    return (
        max(jax.tree.leaves(farthest)) < 1e-3
        and (observed < 1 and rendered < 10 and inside == 0)
        and differ(mine.inputs[70:], its.inputs[70:]).mean() < 0.1
    )
