"""Pictures of all kinds, and files that are none."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ivg.io.errors import InputError
from ivg.io.image import central_square, load_image, resize_image, save_image

GREY = 0.21404114  # linear light of sRGB 0.5


def rgb(height=20, width=30):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 8, y * 12, x * 4 + y * 4], -1).astype(np.uint8)


def linear(srgb):
    return np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)


def encoded(kind="PNG", image=None):
    buffer = io.BytesIO()
    (image or Image.fromarray(rgb(64, 64))).save(buffer, kind)
    return buffer.getvalue()


def png_header(width, height):
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"\0" * 9)


def test_rgb_png(tmp_path):
    Image.fromarray(rgb()).save(tmp_path / "a.png")
    image = load_image(tmp_path / "a.png")
    assert image.shape == (20, 30, 3) and image.dtype == np.float32
    np.testing.assert_allclose(image, linear(rgb() / 255), atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "RGBA", "YCbCr", "RGB"])
def test_modes(tmp_path, mode):
    suffix = "tiff" if mode in ("CMYK", "YCbCr") else "png"
    image = Image.new("RGB", (20, 20), (255, 255, 255)).convert(mode)
    image.save(tmp_path / f"a.{suffix}")
    loaded = load_image(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(loaded, np.ones((20, 20, 3)), atol=0.01)


def test_palette_colours(tmp_path):
    Image.fromarray(rgb()).quantize(16).save(tmp_path / "a.png")
    want = np.asarray(Image.fromarray(rgb()).quantize(16).convert("RGB")) / 255
    np.testing.assert_allclose(load_image(tmp_path / "a.png"), linear(want), atol=1e-6)


def test_16_bit_grey_is_scaled(tmp_path):
    values = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    Image.fromarray(values).save(tmp_path / "a.png")
    want = np.repeat(linear(values / 65535)[..., None], 3, -1)
    np.testing.assert_allclose(load_image(tmp_path / "a.png"), want, atol=1e-6)


def test_transparency_lies_over_white_in_linear_light(tmp_path):
    image = np.full((16, 16, 4), (0, 0, 0, 51), np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    np.testing.assert_allclose(load_image(tmp_path / "a.png"), 0.8, atol=1e-6)


def test_palette_with_transparency(tmp_path):
    image = Image.new("P", (16, 16), 0)
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.save(tmp_path / "a.png", transparency=bytes([0, 255]))
    np.testing.assert_allclose(load_image(tmp_path / "a.png"), 1, atol=1e-6)


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees
    Image.fromarray(rgb()).save(tmp_path / "a.png", exif=exif)
    image = load_image(tmp_path / "a.png")
    np.testing.assert_allclose(image, linear(np.rot90(rgb(), -1) / 255), atol=1e-6)


BAD = {
    "text": b"hello, this is not a picture\n" * 10,
    "cut_png": encoded()[:120],
    "cut_jpeg": encoded("JPEG")[:400],
    "broken_png": encoded()[:100] + b"\xff" * 200,
    "one_pixel": encoded(image=Image.new("RGB", (1, 1))),
    "huge": png_header(20_000, 20_000),
    "large": png_header(9_000, 9_000),
    "bomb": png_header(2**31 - 1, 2**31 - 1),
    "empty": b"",
    "floats": encoded("TIFF", Image.new("F", (20, 20), float("nan"))),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n",
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_give_one_line(tmp_path, kind):
    path = tmp_path / "a.png"
    path.write_bytes(BAD[kind])
    with pytest.raises(InputError) as caught:
        load_image(path)
    message = str(caught.value)
    assert repr(str(path)) in message and "\n" not in message and ": " in message
    expected = {"one_pixel": "1 x 1", "huge": "scale it down", "large": "9000 x 9000"}
    assert expected.get(kind, "") in message


@pytest.mark.parametrize("place", ["missing.png", "."])
def test_no_file(tmp_path, place):
    with pytest.raises(InputError):
        load_image(tmp_path / place)


@pytest.mark.parametrize("suffix, atol", [("png", 0.01), ("jpg", 0.06)])
def test_save_and_load(tmp_path, suffix, atol):
    image = linear(rgb(20, 20) / 255)
    path = save_image(tmp_path / "x" / f"a.{suffix}", image)
    np.testing.assert_allclose(load_image(path), image, atol=atol)


def test_save_refuses(tmp_path):
    with pytest.raises(InputError, match="suffix"):
        save_image(tmp_path / "a.xyz", np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="shape"):
        save_image(tmp_path / "a.png", np.zeros((4, 4)))
    with pytest.raises(ValueError, match="finite"):
        save_image(tmp_path / "a.png", np.full((4, 4, 3), np.nan))
    assert not list(tmp_path.iterdir())


def test_central_square():
    image = np.arange(4 * 7 * 3).reshape(4, 7, 3)
    np.testing.assert_array_equal(central_square(image), image[:, 1:5])
    np.testing.assert_array_equal(central_square(image.swapaxes(0, 1)).shape, (4, 4, 3))


@pytest.mark.parametrize("size", [(5, 6), (4, 9), (1, 1), (10, 12), (13, 40)])
def test_resize_is_the_mean_over_areas(size):
    image = np.random.default_rng(0).random((10, 12, 3))
    fine = image.repeat(size[0], 0).repeat(size[1], 1)  # a common multiple
    want = fine.reshape(size[0], 10, size[1], 12, 3).mean((1, 3))
    result = resize_image(image, *size)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, want, atol=1e-6)


def test_resize_refuses():
    with pytest.raises(ValueError, match="pixels"):
        resize_image(np.zeros((4, 4, 3)), 0, 4)
    with pytest.raises(ValueError, match="shape"):
        resize_image(np.zeros((4, 4)), 4, 4)
