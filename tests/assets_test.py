"""The example pictures: complete, readable, and true to their latents."""

import math
import tomllib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.lido.scenes import load_shifted
from experiments.paths import ASSETS
from ivg.energy.tabletop import display, render_tabletop
from ivg.io.image import load_image, resize_image
from ivg.io.scene_json import load_tabletop
from ivg.scene.shapes.families import tabletop_library

PICTURES = ASSETS / "pictures"
CHECKPOINTS = sorted((ASSETS / "checkpoints").iterdir())
OBJECTS = {"tabletop_0": 1, "tabletop_1": 3, "tabletop_2": 5}
SIZE = 128


@pytest.fixture(scope="module")
def library(compile_quickly):
    return tabletop_library()


@pytest.fixture(scope="module")
def draw(library):
    """Function of latents: what a screen shows of them, compiled once for all."""
    options = {"height": SIZE, "width": SIZE, "fov_rad": math.radians(50)}
    draw = jax.jit(lambda table: display(render_tabletop(table, library, **options)))
    return lambda table: np.asarray(draw(jax.tree.map(np.asarray, table)))


def test_the_readme_names_every_file():
    text = (ASSETS / "README.md").read_text(encoding="utf-8")
    names = {f"pictures/{path.name}" for path in PICTURES.iterdir()}
    assert len(names) == 7
    folders = {"lido_shifted/"} | {f"checkpoints/{path.name}/" for path in CHECKPOINTS}
    assert all(f"`{name}`" in text for name in names | folders)
    assert {path.name for path in ASSETS.iterdir()} == {
        "README.md", "checkpoints", "lido_shifted", "pictures"
    }  # fmt: skip


def test_the_second_test_set_is_complete():
    truths, pictures = load_shifted(50)
    assert pictures.shape == (50, 256, 256, 3) and pictures.std((1, 2, 3)).min() > 5
    assert truths.mask.sum(1).min() >= 4
    assert len(load_shifted(2)[1]) == 2


def test_a_wheel_has_every_file():
    text = (ASSETS.parents[1] / "pyproject.toml").read_text()
    data = tomllib.loads(text)["tool"]["setuptools"]["package-data"]["experiments"]
    packed = {path for pattern in data for path in ASSETS.parent.glob(pattern)}
    files = {path for path in ASSETS.rglob("*") if path.is_file()}
    assert files and files <= packed
    assert not [path for path in files if path.name.startswith(".")]  # these are not


@pytest.mark.parametrize("folder", CHECKPOINTS, ids=lambda path: path.name)
def test_checkpoints_are_small_and_name_no_place(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) < 10e6
    assert not any(p.stat().st_size for p in files if p.name == "commit_success.txt")


@pytest.mark.parametrize(
    ("name", "shape"),
    [("coffee", (400, 600, 3))] + [(name, (512, 512, 3)) for name in OBJECTS],
)
def test_pictures_load_and_are_small(name, shape):
    path = PICTURES / f"{name}.png"
    assert load_image(path).shape == shape
    assert path.stat().st_size < 600_000


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_the_latents_explain_the_picture(name, library, draw):
    latents, fov_deg = load_tabletop(PICTURES / f"{name}.json", library)
    assert int(jnp.sum(latents.mask)) == OBJECTS[name]
    assert fov_deg == 50
    picture = resize_image(load_image(PICTURES / f"{name}.png"), SIZE, SIZE)
    picture = np.asarray(display(picture))

    ours = draw(latents)
    empty = draw(latents.replace(mask=jnp.zeros_like(latents.mask)))
    covered = np.abs(ours - empty).max(-1) > 0.05
    for seen in (covered, ~covered):
        np.testing.assert_allclose(
            ours[seen].mean(0), picture[seen].mean(0), rtol=0, atol=0.08
        )
