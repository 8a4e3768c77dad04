"""The report, read as text and seen in a browser."""

import io
import re
import shutil
import subprocess

import numpy as np
import pytest
import trimesh
from PIL import Image

from ivg.viz.gif import gif_bytes
from ivg.viz.picture import png_bytes
from ivg.viz.report import Figures, Table, Viewer, report_html
from ivg.viz.viewer import viewer_html

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
PICTURE = np.full((32, 32, 3), (200, 30, 30), np.uint8)


def glb():
    scene = trimesh.Scene()
    for i, colour in enumerate([(255, 0, 0, 255), (0, 0, 255, 255)]):
        ball = trimesh.creation.icosphere(2, 0.4)
        ball.apply_translation([i - 0.5, 0, 0])
        ball.visual = trimesh.visual.TextureVisuals(
            material=trimesh.visual.material.PBRMaterial(
                baseColorFactor=colour, metallicFactor=0.0, roughnessFactor=1.0
            )
        )
        scene.add_geometry(ball)
    scene.camera = trimesh.scene.Camera(resolution=(640, 480), fov=(60, 45))
    scene.camera_transform = trimesh.transformations.translation_matrix([0, 0, 3])
    return scene.export(file_type="glb")


def page():
    jpeg = io.BytesIO()
    Image.fromarray(PICTURE).save(jpeg, "JPEG")
    pictures = [
        ("input <1>", png_bytes(PICTURE)),
        ("steps", gif_bytes([PICTURE])),
        ("photo", jpeg.getvalue()),
    ]
    return report_html(
        title="a & b <i>",
        summary="one line",
        sections=[
            Viewer("3D", viewer_html(glb())),
            Figures("pictures", pictures),
            Table("table", ["class", "x", "colour"], [["<mug>", 1.5, (10, 20, 30)]]),
        ],
    )


def test_text_is_escaped_and_pictures_are_inline():
    text = page()
    assert "a &amp; b &lt;i&gt;" in text and "<i>" not in text
    assert (
        "input &lt;1&gt;" in text
        and "&lt;mug&gt;" in text
        and "rgb(10, 20, 30)" in text
    )
    kinds = re.findall(r'<img src="data:image/(\w+);base64,', text)
    assert kinds == ["png", "gif", "jpeg"]


def test_nothing_is_loaded_from_elsewhere():
    tags = re.sub(r'srcdoc="[^"]*"', "", page())
    assert not re.findall(r'(?:src|href)="(?!data:)', tags)


def test_refuses():
    with pytest.raises(ValueError, match="PNG, JPEG or GIF"):
        report_html(title="t", sections=[Figures("f", [("c", b"BM123456")])])


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_the_browser_draws_the_scene_without_complaint(tmp_path):
    (tmp_path / "report.html").write_text(page(), encoding="utf-8")
    flags = (
        "headless no-sandbox disable-gpu disable-quic no-first-run hide-scrollbars "
        "disable-background-networking disable-component-update disable-sync "
        "use-angle=swiftshader enable-unsafe-swiftshader enable-logging=stderr "
        f"window-size=1000,800 timeout=4000 user-data-dir={tmp_path}/profile "
        f"screenshot={tmp_path}/report.png"
    )
    command = [str(BROWSER), *(f"--{flag}" for flag in flags.split())]
    result = subprocess.run(
        [*command, (tmp_path / "report.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
    )
    console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    assert not [line for line in console if "GL Driver Message" not in line]
    with Image.open(tmp_path / "report.png") as image:
        shown = np.asarray(image.convert("RGB")).astype(int)
    view = shown[200:650, 100:900]  # inside the frame of the 3D view
    red, green, blue = np.moveaxis(view, -1, 0)
    assert ((red > 100) & (green < 60) & (blue < 60)).mean() > 0.02
    assert ((blue > 100) & (green < 60) & (red < 60)).mean() > 0.02
    assert len(np.unique(view.reshape(-1, 3), axis=0)) > 100  # it is shaded
