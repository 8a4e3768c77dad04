"""The interactive view; the report's tests look at it in a browser."""

import base64
import re

import pytest
import trimesh

from ivg.viz.viewer import viewer_html

GLB = trimesh.Scene(trimesh.creation.box()).export(file_type="glb")


def test_the_file_is_inline_as_it_is():
    assert base64.b64encode(GLB).decode() in viewer_html(GLB)


def test_nothing_is_loaded_from_elsewhere():
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=", viewer_html(GLB))


@pytest.mark.parametrize("data", [GLB, GLB + b"KHR_lights_punctual"])
def test_all_edits_of_the_page_are_made(data):
    page = viewer_html(data)
    for word in ("HemisphereLight(0xffffff,0x8a", "outputEncoding=THREE.s", "0xd9dee2"):
        assert word in page


def test_lamp_is_weak_where_the_scene_has_lights():
    assert "DirectionalLight(0xffffff,2.0)" in viewer_html(GLB)
    lit = viewer_html(GLB + b"KHR_lights_punctual")
    assert "DirectionalLight(0xffffff,0.5)" in lit


def test_refuses():
    with pytest.raises(ValueError, match="GLB"):
        viewer_html(b"solid")
