"""LiDO's comparison: both refinements, and pictures that are as bright as observed."""

import jax
import numpy as np
import pytest

from experiments.lido.evaluate import learned_paths, picture_maker
from experiments.lido.guesses import Problems
from ivg.data.tabletop import sample_tabletop
from ivg.models.tabletop_coding import opinions_of_table
from ivg.models.votes import unanimous_votes
from ivg.scene.shapes.families import tabletop_library

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE = 48


@pytest.fixture(scope="module")
def scene(compile_quickly):
    """Shapes, the latents `[1]` of a table-top, its nodes and its picture in 8 bits."""
    library = tabletop_library()
    truth = jax.jit(lambda key: sample_tabletop(key, library, 4))(jax.random.key(0))
    # Dark enough that no pixel is clipped.
    truth = truth.replace(colour=0 * truth.colour + 0.2, ground_colour=np.full(3, 0.2))
    truth = jax.tree.map(lambda x: x[None], truth)
    nothing = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    index, seen = picture_maker(library, SIZE)(truth, nothing)
    return library, truth, np.asarray(index), np.uint8(np.round(255 * np.asarray(seen)))


@pytest.mark.parametrize("is_matched", [False, True])
def test_colours_half_as_bright_look_as_observed_only_if_matched(scene, is_matched):
    library, truth, nodes, observed = scene
    dark = truth.replace(
        colour=truth.colour / 2, ground_colour=0.7 * truth.ground_colour
    )
    make = picture_maker(library, SIZE, is_matched=is_matched)
    index, seen = make(dark, observed)
    np.testing.assert_array_equal(index, nodes)
    assert observed.max() < 255
    wrong = np.abs(np.asarray(seen) - observed / 255)[nodes >= 0]
    if is_matched:  # but for pixels of outlines, which show two elements
        assert np.median(wrong) < 0.01 and np.quantile(wrong, 0.9) < 0.05
    else:
        assert np.quantile(wrong, 0.1) > 0.05


def test_what_is_matched_is_not_learned_from_the_truth(scene):
    """Brightness is all that is matched: a wrong hue stays wrong."""
    library, truth, nodes, observed = scene
    red = truth.replace(ground_colour=truth.ground_colour * np.array([1, 0.5, 0.5]))
    _, seen = picture_maker(library, SIZE, is_matched=True)(red, observed)
    wrong = (np.asarray(seen) - observed / 255)[nodes == 0]
    assert wrong[:, 0].mean() > 0.02 and wrong[:, 1:].mean() < -0.02


def test_the_second_refinement_goes_on_where_the_first_has_ended(scene):
    """A perfect predictor leaves a third of the error after two steps, and a ninth."""
    library, truth, _, observed = scene
    known = jax.tree.map(lambda x: x[0], truth)
    first = truth.replace(colour=1.6 * truth.colour, shape=(truth.shape + 1) % 6)

    def predict(step, patches, colours, table, votes):
        return opinions_of_table(known, unanimous_votes(known))

    votes = jax.vmap(unanimous_votes)(first)
    problems = Problems(observed, first, votes, truth, truth, np.zeros((1, 4), int))
    found = learned_paths(predict, problems, library, 2)
    lido, chosen = found["lido"], found["chosen"]
    wrong = chosen.tables.colour[0, :, 0, 0] - 0.2
    np.testing.assert_allclose(
        wrong, 0.12 / np.array([1, 2, 3, 3, 6, 9]), rtol=1e-3, atol=1e-6
    )
    jax.tree.map(
        lambda x, y: np.testing.assert_array_equal(x, y[:, :3]),
        lido.tables, chosen.tables,
    )  # fmt: skip
    shapes = chosen.tables.shape[0]
    np.testing.assert_array_equal(shapes[:3], first.shape.repeat(3, 0))
    np.testing.assert_array_equal(shapes[3:], shapes[3:4].repeat(3, 0))
    assert (shapes[3] != shapes[2]).any()
    assert lido.seconds[0, 0] == 0 and (np.diff(chosen.seconds) > 0).all()
    np.testing.assert_array_equal(lido.seconds, chosen.seconds[:, :3])
