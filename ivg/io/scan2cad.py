"""Scan2CAD's annotations: which model stands where in the scans of ScanNet.

`full_annotations.json` is a list with one object for each scan: `id_scan`; `trs`, from
the scan to a common world; `aligned_models` with `trs`, from the model to that world,
`center` and `bbox`, the middle and the half extents of the model's box, `sym`,
`catid_cad` and `id_cad`. `trs` has `translation`, `rotation` (wxyz) and `scale`.

Models of ShapeNet have y up and the front towards -z; ours look towards +z, so they
are turned by half a turn. Scans have z up.

Source: Avetisyan et al., Scan2CAD, 2019, its README and its `EvaluateBenchmark.py`.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ivg.io.errors import InputError, check_file, one_line
from ivg.io.validate import shorten
from ivg.scene.indoor import INDOOR_NAMES, Placement

CATEGORY_IDS = {
    "02808440": "bathtub",
    "02818832": "bed",
    "02747177": "bin",
    "02871439": "bookshelf",
    "02933112": "cabinet",
    "03001627": "chair",
    "03211117": "display",
    "04256520": "sofa",
    "04379243": "table",
}
FOLDS = {
    "__SYM_NONE": 1,
    "__SYM_ROTATE_UP_2": 2,
    "__SYM_ROTATE_UP_4": 4,
    "__SYM_ROTATE_UP_INF": 36,
}
_FRONT_FROM_SHAPENET = Rotation.from_euler("y", 180, degrees=True)


class AlignedModel(NamedTuple):
    """A model in a scan.

    Attributes:
      placement: `Placement` in the scan, `float64`, for a model in a box of one unit
        whose front looks towards +z.
      category: place in `INDOOR_NAMES`, or -1 for any other category.
      fold: turns about y that look the same.
      catid_cad: ShapeNet's number of the category.
      id_cad: ShapeNet's number of the model.
    """

    placement: Placement
    category: int
    fold: int
    catid_cad: str
    id_cad: str


class AnnotatedScan(NamedTuple):
    """What stands in a scan.

    Attributes:
      id_scan: such as "scene0000_00".
      models: aligned models, in the order of the file.
    """

    id_scan: str
    models: tuple[AlignedModel, ...]


def read_scan2cad(
    path: str | os.PathLike, *, official_middle: bool = False
) -> list[AnnotatedScan]:
    """Reads annotations.

    Args:
      path: `full_annotations.json`.
      official_middle: whether positions are those that the official evaluation
        compares, where the model has been moved by minus its middle, instead of the
        middle of the box in the scan.

    Returns:
      One for each scan.

    Raises:
      InputError: if the file is missing or is not of this format; the message names
        the scan and the key.
    """
    path = check_file(path, "annotation")
    shown = repr(str(path))
    try:
        data = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{shown} is no JSON ({one_line(error)}): fetch it again"
        ) from None
    if not isinstance(data, list):
        raise InputError(
            f"{shown} is {shorten(data)}: give Scan2CAD's full_annotations.json, a list"
        )
    return [
        _scan(row, f"{shown}[{index}]", official_middle)
        for index, row in enumerate(data)
    ]


def _scan(row: Any, where: str, official_middle: bool) -> AnnotatedScan:
    id_scan = str(_value(row, "id_scan", where))
    where = f"{where} ({id_scan})"
    scan = _matrix(_value(row, "trs", where), f"{where}: trs")
    models = _value(row, "aligned_models", where)
    if not isinstance(models, list):
        raise InputError(f"{where}: aligned_models is no list: fetch the file again")
    return AnnotatedScan(
        id_scan,
        tuple(
            _model(m, scan, f"{where}: aligned_models[{i}]", official_middle)
            for i, m in enumerate(models)
        ),
    )


def _model(
    row: Any, scan: np.ndarray, where: str, official_middle: bool
) -> AlignedModel:
    matrix = np.linalg.inv(scan) @ _matrix(_value(row, "trs", where), f"{where}: trs")
    middle = _numbers(row, "center", 3, where)
    half = _numbers(row, "bbox", 3, where)
    if not (half > 0).all():
        raise InputError(
            f"{where}: bbox is {shorten(row['bbox'])}: write numbers above 0"
        )
    moved = -middle if official_middle else middle
    axes = matrix[:3, :3]
    scale = np.linalg.norm(axes, axis=0)
    turn = Rotation.from_matrix(axes / scale) * _FRONT_FROM_SHAPENET
    quaternion = np.roll(turn.as_quat(canonical=True), 1)
    symmetry = str(_value(row, "sym", where))
    catid = str(_value(row, "catid_cad", where))
    if symmetry not in FOLDS:
        raise InputError(f"{where}: sym is {symmetry!r}: use one of {', '.join(FOLDS)}")
    name = CATEGORY_IDS.get(catid)
    position: Any = axes @ moved + matrix[:3, 3]
    size: Any = 2 * half * scale
    return AlignedModel(
        Placement(position, quaternion, size),
        -1 if name is None else INDOOR_NAMES.index(name),
        FOLDS[symmetry],
        catid,
        str(_value(row, "id_cad", where)),
    )


def _value(row: Any, key: str, where: str) -> Any:
    if not isinstance(row, Mapping):
        raise InputError(f"{where} is {shorten(row)}: write an object")
    if key not in row:
        raise InputError(f"{where}: the key {key!r} is missing: fetch the file again")
    return row[key]


def _numbers(row: Any, key: str, count: int, where: str) -> np.ndarray:
    value = _value(row, key, where)
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError):
        numbers = np.full(0, np.nan)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise InputError(
            f"{where}: {key} is {shorten(value)}: write {count} finite numbers"
        )
    return numbers


def _matrix(trs: Any, where: str) -> np.ndarray:
    """`[4, 4]` scale, then turn, then move."""
    move, scale = (_numbers(trs, key, 3, where) for key in ("translation", "scale"))
    turn = _numbers(trs, "rotation", 4, where)
    if not (scale > 0).all() or np.linalg.norm(turn) < 1e-6:
        raise InputError(
            f"{where}: write scales above 0 and a quaternion that is not zero"
        )
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(np.roll(turn, -1)).as_matrix() * scale
    matrix[:3, 3] = move
    return matrix


__all__ = [
    "CATEGORY_IDS",
    "FOLDS",
    "AlignedModel",
    "AnnotatedScan",
    "read_scan2cad",
]
