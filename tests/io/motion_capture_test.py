"""Recorded poses: forward kinematics by hand, all layouts, hostile files."""

import pickle

import numpy as np
import pytest

from ivg.io.errors import InputError
from ivg.io.motion_capture import (
    bone_ends,
    read_amc,
    read_asf,
    read_cmu_folder,
    read_motions,
)
from ivg.scene.skeleton import JOINTS

# name: parent, direction, length, axis, freedoms. Every joint of CMU that is used.
BONES = {
    "lhipjoint": ("root", (1, -1, 0), 1.0, (0, 0, 0), ""),
    "lfemur": ("lhipjoint", (0, -1, 0), 4.0, (0, 0, 0), "rx ry rz"),
    "ltibia": ("lfemur", (0, -1, 0), 4.0, (0, 0, 90), "rx"),
    "lfoot": ("ltibia", (0, 0, 1), 1.0, (0, 0, 0), ""),
    "rhipjoint": ("root", (-1, -1, 0), 1.0, (0, 0, 0), ""),
    "rfemur": ("rhipjoint", (0, -1, 0), 4.0, (0, 0, 0), ""),
    "rtibia": ("rfemur", (0, -1, 0), 4.0, (0, 0, 0), ""),
    "rfoot": ("rtibia", (0, 0, 1), 1.0, (0, 0, 0), ""),
    "lowerback": ("root", (0, 1, 0), 2.0, (0, 0, 0), ""),
    "thorax": ("lowerback", (0, 1, 0), 2.0, (0, 0, 0), ""),
    "upperneck": ("thorax", (0, 1, 0), 1.0, (0, 0, 0), ""),
    "head": ("upperneck", (0, 1, 0), 1.0, (0, 0, 0), ""),
    "lclavicle": ("thorax", (1, 0, 0), 1.0, (0, 0, 0), ""),
    "lhumerus": ("lclavicle", (1, 0, 0), 3.0, (0, 0, 0), "rz"),
    "lradius": ("lhumerus", (1, 0, 0), 2.0, (0, 0, 0), ""),
    "lwrist": ("lradius", (1, 0, 0), 1.0, (0, 0, 0), ""),
    "rclavicle": ("thorax", (-1, 0, 0), 1.0, (0, 0, 0), ""),
    "rhumerus": ("rclavicle", (-1, 0, 0), 3.0, (0, 0, 0), ""),
    "rradius": ("rhumerus", (-1, 0, 0), 2.0, (0, 0, 0), ""),
    "rwrist": ("rradius", (-1, 0, 0), 1.0, (0, 0, 0), ""),
}
UNIT = 0.0254 / 0.45
FRAMES = (
    "1\nroot 5 6 7 0 0 0\nlfemur 0 0 0\nltibia 0\nlhumerus 0\n"
    "2\nroot 5 6 7 0 90 0\nlfemur -90 0 0\nltibia 30\nlhumerus 90\n"
)


def asf_text():
    text = ":version 1.10\n:units\n  mass 1.0\n  length 0.45\n  angle deg\n:root\n"
    text += "  order TX TY TZ RX RY RZ\n  axis XYZ\n  position 0 0 0\n"
    text += "  orientation 0 0 0\n:bonedata\n"
    for name, (_, direction, length, axis, freedoms) in BONES.items():
        rows = [
            f"name {name}",
            f"direction {' '.join(map(str, direction))}",
            f"length {length}",
            f"axis {' '.join(map(str, axis))} XYZ",
        ]
        rows += [f"dof {freedoms}", "limits (-1 1)"] if freedoms else []
        text += "  begin\n" + "".join(f"    {row}\n" for row in rows) + "  end\n"
    text += ":hierarchy\n  begin\n    root lhipjoint rhipjoint lowerback\n"
    for name, (parent, *_) in BONES.items():
        if parent != "root":
            text += f"    {parent} {name}\n"
    return text + "  end\n"


def amc_text(frames=FRAMES):
    return f"#!OML:ASF\n:FULLY-SPECIFIED\n:DEGREES\n{frames}"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "01.asf").write_text(asf_text())
    (tmp_path / "01_01.amc").write_text(amc_text())
    return tmp_path


def joint_archive(path, **changes):
    names = [
        "root", "rfemur", "rtibia", "rfoot", "lfemur", "ltibia", "lfoot", "thorax",
        "upperneck", "head", "head_end", "lhumerus", "lradius", "lwrist", "rhumerus",
        "rradius", "rwrist", "ltoes",
    ]  # fmt: skip
    positions = np.random.default_rng(0).normal(size=(5, len(names), 3))
    content = {
        "positions": positions.astype(np.float16),
        "joint_names": np.array(names),
        "sequence": np.array([0, 0, 1, 1, 1]),
        "sequence_names": np.array(["train/walk/walk_1", "test/walk/walk_2"]),
    }
    content |= changes
    np.savez(path, **{k: v for k, v in content.items() if v is not None})
    return positions


def test_forward_kinematics_by_hand(folder):
    bones = read_asf(folder / "01.asf")
    ends = bone_ends(bones, read_amc(folder / "01_01.amc", bones))
    rest = {name: end[0] / UNIT for name, end in ends.items()}
    np.testing.assert_allclose(rest["ltibia"], [1, -9, 0], atol=1e-9)
    np.testing.assert_allclose(rest["lwrist"], [7, 4, 0], atol=1e-9)
    # Then the root turns by 90 degrees about y: (x, y, z) becomes (z, y, -x).
    bent = {name: end[1] / UNIT for name, end in ends.items()}
    np.testing.assert_allclose(bent["lhipjoint"], [0, -1, -1], atol=1e-9)
    # The femur turns by -90 degrees about x: down becomes forward, +z, then +x.
    np.testing.assert_allclose(bent["lfemur"], [4, -1, -1], atol=1e-9)
    # The x axis of the tibia is the y axis of the body at rest, so that it turns
    # about itself: it goes on as the femur does.
    np.testing.assert_allclose(bent["ltibia"], [8, -1, -1], atol=1e-9)
    # The arm turns by 90 degrees about z: left becomes up.
    np.testing.assert_allclose(bent["lclavicle"], [0, 4, -1], atol=1e-9)
    np.testing.assert_allclose(bent["lwrist"], [0, 10, -1], atol=1e-9)


def test_folder_of_cmu(folder):
    motions = read_cmu_folder(folder, stride=1)
    assert motions.names == ("01_01",) and motions.subjects == ("01",)
    assert motions.poses.shape == (2, 17, 3)
    place = dict(zip(JOINTS, motions.poses[0] / UNIT, strict=True))
    np.testing.assert_allclose(place["pelvis"], 0, atol=1e-5)
    np.testing.assert_allclose(place["left_hip"], [1, 0, 0], atol=1e-5)
    np.testing.assert_allclose(place["left_ankle"], [1, -8, 0], atol=1e-5)
    np.testing.assert_allclose(place["thorax"], [0, 3, 0], atol=1e-5)
    np.testing.assert_allclose(place["head_top"], [0, 7, 0], atol=1e-5)
    np.testing.assert_allclose(place["right_wrist"], [-6, 5, 0], atol=1e-5)
    assert len(read_motions(folder).poses) == 1  # every fourth frame


def test_archive_of_joints(tmp_path):
    positions = joint_archive(tmp_path / "a.npz")
    motions = read_motions(tmp_path / "a.npz")
    assert motions.names[1] == "test/walk/walk_2" and motions.subjects[0] == "walk"
    np.testing.assert_array_equal(motions.sequence, [0, 0, 1, 1, 1])
    hips = (positions[:, 1] + positions[:, 4]) / 2
    np.testing.assert_allclose(motions.poses[:, 9], positions[:, 9] - hips, atol=5e-3)
    np.testing.assert_allclose(motions.poses[:, 0], 0, atol=1e-6)


def test_human36m(tmp_path):
    rng = np.random.default_rng(0)
    data = {
        "S1": {"Walking": rng.normal(size=(3, 32, 3)).astype(np.float32)},
        "S9": {"Eating 1": rng.normal(size=(2, 32, 3)).astype(np.float32)},
    }
    np.savez_compressed(tmp_path / "h.npz", positions_3d=np.array(data, object))
    motions = read_motions(tmp_path / "h.npz")
    assert motions.names == ("S1/Walking", "S9/Eating 1")
    assert motions.subjects == ("S1", "S9")
    wrist = data["S9"]["Eating 1"][:, 27]
    hips = data["S9"]["Eating 1"][:, [1, 6]].mean(1)
    x, y, z = (wrist - hips).T
    found = motions.poses[3:, JOINTS.index("right_wrist")]
    np.testing.assert_allclose(found, np.stack([x, z, -y], -1), atol=1e-5)


class _Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize(
    "content", [_Evil(), {"S1": _Evil()}, {"S1": {"Walking": np.zeros((3, 5))}}, {}, 3]
)
def test_hostile_human36m(tmp_path, content):
    np.savez(tmp_path / "h.npz", positions_3d=np.array(content, object))
    with pytest.raises(InputError, match="h.npz"):
        read_motions(tmp_path / "h.npz")


def test_a_pickle_is_no_archive(tmp_path):
    (tmp_path / "x.npz").write_bytes(pickle.dumps({"positions": 1}))
    with pytest.raises(InputError, match="is no .npz"):
        read_motions(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sequence": None}, "lacks 'sequence'"),
        ({"positions": np.zeros((5, 4, 3))}, "shape"),
        ({"joint_names": np.array(["a"] * 18)}, "no joint 'root'"),
        ({"sequence": np.array([0, 0, 1, 1, 7])}, "sequence 7 has no name"),
        ({"sequence": np.array([0, 0, 1, 1, -2])}, "sequence -2 has no name"),
        ({"sequence": np.zeros(3, int)}, "row of its sequence_names"),
        ({"positions": np.full((5, 18, 3), np.nan)}, "not finite"),
        ({"joint_names": np.array([{}] * 18, object)}, "cannot read"),
    ],
)
def test_archives_that_cannot_be_used(tmp_path, changes, says):
    joint_archive(tmp_path / "a.npz", **changes)
    with pytest.raises(InputError, match=says):
        read_motions(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("length 0.45", "length zero"),
        ("length 4.0", "length inf"),
        ("angle deg", "angle rad"),
        (":hierarchy", ":other"),
        ("    lfemur ltibia\n", "    lfemur arm\n"),
        ("name lfemur", "name"),
        ("direction 0 -1 0", "direction 0 down 0"),
    ],
)
def test_broken_skeletons(folder, old, new):
    (folder / "01.asf").write_text(asf_text().replace(old, new, 1))
    with pytest.raises(InputError, match="01.asf"):
        read_cmu_folder(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ltibia 30", "ltibia nan"),
        ("ltibia 30", "ltibia"),
        ("ltibia 30", "tail 30"),
        ("lhumerus 90\n", ""),
        (FRAMES, ""),
        ("1\nroot", "root"),
    ],
)
def test_broken_motions(folder, old, new):
    (folder / "01_01.amc").write_text(amc_text().replace(old, new, 1))
    with pytest.raises(InputError, match="01_01.amc"):
        read_cmu_folder(folder)


def test_missing_parts(folder, tmp_path):
    with pytest.raises(InputError, match="check the path"):
        read_motions(tmp_path / "nothing.npz")
    (folder / "02_01.amc").write_text(amc_text())
    with pytest.raises(InputError, match="02.asf"):
        read_motions(folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="needs .asf and .amc"):
        read_motions(empty)
