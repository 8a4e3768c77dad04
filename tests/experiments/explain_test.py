"""The main job on pictures whose scene is known, and on input that is none."""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh
from PIL import Image

from experiments.explain import contours, search
from experiments.explain.refiners import View, by_lido
from experiments.explain.run import PICTURES, Config, run
from ivg.energy.tabletop import render_tabletop
from ivg.geometry.camera import FOV_RAD
from ivg.io.errors import InputError
from ivg.io.image import save_image
from ivg.io.scene_json import load_tabletop, save_tabletop
from ivg.metrics.image import intersection_over_union
from ivg.models.tabletop_coding import opinions_of_table
from ivg.render.pipeline import render
from ivg.scene.shapes.families import tabletop_library
from ivg.scene.tabletop import scene_from_tabletop

FILES = {
    "metrics.json",
    "overlay.png",
    "report.html",
    "scene.glb",
    "scene.json",
    "steps.gif",
    "summary.png",
}


@pytest.fixture(scope="module")
def library():
    return tabletop_library()


@pytest.fixture(scope="module")
def truth():
    table = search.empty_table(1)
    return table.replace(
        ground_colour=jnp.array([0.3, 0.45, 0.6]),
        camera_elevation_rad=jnp.deg2rad(33.0),
        shape=jnp.array([1]),
        position_m=jnp.array([[0.02, -0.42]]),
        size_m=jnp.array([0.085]),
        azimuth_rad=jnp.array([1.2]),
        colour=jnp.array([[0.7, 0.2, 0.1]]),
        mask=jnp.array([True]),
    )


@pytest.fixture(scope="module")
def files(library, truth, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    picture = render_tabletop(truth, library, height=96, width=96)
    save_image(folder / "picture.png", np.clip(np.asarray(picture), 0, 1))
    save_tabletop(folder / "truth.json", truth, fov_deg=50.0)
    near = truth.replace(
        position_m=truth.position_m + 0.01, azimuth_rad=truth.azimuth_rad + 0.1
    )
    save_tabletop(folder / "near.json", near, fov_deg=50.0)
    return folder


@pytest.mark.slow
def test_refines_a_given_scene_and_writes_everything(files, tmp_path, capfd):
    config = Config(
        image=str(files / "picture.png"),
        initial=str(files / "near.json"),
        truth=str(files / "truth.json"),
        refiner="gradient",
        steps=12,
    )
    metrics = run(config, str(tmp_path / "out"))
    assert "100%" in capfd.readouterr().err  # the progress bar
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert metrics["energy_final"] < metrics["energy_initial"]
    assert metrics["iou_final"] >= metrics["iou_initial"] > 0.5
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == metrics
    assert len(trimesh.load(tmp_path / "out" / "scene.glb").geometry) == 2
    with Image.open(tmp_path / "out" / "steps.gif") as gif:
        assert gif.n_frames > 5


def test_zero_steps_give_the_scene_back(files, library, truth, tmp_path):
    config = Config(
        image=str(files / "picture.png"),
        initial=str(files / "truth.json"),
        refiner="gradient",
        steps=0,
    )
    metrics = run(config, str(tmp_path))
    assert metrics["energy_initial"] == metrics["energy_final"]
    again, fov_deg = load_tabletop(tmp_path / "scene.json", library, num_places=1)
    assert fov_deg == 50
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), again, truth)


@pytest.mark.slow
def test_without_a_guess_the_objects_are_found(tmp_path):
    picture = PICTURES / "tabletop_1.png"
    truth = picture.with_suffix(".json")
    metrics = run(Config(image=str(picture), truth=str(truth)), str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert metrics["num_objects"] == 3
    assert metrics["iou_final"] > metrics["iou_initial"] > 0.5


def test_free_shapes_are_chosen_between_two_refinements(library, truth):
    picture = render_tabletop(truth, library, height=256, width=256)
    ticks = []
    view = View(np.asarray(picture), library, FOV_RAD, lambda: ticks.append(1))
    start = truth.replace(shape=jnp.array([4]))

    def stay(step, patches, colours, table, votes):
        return opinions_of_table(table, votes)

    found = by_lido(view, start, None, stay, 2, has_free_shapes=True)
    assert found.trajectory.shape[:, 0].tolist() == [4, 4, 4, 1, 1, 1]
    energies = found.info["energy"]
    assert len(ticks) == len(energies) == 6  # the last tick is that of the energies
    np.testing.assert_allclose(energies[:3], energies[0], rtol=1e-4)
    assert energies[3] < energies[2]
    np.testing.assert_allclose(energies[3:], energies[3], rtol=1e-4)
    others = found.params.replace(shape=start.shape)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), others, start
    )


def test_where_there_is_nothing_nothing_is_found(tmp_path):
    Image.new("RGB", (256, 256), (90, 90, 90)).save(tmp_path / "grey.png")
    config = Config(image=str(tmp_path / "grey.png"), min_score=1.0)
    with pytest.raises(InputError, match="--min_score"):
        run(config, str(tmp_path / "out"))
    assert not list((tmp_path / "out").iterdir())


def test_search_finds_a_mug(library, truth):
    picture = render_tabletop(truth, library, height=64, width=64)
    best = search.coarse_search(
        jax.random.key(0), picture, ["mug"], library, fov_rad=FOV_RAD
    )[0]

    def mask(table):
        scene = scene_from_tabletop(table, library, height=64, width=64)
        return render(scene, mode="hard").object_index > 0

    assert intersection_over_union(mask(best), mask(truth)) > 0.8
    assert abs(best.colour[0, 0] - truth.colour[0, 0]) < 0.2


def test_contours_of_the_same_picture_are_nearest(library, truth):
    scene = scene_from_tabletop(truth, library, height=64, width=64)
    buffers = render(scene)
    distance = jnp.asarray(contours.edge_distance(np.asarray(buffers.rgb)))
    moved = jnp.roll(distance, 6, axis=1)

    def energy(distance):
        return contours.contour_energy(buffers.object_index, buffers.normal, distance)

    assert energy(distance) < 0.1 < energy(moved)
    gradient = jax.grad(contours.soft_contour_energy)(buffers.rgb, distance)
    assert jnp.all(jnp.isfinite(gradient))


@pytest.fixture(scope="module")
def flat(truth, tmp_path_factory):
    """An even picture and a scene, for input that is refused before it matters."""
    folder = tmp_path_factory.mktemp("flat")
    Image.new("RGB", (96, 96), (90, 120, 150)).save(folder / "picture.png")
    save_tabletop(folder / "truth.json", truth, fov_deg=50.0)
    return folder


def _edit(change):
    def write(folder, files):
        data = json.loads((files / "truth.json").read_text())
        change(data)
        (folder / "scene.json").write_text(json.dumps(data))
        return {"initial": str(folder / "scene.json")}

    return write


def _picture(content: bytes, name="picture.png"):
    def write(folder, files):
        (folder / name).write_bytes(content)
        return {"image": str(folder / name)}

    return write


def _small(folder, files):
    Image.new("RGB", (1, 1)).save(folder / "one.png")
    return {"image": str(folder / "one.png")}


def _truncated(folder, files):
    content = (files / "picture.png").read_bytes()
    return _picture(content[: len(content) // 2])(folder, files)


BAD = {
    "missing": lambda folder, files: {"image": str(folder / "no.png")},
    "directory": lambda folder, files: {"image": str(folder)},
    "empty": _picture(b""),
    "text": _picture(b"not a picture"),
    "truncated": _truncated,
    "small": _small,
    "missing key": _edit(lambda data: data.pop("camera_height_m")),
    "nan": _edit(lambda data: data.update(camera_height_m=float("nan"))),
    "negative size": _edit(lambda data: data["objects"][0].update(size_m=-0.1)),
    "unknown class": _edit(lambda data: data["objects"][0].update({"class": "cow"})),
    "unknown refiner": lambda folder, files: {"refiner": "luck"},
    "no probability": lambda folder, files: {"min_score": 2.0},
    "no checkpoint": lambda folder, files: {"checkpoint": str(folder / "none")},
    "unknown object": lambda folder, files: {"objects": ("cow",)},
    "negative steps": lambda folder, files: {"steps": -1},
    "steps of simplex": lambda folder, files: {"refiner": "simplex", "steps": 0},
    "field of view": lambda folder, files: {"fov_deg": 500.0},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_and_nothing_written(name, flat, tmp_path):
    settings = {"image": str(flat / "picture.png")} | BAD[name](tmp_path, flat)
    with pytest.raises(InputError) as caught:
        run(Config(**settings), str(tmp_path / "out"))
    assert "\n" not in str(caught.value)
    out = tmp_path / "out"
    assert not out.exists() or not list(out.iterdir())


def test_unwritable_folder(flat):
    picture = flat / "picture.png"
    with pytest.raises(InputError, match="folder"):
        run(Config(image=str(picture)), str(picture / "x"))


def test_command_ends_with_status_2_and_one_line(tmp_path):
    command = [sys.executable, "-m", "experiments.explain", "--image=no.png"]
    done = subprocess.run(
        [*command, f"--output={tmp_path / 'out'}"],
        capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "no.png" in errors[0]
    assert done.stdout == ""
