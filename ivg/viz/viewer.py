"""An interactive 3D view of a GLB file as one HTML page that needs no network."""

from typing import Any

from trimesh.viewer import scene_to_html

_TRACKLIGHT = "tracklight=new THREE.DirectionalLight(0xffffff,1.75);"
_RENDERER = "renderer=new THREE.WebGLRenderer({antialias:true});"
# Two lamps about the camera's own, and colours shown as sRGB: trimesh's page has
# one hard light and shows linear values, which makes everything too dark.
_EDITS = {
    _TRACKLIGHT: "tracklight=new THREE.DirectionalLight(0xffffff,1.4);"
    "scene.add(new THREE.HemisphereLight(0xffffff,0x8a8580,1.6));",
    _RENDERER: _RENDERER + "renderer.outputEncoding=THREE.sRGBEncoding;",
    "0xffffff);tracklight": "0xeef0f2);tracklight",
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
    for old, new in _EDITS.items():
        html = html.replace(old, new)
    return html


__all__ = [
    "viewer_html",
]
