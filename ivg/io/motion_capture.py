"""Recorded poses from files: CMU's .asf and .amc, and two layouts of .npz.

Whatever the file, poses come as `ivg.scene.skeleton` names their joints, in metres,
y up, the midpoint of the hips at the origin.
"""

import io
import math
import os
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ivg.io.errors import InputError, check_file, one_line
from ivg.scene.skeleton import JOINTS

# Where bones of CMU begin; `head_end` is where the head ends.
_CMU_NAMES = (
    "root",
    "rfemur", "rtibia", "rfoot",
    "lfemur", "ltibia", "lfoot",
    "thorax", "upperneck", "head", "head_end",
    "lhumerus", "lradius", "lwrist",
    "rhumerus", "rradius", "rwrist",
)  # fmt: skip
# Of the 32 joints of Human3.6M.
_H36M_ROWS = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
_INCH_M = 0.0254
_ARRAY_PARTS = {
    (module, name)
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in ("_reconstruct", "scalar")
} | {("numpy", "ndarray"), ("numpy", "dtype")}


class Motions(NamedTuple):
    """Recorded poses.

    Attributes:
      poses: `[N, 17, 3]` float32 metres, y up.
      sequence: `[N]` which sequence each belongs to.
      names: of the sequences.
      subjects: who moves in each of them.
    """

    poses: np.ndarray
    sequence: np.ndarray
    names: tuple[str, ...]
    subjects: tuple[str, ...]


class Bone(NamedTuple):
    """A bone of an .asf file.

    Attributes:
      name: its name.
      parent: name of the bone where it begins.
      offset: `[3]` from its beginning to its end at rest, metres.
      axis: `[3, 3]` from its own frame to that of the world at rest.
      freedoms: names such as "rx" of the numbers in each frame of an .amc file.
    """

    name: str
    parent: str
    offset: np.ndarray
    axis: np.ndarray
    freedoms: tuple[str, ...]


def read_motions(path: str | os.PathLike) -> Motions:
    """Poses from any of the layouts.

    Args:
      path: a folder with .asf and .amc files, or a .npz file with `positions` as
        `read_joint_archive` has it or `positions_3d` as `read_human36m` does.

    Returns:
      `Motions`.

    Raises:
      InputError: if it is none of these, or broken.
    """
    if Path(path).is_dir():
        return read_cmu_folder(path)
    path = check_file(path, "motion capture")
    try:
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).stem for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"{str(path)!r} is no .npz ({one_line(error)}): name one, or a folder "
            "of .asf and .amc files"
        ) from None
    if "positions_3d" in names:
        return read_human36m(path)
    return read_joint_archive(path)


def read_joint_archive(path: str | os.PathLike) -> Motions:
    """Poses from a .npz of joint positions.

    Args:
      path: file with `positions` `[N, J, 3]` metres, y up, `joint_names` `[J]` with
        CMU's names, `sequence` `[N]` and `sequence_names`.

    Returns:
      `Motions`; the subject of a sequence is what its name begins with, before the
      last underscore, without folders.

    Raises:
      InputError: if the file cannot be used.
    """
    shown = repr(str(path))
    keys = "positions", "joint_names", "sequence", "sequence_names"
    try:
        with np.load(check_file(path, "motion capture"), allow_pickle=False) as file:
            missing = [key for key in keys if key not in file]
            if missing:
                raise InputError(f"{shown} lacks {missing[0]!r}: it needs {keys}")
            positions, joints, sequence, names = (file[key] for key in keys)
    except InputError:
        raise
    except Exception as error:  # NumPy documents no list
        raise InputError(
            f"cannot read {shown} ({one_line(error)}): write it with numpy.savez"
        ) from None
    known = [str(name) for name in joints.reshape(-1)]
    shape = positions.shape
    if len(shape) != 3 or shape[1:] != (len(known), 3) or not len(positions):
        raise InputError(
            f"{shown}: positions have shape {shape}: write [N, {len(known)}, 3]"
        )
    for name in _CMU_NAMES:
        if name not in known:
            raise InputError(f"{shown}: there is no joint {name!r}: add it")
    whole = np.issubdtype(sequence.dtype, np.integer)
    if sequence.shape != shape[:1] or not whole or names.ndim != 1:
        raise InputError(f"{shown}: give each pose the row of its sequence_names")
    if sequence.min() < 0 or sequence.max() >= len(names):
        wrong = sequence.min() if sequence.min() < 0 else sequence.max()
        raise InputError(f"{shown}: sequence {int(wrong)} has no name: add it")
    rows = [known.index(name) for name in _CMU_NAMES]
    names = tuple(str(name) for name in names)
    subjects = tuple(Path(name).name.rpartition("_")[0] or name for name in names)
    return _motions(shown, positions[:, rows], sequence, names, subjects)


def read_human36m(path: str | os.PathLike) -> Motions:
    """Poses from the common `data_3d_h36m.npz`; nothing in it is run.

    Args:
      path: file whose `positions_3d` is a dictionary of subjects, of dictionaries of
        actions, of positions `[N, 32, 3]` metres, z up.

    Returns:
      `Motions`; sequences are named "subject/action".

    Raises:
      InputError: if the file cannot be used.
    """
    shown, path = repr(str(path)), check_file(path, "motion capture")
    try:
        with zipfile.ZipFile(path) as archive:
            data = _read_object(io.BytesIO(archive.read("positions_3d.npy")))
    except Exception as error:  # a broken pickle may raise anything
        raise InputError(
            f"cannot read {shown} ({one_line(error)}): make it as VideoPose3D does"
        ) from None
    if not isinstance(data, dict):
        raise InputError(f"{shown}: positions_3d is no dictionary: name its subjects")
    parts, names, subjects = [], [], []
    for subject, actions in data.items():
        for action, positions in actions.items() if isinstance(actions, dict) else ():
            shape = getattr(positions, "shape", ())
            if len(shape) != 3 or shape[1:] != (32, 3):
                raise InputError(
                    f"{shown}: {subject}/{action} has shape {shape}: write [N, 32, 3]"
                )
            parts.append(positions[:, _H36M_ROWS])
            names.append(f"{subject}/{action}")
            subjects.append(str(subject))
    if not parts:
        raise InputError(f"{shown} holds no poses: name a subject and an action")
    x, y, z = np.moveaxis(np.concatenate(parts).astype(np.float32), -1, 0)
    sequence = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    poses = np.stack([x, z, -y], -1)
    return _motions(shown, poses, sequence, tuple(names), tuple(subjects))


def read_cmu_folder(folder: str | os.PathLike, stride: int = 4) -> Motions:
    """Poses from a folder of CMU's .asf and .amc files.

    Args:
      folder: `01.asf` holds the skeleton of `01_01.amc`, `01_02.amc` and so on.
      stride: every how many frames are taken; CMU has 120 a second.

    Returns:
      `Motions`; a subject is the name of an .asf file.

    Raises:
      InputError: if there is no file, or a broken one.
    """
    source = Path(folder)
    skeletons = {path.stem: path for path in sorted(source.glob("*.asf"))}
    clips = sorted(source.glob("*.amc"))
    if not skeletons or not clips:
        raise InputError(f"{str(folder)!r} needs .asf and .amc files: add some")
    parts, names, subjects, bones = [], [], [], {}
    for path in clips:
        subject = path.stem.rpartition("_")[0]
        if subject not in skeletons:
            raise InputError(f"{str(path)!r} has no {subject}.asf beside it: add it")
        if subject not in bones:
            bones[subject] = read_asf(skeletons[subject])
        frames = read_amc(path, bones[subject])[::stride]
        ends = bone_ends(bones[subject], frames)
        parts.append(joints_from_ends(str(path), bones[subject], ends))
        names.append(path.stem)
        subjects.append(subject)
    sequence = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    poses = np.concatenate(parts)
    return _motions(repr(str(folder)), poses, sequence, tuple(names), tuple(subjects))


def read_asf(path: str | os.PathLike) -> list[Bone]:
    """The bones of a skeleton, parents before children; the root comes first.

    Args:
      path: .asf file of CMU.

    Returns:
      Bones. Lengths of CMU are inches divided by the unit in the file.

    Raises:
      InputError: if the file is broken.
    """
    lines = _lines(path, "skeleton")
    try:
        sections = _sections(lines)
        units = dict(line.split()[:2] for line in sections["units"])
        if units.get("angle", "deg") != "deg":
            raise InputError(f"{str(path)!r}: write angles in degrees")
        scale = _INCH_M / _number(units["length"])
        orders = _first_words(sections["root"])
        freedoms = tuple(word.lower() for word in orders["order"])
        axis = _euler([_number(x) for x in orders["orientation"]], orders["axis"][0])
        bones = [Bone("root", "", np.zeros(3), axis, freedoms)]
        parents = _parents(sections["hierarchy"])
        found = {bone.name: bone for bone in _bones(sections["bonedata"], scale)}
        for child, parent in parents.items():
            bones.append(found[child]._replace(parent=parent))
        known = {""}
        for bone in bones:
            if bone.parent not in known:
                raise ValueError(f"{bone.name} comes before {bone.parent}")
            known.add(bone.name)
        return bones
    except InputError:
        raise
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise InputError(
            f"{str(path)!r} is no skeleton of CMU ({type(error).__name__}: "
            f"{one_line(error)}): get the .asf again"
        ) from None


def read_amc(path: str | os.PathLike, bones: Sequence[Bone]) -> np.ndarray:
    """The frames of a motion.

    Args:
      path: .amc file of CMU.
      bones: its skeleton, from `read_asf`.

    Returns:
      `[N, F]` the numbers of every bone in turn, in the units of the file.

    Raises:
      InputError: if the file is broken, or belongs to another skeleton.
    """
    sizes = {bone.name: len(bone.freedoms) for bone in bones}
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    frames, missing = [], 0
    for number, line in enumerate(_lines(path, "motion"), 1):
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        where = f"{str(path)!r}, line {number}"
        if len(words) == 1 and words[0].isdigit():
            frames.append(np.zeros(sum(sizes.values())))
            missing = sum(size > 0 for size in sizes.values())
            continue
        name, values = words[0], words[1:]
        if name not in sizes or len(values) != sizes[name] or not frames:
            raise InputError(
                f"{where}: {line.strip()[:40]!r} does not fit the skeleton: "
                "put its own .asf beside it"
            )
        try:
            row = [_number(value) for value in values]
        except ValueError:
            raise InputError(f"{where}: {line.strip()[:40]!r}: write numbers") from None
        frames[-1][starts[name] : starts[name] + len(row)] = row
        missing -= 1
    if not frames or missing:
        raise InputError(f"{str(path)!r} ends within a frame: get the .amc again")
    return np.stack(frames)


def bone_ends(bones: Sequence[Bone], frames: np.ndarray) -> dict[str, np.ndarray]:
    """Where bones end, in every frame.

    A bone turns in its own axes: `C R C^-1` after the turn of its parent.

    Args:
      bones: from `read_asf`.
      frames: `[N, F]` from `read_amc`; degrees.

    Returns:
      `[N, 3]` metres for every bone, y up; the root is at the origin.

    Source: CMU Graphics Lab, the .asf/.amc file format.
    """
    turns, ends, start = {}, {}, 0
    for bone in bones:
        values = frames[:, start : start + len(bone.freedoms)]
        start += len(bone.freedoms)
        own = bone.axis @ _turns(values, bone.freedoms) @ bone.axis.T
        if not bone.parent:
            turns[bone.name], ends[bone.name] = own, np.zeros((len(frames), 3))
            continue
        turns[bone.name] = turns[bone.parent] @ own
        ends[bone.name] = ends[bone.parent] + turns[bone.name] @ bone.offset
    return ends


def joints_from_ends(
    source: str, bones: Sequence[Bone], ends: dict[str, np.ndarray]
) -> np.ndarray:
    """The 17 joints, from where bones end.

    Args:
      source: where the data comes from, for messages.
      bones: from `read_asf`.
      ends: from `bone_ends`.

    Returns:
      `[N, 17, 3]` metres; a joint is where the bone of its name begins.

    Raises:
      InputError: if a bone is missing.
    """
    places = {bone.name: ends[bone.parent or bone.name] for bone in bones}
    places["head_end"] = ends.get("head")
    for name in _CMU_NAMES:
        if places.get(name) is None:
            raise InputError(f"{source}: its skeleton has no bone {name!r}: add it")
    return np.stack([places[name] for name in _CMU_NAMES], 1)


def _motions(shown, poses, sequence, names, subjects) -> Motions:
    poses = np.array(poses, np.float32)
    if not np.isfinite(poses).all():
        raise InputError(f"{shown} has positions that are not finite: remove them")
    right, left = JOINTS.index("right_hip"), JOINTS.index("left_hip")
    poses[:, 0] = (poses[:, right] + poses[:, left]) / 2
    return Motions(poses - poses[:, :1], np.asarray(sequence, int), names, subjects)


def _lines(path, what) -> list[str]:
    return check_file(path, what).read_text("utf-8", "replace").splitlines()


def _sections(lines) -> dict[str, list[str]]:
    """Lines that are not empty, by the word after the colon before them."""
    sections, name = {}, ""
    for line in lines:
        line = line.strip()
        if line.startswith(":"):
            name = line[1:].split()[0]
            sections[name] = []
        elif line and not line.startswith("#") and name:
            sections[name].append(line)
    return sections


def _first_words(lines) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in lines if line.split()}


def _bones(lines, scale):
    """Bones without parents."""
    block: dict[str, list[str]] = {}
    for line in lines:
        if line == "begin":
            block = {}
        elif line == "end":
            offset = np.array([_number(x) for x in block["direction"]])
            axis = [_number(x) for x in block["axis"][:3]]
            yield Bone(
                block["name"][0], "",
                scale * _number(block["length"][0]) * offset,
                _euler(axis, block["axis"][3]), tuple(block.get("dof", ())),
            )  # fmt: skip
        else:
            words = line.split()
            block.setdefault(words[0], words[1:])


def _parents(lines) -> dict[str, str]:
    rows = [line.split() for line in lines if line not in ("begin", "end")]
    return {child: parent for parent, *children in rows for child in children}


def _number(text: Any) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def _euler(angles_deg, order) -> np.ndarray:
    """Turns about fixed axes, the first letter of the order first."""
    return _turns(np.array([angles_deg]), [f"r{letter.lower()}" for letter in order])[0]


def _turns(values_deg, freedoms) -> np.ndarray:
    """`[N, 3, 3]` turns about fixed axes in the order of the freedoms."""
    total = np.broadcast_to(np.eye(3), (len(values_deg), 3, 3))
    for value, name in zip(np.radians(values_deg).T, freedoms, strict=True):
        if name[0] == "r":
            total = _turn_about("xyz".index(name[1]), value) @ total
    return total


def _turn_about(axis: int, angle_rad: np.ndarray) -> np.ndarray:
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((len(angle_rad), 3, 3))
    matrix[:, axis, axis] = 1
    matrix[:, i, i] = matrix[:, j, j] = np.cos(angle_rad)
    matrix[:, j, i] = np.sin(angle_rad)
    matrix[:, i, j] = -np.sin(angle_rad)
    return matrix


class _ArrayUnpickler(pickle.Unpickler):
    """Follows a pickle of dictionaries and arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAY_PARTS:
            raise InputError(f"it asks for {module}.{name}: it is no plain archive")
        return super().find_class(module, name)


def _read_object(file) -> Any:
    """The one object of a .npy file of type object."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read(file)
    if shape != () or not dtype.hasobject:
        raise InputError(f"positions_3d has shape {shape}: store one dictionary")
    return _ArrayUnpickler(file).load().item()


__all__ = [
    "Bone",
    "Motions",
    "bone_ends",
    "joints_from_ends",
    "read_amc",
    "read_asf",
    "read_cmu_folder",
    "read_human36m",
    "read_joint_archive",
    "read_motions",
]
