"""Frames of ScanNet as `SensReader` writes them, or as ScanNet25k has them.

A folder of a scan has `color/N.jpg`, `depth/N.png` (16 bits, millimetres, zero where
unknown), `pose/N.txt` (4 x 4, from the frame of the camera to the scan) and
`intrinsic/intrinsic_color.txt` (4 x 4); ScanNet25k has `intrinsics_color.txt` beside
the folders instead. The camera of ScanNet has x right, y down and looks along +z; ours
has y up and looks along -z. Depth is aligned with colour.
"""

import os
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from ivg.geometry.camera import Camera
from ivg.io.errors import InputError, check_file, one_line
from ivg.io.image import load_image

_OURS_FROM_OPENCV = np.diag([1.0, -1.0, -1.0])
_INTRINSICS = ("intrinsic/intrinsic_color.txt", "intrinsics_color.txt")


class Frame(NamedTuple):
    """A picture of a scan.

    Attributes:
      name: of the frame, such as "000100".
      image: `[H, W, 3]` float32 linear RGB in [0, 1].
      depth: `[D, E]` float32 metres along the optical axis, zero where unknown, at the
        resolution of its file.
      camera: `Camera` in the frame of the scan (z up), for `image`.
    """

    name: str
    image: np.ndarray
    depth: np.ndarray
    camera: Camera


def frame_names(folder: str | os.PathLike) -> list[str]:
    """Names of the frames of a scan, in order.

    Args:
      folder: of a scan.

    Returns:
      Names of the pictures in `color`, by number.

    Raises:
      InputError: if there is no such folder or it has no pictures.
    """
    colour = Path(folder) / "color"
    if not colour.is_dir():
        raise InputError(
            f"no folder {str(colour)!r}: write frames with ScanNet's SensReader"
        )
    names = [p.stem for p in colour.iterdir() if p.suffix.lower() in (".jpg", ".png")]
    if not names:
        raise InputError(f"{str(colour)!r} has no .jpg or .png files: write some there")
    return sorted(names, key=lambda n: (int(n) if n.isdigit() else -1, n))


def load_frame(folder: str | os.PathLike, name: str, *, near: float = 0.05) -> Frame:
    """One frame of a scan.

    Args:
      folder: of the scan.
      name: of the frame, see `frame_names`.
      near: least visible depth of the camera, metres.

    Returns:
      `Frame`.

    Raises:
      InputError: if a file is missing or broken, or the pose was lost (ScanNet writes
        -inf then).
    """
    folder = Path(folder)
    image = load_image(_picture_path(folder, name))
    depth = _load_depth(folder / "depth" / f"{name}.png")
    pose = _load_matrix(folder / "pose" / f"{name}.txt", "pose")
    found = [folder / p for p in _INTRINSICS if (folder / p).exists()]
    intrinsics = _load_matrix(found[0] if found else folder / _INTRINSICS[0], "lens")
    height, width = image.shape[:2]
    return Frame(name, image, depth, camera_from_opencv(
        intrinsics, pose, height=height, width=width, near=near
    ))  # fmt: skip


def camera_from_opencv(
    intrinsics: np.ndarray,
    world_from_camera: np.ndarray,
    *,
    height: int,
    width: int,
    near: float = 0.05,
) -> Camera:
    """A camera given as OpenCV does.

    Args:
      intrinsics: `[3, 3]` or `[4, 4]`, pixels, the centre of the first pixel at
        (0, 0).
      world_from_camera: `[4, 4]`, metres; x right, y down, z ahead.
      height: image rows.
      width: image columns.
      near: least visible depth, metres.

    Returns:
      `Camera`, in which the centre of the first pixel is at (0.5, 0.5).
    """
    turn = Rotation.from_matrix(world_from_camera[:3, :3] @ _OURS_FROM_OPENCV)
    return Camera(
        position=jnp.asarray(world_from_camera[:3, 3], float),
        quaternion=jnp.asarray(np.roll(turn.as_quat(canonical=True), 1), float),
        focal_px=jnp.asarray(np.diag(intrinsics)[:2], float),
        principal_point_px=jnp.asarray(intrinsics[:2, 2] + 0.5, float),
        near=jnp.asarray(near, float),
        height=height,
        width=width,
    )


def _picture_path(folder: Path, name: str) -> Path:
    other = folder / "color" / f"{name}.png"
    return other if other.exists() else folder / "color" / f"{name}.jpg"


def _load_depth(path: Path) -> np.ndarray:
    check_file(path, "depth")
    try:
        with Image.open(path, formats=["PNG"]) as image:
            mode, values = image.mode, np.asarray(image)
    except Exception as error:  # decoders raise all kinds for broken files
        raise InputError(
            f"{str(path)!r} cannot be decoded ({one_line(error)}): fetch it again"
        ) from None
    if values.ndim != 2 or not mode.startswith("I"):
        raise InputError(f"{str(path)!r} is no 16-bit grey PNG: save millimetres so")
    return values.astype(np.float32) / 1000


def _load_matrix(path: Path, what: str) -> np.ndarray:
    text = check_file(path, what).read_text("ascii", "replace")
    try:
        matrix = np.array([float(x) for x in text.split()]).reshape(4, 4)
    except ValueError:
        raise InputError(
            f"{str(path)!r} has no 4 x 4 numbers: fetch it again"
        ) from None
    if not np.isfinite(matrix).all():
        raise InputError(f"{str(path)!r} is not finite: leave out this frame")
    if what == "pose":
        _check_rotation(matrix[:3, :3], path)
    elif min(matrix[0, 0], matrix[1, 1]) <= 0:
        raise InputError(f"{str(path)!r} has no focal length above 0: fetch it again")
    return matrix


def _check_rotation(turn: np.ndarray, path: Path) -> None:
    is_one = np.allclose(turn @ turn.T, np.eye(3), atol=1e-2)
    if not is_one or np.linalg.det(turn) < 0:
        raise InputError(f"{str(path)!r} is no rigid motion: leave out this frame")


__all__ = ["Frame", "camera_from_opencv", "frame_names", "load_frame"]
