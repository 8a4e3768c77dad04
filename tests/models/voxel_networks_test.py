"""Networks of voxels have the sizes of the paper, to the last parameter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.models.mobilenet import scaled_width
from ivg.models.network import count_parameters
from ivg.models.normalization import mean_statistics
from ivg.models.voxel_energy import init_energy
from ivg.models.voxel_networks import (
    INCEPTION_SIZES,
    MOBILENET_SIZES,
    VoxelSizes,
    base_network,
    enlarge_aligned,
    standardize,
    start_network,
    transpose_convolve,
)

TINY = VoxelSizes(
    factor=0.1, head=8, image=(8, 8, 4, 4), volume=(4, 4, 2, 2), base=(8, 4, 4, 2)
)
PARTS = {
    "mobilenet": (MOBILENET_SIZES, 1_811_712, 140_992, 238_009, 1_109_840, 3_300_555),
    "inception": (
        INCEPTION_SIZES, 54_276_192, 2_928_384, 3_802_849, 16_573_760, 77_581_187
    ),
}  # fmt: skip
BASES = {
    "mobilenet": (MOBILENET_SIZES, 2_223_872, 2_656_113, 4_879_985),
    "inception": (INCEPTION_SIZES, 54_276_192, 14_159_297, 68_435_489),
}


def shapes_of(network):
    return jax.eval_shape(network.init, jax.random.key(0))


@pytest.mark.parametrize("name", PARTS)
def test_counts_of_the_descent(name):
    sizes, encoder, image, volume, energy, total = PARTS[name]
    params = shapes_of(start_network(sizes))
    energies = jax.eval_shape(lambda key: init_energy(key, sizes), jax.random.key(0))
    assert count_parameters(params["encoder"]) == encoder
    assert count_parameters(params["image_decoder"]) == image
    found = count_parameters([params["lift"], params["volume_decoder"]])
    assert found == volume
    assert count_parameters(energies) == energy
    assert count_parameters([params, energies]) + 2 == total


@pytest.mark.parametrize("name", BASES)
def test_counts_of_base_networks(name):
    sizes, encoder, volume, total = BASES[name]
    params = shapes_of(base_network(sizes))
    assert count_parameters(params["encoder"]) == encoder
    found = count_parameters([params["lift"], params["volume_decoder"]])
    assert found == volume
    assert count_parameters(params) == total


@pytest.mark.parametrize("sizes", [MOBILENET_SIZES, INCEPTION_SIZES])
def test_shapes(sizes):
    sizes = sizes._replace(
        image=(*sizes.image, 16, 8), depths=(*sizes.depths, 2, 1), repeats=(1, 1, 2)
    )
    network, pictures = (
        start_network(sizes),
        jax.ShapeDtypeStruct((2, 128, 128, 3), "f4"),
    )
    estimate = jax.eval_shape(network.apply, shapes_of(network), pictures)
    assert estimate.logits.shape == (2, 32, 32, 32)
    sides = [x.shape[1] for x in estimate.features]
    assert sides == [4, 8, 16, 32, 64, 128]
    assert tuple(x.shape[3] for x in estimate.features) == sizes.image
    base = base_network(sizes)
    grid = jax.eval_shape(base.apply, shapes_of(base), pictures)
    assert grid.shape == (2, 32, 32, 32)


@pytest.mark.slow
@pytest.mark.parametrize("make", [start_network, base_network])
def test_a_sample_does_not_depend_on_its_batch(make):
    network = make(TINY)
    params = network.init(jax.random.key(0))
    pictures = jax.random.uniform(jax.random.key(1), (3, 128, 128, 3))
    statistics = jax.jit(network.observe)(params, pictures)
    apply = jax.jit(
        lambda x, s: jax.tree.leaves(network.apply(params, x, statistics=s))
    )
    statistics = mean_statistics([statistics, statistics])
    together = apply(pictures, statistics)
    for one, all_of_them in zip(
        apply(pictures[1:2], statistics), together, strict=True
    ):
        np.testing.assert_allclose(one[0], all_of_them[1], atol=1e-5)
    by_batch = apply(pictures, None)
    for one, other in zip(by_batch, together, strict=True):
        np.testing.assert_allclose(one, other, atol=3e-3)


def test_transposed_convolution_is_keras():
    key_x, key_k = jax.random.split(jax.random.key(0))
    x = jax.random.normal(key_x, (2, 3, 4, 5, 2))
    kernel = jax.random.normal(key_k, (4, 4, 4, 2, 3))
    expected = np.zeros((2, 8, 10, 12, 3))  # with a border of one
    for place in np.ndindex(3, 4, 5):
        share = np.einsum("bc,ijkcn->bijkn", x[(slice(None), *place)], kernel)
        i, j, k = (2 * p for p in place)
        expected[:, i : i + 4, j : j + 4, k : k + 4] += share
    found = transpose_convolve(x, kernel)
    np.testing.assert_allclose(found, expected[:, 1:-1, 1:-1, 1:-1], atol=1e-4)


def test_enlarging_keeps_corners_and_lines():
    x = jnp.arange(4.0)[None, :, None, None] + 10 * jnp.arange(3.0)[None, None, :, None]
    found = enlarge_aligned(x)[0, :, :, 0]
    assert found.shape == (8, 6)
    expected = np.linspace(0, 3, 8)[:, None] + 10 * np.linspace(0, 2, 6)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_standardized_pictures():
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    found = standardize(x)
    np.testing.assert_allclose(found.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std((1, 2, 3)), 1, atol=1e-4)
    assert not standardize(jnp.ones((1, 4, 4, 3))).any()


def test_widths_are_those_of_keras():
    widths = [scaled_width(w, 0.35) for w in (32, 16, 24, 32, 64, 96, 160, 320)]
    assert widths == [16, 8, 8, 16, 24, 32, 56, 112]


@pytest.mark.parametrize(
    "change",
    [{"encoder": "vgg"}, {"volume": (4, 4)}, {"base": (4,)}, {"image": (8, 8)}],
)
def test_wrong_sizes(change):
    with pytest.raises(ValueError):
        start_network(TINY._replace(**change))
