"""pix2scene at the size of a toy: training, evaluation, data, errors, refinement."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments.pix2scene.config import PRESETS, VARIANTS, variant_config
from experiments.pix2scene.data import make_sweep, make_views, way_to_turn
from experiments.pix2scene.evaluate import (
    encodings,
    geometry_metrics,
    normal_errors,
    reconstruct,
    square_errors,
    turned_views,
    untrained,
)
from experiments.pix2scene.figures import depth_picture, normal_picture
from experiments.pix2scene.networks import decode, first_params
from experiments.pix2scene.refine import (
    Seen,
    gain_metrics,
    latent_energy,
    refine_latents,
)
from experiments.pix2scene.run import run_evaluation, run_training
from experiments.pix2scene.tables import (
    PAPER_RECONSTRUCTION,
    TITLES,
    baseline_table,
    reconstruction_table,
    sweep_table,
)
from ivg.data.room_views import AZIMUTH_RAD, FAR, NEAR, TARGET
from ivg.data.surfel_rooms import SHAPES
from ivg.io.errors import InputError

CONFIG = PRESETS["smoke"]
pytestmark = pytest.mark.usefixtures("compile_quickly")


@functools.cache
def views():
    return make_views(CONFIG, "box", "test")


@functools.cache
def params():
    return first_params(CONFIG)["generator"]


@pytest.mark.slow
def test_training_then_evaluation(tmp_path):
    trained = run_training(CONFIG, str(tmp_path / "net"))
    assert trained.keys() == {f"loss_{name}" for name in ("box", *VARIANTS)}
    assert np.isfinite(list(trained.values())).all()
    assert run_training(CONFIG, str(tmp_path / "net")) == trained  # nothing is left
    found = run_evaluation(CONFIG, str(tmp_path), str(tmp_path / "net"))
    keys = ("depth_mse", "hausdorff_f", "hausdorff_r")
    names = ("box", "box_translated", "box_5", "refined_box_80", *VARIANTS)
    expected = {f"{key}_{name}" for key in keys for name in names}
    others = ("mean_predictor", "constant", "untrained", "refined", "gain_error")
    expected |= {f"depth_mse_{name}_box" for name in others}
    assert expected | {"ms_surfels", "share_surfels"} <= found.keys()
    assert np.isfinite(list(found.values())).all()
    assert json.loads((tmp_path / "metrics.json").read_text()).keys() == found.keys()
    assert "box, lights not known" in (tmp_path / "table.md").read_text()
    pictures = "reconstruction", "turned", "interpolation", "generated", "refinement"
    for name in (*(f"{x}_box" for x in pictures), *VARIANTS, "net/samples"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert min(picture.size) > CONFIG.shown_px
    with Image.open(tmp_path / "turning_box.gif") as picture:
        assert picture.n_frames > 2


def test_without_a_checkpoint_nothing_begins(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        run_evaluation(CONFIG, str(tmp_path / "out"), str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="no checkpoint"):
        run_training(CONFIG, str(tmp_path / "out"), str(tmp_path / "nothing"))
    assert not list((tmp_path / "out").iterdir())


def test_splits_share_no_room_and_are_the_same_again():
    train, test = (make_views(CONFIG, "box", split) for split in ("train", "test"))
    assert train.image.dtype == np.float16 and not train.depth.size
    assert len(train.eye) == CONFIG.num_train and len(test.eye) == CONFIG.num_test
    assert not np.any(np.all(train.eye[:, None] == test.eye, -1))
    np.testing.assert_array_equal(test.image, views().image)
    other = dataclasses.replace(CONFIG, seed=5)
    assert not np.any(make_views(other, "box", "test").eye == test.eye)


def test_cameras_of_the_sweep_stay_on_the_patch():
    config = dataclasses.replace(CONFIG, num_sweep=12)
    sweep = make_sweep(config, "box")
    offset = sweep.eye - np.array(TARGET, np.float32)
    azimuth = np.arctan2(offset[..., 0], offset[..., 2])
    low, high = AZIMUTH_RAD
    assert azimuth.min() > low - 1e-5 and azimuth.max() < high + 1e-5
    turned = np.rad2deg(np.abs(azimuth - azimuth[:, :1]))
    np.testing.assert_allclose(turned, np.tile([0, 5, 80], (12, 1)), atol=1e-3)
    assert set(np.sign(azimuth[:, 1] - azimuth[:, 0])) == {-1, 1}
    way = jax.vmap(way_to_turn)(jnp.asarray(sweep.eye[:, 0]))
    np.testing.assert_array_equal(way, np.sign(azimuth[:, 1] - azimuth[:, 0]))
    assert np.ptp(sweep.light, axis=1).max() == 0
    assert np.ptp(sweep.depth, axis=1).max() > 0.1


def test_true_depth_has_no_error_and_a_shift_a_known_one():
    exact = geometry_metrics(CONFIG, "x", views().depth, views())
    np.testing.assert_allclose(list(exact.values()), 0, atol=1e-6)
    far = geometry_metrics(CONFIG, "x", views().depth + np.float32(0.1), views())
    assert far["depth_mse_x"] == pytest.approx(0.01, rel=1e-4)
    assert 0.02 < far["hausdorff_f_x"] < 0.13 and 0.02 < far["hausdorff_r_x"] < 0.13
    right = normal_errors(CONFIG, views().depth, views())
    wrong = normal_errors(CONFIG, np.ones_like(views().depth), views())
    assert np.max(right) < np.min(wrong)


def test_reconstruction_is_the_decoder_seen_by_the_camera():
    z = encodings(CONFIG, params(), views())
    assert z.shape == (CONFIG.num_test, CONFIG.sizes.latent)
    found = reconstruct(CONFIG, params(), views(), z)
    # The rows of a batch do not depend on each other, nor on how it is cut.
    other = dataclasses.replace(CONFIG, batch_size=3)
    again = reconstruct(other, params(), views(), encodings(other, params(), views()))
    for a, b in zip(found, again, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    depth = decode(CONFIG, params(), z[:1], views().eye[:1], views().label[:1])
    np.testing.assert_allclose(found.depth[:1], depth, atol=1e-5)
    fresh = untrained(CONFIG, params())
    assert fresh["decoder"] is params()["decoder"]
    assert not np.allclose(encodings(CONFIG, fresh, views()), z)


def test_refinement_finds_the_latent_of_a_picture():
    config = dataclasses.replace(
        CONFIG, refine_steps=60, refine_rate=0.1, refine_prior=0.0, batch_size=4
    )
    decoder = params()["decoder"]
    last = jax.tree.map(lambda x: 3 * x, decoder["last"])
    strong = {**params(), "decoder": {**decoder, "last": last}}
    rng = np.random.default_rng(1)
    z = rng.normal(size=(4, config.sizes.latent)).astype(np.float32)
    made = reconstruct(config, strong, views(), z)
    known = views()._replace(image=made.image, depth=made.depth, normal=made.normal)
    start = z + 0.1 * rng.normal(size=z.shape).astype(np.float32)
    found = refine_latents(config, strong, known, start)
    assert found.energy.shape == (4, 61)
    assert np.all(found.energy[:, -1] < 0.2 * found.energy[:, 0])
    before, after = (
        reconstruct(config, strong, known, x).depth for x in (start, found.z)
    )
    gain = gain_metrics("box", before, after, known)
    assert gain["share_improved_box"] == 1
    assert gain["depth_mse_gain_box"] == pytest.approx(
        np.mean(square_errors(before, known)) - gain["depth_mse_refined_box"]
    )
    alone = refine_latents(
        dataclasses.replace(config, batch_size=1), strong,
        jax.tree.map(lambda x: x[:1], known), start[:1],
    )  # fmt: skip
    np.testing.assert_allclose(alone.energy[0], found.energy[0], rtol=0.05, atol=1e-4)


def test_energy_keeps_latents_near_their_encodings():
    z = jnp.asarray(encodings(CONFIG, params(), views()))
    config = dataclasses.replace(CONFIG, refine_prior=2.0)
    free = dataclasses.replace(CONFIG, refine_prior=0.0)
    seen = Seen(jax.tree.map(jnp.asarray, views()), z - 0.5)
    with_prior, without = (
        jax.jit(jax.vmap(functools.partial(latent_energy, c, params())))(z, seen)
        for c in (config, free)
    )
    np.testing.assert_allclose(with_prior - without, 2 * 0.25, rtol=1e-4)
    assert np.all(np.asarray(without) > 0)


def test_variants():
    known = variant_config(CONFIG, "conditional")
    assert known.sizes.num_classes == len(SHAPES) and not known.random_lights
    assert variant_config(CONFIG, "random_lights").random_lights
    assert variant_config(CONFIG, "box") == CONFIG


def test_colours_of_depth_and_normals():
    depth = depth_picture(np.array([[0.0, NEAR, FAR, 9.0]]))
    assert depth[0, :, 0].tolist() == [0, 0, 255, 255]
    normal = normal_picture(np.array([[[1.0, 0.0, -1.0]]]))
    assert normal[0, 0].tolist() == [255, 128, 0]


def test_turned_views():
    sweep = make_sweep(CONFIG, "box")
    last = turned_views(sweep, -1)
    np.testing.assert_array_equal(last.eye, sweep.eye[:, 2])


def test_tables():
    assert set(PAPER_RECONSTRUCTION) < set(TITLES)
    names = ("box", "mean_predictor_box", "refined_box", "shape_5", "constant_box")
    names += ("untrained_box", "gain_box", "gain_error_box", "refined_shape_5")
    metrics = {
        f"{key}_{name}": 0.1 * place
        for place, name in enumerate(names, 1)
        for key in ("depth_mse", "hausdorff_f", "hausdorff_r")
    }
    metrics |= {"share_improved_box": 0.75, "normal_deg_box": 12.34}
    metrics |= {"image_rmse_box": 0.05}
    assert "| box | 0.100 (0.102) | 0.100 (0.183) | 0.100 (0.022) | 12.3 |" in (
        reconstruction_table(metrics)
    )
    baselines = baseline_table(metrics)
    assert "| box | 0.5000 | 0.2000 | 0.6000 | 0.1000 | 0.3000 |" in baselines
    assert "0.7000 +- 0.8000 | 75 %" in baselines
    sweep = sweep_table(metrics)
    assert "| shape | 5 | 0.400 (0.110) | 0.400 (0.156) | 0.400 (0.012) | 0.900 |" in (
        sweep
    )
    assert "box" not in sweep
