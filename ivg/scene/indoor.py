"""What a picture of a room shows of its objects: boxes, models, and where they are.

Poses are in the frame of the camera (x right, y up, looking along -z) and hold for
models whose bounding box is one unit along each axis, about the origin, with y up and
the front along +z: a point `p` of the model is seen at `position + R (size * p)`.
"""

from typing import NamedTuple

from ivg.geometry import rotation
from ivg.geometry.camera import Camera
from ivg.typing import Array

INDOOR_NAMES = (
    "bathtub", "bed", "bin", "bookshelf", "cabinet", "chair", "display", "sofa",
    "table",
)  # fmt: skip


class Placement(NamedTuple):
    """Pose and size of an object.

    Attributes:
      position: `[3]` metres, of the middle of its box, in the frame of the camera.
      quaternion: `[4]` wxyz, `camera_from_model`.
      size: `[3]` metres, positive, along the axes of the model.
    """

    position: Array
    quaternion: Array
    size: Array


class Detections(NamedTuple):
    """Objects found in a picture, padded to `N`.

    Attributes:
      present: `[N]` bool, false for padding.
      box_px: `[N, 4]` left, top, right and bottom, pixels.
      score: `[N]` confidence of the detector, in [0, 1].
      category: `[N]` int32, place in `INDOOR_NAMES`.
      fold: `[N]` int32, turns about y that look the same: 1, 2, 4, or 36 for any.
      points: `[N, P, 3]` samples of the surface of the retrieved model, in its frame.
      normals: `[N, P, 3]` their normals, of length one, outward.
    """

    present: Array
    box_px: Array
    score: Array
    category: Array
    fold: Array
    points: Array
    normals: Array


class RoomPicture(NamedTuple):
    """A picture with what a detector and predictors of geometry say about it.

    Attributes:
      camera: `Camera`, `H` rows and `W` columns.
      rgb: `[H, W, 3]` sRGB in [0, 1].
      depth: `[H, W]` metres along the optical axis, 0 where unknown.
      normals: `[H, W, 3]` of length one or zero, in the frame of the camera.
      owner: `[H, W]` int32, row of the detections whose mask has the pixel, or -1.
      detections: `Detections` of `N`.
    """

    camera: Camera
    rgb: Array
    depth: Array
    normals: Array
    owner: Array
    detections: Detections


def place_points(placement: Placement, points: Array) -> Array:
    """Points of a model in the frame of the camera.

    Args:
      placement: of the object.
      points: `[..., 3]` in the frame of the model.

    Returns:
      `[..., 3]` metres. Differentiable.

    Source: Multi-SPARC, section 3, `T + R (S * p)`.
    """
    turned = rotation.rotate(placement.quaternion, placement.size * points)
    return placement.position + turned


__all__ = [
    "INDOOR_NAMES",
    "Detections",
    "Placement",
    "RoomPicture",
    "place_points",
]
