"""The shape space spans its family, and knows its canonical shape."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.shape_space.latent_space import (
    decode_shape,
    deformation_fields,
    encode_field,
    field_decoder,
    fit_latent_space,
    move_by_field,
)

SCALE = 0.1


def ball(count, seed):
    """Points on a sphere of 10 cm."""
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return SCALE * points / np.linalg.norm(points, axis=1, keepdims=True)


def bend(points, widths):
    """A family of two numbers: how wide it is above, and how long."""
    wide, long = widths
    x, y, z = points.T
    return np.stack([x * (1 + wide * (y / SCALE + 1)), y * (1 + long), z], 1)


@pytest.fixture(scope="module")
def family():
    """Canonical points, ten instances and the fields between them."""
    rng = np.random.default_rng(0)
    widths = rng.uniform(-0.25, 0.25, (10, 2))
    points = ball(120, 0)
    instances = [bend(rng.permutation(points), w) for w in widths]
    fields, beta_m = deformation_fields(points, instances, beta=1.0, rank=60)
    return points, fields, beta_m


def test_the_field_of_nothing_is_the_canonical_shape(family):
    points, fields, beta_m = family
    space = fit_latent_space(points, fields, beta_m, 3)
    vertices = ball(50, 99)
    same = move_by_field(space, np.zeros_like(points), vertices)
    np.testing.assert_array_equal(same, vertices)


def test_decoding_is_what_the_fields_do(family):
    points, fields, beta_m = family
    space = fit_latent_space(points, fields, beta_m, 9)
    vertices = ball(50, 98)
    decoder = field_decoder(space, vertices)
    for field in fields[:3]:
        found = decode_shape(decoder, jnp.asarray(encode_field(space, field)))
        expected = move_by_field(space, field, vertices)
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_motions_are_orthogonal_and_latents_standardised(family):
    points, fields, beta_m = family
    space = fit_latent_space(points, fields, beta_m, 4)
    flat = space.motions.reshape(4, -1)
    lengths2 = np.sum(flat**2, 1)
    np.testing.assert_allclose(flat @ flat.T, np.diag(lengths2), atol=1e-12)
    assert (np.diff(lengths2) <= 0).all()
    moved = move_by_field(space, space.components[0], points) - points
    np.testing.assert_allclose(moved, space.motions[0], atol=1e-9)
    latents = np.stack([encode_field(space, field) for field in fields])
    np.testing.assert_allclose(latents.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(latents.std(0, ddof=1), 1, atol=1e-6)


def test_an_instance_left_out_is_met_better_by_more_latents(family):
    points, fields, beta_m = family
    vertices = ball(60, 97)

    def error(num_latents):
        """Mean distance of the vertices of each instance from the space without it."""
        errors = []
        for i in range(len(fields)):
            space = fit_latent_space(
                points, np.delete(fields, i, 0), beta_m, num_latents
            )
            z = jnp.asarray(encode_field(space, fields[i]))
            found = decode_shape(field_decoder(space, vertices), z)
            exact = move_by_field(space, fields[i], vertices)
            errors.append(np.linalg.norm(found - exact, axis=1).mean())
        return np.mean(errors)

    falling = [error(k) for k in (1, 2, 5)]
    assert falling[0] > falling[1] > falling[2]
    assert falling[1] < 0.01 * SCALE


def test_the_derivative_is_the_basis(family):
    space = fit_latent_space(*family, 2)
    decoder = field_decoder(space, ball(5, 96))
    slope = jax.jacfwd(lambda z: decode_shape(decoder, z))(jnp.array([0.3, -1.0]))
    np.testing.assert_allclose(np.moveaxis(slope, -1, 0), decoder.basis, atol=1e-8)


def test_too_few_instances(family):
    with pytest.raises(ValueError, match="num_latents"):
        fit_latent_space(*family, 10)
