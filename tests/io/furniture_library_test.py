"""Libraries of furniture, on small zip files that the tests make."""

import zipfile

import numpy as np
import pytest

from ivg.io.errors import InputError
from ivg.io.furniture_library import (
    CATALOGUE,
    indoor_category,
    load_furniture,
    load_piece,
    read_catalogue,
)
from ivg.scene.indoor import INDOOR_NAMES

# A wedge: an L in the plane of x and y, 2 high, 1 wide, 4 deep; the seat is in front.
BACK = "0 0 0;1 0 0;1 2 0;0 2 0;0 0 1;1 0 1;1 2 1;0 2 1"
SEAT = "0 0 1;1 0 1;1 1 1;0 1 1;0 0 4;1 0 4;1 1 4;0 1 4"
SIDES = "4 3 2 1;5 6 7 8;1 2 6 5;2 3 7 6;3 4 8 7;4 1 5 8"


def obj(turn=None):
    matrix = np.eye(3) if turn is None else np.asarray(turn, float)
    lines = []
    for part, corners in enumerate((BACK, SEAT)):
        for corner in corners.split(";"):
            point = matrix @ np.array([float(x) for x in corner.split()])
            lines.append("v " + " ".join(map(str, point)))
        for face in SIDES.split(";"):
            lines.append("f " + " ".join(str(int(i) + 8 * part) for i in face.split()))
    return "\n".join(lines)


def row(number, **values):
    standard = {
        "id": f"test#{number}", "name": "Chair", "category": "Office",
        "model": f"/test/{number}/{number}.obj", "width": "50", "depth": "60",
        "height": "90", "movable": "true", "doorOrWindow": "false",
        "creator": "An artist",
    }  # fmt: skip
    values = {k: v for k, v in (standard | values).items() if v is not None}
    return "".join(f"{key}#{number}={value}\n" for key, value in values.items())


def write_library(path, rows, models):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CATALOGUE, ("# a comment\nname=Test\n" + "".join(rows)))
        for name, text in models.items():
            archive.writestr(name, text)
    return path


def library(tmp_path, *rows, **models):
    models = {f"test/{k[1:]}/{k[1:]}.obj": v for k, v in models.items()}
    return write_library(tmp_path / "Test.sh3f", rows, models)


def test_entries(tmp_path):
    path = library(
        tmp_path,
        row(1, name="Caf\\u00e9 table", modelRotation="1 0 0 0 0 1 0 -1 0"),
        row(2, name="Oak \\\n    chair", creator=None, id=None),
        row(3, name="Glass door", doorOrWindow="true"),
    )
    table, chair, door = read_catalogue(path)
    assert table.name == "Café table" and table.category == "table"
    assert (table.library, table.identity) == ("Test.sh3f", "test#1")
    assert table.creator == "An artist" and table.model == "test/1/1.obj"
    np.testing.assert_allclose(table.size_m, [0.5, 0.9, 0.6])
    np.testing.assert_array_equal(table.rotation, [[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    assert chair.name == chair.identity == "Oak chair" and chair.creator == ""
    assert chair.category == "chair" and door.category is None
    np.testing.assert_array_equal(chair.rotation, np.eye(3))


def test_models_are_turned_and_stretched(tmp_path):
    turn = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # from the file's axes to ours
    text = " ".join(f"{x:g}" for x in turn.ravel())
    path = library(
        tmp_path, row(1), row(2, modelRotation=text), _1=obj(), _2=obj(turn.T)
    )
    upright, turned = (load_piece(path, entry) for entry in read_catalogue(path))
    for piece in (upright, turned):
        np.testing.assert_allclose(piece.size_m, [0.5, 0.9, 0.6])
        vertices = np.asarray(piece.mesh.vertices)
        np.testing.assert_allclose(vertices.min(0), -0.5, atol=1e-6)
        np.testing.assert_allclose(vertices.max(0), 0.5, atol=1e-6)
        high = vertices[vertices[:, 1] > 0.4]
        np.testing.assert_allclose(high[:, 2].max(), -0.25, atol=1e-6)  # the back
        assert set(piece.tints) == {0, 1} and piece.fold == 1
        a, b, c = (vertices[np.asarray(piece.mesh.faces)[:, i]] for i in range(3))
        facing = np.cross(b - a, c - a)[:, None]
        normals = np.asarray(piece.mesh.normals)[np.asarray(piece.mesh.faces)]
        assert (np.sum(facing * normals, -1) > 0).all()
    order = [
        np.lexsort(np.asarray(p.mesh.vertices).round(4).T) for p in (upright, turned)
    ]
    np.testing.assert_allclose(
        np.asarray(upright.mesh.vertices)[order[0]],
        np.asarray(turned.mesh.vertices)[order[1]], atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name, category",
    [
        ("Coffee table", "table"), ("Desk", "table"), ("Bedside table", "cabinet"),
        ("Desk lamp", None), ("Armchair", "chair"), ("Armchair ottoman", None),
        ("Bath", "bathtub"), ("Bathmat", None), ("Full bookcase", "bookshelf"),
        ("Shelves", "bookshelf"), ("Drawers cabinet", "cabinet"),
        ("TV stand", "cabinet"),
        ("TV 16:9", "display"), ("TV remote control", None),
        ("Bullet trash can", "bin"),
        ("Recycling bin", "bin"), ("Sofa 3 seats", "sofa"), ("Corner sofa", None),
        ("Baby bed", "bed"), ("Tablet", None), ("Screen door", None), ("Fridge", None),
        ("Upper corner cabinet", None), ("Wheelchair", None), ("Futon couch", "sofa"),
    ],
)  # fmt: skip
def test_names(name, category):
    assert indoor_category(name) == category
    assert category is None or category in INDOOR_NAMES


def test_all_pieces_of_some_files(tmp_path):
    path = library(
        tmp_path, row(1), row(2, name="Truck"), row(3, name="Sofa"), _1=obj(), _2=obj()
    )
    pieces, left_out = load_furniture([path])
    assert [entry.name for entry, _ in pieces] == ["Chair"]
    assert len(left_out) == 1 and "test/3/3.obj" in left_out[0]
    nothing = write_library(tmp_path / "none.sh3f", [row(1, name="Truck")], {})
    with pytest.raises(InputError, match="no furniture of"):
        load_furniture([nothing])


@pytest.mark.parametrize(
    "values, message",
    [
        ({"width": "-3"}, "width#1 is '-3'"),
        ({"depth": None}, "depth#1 is None"),
        ({"height": "tall"}, "height#1 is 'tall'"),
        ({"model": None}, "no model#1"),
        ({"modelRotation": "1 0 0"}, "write nine numbers"),
        ({"modelRotation": "2 0 0 0 2 0 0 0 2"}, "write nine numbers"),
    ],
)
def test_bad_rows(tmp_path, values, message):
    with pytest.raises(InputError, match=message):
        read_catalogue(library(tmp_path, row(1, **values)))


def test_bad_files(tmp_path):
    with pytest.raises(InputError, match="no furniture library at"):
        read_catalogue(tmp_path / "missing.sh3f")
    broken = tmp_path / "broken.sh3f"
    broken.write_text("no zip")
    with pytest.raises(InputError, match="no zip file"):
        read_catalogue(broken)
    with zipfile.ZipFile(tmp_path / "other.sh3f", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match=f"has no {CATALOGUE}"):
        read_catalogue(tmp_path / "other.sh3f")
    with pytest.raises(InputError, match="names none"):
        read_catalogue(library(tmp_path))


@pytest.mark.parametrize(
    "model, text, message",
    [
        ("/a.dae", "<xml/>", "is no OBJ"),
        ("/a.obj", "", "a.obj"),
        ("/a.obj", "v 0 0 0\nv 1 0 0\nv 0 0 1\nf 1 2 3\n", "is flat"),
    ],
)
def test_bad_models(tmp_path, model, text, message):
    path = write_library(tmp_path / "x.sh3f", [row(1, model=model)], {model[1:]: text})
    (entry,) = read_catalogue(path)
    with pytest.raises(InputError, match=message):
        load_piece(path, entry)
