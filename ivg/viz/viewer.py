"""An interactive 3D view of a GLB file as one HTML page that needs no network."""

from typing import Any

from trimesh.viewer import scene_to_html

_TRACKLIGHT = "tracklight=new THREE.DirectionalLight(0xffffff,1.75);"
_RENDERER = "renderer=new THREE.WebGLRenderer({antialias:true});"
_BACKGROUND = "scene.background=new THREE.Color(0xffffff);"


def _edits(is_lit: bool) -> dict[str, str]:
    """What is changed in trimesh's page, which is lit by one hard lamp and dark.

    Strengths are physical, as in glTF, and colours are shown as sRGB. The page adds
    light from all sides and, weaker where the scene has lights, from the camera.
    """
    lamp = 0.5 if is_lit else 2.0
    return {
        _TRACKLIGHT: f"tracklight=new THREE.DirectionalLight(0xffffff,{lamp});"
        "scene.add(new THREE.HemisphereLight(0xffffff,0x8a8580,1.1));",
        _RENDERER: f"{_RENDERER}renderer.outputEncoding=THREE.sRGBEncoding;"
        "renderer.physicallyCorrectLights=true;",
        _BACKGROUND: "scene.background=new THREE.Color(0xd9dee2);",
    }


class _Glb:
    """What `scene_to_html` asks of a scene; the file goes in as it is."""

    camera = None

    def __init__(self, data: bytes):
        self._data = data

    def export(self, file_type: str) -> bytes:
        del file_type
        return self._data


def viewer_html(glb: bytes) -> str:
    """A page that shows a scene, to be turned, moved and zoomed with the mouse.

    Args:
      glb: content of a GLB file with a camera, where the view begins.

    Returns:
      HTML with the three.js that trimesh carries and the scene, all inline.

    Raises:
      ValueError: if it is no GLB.
    """
    if glb[:4] != b"glTF":
        raise ValueError(f"a viewer needs the content of a GLB file, got {glb[:8]!r}")
    scene: Any = _Glb(glb)
    html = scene_to_html(scene)
    for old, new in _edits(b"KHR_lights_punctual" in glb).items():
        html = html.replace(old, new)
    return html


__all__ = [
    "viewer_html",
]
