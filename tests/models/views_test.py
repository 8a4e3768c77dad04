"""Views: a network that sees what is there says the same of each of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.network import Network
from ivg.models.tabletop_coding import COLOUR_SLOTS, SIDE_INPUTS, Prediction
from ivg.models.views import (
    apply_in_view,
    inverse_view,
    view_cycle,
    view_latents,
    view_picture,
    view_prediction,
)
from ivg.scene.tabletop import OBJECT_CLASSES

CYCLE = view_cycle()


def views_of(cycle):
    return [
        jax.tree.map(lambda x, i=i: jnp.asarray(x[i]), cycle)
        for i in range(len(cycle.order))
    ]


def look(params, patches, latents, key=None):
    """A network without parameters, of which every answer is plain to see.

    The contact point is where it is bright, colours are means of pixels and numbers,
    the light comes from where latents say it does, the turn is the sine of the azimuth.
    """
    del params, key
    pixels = jnp.arange(patches.shape[1]) - (patches.shape[1] - 1) / 2
    rows, columns = (jnp.mean(patches**2, (axis, 3)) for axis in (2, 1))
    place = jnp.stack([columns @ pixels, rows @ pixels], -1)
    means = jnp.mean(patches.reshape(*patches.shape[:3], 3, 3), (1, 2))
    first, last = latents[:, COLOUR_SLOTS[0]], latents[:, COLOUR_SLOTS[-1]]
    turn = 90 * latents[:, 35]
    bins = jnp.arange(360)
    return Prediction(
        position=place,
        size=jnp.mean(patches, (1, 2, 3)),
        azimuth=jnp.cos(jnp.deg2rad(bins - turn[:, None])),
        lighting=jnp.stack(
            [*latents[:, [55, 56, 57]].T, latents[:, 58], rows[:, 0]], 1
        ),
        camera=latents[:, 53:55],
        colour=means[:, 0] + first,
        ground_colour=means[:, 2] * last,
    )


def inputs():
    """Patches and numbers of two objects, none a banana."""
    patches = jax.random.normal(jax.random.key(0), (2, 8, 8, 9))
    latents = jax.random.normal(jax.random.key(1), (2, 76))
    return patches, latents.at[:, OBJECT_CLASSES.index("banana")].set(0)


@pytest.mark.parametrize("view", views_of(CYCLE))
def test_what_is_there_is_there_in_every_view(view):
    patches, latents = inputs()
    said = apply_in_view(Network(None, look), None, view, patches, latents)
    plain = look(None, patches, latents)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), said, plain)


def test_what_is_not_there_averages_out():
    """A network that sees everything too far to the right, and red in everything."""
    red = jnp.array([1.0, 0, 0])

    def biased(*args, **options):
        said = look(*args, **options)
        return said.replace(
            position=said.position + jnp.array([1.0, 0]), colour=said.colour + red
        )

    patches, latents = inputs()
    plain = look(None, patches, latents)
    answers = [
        apply_in_view(Network(None, biased), None, view, patches, latents)
        for view in views_of(CYCLE)
    ]
    mean = jax.tree.map(lambda *x: sum(x) / len(x), *answers)
    np.testing.assert_allclose(mean.position, plain.position, atol=1e-5)
    np.testing.assert_allclose(mean.colour, plain.colour + 1 / 3, atol=1e-5)
    wrong = [np.abs(a.position - plain.position).max() for a in answers]
    assert min(wrong) > 0.9


@pytest.mark.parametrize("view", views_of(CYCLE))
def test_the_inverse_view_undoes_it(view):
    back = inverse_view(view)
    patches, latents = inputs()
    picture = patches[0, ..., :3]
    np.testing.assert_array_equal(
        view_picture(back, view_picture(view, picture)), picture
    )
    np.testing.assert_array_equal(
        view_latents(back, view_latents(view, latents[0])), latents[0]
    )
    said = jax.tree.map(lambda x: x[0], look(None, patches, latents))
    again = view_prediction(back, view_prediction(view, said))
    jax.tree.map(np.testing.assert_array_equal, again, said)


def test_bins_and_logits_turn_alike():
    """The likeliest bin of the logits that are seen is the bin that is seen."""
    said = jax.tree.map(lambda x: x[0], look(None, *inputs()))
    for view in views_of(CYCLE):
        for turn in (0, 1, 179, 180, 359):
            logits = said.replace(azimuth=jax.nn.one_hot(turn, 360))
            index = said.replace(azimuth=jnp.int32(turn))
            seen = int(jnp.argmax(view_prediction(view, logits).azimuth))
            assert seen == view_prediction(view, index).azimuth
            assert seen == (-turn % 360 if view.is_mirrored else turn)


def test_a_mirror_exchanges_the_ends_of_a_banana():
    """An azimuth of its own is `pi` minus the azimuth; of others, minus the azimuth."""
    mirror = views_of(CYCLE)[3]
    assert mirror.is_mirrored and (mirror.order == jnp.arange(3)).all()
    latents = jnp.zeros(76).at[35:37].set(jnp.array([0.6, 0.8]))
    for name in OBJECT_CLASSES:
        own = latents.at[OBJECT_CLASSES.index(name)].set(1)
        expected = [0.6, -0.8] if name == "banana" else [-0.6, 0.8]
        np.testing.assert_allclose(view_latents(mirror, own)[35:37], expected)


def test_a_cycle_is_fair():
    """Each channel stands for each colour equally often, on either side."""
    assert CYCLE.order.shape == (6, 3)
    rows = {(*map(int, o), bool(m)) for o, m in zip(*vars(CYCLE).values(), strict=True)}
    assert len(rows) == 6
    for channel in range(3):
        counts = np.bincount(CYCLE.order[:, channel], minlength=3)
        np.testing.assert_array_equal(counts, 2)
    assert CYCLE.is_mirrored.sum() == 3


@pytest.mark.parametrize("orders, mirrored, num", [(1, 0, 3), (0, 1, 2), (0, 0, 1)])
def test_the_first_view_is_the_picture_as_it_is(orders, mirrored, num):
    cycle = view_cycle(bool(orders), bool(mirrored))
    assert cycle.order.shape == (num, 3) and cycle.is_mirrored.sum() == mirrored
    np.testing.assert_array_equal(cycle.order[0], np.arange(3))
    assert not cycle.is_mirrored[0]


def test_numbers_of_the_sides_change_their_sign():
    mirror = views_of(CYCLE)[3]
    _, latents = inputs()
    seen = view_latents(mirror, latents[0])
    changed = np.flatnonzero(np.asarray(seen != latents[0]))
    assert set(changed) == {*SIDE_INPUTS.tolist(), 35}
