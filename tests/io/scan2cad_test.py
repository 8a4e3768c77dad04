"""Scan2CAD's annotations, on files that the tests make."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ivg.io.errors import InputError
from ivg.io.scan2cad import CATEGORY_IDS, FOLDS, read_scan2cad
from ivg.scene.indoor import INDOOR_NAMES


def trs(rng, scale=None):
    return {
        "translation": rng.uniform(-3, 3, 3).tolist(),
        "rotation": np.roll(Rotation.random(rng=rng).as_quat(), 1).tolist(),
        "scale": (rng.uniform(0.5, 2, 3) if scale is None else np.ones(3)).tolist(),
    }


def annotations(seed=0):
    rng = np.random.default_rng(seed)
    models = [
        {
            "trs": trs(rng),
            "center": rng.uniform(-0.1, 0.1, 3).tolist(),
            "bbox": rng.uniform(0.1, 0.5, 3).tolist(),
            "sym": sym,
            "catid_cad": catid,
            "id_cad": f"model{i}",
        }
        for i, (sym, catid) in enumerate(
            zip(FOLDS, ["04379243", "03001627", "02747177", "99999999"], strict=True)
        )
    ]
    return [{"id_scan": "scene0000_00", "trs": trs(rng, 1), "aligned_models": models}]


def matrix(values, middle=(0, 0, 0)):
    """Move, turn, scale and shift as 4 x 4 matrices, one after another."""
    move, turn, scale, shift = (np.eye(4) for _ in range(4))
    move[:3, 3], shift[:3, 3] = values["translation"], middle
    turn[:3, :3] = Rotation.from_quat(np.roll(values["rotation"], -1)).as_matrix()
    scale[:3, :3] = np.diag(values["scale"])
    return move @ turn @ scale @ shift


def write(tmp_path, data):
    path = tmp_path / "full_annotations.json"
    path.write_text(json.dumps(data))
    return path


def test_corners_of_boxes_are_where_the_annotation_has_them(tmp_path):
    data = annotations()
    (scan,) = read_scan2cad(write(tmp_path, data))
    assert scan.id_scan == "scene0000_00" and len(scan.models) == 4
    back = np.linalg.inv(matrix(data[0]["trs"]))
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 3), -1).reshape(8, 3)
    for model, row in zip(scan.models, data[0]["aligned_models"], strict=True):
        box = np.append(corners * row["bbox"], np.ones((8, 1)), 1)
        expected = (box @ (back @ matrix(row["trs"], row["center"])).T)[:, :3]
        turn = Rotation.from_quat(np.roll(model.placement.quaternion, -1))
        # ShapeNet's front is -z: half a turn lies between its axes and ours.
        ours = corners * [-0.5, 0.5, -0.5] * model.placement.size
        got = turn.apply(ours) + model.placement.position
        np.testing.assert_allclose(got, expected, atol=1e-9)


def test_categories_and_folds(tmp_path):
    (scan,) = read_scan2cad(write(tmp_path, annotations()))
    names = [INDOOR_NAMES[m.category] if m.category >= 0 else None for m in scan.models]
    assert names == ["table", "chair", "bin", None]
    assert [m.fold for m in scan.models] == [1, 2, 4, 36]
    assert scan.models[3].catid_cad == "99999999" and scan.models[3].id_cad == "model3"
    assert sorted(CATEGORY_IDS.values()) == list(INDOOR_NAMES)


def test_positions_of_the_official_evaluation(tmp_path):
    data = annotations(1)
    (scan,) = read_scan2cad(write(tmp_path, data), official_middle=True)
    back = np.linalg.inv(matrix(data[0]["trs"]))
    for model, row in zip(scan.models, data[0]["aligned_models"], strict=True):
        moved = back @ matrix(row["trs"], -np.array(row["center"]))
        np.testing.assert_allclose(model.placement.position, moved[:3, 3], atol=1e-9)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda d: d[0].pop("trs"), "'trs' is missing"),
        (lambda d: d[0]["aligned_models"][1].pop("sym"), r"aligned_models\[1\].*'sym'"),
        (lambda d: d[0]["aligned_models"][0].update(sym="ROUND"), "sym is 'ROUND'"),
        (lambda d: d[0]["aligned_models"][0].update(bbox=[1, 2]), "write 3 finite"),
        (lambda d: d[0]["aligned_models"][0].update(bbox=[1, 0, 2]), "bbox is"),
        (lambda d: d[0]["aligned_models"][0].update(center="x"), "center is 'x'"),
        (lambda d: d[0]["trs"].update(rotation=[0, 0, 0, 0]), "not zero"),
        (lambda d: d[0]["trs"].update(scale=[1, -1, 1]), "scales above 0"),
        (lambda d: d[0].update(aligned_models={}), "is no list"),
        (lambda d: d.__setitem__(0, 3), "write an object"),
    ],
)
def test_bad_annotations(tmp_path, change, message):
    data = annotations()
    change(data)
    with pytest.raises(InputError, match=message):
        read_scan2cad(write(tmp_path, data))


def test_bad_files(tmp_path):
    with pytest.raises(InputError, match="no annotation at"):
        read_scan2cad(tmp_path / "missing.json")
    with pytest.raises(InputError, match="a list"):
        read_scan2cad(write(tmp_path, {"id_scan": "x"}))
    (tmp_path / "broken.json").write_text("[{")
    with pytest.raises(InputError, match="no JSON"):
        read_scan2cad(tmp_path / "broken.json")
