"""Scenes as JSON: there and back, and everything that can be wrong in between."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.io import scene_json
from ivg.io.errors import InputError
from ivg.io.scene_json import load_tabletop, save_tabletop, tabletop_to_dict
from ivg.scene.library import make_library
from ivg.scene.mesh import make_mesh
from ivg.scene.tabletop import Tabletop, tabletop_bounds

TETRAHEDRON = make_mesh(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
    [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]],
)
LIBRARY = make_library(
    {
        "ground": [TETRAHEDRON],
        "mug": [TETRAHEDRON] * 3,
        "banana": [TETRAHEDRON],
        "stapler": [TETRAHEDRON] * 2,
    }
)


def make_tabletop(seed=0, num_places=7):
    random = np.random.default_rng(seed)
    class_id = random.integers(0, 3, num_places)
    used = random.integers(0, num_places + 1)
    return Tabletop(
        ground_colour=jnp.asarray(random.random(3), jnp.float32),
        camera_height_m=jnp.float32(random.uniform(0.05, 0.75)),
        camera_elevation_rad=jnp.float32(random.uniform(0, math.radians(75))),
        ambient=jnp.float32(random.random()),
        directional=jnp.float32(2 * random.random()),
        light_azimuth_rad=jnp.float32(random.uniform(0, 2 * math.pi)),
        light_elevation_rad=jnp.float32(random.uniform(0, math.pi / 2)),
        class_id=jnp.asarray(class_id, jnp.int32),
        shape=jnp.asarray([random.integers((3, 1, 2)[c]) for c in class_id], jnp.int32),
        position_m=jnp.asarray(
            random.uniform((-1.5, -2.5), (1.5, 0), (num_places, 2)), jnp.float32
        ),
        size_m=jnp.asarray(random.uniform(0.07, 0.2, num_places), jnp.float32),
        azimuth_rad=jnp.asarray(random.uniform(0, 6.28, num_places), jnp.float32),
        colour=jnp.asarray(random.random((num_places, 3)), jnp.float32),
        mask=jnp.arange(num_places) < used,
    )


@pytest.mark.parametrize("seed", range(5))
def test_round_trip(tmp_path, seed):
    latents = make_tabletop(seed)
    path = save_tabletop(tmp_path / "scene.json", latents, fov_deg=47.25)
    loaded, fov_deg = load_tabletop(path, LIBRARY)
    assert fov_deg == 47.25
    mask = np.asarray(latents.mask)
    for name in Tabletop.__dataclass_fields__:
        want, got = getattr(latents, name), getattr(loaded, name)
        assert got.shape == want.shape and got.dtype == want.dtype
        if want.ndim and want.shape[0] == 7 and name != "mask":
            want, got = want[mask], got[mask]
        np.testing.assert_allclose(got, want, atol=1e-6, err_msg=name)
    jax.tree.map(lambda a, b: None, loaded, latents)  # same structure


def test_places_and_empty_scene(tmp_path):
    latents = make_tabletop().replace(mask=jnp.zeros(7, bool))
    path = save_tabletop(tmp_path / "s.json", latents, fov_deg=50)
    loaded, _ = load_tabletop(path, LIBRARY, num_places=2)
    assert loaded.mask.shape == (2,) and not loaded.mask.any()
    assert loaded.position_m.shape == (2, 2)


def test_gaps_close_up_and_angles_wrap(tmp_path):
    latents = make_tabletop(1)
    latents = latents.replace(
        mask=jnp.array([False, True] + [False] * 5),
        azimuth_rad=latents.azimuth_rad - 2 * math.pi,
        colour=latents.colour + 2.0,
    )
    data = tabletop_to_dict(latents, fov_deg=50)
    assert len(data["objects"]) == 1
    assert 0 <= data["objects"][0]["azimuth_deg"] < 360
    assert data["objects"][0]["colour_linear_rgb"] == [1, 1, 1]


def test_colours_stay_on_one_line(tmp_path):
    path = save_tabletop(tmp_path / "s.json", make_tabletop(3), fov_deg=50)
    lines = [x for x in path.read_text().splitlines() if "linear_rgb" in x]
    assert len(lines) > 1
    assert all(line.rstrip(",").endswith("]") for line in lines)


def test_values_that_are_not_finite_are_not_saved(tmp_path):
    latents = make_tabletop().replace(ambient=jnp.float32(jnp.nan))
    with pytest.raises(ValueError, match="ambient"):
        save_tabletop(tmp_path / "s.json", latents, fov_deg=50)
    assert not list(tmp_path.iterdir())


def good():
    latents = make_tabletop().replace(mask=jnp.arange(7) < 2)
    return tabletop_to_dict(latents, fov_deg=50)


DELETE = object()
WRONG = [
    (("format",), "other", "ivg.tabletop"),
    (("version",), 2, "version is 2"),
    (("version",), True, "version is True"),
    (("camera_height_m",), DELETE, "'camera_height_m' is missing"),
    (("colour",), 3, "unknown key 'colour'"),
    (("camera_height_m",), float("nan"), "camera_height_m is nan"),
    (("camera_height_m",), float("inf"), "camera_height_m is inf"),
    (("camera_height_m",), 10**400, "camera_height_m is 1000"),
    (("camera_height_m",), "0.3", "camera_height_m is '0.3'"),
    (("camera_height_m",), True, "camera_height_m is True"),
    (("camera_height_m",), None, "camera_height_m is None"),
    (("camera_height_m",), [0.3], "camera_height_m is"),
    (("camera_height_m",), -0.1, "from 0.05 to 0.75"),
    (("camera_elevation_deg",), 80, "from 0 to 75"),
    (("fov_deg",), 0, "from 1 to 170"),
    (("ambient_strength",), 2, "from 0 to 1"),
    (("ground_colour_linear_rgb",), [0.1, 0.2], "three numbers"),
    (("ground_colour_linear_rgb",), 0.2, "three numbers"),
    (("ground_colour_linear_rgb", 1), 1.5, r"rgb\[1\] is 1.5"),
    (("objects",), {}, "objects is {}"),
    (("objects",), [{}] * 8, "at most 7"),
    (("objects", 1), 5, r"objects\[1\] is 5"),
    (("objects", 1, "class"), "teapot", "mug, banana, stapler"),
    (("objects", 1, "class"), ["mug"], "class is"),
    (("objects", 1, "class"), "ground", "class is 'ground'"),
    (("objects", 1, "shape"), 3, "whole number from 0 to"),
    (("objects", 1, "shape"), -1, "whole number from 0 to"),
    (("objects", 1, "shape"), 0.0, "whole number from 0 to"),
    (("objects", 1, "shape"), False, "whole number from 0 to"),
    (("objects", 1, "size_m"), -0.1, r"objects\[1\]: size_m is -0.1"),
    (("objects", 1, "size_m"), 0, "size_m is 0"),
    (("objects", 1, "size_m"), 3, "from 0.001 to 2"),
    (("objects", 1, "x_m"), 100, "from -1.5 to 1.5"),
    (("objects", 1, "z_m"), 1, "from -2.5 to 0"),
    (("objects", 1, "note"), "x", "unknown key 'note'"),
    (("objects", 1, "colour_linear_rgb", 0), "red", r"rgb\[0\] is 'red'"),
]


@pytest.mark.parametrize("place, value, message", WRONG)
def test_what_is_wrong_is_named(tmp_path, place, value, message):
    data = good()
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    if value is DELETE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=message) as caught:
        load_tabletop(path, LIBRARY)
    assert "\n" not in str(caught.value) and repr(str(path)) in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "content", [b"{", b"", b"[1]", b"\xff\xfe", b"[" * 100_000, b'"x"', b"null"]
)
def test_files_that_are_no_scene(tmp_path, content):
    path = tmp_path / "scene.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_tabletop(path, LIBRARY)
    assert "\n" not in str(caught.value) and repr(str(path)) in str(caught.value)


def test_ranges_of_the_file_are_the_bounds_of_the_latents():
    bounds = tabletop_bounds()
    scene, objects = scene_json._SCENE_RANGES, scene_json._OBJECT_RANGES
    latents = {
        scene["camera_height_m"]: ("camera_height_m", 1),
        scene["camera_elevation_deg"]: ("camera_elevation_rad", 180 / math.pi),
        scene["ambient_strength"]: ("ambient", 1),
        scene["directional_strength"]: ("directional", 1),
        scene["light_elevation_deg"]: ("light_elevation_rad", 180 / math.pi),
    }
    for values, (name, unit) in latents.items():
        expected = [getattr(b, name) * unit for b in (bounds.lower, bounds.upper)]
        np.testing.assert_allclose(values, expected, rtol=1e-6)
    corners = np.array([bounds.lower.position_m, bounds.upper.position_m]).T
    np.testing.assert_allclose([objects["x_m"], objects["z_m"]], corners)
