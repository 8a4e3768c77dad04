"""Frames of ScanNet, on folders that the tests make."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from ivg.geometry.camera import project
from ivg.io.errors import InputError
from ivg.io.scannet import camera_from_opencv, frame_names, load_frame

HEIGHT, WIDTH = 24, 32
LENS = np.array([[30.0, 0, 15.2, 0], [0, 31.0, 11.7, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def random_pose(seed):
    rng = np.random.default_rng(seed)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.random(rng=rng).as_matrix()
    pose[:3, 3] = rng.uniform(-2, 2, 3)
    return pose


def text(matrix):
    return "\n".join(" ".join(f"{x:.9g}" for x in row) for row in matrix)


@pytest.fixture
def scan(tmp_path):
    for name in ("color", "depth", "pose", "intrinsic"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for number in (100, 0, 20):
        colour = np.full((HEIGHT, WIDTH, 3), number, np.uint8)
        Image.fromarray(colour).save(tmp_path / "color" / f"{number}.jpg")
        depth = rng.integers(0, 5000, (HEIGHT, WIDTH)).astype(np.uint16)
        Image.fromarray(depth).save(tmp_path / "depth" / f"{number}.png")
        (tmp_path / "pose" / f"{number}.txt").write_text(text(random_pose(number)))
    (tmp_path / "intrinsic" / "intrinsic_color.txt").write_text(text(LENS))
    return tmp_path


def test_frames_are_in_order(scan):
    assert frame_names(scan) == ["0", "20", "100"]


def test_a_frame(scan):
    frame = load_frame(scan, "20")
    assert frame.image.shape == (HEIGHT, WIDTH, 3) and frame.name == "20"
    np.testing.assert_allclose(frame.image, (20 / 255 / 12.92), atol=0.003)
    raw = np.asarray(Image.open(scan / "depth" / "20.png"))
    np.testing.assert_allclose(frame.depth, raw / 1000, rtol=1e-6)
    assert (frame.camera.height, frame.camera.width) == (HEIGHT, WIDTH)


def test_points_appear_where_opencv_has_them(scan):
    camera, pose = load_frame(scan, "100").camera, random_pose(100)
    rng = np.random.default_rng(1)
    local = rng.uniform(-1, 1, (50, 3)) + [0, 0, 3]  # x right, y down, z ahead
    world = local @ pose[:3, :3].T + pose[:3, 3]
    pixels, depth = project(camera, jnp.asarray(world))
    image = local @ LENS[:3, :3].T
    # OpenCV's first pixel has its centre at zero, ours at one half.
    np.testing.assert_allclose(pixels, image[:, :2] / image[:, 2:] + 0.5, atol=1e-3)
    np.testing.assert_allclose(depth, local[:, 2], rtol=1e-5)


def test_the_identity_of_opencv_looks_along_its_z():
    camera = camera_from_opencv(LENS, np.eye(4), height=HEIGHT, width=WIDTH)
    pixels, depth = project(camera, jnp.array([[0.1, 0.2, 2.0]]))
    np.testing.assert_allclose(depth, 2.0)
    assert pixels[0, 0] > 15.7 and pixels[0, 1] > 12.2  # right, and down


def test_the_layout_of_scannet25k(scan):
    lens = scan / "intrinsic" / "intrinsic_color.txt"
    lens.rename(scan / "intrinsics_color.txt")
    np.testing.assert_allclose(load_frame(scan, "0").camera.focal_px, [30, 31])


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("pose/0.txt", "\n".join(["-inf -inf -inf -inf"] * 4), "is not finite"),
        ("pose/0.txt", "1 2 3", "no 4 x 4"),
        ("pose/0.txt", text(np.diag([2.0, 2, 2, 1])), "no rigid motion"),
        ("pose/0.txt", text(np.diag([-1.0, 1, 1, 1])), "no rigid motion"),
        (
            "intrinsic/intrinsic_color.txt",
            text(np.diag([0.0, 0, 1, 1])),
            "focal length",
        ),
        ("depth/0.png", "no picture", "cannot be decoded"),
    ],
)
def test_bad_frames(scan, name, content, message):
    (scan / name).write_text(content)
    with pytest.raises(InputError, match=message):
        load_frame(scan, "0")


def test_missing_and_wrong_files(scan, tmp_path):
    with pytest.raises(InputError, match="no image at"):
        load_frame(scan, "7")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(scan / "depth" / "0.png")
    with pytest.raises(InputError, match="16-bit"):
        load_frame(scan, "0")
    (scan / "intrinsic" / "intrinsic_color.txt").unlink()
    with pytest.raises(InputError, match="no lens at"):
        load_frame(scan, "20")
    with pytest.raises(InputError, match="no folder"):
        frame_names(tmp_path / "nothing")
    (tmp_path / "empty" / "color").mkdir(parents=True)
    with pytest.raises(InputError, match="no .jpg or .png files"):
        frame_names(tmp_path / "empty")
